//! A report for programs. `docs/json.md` describes the fields.

use std::collections::BTreeMap;

use cuferry_scan::{Effort, Finding, Fix, Kind, Language, Reach, Rule, Severity};
use serde_json::{Value, json};

use super::repair::Repair;
use super::report::{Report, SCHEMA, Tally};

/// The report as one value.
pub(crate) fn render(report: &Report) -> Value {
    let rules = report.rules_found();
    let rules = rules.iter().filter_map(|id| report.rules.get(id)).map(rule_json);
    let remarks = |remarks: &[(String, String)]| -> Vec<Value> {
        remarks.iter().map(|(path, why)| json!({ "path": path, "why": why })).collect()
    };
    let troubled = report.troubled().map(|(path, why)| json!({ "path": path, "why": why }));
    json!({
        "schema": SCHEMA,
        "paths": report.named,
        "summary": summary(report),
        "rules": rules.collect::<Vec<_>>(),
        "findings": report.entries().map(|entry| finding_json(entry.finding)).collect::<Vec<_>>(),
        "not_read": remarks(&report.unread),
        "not_whole": troubled.collect::<Vec<_>>(),
        "passed_over": remarks(&report.skipped),
        "fixed": report.repair.as_ref().map(repair_json),
    })
}

fn summary(report: &Report) -> Value {
    let summary = &report.summary;
    json!({
        "files": summary.files,
        "searched": summary.searched,
        "lines": summary.lines,
        "files_with_findings": summary.files_with_findings,
        "findings": summary.findings,
        "in_dead_code": summary.dead,
        "safe_fixes": report.fixable(),
        "severities": {
            "error": report.count(Severity::Error),
            "warning": report.count(Severity::Warning),
            "note": report.count(Severity::Note),
        },
        "kinds": tallies(&report.by_kind(), Kind::name),
        "efforts": tallies(&report.by_effort(), Effort::name),
    })
}

fn tallies<K: Copy>(tallies: &BTreeMap<K, Tally>, name: impl Fn(K) -> &'static str) -> Value {
    let rows = tallies.iter().map(|(key, tally)| {
        let Tally { errors, warnings, notes, files } = tally;
        let row = json!({ "error": errors, "warning": warnings, "note": notes, "files": files });
        (name(*key).to_owned(), row)
    });
    Value::Object(rows.collect())
}

fn rule_json(rule: &Rule) -> Value {
    json!({
        "id": rule.id.as_str(),
        "name": rule.name,
        "kind": rule.kind.name(),
        "severity": rule.severity.name(),
        "effort": rule.effort.name(),
        "languages": rule.languages.iter().copied().map(Language::name).collect::<Vec<_>>(),
        "title": rule.title,
        "cause": rule.cause,
        "fix": rule.fix,
        "source": rule.source,
    })
}

fn finding_json(finding: &Finding) -> Value {
    let place = &finding.place;
    json!({
        "rule": finding.rule.as_str(),
        "severity": finding.severity.name(),
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "start": place.start,
        "end": place.end,
        "text": finding.text,
        "message": finding.message,
        "uses": finding.uses,
        "reach": reach_json(&finding.reach),
        "fix": finding.fix.as_ref().map(fix_json),
    })
}

fn reach_json(reach: &Reach) -> Value {
    match reach {
        Reach::Compiled => json!({ "state": "compiled" }),
        Reach::Conditional { line, condition } => {
            json!({ "state": "conditional", "line": line, "condition": condition })
        }
        Reach::SetApart { word } => json!({ "state": "set_apart", "word": word }),
        Reach::Dead { line, condition } => json!({ "state": "dead", "line": line, "condition": condition }),
    }
}

fn fix_json(fix: &Fix) -> Value {
    let edits = fix
        .edits
        .iter()
        .map(|edit| json!({ "start": edit.start, "end": edit.end, "replacement": edit.replacement }));
    json!({ "description": fix.description, "safe": fix.safe, "edits": edits.collect::<Vec<_>>() })
}

fn repair_json(repair: &Repair) -> Value {
    let fixed = repair.fixed.iter().map(|fixed| {
        json!({ "path": fixed.path, "line": fixed.line, "rule": fixed.rule, "description": fixed.description })
    });
    let left = repair.left.iter().map(|(path, why)| json!({ "path": path, "why": why }));
    json!({
        "findings": fixed.collect::<Vec<_>>(),
        "not_written": left.collect::<Vec<_>>(),
        "overlapping": repair.waiting,
    })
}
