//! The rules, read once from `data/rules.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::Scope;

/// One rule: a flag, and what stands instead of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Why, as the end of a sentence that begins with the flag.
    pub why: String,
}

#[derive(Deserialize)]
struct File {
    rule: Vec<Rule>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/rules.toml")).expect("data/rules.toml is checked by a test");
    file.rule
});

/// The rule for `word` in `scope`, if one holds.
pub fn find(scope: Scope, word: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.scopes.contains(&scope) && rule.matches(word))
}

impl Rule {
    fn matches(&self, word: &str) -> bool {
        match self.flag.strip_suffix('*') {
            Some(prefix) => word.len() > prefix.len() && word.starts_with(prefix),
            None => word == self.flag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_whole_and_no_answer_is_itself_a_question() {
        for rule in RULES.iter() {
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
}
