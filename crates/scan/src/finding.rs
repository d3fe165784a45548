//! A finding: a place in a file, the rule that it breaks, and what to do there.

use camino::Utf8PathBuf;

use crate::{RuleId, Severity};

/// A place in the sources that will not survive the move, or may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule. [`crate::RuleSet::get`] gives its title, cause, effort and kind.
    pub rule: RuleId,
    /// The rule's severity; one step lower where the place is compiled only under a condition that nothing here decides,
    /// or where what stands beside it makes it do little harm.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The text that was matched, cut at 200 characters; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// The cause in this place: one sentence, without a full stop, with values in backticks.
    pub message: String,
    /// What to write instead, where that is known.
    pub fix: Option<Fix>,
    /// Whether an x86_64 build compiles the place.
    pub reach: Reach,
    /// How many uses in this file the finding stands for (1 or more). Rules that would repeat themselves report the first
    /// use of each name only, such as that of intrinsics, or the first use of all, such as that of NvSci.
    pub uses: u32,
}

/// A range in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// As the caller named it: relative to the project.
    pub path: Utf8PathBuf,
    /// The first line, counted from 1.
    pub line: u32,
    /// The first column, in characters, counted from 1.
    pub column: u32,
    /// The line of the end.
    pub end_line: u32,
    /// The column just after the end, in characters, counted from 1.
    pub end_column: u32,
    /// The first byte.
    pub start: usize,
    /// The byte just after the end.
    pub end: usize,
}

/// What to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the edits do, as an order: `use __builtin_prefetch`.
    pub description: String,
    /// In the order of their places, without overlap, all in the finding's file. Never empty.
    pub edits: Vec<Edit>,
    /// Whether the result means the same, so that it may be applied unasked.
    pub safe: bool,
}

/// One replacement in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// The first byte that goes.
    pub start: usize,
    /// The byte just after the last that goes.
    pub end: usize,
    /// What comes instead.
    pub replacement: String,
}

/// Whether an x86_64 build compiles a place. The text of a condition is cut at 200 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It does, as far as conditionals tell.
    #[default]
    Compiled,
    /// Under a condition that the file does not decide, such as `#ifdef USE_NEON`.
    Conditional {
        /// The line of the innermost such condition, counted from 1.
        line: u32,
        /// The condition as written: `#ifdef USE_NEON`.
        condition: String,
    },
    /// In a file that is, by its path, for another build: the ARM one, or one for AMD's GPUs.
    SetApart {
        /// The word of the path that says so: `neon`.
        word: String,
    },
    /// Never: `#if 0`, or the ARM side of a conditional. Reported only with [`crate::Options::dead`].
    Dead {
        /// The line of the condition that rules it out, counted from 1.
        line: u32,
        /// The condition as written: `#ifdef __aarch64__`.
        condition: String,
    },
}
