//! A report for code hosts and editors: SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format).

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use cuferry_digest::Digest;
use cuferry_scan::{Place, Reach, Rule, RuleId, Severity};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use serde_sarif::sarif;

use super::report::{Entry, Report};
use super::source::{Span, occurrences};
use super::tree::Tree;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What paths are relative to; the reader knows where that is on its machine.
const BASE: &str = "SRCROOT";
/// Longest text of a range that [`cuferry_scan::Finding::text`] holds whole.
const WHOLE: usize = 200;

/// What RFC 3986 calls unreserved stays, and the slashes between names.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The report as one value.
pub(crate) fn render(tree: &Tree, report: &Report) -> Value {
    let ids = report.rules_found();
    let rules = ids.iter().filter_map(|id| report.rules.get(id)).map(descriptor);
    let driver = sarif::ToolComponent::builder()
        .name("cuferry")
        .full_name("cuferry scan")
        .information_uri(env!("CARGO_PKG_REPOSITORY"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .version(env!("CARGO_PKG_VERSION"))
        .rules(rules.collect::<Vec<_>>())
        .build();
    let base = sarif::ArtifactLocation::builder()
        .description("the folder that was scanned, or the one in which cuferry was started")
        .build();
    let run = sarif::Run::builder()
        .tool(driver)
        .column_kind(json!("unicodeCodePoints"))
        .original_uri_base_ids(BTreeMap::from([(BASE.to_owned(), base)]))
        .invocations(vec![invocation(report)])
        .results(results(tree, report, &ids))
        .build();
    let log = sarif::Sarif::builder().schema(SCHEMA).version(json!("2.1.0")).runs(vec![run]).build();
    serde_json::to_value(log).unwrap_or_default()
}

fn descriptor(rule: &Rule) -> sarif::ReportingDescriptor {
    let text = |text: &str| sarif::MultiformatMessageString::builder().text(text).build();
    let help = sarif::MultiformatMessageString::builder()
        .text(format!("{}\n\nWhat to do: {}\n\nEffort: {}.", rule.cause, rule.fix, rule.effort.time()))
        .markdown(format!(
            "{}\n\n**What to do:** {}\n\n**Effort:** {}.",
            rule.cause,
            rule.fix,
            rule.effort.time()
        ))
        .build();
    let level = sarif::ReportingConfiguration::builder().level(json!(level(rule.severity))).build();
    let properties = sarif::PropertyBag::builder()
        .tags(vec![rule.kind.name().to_owned()])
        .additional_properties(BTreeMap::from([("effort".to_owned(), json!(rule.effort.name()))]))
        .build();
    let descriptor = sarif::ReportingDescriptor::builder()
        .id(rule.id.as_str())
        .name(rule.name.clone())
        .short_description(text(&rule.title))
        .full_description(text(&rule.cause))
        .default_configuration(level)
        .help(help)
        .properties(properties);
    if rule.id.as_str().starts_with("CF") {
        let page = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/scan.md#rules");
        descriptor.help_uri(page).build()
    } else {
        descriptor.build()
    }
}

fn invocation(report: &Report) -> sarif::Invocation {
    let unread = report.unread.iter().map(|(path, why)| ("error", format!("{path} was not read: {why}")));
    let troubled = report.troubled().map(|(path, why)| ("warning", format!("{path} {why}")));
    let notifications = unread.chain(troubled).map(|(level, text)| {
        sarif::Notification::builder().level(json!(level)).message(text.as_str()).build()
    });
    sarif::Invocation::builder()
        .execution_successful(!report.is_partial())
        .tool_execution_notifications(notifications.collect::<Vec<_>>())
        .build()
}

fn results(tree: &Tree, report: &Report, ids: &[RuleId]) -> Vec<sarif::Result> {
    let mut results = Vec::new();
    for file in &report.files {
        let uri = uri(tree.relative(&file.location));
        let entries: Vec<Entry<'_>> = report.entries_of(file).collect();
        let numbers = occurrences(entries.iter().map(|entry| (&entry.rule.id, &entry.detail.key)));
        for (entry, number) in entries.iter().zip(numbers) {
            let index = ids.binary_search(&entry.rule.id).ok().and_then(|index| i64::try_from(index).ok());
            results.push(result(entry, &uri, index.unwrap_or(-1), number));
        }
    }
    results
}

fn result(entry: &Entry<'_>, uri: &str, rule_index: i64, occurrence: usize) -> sarif::Result {
    let finding = entry.finding;
    let location = sarif::PhysicalLocation::builder()
        .artifact_location(artifact(uri))
        .region(region(&finding.place, &finding.text))
        .build();
    let location = sarif::Location::builder().physical_location(location).build();
    let remark = entry.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
    let text = format!("{}{remark}. {}", finding.message, capitalised(entry.fix()));
    let mut properties = BTreeMap::from([("effort".to_owned(), json!(entry.rule.effort.name()))]);
    if finding.uses > 1 {
        properties.insert("uses".to_owned(), json!(finding.uses));
    }
    let result = sarif::Result::builder()
        .rule_id(entry.rule.id.as_str())
        .rule_index(rule_index)
        .level(level(finding.severity))
        .message(plain(&text).as_str())
        .locations(vec![location])
        .partial_fingerprints(BTreeMap::from([(
            "cuferryFinding/v1".to_owned(),
            fingerprint(entry, uri, occurrence),
        )]))
        .properties(sarif::PropertyBag::builder().additional_properties(properties).build());
    let fixes = fixes(entry, uri);
    let mut result = result.build();
    result.fixes = fixes.map(|fix| vec![fix]);
    if matches!(finding.reach, Reach::Dead { .. }) {
        // Worth knowing and no fault: a level belongs to faults only (section 3.27.10).
        result.kind = Some(sarif::ResultKind::Informational);
        result.level = Some(sarif::ResultLevel::None);
    }
    result
}

/// The fix, if it is safe. Others are described in the message only: a viewer would apply them at a click.
fn fixes(entry: &Entry<'_>, uri: &str) -> Option<sarif::Fix> {
    let fix = entry.finding.fix.as_ref().filter(|fix| fix.safe)?;
    let replacements = fix.edits.iter().zip(&entry.detail.edits).map(|(edit, span)| {
        sarif::Replacement::builder()
            .deleted_region(span_region(*span))
            .inserted_content(sarif::ArtifactContent::builder().text(edit.replacement.clone()).build())
            .build()
    });
    let change = sarif::ArtifactChange::builder()
        .artifact_location(artifact(uri))
        .replacements(replacements.collect::<Vec<_>>())
        .build();
    Some(sarif::Fix::builder().description(fix.description.as_str()).artifact_changes(vec![change]).build())
}

fn artifact(uri: &str) -> sarif::ArtifactLocation {
    sarif::ArtifactLocation::builder().uri(uri).uri_base_id(BASE).build()
}

fn region(place: &Place, text: &str) -> sarif::Region {
    let span = Span {
        line: place.line as usize,
        column: place.column as usize,
        end_line: place.end_line as usize,
        end_column: place.end_column as usize,
    };
    let mut region = span_region(span);
    if place.end > place.start && text.chars().count() < WHOLE {
        region.snippet = Some(sarif::ArtifactContent::builder().text(text).build());
    }
    region
}

fn span_region(span: Span) -> sarif::Region {
    let number = |number: usize| i64::try_from(number.max(1)).unwrap_or(i64::MAX);
    sarif::Region::builder()
        .start_line(number(span.line))
        .start_column(number(span.column))
        .end_line(number(span.end_line))
        .end_column(number(span.end_column))
        .build()
}

/// A path relative to [`BASE`], as a URI: every byte of it, whatever the encoding.
fn uri(path: &Path) -> String {
    percent_encode(path.as_os_str().as_bytes(), NAME).to_string()
}

/// What tells this finding from others wherever its line moves: rule, file, the line's text, and which of equal ones it is.
fn fingerprint(entry: &Entry<'_>, uri: &str, occurrence: usize) -> String {
    let key = format!("{}\n{uri}\n{}\n{occurrence}", entry.rule.id, entry.detail.key);
    Digest::of(key).to_string()[..32].to_owned()
}

fn level(severity: Severity) -> sarif::ResultLevel {
    match severity {
        Severity::Note => sarif::ResultLevel::Note,
        Severity::Warning => sarif::ResultLevel::Warning,
        Severity::Error => sarif::ResultLevel::Error,
    }
}

/// Text that no viewer takes for a link: `[words](target)` is one in messages (section 3.11.6), and `table[i](x)` is not
/// meant so.
fn plain(text: &str) -> String {
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text.to_owned() }
}

/// A sentence of it.
fn capitalised(text: &str) -> String {
    let mut chars = text.trim().chars();
    let first = chars.next().map(|char| char.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.trim_end().ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            (&b"src/a.cu"[..], "src/a.cu"),
            (b"a b/c#d?.cu", "a%20b/c%23d%3F.cu"),
            (b"c:d.cu", "c%3Ad.cu"),
            (b"100%.cu", "100%25.cu"),
            ("ü.cu".as_bytes(), "%C3%BC.cu"),
            (b"\xff.cu", "%FF.cu"),
        ] {
            assert_eq!(uri(Path::new(OsStr::from_bytes(path))), expected);
        }
    }

    #[test]
    fn code_is_no_link() {
        assert_eq!(plain("`a[i]`"), "`a[i]`");
        assert_eq!(plain("`a[i](x)`"), r"`a\[i\](x)`");
    }

    #[test]
    fn fixes_become_sentences() {
        assert_eq!(capitalised("use `x`"), "Use `x`.");
        assert_eq!(capitalised("Done."), "Done.");
    }
}
