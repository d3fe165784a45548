//! The rules of a makefile, as far as they can be told without running make.

use std::collections::{BTreeMap, BTreeSet};

use super::condition::conditions;
use super::file_kind::Kind;

/// Rules in the file's order.
#[derive(Debug, Default)]
pub(crate) struct Makefile {
    pub(crate) rules: Vec<Rule>,
    /// `.DEFAULT_GOAL`, where it is set.
    set: Option<String>,
}

/// One rule.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    pub(crate) targets: Vec<String>,
    prerequisites: Vec<String>,
    /// The lines of its recipe, each with its offset.
    pub(crate) recipe: Vec<(usize, String)>,
}

impl Makefile {
    /// From a text without comments.
    pub(crate) fn parse(code: &[u8]) -> Self {
        let text = String::from_utf8_lossy(code);
        let whens = conditions(Kind::Make, code);
        let mut makefile = Self::default();
        let (mut at, mut continued, mut defining) = (0, false, false);
        for line in text.split('\n') {
            let offset = at;
            at += line.len() + 1;
            let was_continued = std::mem::replace(&mut continued, line.ends_with('\\'));
            if line.starts_with("define ") {
                defining = true;
            } else if line.starts_with("endef") {
                defining = false;
            } else if !defining && whens.at(offset.min(code.len())).is_some() {
                makefile.line(offset, line, was_continued);
            }
        }
        makefile
    }

    fn line(&mut self, offset: usize, line: &str, continued: bool) {
        if let Some(command) = line.strip_prefix('\t') {
            if let Some(rule) = self.rules.last_mut()
                && !continued
            {
                rule.recipe.push((offset, command.trim().to_owned()));
            }
        } else if continued {
            if let Some(rule) = self.rules.last_mut().filter(|rule| rule.recipe.is_empty()) {
                rule.prerequisites.extend(words(line));
            }
        } else if let Some(goal) = line.strip_prefix(".DEFAULT_GOAL") {
            self.set = goal.split('=').nth(1).map(|goal| goal.trim().to_owned());
        } else if let Some(rule) = rule(line) {
            self.rules.push(rule);
        }
    }

    /// What a bare `make` builds.
    pub(crate) fn goal(&self) -> Option<&str> {
        let first = || {
            let mut targets = self.rules.iter().flat_map(|rule| &rule.targets);
            targets.find(|target| !target.starts_with('.') && !target.contains('%')).map(String::as_str)
        };
        self.set.as_deref().or_else(first)
    }

    /// Every named target, once, in the file's order.
    pub(crate) fn targets(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let targets = self.rules.iter().flat_map(|rule| &rule.targets);
        let named = targets.filter(|target| !target.starts_with('.') && !target.contains(['%', '$']));
        named.filter(|target| seen.insert(*target)).cloned().collect()
    }

    /// What the default target leads to, by plain names.
    pub(crate) fn reached(&self) -> BTreeSet<&str> {
        let mut needed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for rule in &self.rules {
            for target in &rule.targets {
                needed.entry(target).or_default().extend(rule.prerequisites.iter().map(String::as_str));
            }
        }
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = self.goal().into_iter().collect();
        while let Some(target) = open.pop() {
            if reached.insert(target) {
                open.extend(needed.get(target).into_iter().flatten());
            }
        }
        reached
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .filter(|word| *word != "\\" && *word != "|")
        .map(|word| word.trim_end_matches('\\').to_owned())
}

/// `targets: prerequisites ; command`
fn rule(line: &str) -> Option<Rule> {
    let colon = colon(line)?;
    let (targets, rest) = (&line[..colon], &line[colon + 1..]);
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let is_assignment = rest.starts_with('=') || rest.trim_start().starts_with('=') || targets.contains('=');
    if is_assignment || targets.trim().is_empty() || targets.trim_start().starts_with(['-', '@', '"']) {
        return None;
    }
    // `target: VARIABLE = value` has no prerequisites.
    let (prerequisites, command) = rest.split_once(';').unwrap_or((rest, ""));
    let prerequisites = if prerequisites.contains('=') { "" } else { prerequisites };
    let recipe = (!command.trim().is_empty()).then(|| (0, command.trim().to_owned()));
    Some(Rule {
        targets: words(targets).collect(),
        prerequisites: words(prerequisites).collect(),
        recipe: recipe.into_iter().collect(),
    })
}

/// The first `:` outside `$(…)`.
fn colon(line: &str) -> Option<usize> {
    let mut depth = 0_usize;
    line.bytes().position(|byte| {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == b':' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let text = "CC := gcc\nA ?= b:c\n.PHONY: all\nall: app $(LIB) \\\n  more\n\napp: a.o\n\t@$(CC) -o $@ \\\n\t  $<\n\trun\n%.o: %.c\n\tx\ninstall::\n\ty\n$(LIB): z\n";
        let makefile = Makefile::parse(text.as_bytes());
        assert_eq!(makefile.goal(), Some("all"));
        assert_eq!(makefile.targets(), ["all", "app", "install"]);
        assert_eq!(
            makefile.reached().into_iter().collect::<Vec<_>>(),
            ["$(LIB)", "a.o", "all", "app", "more", "z"]
        );
        let app = makefile.rules.iter().find(|rule| rule.targets == ["app"]).unwrap();
        assert_eq!(
            app.recipe.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>(),
            ["@$(CC) -o $@ \\", "run"]
        );
    }

    #[test]
    fn what_is_no_rule_is_none() {
        for line in ["A = b : c", "A := b", "", "ifeq ($(A:b=c),d)", "\tx: y", "export A"] {
            assert!(Makefile::parse(line.as_bytes()).rules.is_empty(), "{line}");
        }
        assert_eq!(Makefile::parse(b".DEFAULT_GOAL := x\na:\n").goal(), Some("x"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed(text in "[a-c:=\\\\\n\t$() é]{0,80}") {
            let makefile = Makefile::parse(text.as_bytes());
            let _ = (makefile.reached(), makefile.targets());
        }
    }
}
