//! One command translated: each word that is ARM's, or asks for GPUs that are not wanted, becomes x86_64's.

use cuferry_arch::{Host, tegra};
use serde::{Deserialize, Serialize};

use crate::invocation::Library;
use crate::options::{self, Argument, Role};
use crate::paths::{self, Fate};
use crate::response::Fates;
use crate::rules::{self, Reason, reason};
use crate::static_library;
use crate::{Change, Family, Invocation, Mode, Policy, Scope, ToolKind, TranslateError, additions};

/// A command as it is to be run, with what was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// The words, without the command's own name. Exactly those given where nothing was changed.
    pub args: Vec<String>,
    /// What differs.
    pub changes: Vec<Change>,
    /// What was kept, and will not work on x86_64.
    pub notes: Vec<Note>,
    /// Options that no table knows: passed on as they are.
    pub unknown: Vec<String>,
}

/// A word that was kept although x86_64 has nothing of the kind, such as a library for Jetson alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// The rule's id, such as `CF2030`.
    pub rule: String,
    /// What stands there.
    pub word: String,
    /// Why it will not work, as the end of a sentence that begins with `word`.
    pub why: String,
}

/// Translates a command as `policy` asks.
pub fn translate(invocation: &Invocation, policy: &Policy) -> Result<Translation, TranslateError> {
    let family = invocation.tool().family();
    let wholly_static = static_library::is_wholly_static(family, invocation.arguments());
    let mut work = Work { policy, arm_tool: invocation.tool().arm, wholly_static, ..Work::new(policy) };
    let words = invocation.words();
    let fates = match family {
        Family::Nvcc => work.nvcc(invocation)?,
        Family::Gcc | Family::Clang => work.driver(invocation)?,
        Family::Ld => work.linker(words, true),
        Family::As => work.assembler(words),
        Family::Other if invocation.tool().kind == ToolKind::Objcopy => work.objcopy(words),
        Family::Ar | Family::Other => vec![None; words.len()],
    };
    if matches!(invocation.mode(), Mode::Link | Mode::DeviceLink) {
        work.note_libraries(&invocation.libraries());
    }
    let mut args = invocation.expanded().apply(&fates);
    let mut front = std::mem::take(&mut work.front);
    front.extend(additions::additions(invocation, &args, policy, &mut work.changes));
    args.splice(0..0, front);
    Ok(Translation { args, changes: work.changes, notes: work.notes, unknown: work.unknown })
}

