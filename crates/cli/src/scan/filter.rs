//! Which findings count: `--select`, `--ignore`, `--min-severity`.

use std::collections::BTreeSet;

use cuferry_scan::{Finding, Kind, Rule, RuleId, RuleSet, Severity};

use crate::args::scan::{MinSeverity, Scan};
use crate::failure::{Failure, Fault};

/// What is kept of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    rules: BTreeSet<RuleId>,
    severity: Severity,
}

impl Filter {
    /// As the command line has it.
    pub(crate) fn new(args: &Scan, rules: &RuleSet) -> Result<Self, Failure> {
        let ignored = named(&args.ignore, rules)?;
        let selected = if args.select.is_empty() {
            rules.iter().map(|rule| rule.id.clone()).collect()
        } else {
            named(&args.select, rules)?
        };
        let severity = match args.min_severity {
            MinSeverity::Note => Severity::Note,
            MinSeverity::Warning => Severity::Warning,
            MinSeverity::Error => Severity::Error,
        };
        Ok(Self { rules: &selected - &ignored, severity })
    }

    /// The rules that are looked for: what nobody asks for costs no time.
    pub(crate) fn apply(&self, rules: &RuleSet) -> RuleSet {
        rules.filtered(|rule| self.rules.contains(&rule.id))
    }

    /// Whether a finding matters enough.
    pub(crate) fn keeps(&self, finding: &Finding) -> bool {
        finding.severity >= self.severity
    }
}

/// The rules that any of these words mean. A word that means none is a mistake.
fn named(words: &[String], rules: &RuleSet) -> Result<BTreeSet<RuleId>, Failure> {
    let mut found = BTreeSet::new();
    for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
        let meant: Vec<RuleId> =
            rules.iter().filter(|rule| means(word, rule)).map(|rule| rule.id.clone()).collect();
        if meant.is_empty() {
            let kinds = Kind::ALL.map(Kind::name).join(", ");
            return Err(Failure::say(
                Fault::Usage,
                "scan::unknown_rule",
                format!("no rule is called `{word}`"),
                format!("`cuferry explain scan` lists the rules; kinds are {kinds}"),
            ));
        }
        found.extend(meant);
    }
    Ok(found)
}

/// Whether a word means a rule: its id or the beginning of that, its name, its kind.
fn means(word: &str, rule: &Rule) -> bool {
    let id = rule.id.as_str();
    id.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        || rule.name.eq_ignore_ascii_case(word)
        || rule.kind.name().eq_ignore_ascii_case(word)
}
