//! Findings that are told of together, and which of them a short report shows.

use std::collections::{BTreeMap, BTreeSet};

use cuferry_scan::{Finding, Severity};

use super::super::report::{Entry, Report};

/// Findings shown unless all are asked for.
const SHOWN: usize = 30;
/// Of those at most this many of one rule.
const OF_RULE: usize = 5;

/// Findings of which one stands for all.
pub(super) struct Block<'a> {
    pub(super) path: &'a str,
    /// Those in one line that are shown together. Never empty.
    pub(super) first: Vec<Entry<'a>>,
    /// Where else the same is found: the first of each line.
    pub(super) also: Vec<(&'a str, &'a Finding)>,
    /// How many findings it stands for.
    pub(super) findings: usize,
}

impl Block<'_> {
    fn severity(&self) -> Severity {
        self.first[0].finding.severity
    }
}

/// Every finding, in blocks: of one rule in one line, joined with those that say the same elsewhere in the file or, for the
/// short report, in any file.
pub(super) fn blocks(report: &Report, verbose: bool) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut known: BTreeMap<(&str, Severity, String, &str), usize> = BTreeMap::new();
    for file in &report.files {
        let path = file.report.path.as_str();
        for entries in by_line(report.entries_of(file)) {
            let finding = entries[0].finding;
            let messages: Vec<&str> = entries.iter().map(|entry| entry.finding.message.as_str()).collect();
            let scope = if verbose { path } else { "" };
            let key = (finding.rule.as_str(), finding.severity, messages.join("\n"), scope);
            let index = *known.entry(key).or_insert(blocks.len());
            let findings = entries.len();
            if let Some(block) = blocks.get_mut(index) {
                block.also.push((path, finding));
                block.findings += findings;
            } else {
                blocks.push(Block { path, first: entries, also: Vec::new(), findings });
            }
        }
    }
    blocks
}

/// Findings of one rule that stand in one line, each group in the order of its places.
fn by_line<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<Vec<Entry<'a>>> {
    let mut groups: Vec<Vec<Entry<'a>>> = Vec::new();
    // Where the groups of the line that is being read begin: findings come by place.
    let mut line_from = 0;
    for entry in entries {
        let finding = entry.finding;
        if groups.last().is_some_and(|group| group[0].finding.place.line != finding.place.line) {
            line_from = groups.len();
        }
        let same = |group: &&mut Vec<Entry<'a>>| {
            let other = group[0].finding;
            (&other.rule, other.severity, &other.reach) == (&finding.rule, finding.severity, &finding.reach)
        };
        match groups[line_from..].iter_mut().find(same) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// Which blocks are shown: all, or the gravest, and of each rule a few. Notes are only counted where there is anything graver.
pub(super) fn shown(blocks: &[Block<'_>], verbose: bool) -> BTreeSet<usize> {
    if verbose {
        return (0..blocks.len()).collect();
    }
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(blocks[*index].severity()));
    let grave = blocks.iter().any(|block| block.severity() > Severity::Note);
    let mut of_rule: BTreeMap<&str, usize> = BTreeMap::new();
    let mut few = |index: &usize| {
        let count = of_rule.entry(blocks[*index].first[0].rule.id.as_str()).or_default();
        *count += 1;
        *count <= OF_RULE
    };
    let weighs = |index: &usize| !grave || blocks[*index].severity() > Severity::Note;
    order.into_iter().filter(weighs).filter(&mut few).take(SHOWN).collect()
}