/// What a translation gathers on its way.
pub(crate) struct Work<'a> {
    pub policy: &'a Policy,
    /// Whether the command's own name says that it makes ARM code.
    pub arm_tool: bool,
    /// Whether the command links no shared library at all.
    pub wholly_static: bool,
    /// Words that come before all others.
    pub front: Vec<String>,
    pub changes: Vec<Change>,
    pub notes: Vec<Note>,
    pub unknown: Vec<String>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            arm_tool: false,
            wholly_static: false,
            front: Vec::new(),
            changes: Vec::new(),
            notes: Vec::new(),
            unknown: Vec::new(),
        }
    }

    pub(crate) fn to_x86(&self) -> bool {
        self.policy.host == Host::X86_64
    }

    pub(crate) fn change(&mut self, scope: Scope, why: &Reason, was: String, now: &[String]) {
        let (rule, why) = (why.id.clone(), why.why.clone());
        self.changes.push(Change { scope, rule, was, now: now.join(" "), why });
    }

    fn note_libraries(&mut self, libraries: &[Library]) {
        if !self.to_x86() {
            return;
        }
        for library in libraries {
            let (word, name) = match library {
                Library::Named(name) => match name.strip_prefix(':') {
                    Some(file) => (format!("-l{name}"), file.to_owned()),
                    None => (format!("-l{name}"), format!("lib{name}.so")),
                },
                Library::File(path) => (path.to_string(), path.to_string()),
            };
            if !paths::is_tegra_file(&name) {
                continue;
            }
            let Some(row) = tegra::library(&name) else { continue };
            let reason = reason("tegra-library");
            let why = format!("{} ({}); on x86_64: {}", reason.why, row.what, row.answer);
            let note = Note { rule: reason.id.clone(), word, why };
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// A folder or file in an option's value; what stands instead, if it is another.
    pub(crate) fn path(&mut self, scope: Scope, argument: &Argument, was: String) -> Option<Vec<String>> {
        if !self.to_x86() {
            return None;
        }
        let fate = match argument.role {
            Role::File => paths::file(argument.value(), self.policy),
            _ => paths::folder(argument.value(), self.policy),
        };
        let (now, why) = match fate {
            Fate::Keep => return None,
            Fate::Drop(why) => (Vec::new(), why),
            Fate::Now(now, why) => (argument.with_value(&now), why),
            Fate::Library(now, why) => (vec![now], why),
        };
        self.change(scope, why, was, &now);
        Some(now)
    }

    /// A word for which `data/rules.toml` has a spelling.
    pub(crate) fn rule(&mut self, scopes: &[Scope], word: &str, words: &[String]) -> Option<Vec<String>> {
        if !self.to_x86() {
            return None;
        }
        let (scope, rule) =
            scopes.iter().find_map(|scope| Some((*scope, rules::find_in_command(*scope, word)?)))?;
        self.changes.push(Change {
            scope,
            rule: rule.id.clone(),
            was: word.to_owned(),
            now: rule.now.join(" "),
            why: rule.why.clone(),
        });
        Some(rule.now.iter().filter(|now| !words.contains(now)).cloned().collect())
    }

    /// `objcopy -I binary -O elf64-littleaarch64 -B aarch64`: how builds put data into objects.
    fn objcopy(&mut self, words: &[String]) -> Fates {
        let now = |word: &str| match word {
            "elf64-littleaarch64" | "elf32-littlearm" => Some("elf64-x86-64"),
            "aarch64" | "arm" => Some("i386:x86-64"),
            _ => None,
        };
        let mut fates = vec![None; words.len()];
        for (at, word) in words.iter().enumerate() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, value),
                None if at > 0 => (words[at - 1].as_str(), word.as_str()),
                None => continue,
            };
            let takes =
                ["-O", "--output-target", "-B", "--binary-architecture", "-F", "--target"].contains(&option);
            if let Some(now) = now(value).filter(|_| takes && self.to_x86()) {
                let whole = if word.contains('=') { format!("{option}={now}") } else { now.to_owned() };
                self.change(
                    Scope::Linker,
                    reason("object-format"),
                    word.clone(),
                    std::slice::from_ref(&whole),
                );
                fates[at] = Some(vec![whole]);
            }
        }
        fates
    }

    /// Words that one tool hands on to another, as one list: `inner` gives each one's fate. What comes back is, for each
    /// part, what it now holds, if that differs.
    pub(crate) fn nested(
        &mut self,
        parts: &[Vec<String>],
        inner: impl FnOnce(&mut Self, &[String]) -> Fates,
    ) -> Vec<Option<Vec<String>>> {
        let all = parts.concat();
        let mut fates = inner(self, &all).into_iter();
        let mut out = Vec::new();
        for part in parts {
            let fates: Vec<_> = fates.by_ref().take(part.len()).collect();
            let changed = fates.iter().any(Option::is_some);
            let words =
                part.iter().zip(fates).flat_map(|(word, fate)| fate.unwrap_or_else(|| vec![word.clone()]));
            let words: Vec<String> = words.collect();
            out.push(changed.then_some(words));
        }
        out
    }
}

/// The words of an argument as they stood.
pub(crate) fn spelt(words: &[String], argument: &Argument) -> String {
    words[argument.first..argument.first + argument.count].join(" ")
}

/// Writes what stands for an argument: in the place of its first word, and nothing in that of its second.
pub(crate) fn put(fates: &mut Fates, argument: &Argument, now: Vec<String>) {
    fates[argument.first..argument.first + argument.count].fill(Some(Vec::new()));
    fates[argument.first] = Some(now);
}

/// The arguments of words that another tool hands on.
pub(crate) fn read(family: Family, words: &[String]) -> Vec<Argument> {
    options::read(family, words)
}

#[cfg(test)]
mod tests;
