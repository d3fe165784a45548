//! The rules, read once from `data/rules.toml`, and the names of CPUs, from `data/cpus.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::Scope;

/// One rule: a flag, and what stands instead of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// `CF2001`: stable, and shared by flags that change for one reason.
    pub id: String,
    /// Where it holds.
    #[serde(rename = "in")]
    pub scopes: Vec<Scope>,
    /// The flag; `*` at its end stands for any rest.
    pub flag: String,
    /// Whether the next word belongs to the flag.
    #[serde(default)]
    pub value: bool,
    /// What stands instead.
    #[serde(default)]
    pub now: Vec<String>,
    /// Whether it is for lists of flags alone: whole commands are read with more care.
    #[serde(default)]
    pub lists_only: bool,
    /// Why, as the end of a sentence that begins with the flag.
    pub why: String,
}

/// A rule that needs more than a spelling: its id and its words; what it does is code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// `CF2018`: stable.
    pub id: String,
    /// What the code asks for.
    pub name: String,
    /// Why, as the end of a sentence that begins with what was there, or with what is there now.
    pub why: String,
}

/// A suffix of an ARM instruction set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// `crypto` in `armv8-a+crypto`.
    pub name: String,
    /// What it becomes beside x86-64-v3.
    pub now: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Rule>,
    reason: Vec<Reason>,
    extension: Vec<Extension>,
}

#[derive(Deserialize)]
struct Cpus {
    arm: Vec<String>,
    x86: Vec<String>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/rules.toml")).expect("data/rules.toml is checked by a test")
});

static CPUS: LazyLock<Cpus> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/cpus.toml")).expect("data/cpus.toml is checked by a test")
});

/// Every rule of a spelling.
pub fn rules() -> &'static [Rule] {
    &FILE.rule
}

/// Every rule that needs more than a spelling.
pub fn reasons() -> &'static [Reason] {
    &FILE.reason
}

/// Every suffix that becomes flags.
pub fn extensions() -> &'static [Extension] {
    &FILE.extension
}

/// The rule for `word` of a list of flags in `scope`, if one holds.
pub fn find(scope: Scope, word: &str) -> Option<&'static Rule> {
    FILE.rule.iter().find(|rule| rule.scopes.contains(&scope) && fits(&rule.flag, word))
}

/// The rule for `word` of a whole command in `scope`, if one holds.
pub(crate) fn find_in_command(scope: Scope, word: &str) -> Option<&'static Rule> {
    let mut rules = FILE.rule.iter().filter(|rule| !rule.lists_only && rule.scopes.contains(&scope));
    rules.find(|rule| fits(&rule.flag, word))
}

/// The words of a rule that the code carries out.
pub(crate) fn reason(name: &'static str) -> &'static Reason {
    let reason = FILE.reason.iter().find(|reason| reason.name == name);
    reason.expect("each name that the code asks for is in data/rules.toml, which a test checks")
}

/// Whether a name of `-mcpu=` or `-mtune=` is of an ARM CPU.
pub(crate) fn is_arm_cpu(name: &str) -> bool {
    CPUS.arm.iter().any(|pattern| fits(pattern, name))
}

/// Whether a name of `-mcpu=` is of an x86 CPU.
pub(crate) fn is_x86_cpu(name: &str) -> bool {
    CPUS.x86.iter().any(|pattern| fits(pattern, name))
}

/// `*` at the end of a pattern stands for any rest: behind `=` for one that is not empty, since that is a value.
fn fits(pattern: &str, word: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) if prefix.ends_with('=') => word.len() > prefix.len() && word.starts_with(prefix),
        Some(prefix) => word.starts_with(prefix),
        None => word == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rules_are_whole_and_no_answer_is_itself_a_question() {
        for rule in rules() {
            assert!(
                rule.id.starts_with("CF2") && !rule.scopes.is_empty() && !rule.why.is_empty(),
                "{rule:?}"
            );
            for word in &rule.now {
                for scope in &rule.scopes {
                    assert!(
                        find(*scope, word).is_none(),
                        "{} turns `{}` into `{word}`, which changes again",
                        rule.id,
                        rule.flag
                    );
                }
            }
        }
    }

    /// Each name that the code asks for is there, each once, and none is there that nobody asks for.
    #[test]
    fn reasons_are_those_that_the_code_asks_for() {
        let names: Vec<_> = reasons().iter().map(|reason| reason.name.as_str()).collect();
        let mut asked = BTreeSet::new();
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for entry in std::fs::read_dir(source).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for part in text.split("reason(\"").skip(1) {
                asked.insert(part.split('"').next().unwrap().to_owned());
            }
        }
        let there: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(there.len(), names.len());
        assert_eq!(asked, there);
    }

    #[test]
    fn cpus_are_arms_or_x86s() {
        for name in ["cortex-a78ae", "carmel", "neoverse-v2", "grace", "thunderx2t99", "armv8.2-a"] {
            assert!(is_arm_cpu(name) && !is_x86_cpu(name), "{name}");
        }
        for name in ["haswell", "x86-64-v3", "znver4", "core2", "native", "generic"] {
            assert!(!is_arm_cpu(name), "{name}");
        }
    }
}
