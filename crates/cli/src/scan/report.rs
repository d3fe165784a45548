//! What a scan found, in the order and with the counts that every form of the report shares.

use std::collections::{BTreeMap, BTreeSet};

use cuferry_scan::{Effort, Finding, Kind, Reach, Rule, RuleId, RuleSet, Severity, Summary};

use super::repair::Repair;
use super::source::Detail;
use super::tree::Tree;
use super::walk::{Remark, Scanned, ScannedFile};
use super::{html, json, sarif, text};
use crate::args::scan::{Scan, ScanFormat};
use crate::words::{self, counted, visible};

/// Raised when a field of the JSON changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// A scan, ready to be told of.
pub(crate) struct Report {
    /// What was scanned, as it was named.
    pub(crate) named: Vec<String>,
    /// What paths are relative to, unless it is where cuferry was started.
    pub(crate) base: Option<String>,
    /// Whether files were named, and no folder.
    pub(crate) files_alone: bool,
    pub(crate) rules: RuleSet,
    /// Files of which there is something to say, by path.
    pub(crate) files: Vec<ScannedFile>,
    pub(crate) summary: Summary,
    /// Paths that could not be read, with the reason.
    pub(crate) unread: Vec<(String, String)>,
    /// Folders passed over.
    pub(crate) skipped: Vec<(String, String)>,
    /// What `--fix` did.
    pub(crate) repair: Option<Repair>,
}

/// A finding with all that belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) finding: &'a Finding,
    pub(crate) detail: &'a Detail,
}

/// How many findings of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) errors: u64,
    pub(crate) warnings: u64,
    pub(crate) notes: u64,
    /// Files with at least one.
    pub(crate) files: u64,
}

impl Report {
    pub(crate) fn new(tree: &Tree, rules: RuleSet, scanned: Scanned, repair: Option<Repair>) -> Self {
        let mut summary = Summary::default();
        for file in &scanned.files {
            summary.add(&file.report, &rules);
        }
        let named = |remarks: Vec<Remark>| -> Vec<(String, String)> {
            remarks
                .into_iter()
                .map(|remark| (tree.name(&remark.location).into_string(), remark.why))
                .collect()
        };
        let told = |file: &ScannedFile| !file.report.findings.is_empty() || file.report.trouble.is_some();
        Self {
            named: tree.named.clone(),
            files_alone: tree.roots.iter().all(|root| root.is_file()),
            base: (!tree.is_here).then(|| base(tree)),
            rules,
            summary,
            files: scanned.files.into_iter().filter(told).collect(),
            unread: named(scanned.unread),
            skipped: named(scanned.skipped),
            repair,
        }
    }

    /// In the form that was asked for.
    pub(crate) fn render(&self, tree: &Tree, args: &Scan) -> String {
        match args.format {
            ScanFormat::Text => text::render(self, args.verbose, words::width()),
            ScanFormat::Json => format!("{:#}\n", json::render(self)),
            ScanFormat::Sarif => format!("{:#}\n", sarif::render(tree, self)),
            ScanFormat::Html => html::render(self),
        }
    }

