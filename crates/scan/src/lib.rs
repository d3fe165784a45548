//! Places in sources and build files that will not survive the move from ARM to x86_64: each with its rule, cause, fix and
//! effort.
//!
//! Bytes of one file in, findings out: nothing here touches a disk. What is looked for is data (`rules/*.toml`); what a
//! language's text means (comments, conditionals, quoting) is code. Which files are read is the caller's business.

mod build;
mod check;
mod clike;
mod finding;
mod hit;
mod language;
mod lines;
mod matcher;
mod pattern;
mod project;
mod reach;
mod report;
mod rule;
mod rules;
mod scan;
mod script;

pub use finding::{Edit, Finding, Fix, Place, Reach};
pub use language::Language;
pub use project::answered;
pub use report::{Count, FileReport, Summary, Trouble};
pub use rule::{Effort, Kind, Rule, RuleId, Severity};
pub use rules::{RuleError, RuleProblem, RuleSet};
pub use scan::{Options, scan_file};
