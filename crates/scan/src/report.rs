//! What one file's scan gave, and the counts over many.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::{Effort, Finding, Kind, Language, Reach, RuleId, RuleSet, Severity};

/// What the scan of one file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// As the caller named it.
    pub path: Utf8PathBuf,
    /// What its name and first bytes say it is; none: no rule reads it but those of file names and whole files.
    pub language: Option<Language>,
    /// Lines of the file; 0 for files that were not read as text.
    pub lines: u32,
    /// By place, then by rule.
    pub findings: Vec<Finding>,
    /// Names that rules look for and to which this file gives a meaning of its own on x86_64. [`crate::answered`] takes them.
    pub own_names: Vec<String>,
    /// Of the beginnings of headers in [`crate::Rule::near`], those of which the file includes one.
    pub headers: Vec<String>,
    /// Why the findings may not be all.
    pub trouble: Option<Trouble>,
}

/// Why a file was not searched, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Named as a source, but holding bytes that no text has.
    #[error("holds a NUL byte at offset {offset}: not searched, since it is no text")]
    Binary {
        /// Of the first NUL.
        offset: usize,
    },
    /// Larger than [`crate::Options::max_bytes`].
    #[error("has {bytes} bytes, more than the limit of {limit}: not searched")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The parser ran into its limit: what the file declares itself may be among the findings, and signs of `char` missing.
    #[error("could not be parsed within the limit: names of its own may be among the findings")]
    Unparsed,
    /// More findings than one file may have ([`crate::Options::max_findings`]).
    #[error("has more than {limit} findings: the rest was left out")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// Counts over many files. Dead places ([`Reach::Dead`]) are counted apart and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were given to the scan.
    pub files: u64,
    /// Files of a known language, searched.
    pub searched: u64,
    /// Files with at least one finding.
    pub files_with_findings: u64,
    /// Lines of the files searched.
    pub lines: u64,
    /// All findings outside dead places.
    pub findings: u64,
    /// Findings in dead places.
    pub dead: u64,
    /// By rule.
    pub rules: BTreeMap<RuleId, Count>,
    /// By kind.
    pub kinds: BTreeMap<Kind, Count>,
    /// By effort.
    pub efforts: BTreeMap<Effort, Count>,
    /// By severity.
    pub severities: BTreeMap<Severity, Count>,
    /// Files not searched or not wholly.
    pub troubled: u64,
}

/// Findings, and the files that hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Findings.
    pub findings: u64,
    /// Files with at least one.
    pub files: u64,
}

impl Summary {
    /// Counts one more file.
    pub fn add(&mut self, report: &FileReport, rules: &RuleSet) {
        self.files += 1;
        self.searched +=
            u64::from(report.language.is_some() && (report.lines > 0 || report.trouble.is_none()));
        self.lines += u64::from(report.lines);
        self.troubled += u64::from(report.trouble.is_some());
        let live: Vec<&Finding> =
            report.findings.iter().filter(|finding| !matches!(finding.reach, Reach::Dead { .. })).collect();
        self.dead += (report.findings.len() - live.len()) as u64;
        self.findings += live.len() as u64;
        self.files_with_findings += u64::from(!live.is_empty());
        count(&mut self.rules, live.iter().map(|finding| finding.rule.clone()));
        count(&mut self.severities, live.iter().map(|finding| finding.severity));
        let rules: Vec<_> = live.iter().filter_map(|finding| rules.get(&finding.rule)).collect();
        count(&mut self.kinds, rules.iter().map(|rule| rule.kind));
        count(&mut self.efforts, rules.iter().map(|rule| rule.effort));
    }
}

/// Adds one file's keys to `counts`.
fn count<K: Ord + Clone>(counts: &mut BTreeMap<K, Count>, keys: impl Iterator<Item = K>) {
    let mut here: BTreeMap<K, u64> = BTreeMap::new();
    for key in keys {
        *here.entry(key).or_default() += 1;
    }
    for (key, findings) in here {
        let count = counts.entry(key).or_default();
        count.findings += findings;
        count.files += 1;
    }
}
