//! From matches to findings: messages, fixes, reach, and which repeat themselves.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::lines::{Lines, excerpt};
use crate::pattern::{Find, Once};
use crate::reach::{Live, ReachMap};
use crate::{Edit, Finding, Fix, Options, Reach, RuleId};

/// A match of a pattern.
pub(crate) struct Hit {
    pub(crate) find: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) live: Live,
    /// What stands for `{1}`, `{2}`, … in the message and the replacement.
    pub(crate) groups: Vec<String>,
    /// The message, where a check made it; else the rule's.
    pub(crate) message: Option<String>,
    /// One step less severe than the rule.
    pub(crate) mild: bool,
    /// What `{text}` is, where it is not what stands at the place.
    pub(crate) text: Option<String>,
}

impl Hit {
    pub(crate) fn new(find: usize, start: usize, end: usize, live: Live) -> Self {
        Self { find, start, end, live, groups: Vec::new(), message: None, mild: false, text: None }
    }

    pub(crate) fn with_message(self, message: String) -> Self {
        Self { message: Some(message), ..self }
    }

    pub(crate) fn whole_file(find: usize, name: &str) -> Self {
        Self { text: Some(name.to_owned()), ..Self::new(find, 0, 0, Live::Yes) }
    }
}

/// Where the hits of one file become findings.
pub(crate) struct Sink<'a> {
    path: &'a Utf8Path,
    source: &'a [u8],
    options: &'a Options,
    lines: Option<Lines>,
    map: ReachMap,
    findings: Vec<Finding>,
    /// By rule and text: the finding that stands for all.
    once: BTreeMap<(RuleId, String, bool), usize>,
    cut: bool,
    /// The file's name says that other builds take it.
    set_apart: Option<&'a str>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(path: &'a Utf8Path, source: &'a [u8], options: &'a Options) -> Self {
        Self {
            path,
            source,
            options,
            lines: None,
            map: ReachMap::default(),
            findings: Vec::new(),
            once: BTreeMap::new(),
            cut: false,
            set_apart: set_apart(path),
        }
    }

    /// What decides the reach of the hits that follow.
    pub(crate) fn set_map(&mut self, map: ReachMap) {
        self.map = map;
    }

    pub(crate) fn live(&self, offset: usize) -> Live {
        self.map.at(offset)
    }

    pub(crate) fn add(&mut self, hit: &Hit) {
        let find = &self.options.rules.finds()[hit.find];
        if (hit.live.is_dead() && !self.options.dead) || !wanted(find, self.source) {
            return;
        }
        let matched = &self.source[hit.start..hit.end];
        let text = hit.text.clone().unwrap_or_else(|| excerpt(matched));
        if find.once != Once::Never {
            let word = if find.once == Once::Text { text.clone() } else { String::new() };
            let key = (find.rule.id.clone(), word, hit.live.is_dead());
            if let Some(first) = self.once.get(&key) {
                self.findings[*first].uses += 1;
                return;
            }
            self.once.insert(key, self.findings.len());
        }
        if self.findings.len() >= self.options.max_findings {
            self.cut = true;
            // Hits of the same text must not count on a finding that is not there.
            self.once.retain(|_, at| *at < self.options.max_findings);
            return;
        }
        let lines = self.lines.get_or_insert_with(|| Lines::new(self.source));
        let mut reach = self.map.reach(hit.live, self.source, lines);
        if let (Reach::Compiled, Some(word)) = (&reach, self.set_apart) {
            reach = Reach::SetApart { word: word.to_owned() };
        }
        let severity = if reach == Reach::Compiled && !hit.mild {
            find.rule.severity
        } else {
            find.rule.severity.lowered()
        };
        let message =
            hit.message.clone().unwrap_or_else(|| fill(&find.message, &text, &hit.groups, &find.rename));
        self.findings.push(Finding {
            rule: find.rule.id.clone(),
            severity,
            place: lines.place(self.path, self.source, hit.start, hit.end),
            message,
            fix: fix(find, hit, &text),
            text,
            reach,
            uses: 1,
        });
    }

    /// The findings by place, and whether some were left out.
    pub(crate) fn finish(self) -> (Vec<Finding>, bool) {
        let mut findings = self.findings;
        findings.sort_by(|a, b| (&a.place, &a.rule).cmp(&(&b.place, &b.rule)));
        findings.dedup_by(|a, b| a.place == b.place && a.rule == b.rule);
        (findings, self.cut)
    }
}

fn wanted(find: &Find, source: &[u8]) -> bool {
    let holds = |text: &String| memchr::memmem::find(source, text.as_bytes()).is_some();
    (find.with.is_empty() || find.with.iter().any(holds)) && !find.without.iter().any(holds)
}

fn fill(template: &str, text: &str, groups: &[String], rename: &BTreeMap<String, String>) -> String {
    let mut out = template.replace("{text}", text);
    if let Some(new) = rename.get(text) {
        out = out.replace("{new}", new);
    }
    for (index, group) in groups.iter().enumerate() {
        out = out.replace(&format!("{{{}}}", index + 1), group);
    }
    out
}

fn fix(find: &Find, hit: &Hit, text: &str) -> Option<Fix> {
    let replacement = match (&find.replace, find.rename.get(text)) {
        (Some(template), _) => fill(template, text, &hit.groups, &find.rename),
        (None, Some(new)) => new.clone(),
        (None, None) => return None,
    };
    let order = find.order.as_deref().unwrap_or(if replacement.is_empty() {
        "leave it out"
    } else {
        "write `{now}`"
    });
    let description = fill(order, text, &hit.groups, &find.rename).replace("{now}", &replacement);
    Some(Fix {
        description,
        edits: vec![Edit { start: hit.start, end: hit.end, replacement }],
        safe: find.safe,
    })
}

/// The word of a path by which projects keep apart what only builds for ARM, or for AMD's GPUs, take.
fn set_apart(path: &Utf8Path) -> Option<&str> {
    const WORDS: &[&str] = &[
        "arm", "arm32", "arm64", "aarch64", "armv7", "armv7a", "armv8", "armv8a", "arm82", "neon", "sve",
        "sve2", "asimd", "cortex", "rocm", "hip",
    ];
    path.as_str()
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .find(|word| WORDS.contains(&word.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_tell_other_builds() {
        for (path, expected) in [
            ("src/NEON/conv.c", Some("NEON")),
            ("kernel_aarch64.c", Some("aarch64")),
            ("conv_arm82.c", Some("arm82")),
            ("src/alarm.c", None),
            ("cpu/cortex-a/conv.c", Some("cortex")),
            ("rocm/runtime.cuh", Some("rocm")),
            ("charm/x.c", None),
            ("chip/x.c", None),
        ] {
            assert_eq!(set_apart(path.into()), expected, "{path}");
        }
    }
}
