//! The table of findings, each with the code around it.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::super::report::{Entry, Report};
use super::super::source::Line;
use super::{Escaped, Prose};

/// Findings on one page: a browser is slow with more.
const SHOWN: usize = 5000;

/// The filter and the table.
pub(super) fn section(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(
        out,
        "<section aria-labelledby=\"findings\">\n<h2 id=\"findings\" tabindex=\"-1\">Findings</h2>"
    )?;
    let shown = shown(report);
    if shown.is_empty() {
        return writeln!(out, "<p>There are none.</p>\n</section>");
    }
    let all = report.entries().count();
    if shown.len() < all {
        writeln!(
            out,
            "<p>The {} gravest of {all} findings are here; <code>cuferry scan --format json</code> gives all.</p>",
            shown.len()
        )?;
    }
    filter(out, report)?;
    writeln!(
        out,
        "<table class=\"findings\" id=\"findings-table\">\n<thead><tr><th scope=\"col\" class=\"place\">line</th>\
         <th scope=\"col\" class=\"severity\">severity</th><th scope=\"col\">what</th>\
         <th scope=\"col\" class=\"rule\">rule</th><th scope=\"col\" class=\"effort\">effort</th></tr></thead>"
    )?;
    let mut index = 0;
    for file in &report.files {
        let mut headed = false;
        for entry in report.entries_of(file) {
            if shown.contains(&index) {
                if !headed {
                    let path = Escaped(file.report.path.as_str());
                    writeln!(
                        out,
                        "<tbody class=\"file\" data-file><tr><td colspan=\"5\"><h3>{path}</h3></td></tr></tbody>"
                    )?;
                    headed = true;
                }
                finding(out, &entry, index + 1)?;
            }
            index += 1;
        }
    }
    writeln!(out, "</table>\n</section>")
}

/// Which findings are shown: all, or the gravest.
fn shown(report: &Report) -> BTreeSet<usize> {
    let mut order: Vec<_> = report.entries().map(|entry| entry.finding.severity).enumerate().collect();
    order.sort_by_key(|(index, severity)| (std::cmp::Reverse(*severity), *index));
    order.into_iter().take(SHOWN).map(|(index, _)| index).collect()
}

/// Hidden until the script, which makes it work, shows it.
fn filter(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "<form id=\"filter\" class=\"filter\" hidden aria-label=\"Filter the findings\">")?;
    writeln!(
        out,
        "<div class=\"grow\"><label for=\"text\">words, in paths, messages or code</label><input id=\"text\" name=\"text\" type=\"search\" autocomplete=\"off\"></div>"
    )?;
    let kinds = report.by_kind().into_keys().map(|kind| (kind.name(), kind.name())).collect::<Vec<_>>();
    let efforts =
        report.by_effort().into_keys().map(|effort| (effort.name(), effort.time())).collect::<Vec<_>>();
    for (name, options) in [("kind", kinds), ("effort", efforts)] {
        write!(
            out,
            "<div><label for=\"{name}\">{name}</label><select id=\"{name}\" name=\"{name}\"><option value=\"\">any</option>"
        )?;
        for (value, words) in options {
            write!(out, "<option value=\"{value}\">{words}</option>")?;
        }
        writeln!(out, "</select></div>")?;
    }
    for severity in ["error", "warning", "note"] {
        writeln!(
            out,
            "<label class=\"check\"><input type=\"checkbox\" name=\"{severity}\" checked> {severity}s</label>"
        )?;
    }
    writeln!(out, "<label class=\"check\"><input type=\"checkbox\" name=\"fix\"> with a safe fix</label>")?;
    writeln!(
        out,
        "<button type=\"reset\">Show all</button>\n<output id=\"shown\" for=\"text kind effort\"></output>\n</form>"
    )
}

fn finding(out: &mut String, entry: &Entry<'_>, number: usize) -> fmt::Result {
    let finding = entry.finding;
    let rule = entry.rule;
    let severity = finding.severity.name();
    let fix = if entry.has_safe_fix() { "safe" } else { "" };
    let dead = if entry.is_live() { "" } else { " <span class=\"soft\">(dead code)</span>" };
    writeln!(
        out,
        "<tbody id=\"f{number}\" data-severity=\"{severity}\" data-kind=\"{}\" data-effort=\"{}\" data-fix=\"{fix}\">",
        rule.kind.name(),
        rule.effort.name()
    )?;
    writeln!(
        out,
        "<tr class=\"head\"><td class=\"place\"><a href=\"#f{number}\">{}:{}</a></td><td class=\"severity {severity}\">{severity}{dead}</td>\
         <td class=\"what\">{}{}</td><td class=\"rule\"><a href=\"#{id}\">{id}</a></td><td class=\"effort\">{}</td></tr>",
        finding.place.line,
        finding.place.column,
        Prose(&finding.message),
        entry
            .remark()
            .map_or_else(String::new, |remark| format!(" <span class=\"soft\">({})</span>", Prose(&remark))),
        rule.effort.time(),
        id = Escaped(rule.id.as_str()),
    )?;
    write!(out, "<tr class=\"around\"><td colspan=\"5\">")?;
    code(out, entry)?;
    let safe = if entry.has_safe_fix() {
        " <span class=\"good\">(safe: <code>--fix</code> does)</span>"
    } else {
        ""
    };
    writeln!(out, "<p class=\"fix\"><strong>Fix:</strong> {}{safe}</p></td></tr></tbody>", Prose(entry.fix()))
}

fn code(out: &mut String, entry: &Entry<'_>) -> fmt::Result {
    let lines = &entry.detail.lines;
    if lines.iter().all(|line| line.before.is_empty() && line.marked.is_empty() && line.after.is_empty()) {
        return Ok(());
    }
    // Reached with the keyboard, since it may be wider than the page.
    write!(out, "<pre tabindex=\"0\" aria-label=\"the code\"><code>")?;
    for Line { number, before, marked, after, hit } in lines {
        let class = if *hit { " class=\"hit\"" } else { "" };
        write!(out, "<span{class} data-n=\"{number}\">{}", Escaped(before))?;
        if !marked.is_empty() {
            write!(out, "<mark>{}</mark>", Escaped(marked))?;
        }
        write!(out, "{}</span>", Escaped(after))?;
    }
    if entry.detail.more > 0 {
        write!(out, "<span data-n=\"\">… {} more lines</span>", entry.detail.more)?;
    }
    writeln!(out, "</code></pre>")
}