    /// Every finding, by path and place.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.files.iter().flat_map(|file| self.entries_of(file))
    }

    /// The findings of one file.
    pub(crate) fn entries_of<'a>(&'a self, file: &'a ScannedFile) -> impl Iterator<Item = Entry<'a>> {
        let pairs = file.report.findings.iter().zip(&file.details);
        pairs.filter_map(|(finding, detail)| {
            let rule = self.rules.get(&finding.rule)?;
            Some(Entry { rule, finding, detail })
        })
    }

    /// How many findings of a severity, outside dead code.
    pub(crate) fn count(&self, severity: Severity) -> u64 {
        self.summary.severities.get(&severity).map_or(0, |count| count.findings)
    }

    /// `2 errors, 1 warning and 30 notes`.
    pub(crate) fn counts(&self) -> String {
        let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note]
            .map(|severity| usize::try_from(self.count(severity)).unwrap_or(usize::MAX));
        format!(
            "{}, {} and {}",
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings"),
            counted(notes, "note", "notes")
        )
    }

    /// Files whose findings may not be all.
    pub(crate) fn troubled(&self) -> impl Iterator<Item = (&str, String)> {
        self.files.iter().filter_map(|file| {
            let trouble = file.report.trouble.as_ref()?;
            Some((file.report.path.as_str(), trouble.to_string()))
        })
    }

    /// Whether something was not read that should have been, or not written.
    pub(crate) fn is_partial(&self) -> bool {
        let unwritten = self.repair.as_ref().is_some_and(|repair| !repair.left.is_empty());
        unwritten || !self.unread.is_empty()
    }

    /// Findings that `--fix` mends.
    pub(crate) fn fixable(&self) -> usize {
        self.entries().filter(Entry::is_live).filter(Entry::has_safe_fix).count()
    }

    pub(crate) fn by_kind(&self) -> BTreeMap<Kind, Tally> {
        self.tallies(|entry| entry.rule.kind)
    }

    pub(crate) fn by_effort(&self) -> BTreeMap<Effort, Tally> {
        self.tallies(|entry| entry.rule.effort)
    }

    pub(crate) fn by_rule(&self) -> BTreeMap<RuleId, Tally> {
        self.tallies(|entry| entry.rule.id.clone())
    }

    /// The rules of which there are findings, those in dead code included, by id.
    pub(crate) fn rules_found(&self) -> Vec<RuleId> {
        let ids: BTreeSet<RuleId> = self.entries().map(|entry| entry.rule.id.clone()).collect();
        ids.into_iter().collect()
    }

    /// The rules of which there are findings, the gravest first, then those with most findings.
    pub(crate) fn rules_by_weight(&self) -> Vec<(&Rule, Tally)> {
        let mut rules: Vec<(&Rule, Tally)> = self
            .by_rule()
            .into_iter()
            .filter_map(|(id, tally)| Some((self.rules.get(&id)?, tally)))
            .collect();
        let weight = |tally: &Tally| (tally.errors, tally.warnings, tally.notes);
        rules.sort_by(|(one, few), (other, many)| weight(many).cmp(&weight(few)).then(one.id.cmp(&other.id)));
        rules
    }

    /// Counts outside dead code, as [`Summary`] has it.
    fn tallies<K: Ord + Clone>(&self, key: impl Fn(&Entry<'_>) -> K) -> BTreeMap<K, Tally> {
        let mut tallies: BTreeMap<K, Tally> = BTreeMap::new();
        for file in &self.files {
            let mut here = Vec::new();
            for entry in self.entries_of(file).filter(Entry::is_live) {
                let key = key(&entry);
                let tally = tallies.entry(key.clone()).or_default();
                match entry.finding.severity {
                    Severity::Error => tally.errors += 1,
                    Severity::Warning => tally.warnings += 1,
                    Severity::Note => tally.notes += 1,
                }
                here.push(key);
            }
            here.sort();
            here.dedup();
            for key in here {
                tallies.entry(key).or_default().files += 1;
            }
        }
        tallies
    }
}

/// The base as people know it: by the name that they gave, where that is all there is.
fn base(tree: &Tree) -> String {
    match (tree.named.as_slice(), tree.roots.as_slice()) {
        ([named], [root]) if *root == tree.base => named.clone(),
        _ => visible(&tree.base.to_string_lossy()),
    }
}

impl Tally {
    pub(crate) fn all(&self) -> u64 {
        self.errors + self.warnings + self.notes
    }
}

impl Entry<'_> {
    /// Whether an x86_64 build may compile it.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.finding.reach, Reach::Dead { .. })
    }

    pub(crate) fn has_safe_fix(&self) -> bool {
        self.finding.fix.as_ref().is_some_and(|fix| fix.safe)
    }

    /// What to do: in this place, where that is known, otherwise in general.
    pub(crate) fn fix(&self) -> &str {
        self.finding.fix.as_ref().map_or(self.rule.fix.as_str(), |fix| fix.description.as_str())
    }

    /// Where the finding stands for more than itself, or is compiled only sometimes: words in brackets.
    pub(crate) fn remark(&self) -> Option<String> {
        let uses = (self.finding.uses > 1).then(|| format!("{} uses in this file", self.finding.uses));
        let reach = match &self.finding.reach {
            Reach::Compiled => None,
            Reach::Conditional { line, condition } => Some(format!("only under `{condition}`, line {line}")),
            Reach::SetApart { word } => {
                Some(format!("only in a build that takes `{word}`, as its path says"))
            }
            Reach::Dead { line, condition } => {
                Some(format!("not compiled for x86_64: `{condition}`, line {line}"))
            }
        };
        let parts: Vec<String> = uses.into_iter().chain(reach).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
