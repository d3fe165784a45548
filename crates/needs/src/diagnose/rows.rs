//! `data/failures.toml`: what tools print, as patterns, compiled when a log first needs them.

use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;

use super::Verdict;

/// One kind of message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// What the group `name` is.
    pub(crate) reads: Reads,
    /// For `text`.
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) verdict: Option<Kind>,
    #[serde(default)]
    pub(crate) cause: String,
    #[serde(default)]
    pub(crate) todo: String,
    #[serde(default)]
    pub(crate) other: Option<Other>,
    /// A line holds one of these.
    #[serde(default)]
    pub(crate) lines: Vec<String>,
    /// It is looked for in whole errors of CMake.
    #[serde(default)]
    pub(crate) errors: bool,
    /// The log holds one of these.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    patterns: Vec<String>,
    #[serde(skip)]
    compiled: OnceLock<Vec<Regex>>,
}

/// By which tables a message is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reads {
    Header,
    Library,
    Cmake,
    Module,
    Program,
    Python,
    Name,
    Arch,
    File,
    Text,
}

/// [`Verdict`] as the data file spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Jetson,
    Missing,
    Toolkit,
    Machine,
    Project,
}

/// Which other toolkit helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Other {
    /// One of an older major release.
    Older,
    /// A newer one.
    Newer,
    /// The one that the group `name` names.
    Named,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    failure: Vec<Row>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../../data/failures.toml"))
        .expect("data/failures.toml is checked by a test");
    file.failure
});

/// Every row, in the file's order.
pub(crate) fn rows() -> &'static [Row] {
    &ROWS
}

impl Row {
    pub(crate) fn patterns(&self) -> &[Regex] {
        let compile = |pattern: &String| Regex::new(pattern).expect("a test compiles each pattern");
        self.compiled.get_or_init(|| self.patterns.iter().map(compile).collect())
    }
}

impl From<Kind> for Verdict {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Jetson => Self::JetsonOnly,
            Kind::Missing => Self::Missing,
            Kind::Toolkit => Self::Toolkit,
            Kind::Machine => Self::Machine,
            Kind::Project => Self::Project,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_whole() {
        for row in rows() {
            let text = row.reads == Reads::Text;
            let whole =
                row.id.is_some() && row.verdict.is_some() && !row.cause.is_empty() && !row.todo.is_empty();
            assert_eq!(text, whole, "{row:?}");
            assert!(row.errors != row.lines.iter().any(|line| !line.is_empty()), "{row:?}");
            assert!(!row.patterns().is_empty(), "{row:?}");
            for pattern in
                row.patterns().iter().filter(|_| row.cause.contains("{name}") || row.todo.contains("{name}"))
            {
                assert!(pattern.capture_names().flatten().any(|name| name == "name"), "{pattern}");
            }
        }
    }
}
