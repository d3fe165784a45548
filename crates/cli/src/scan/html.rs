//! A report as one page for a browser: no network, no fonts, and a few lines of script, without which only the filter is
//! missing. Nothing of a source or a file name reaches the page unescaped, and the page's policy lets nothing but its own
//! script run.

mod chart;
mod table;

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cuferry_digest::Digest;
use cuferry_scan::{Rule, Severity};

use super::report::{Report, Tally};
use super::text::grouped;
use crate::words::{counted, visible};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The report as a page.
pub(crate) fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &Report) -> fmt::Result {
    let title = title(report);
    let hash = |text: &str| STANDARD.encode(Digest::of(text).as_bytes());
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
         script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'\">",
        hash(STYLE),
        hash(SCRIPT)
    )?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    // An icon of its own, or the browser would ask a server for one.
    writeln!(out, "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>", Escaped(&title))?;
    writeln!(out, "<style>{STYLE}</style>\n</head>\n<body>")?;
    writeln!(out, "<a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n<header>")?;
    writeln!(out, "<h1>{}</h1>", Escaped(&title))?;
    writeln!(out, "<p>{}</p>\n</header>\n<main>", verdict(report))?;
    summary(out, report)?;
    if report.summary.findings > 0 {
        chart::section(out, report)?;
        rules(out, report)?;
    }
    table::section(out, report)?;
    explanations(out, report)?;
    unread(out, report)?;
    writeln!(out, "</main>\n<footer>")?;
    writeln!(
        out,
        "<p>Written by cuferry {}. <code>cuferry explain ID</code> says more of a rule; \
         <code>cuferry scan --format json</code> gives the same to programs.</p>",
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(out, "</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>")
}

fn title(report: &Report) -> String {
    match report.named.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["."] => "From ARM to x86_64: what was found".to_owned(),
        names => format!("From ARM to x86_64: what was found in {}", names.join(", ")),
    }
}

/// The answer in a sentence.
fn verdict(report: &Report) -> String {
    let number = |severity| usize::try_from(report.count(severity)).unwrap_or(usize::MAX);
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    let answer = match (errors, warnings) {
        (0, 0) => "<strong class=\"good\">Nothing was found that stops the move.</strong>".to_owned(),
        (0, warnings) => format!(
            "<strong class=\"warning\">Nothing was found that stops a build,</strong> and {} may compute something else, or be slow.",
            counted(warnings, "place", "places")
        ),
        (errors, _) => format!(
            "<strong class=\"error\">{} will not build or not run on x86_64 as {}.</strong>",
            counted(errors, "place", "places"),
            if errors == 1 { "it is" } else { "they are" }
        ),
    };
    match report.fixable() {
        0 => answer,
        fixable => format!(
            "{answer} {} a safe fix: <code>cuferry scan --diff</code> shows what <code>--fix</code> would write.",
            counted(fixable, "finding has", "findings have")
        ),
    }
}

fn summary(out: &mut String, report: &Report) -> fmt::Result {
    let summary = &report.summary;
    let tiles = [
        ("errors", "error", report.count(Severity::Error)),
        ("warnings", "warning", report.count(Severity::Warning)),
        ("notes", "note", report.count(Severity::Note)),
        ("with a safe fix", "good", report.fixable() as u64),
        ("files with findings", "", summary.files_with_findings),
        ("files searched", "", summary.searched),
        ("lines searched", "", summary.lines),
    ];
    writeln!(
        out,
        "<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n<dl class=\"tiles\">"
    )?;
    for (name, class, count) in tiles {
        // No colour for what there is none of.
        let class =
            if count == 0 || class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        writeln!(out, "<div><dt>{name}</dt><dd{class}>{}</dd></div>", grouped(count))?;
    }
    writeln!(out, "</dl>")?;
    if summary.dead > 0 {
        let dead = usize::try_from(summary.dead).unwrap_or(usize::MAX);
        let dead = counted(dead, "place lies", "places lie");
        writeln!(
            out,
            "<p class=\"soft\">{dead} in code that is not compiled for x86_64, and is not counted.</p>"
        )?;
    }
    writeln!(
        out,
        "<p class=\"soft\">An error stops a build or a run; a warning may mean other results, or less speed; of a note \
         cuferry or the other machine takes care.</p>\n</section>"
    )
}

fn rules(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(
        out,
        "<section aria-labelledby=\"rules\">\n<h2 id=\"rules\">What it is about</h2>\n<table class=\"rules\">\n\
         <thead><tr><th scope=\"col\">rule</th><th scope=\"col\">what</th><th scope=\"col\">severity</th>\
         <th scope=\"col\" class=\"wide\">effort of each</th><th scope=\"col\" class=\"number\">findings</th>\
         <th scope=\"col\" class=\"number wide\">files</th></tr></thead>\n<tbody>"
    )?;
    for (rule, tally) in report.rules_by_weight() {
        let severity = gravest(&tally);
        writeln!(
            out,
            "<tr><td><a href=\"#{id}\">{id}</a></td><td>{}</td><td class=\"{severity}\">{severity}</td>\
             <td class=\"wide\">{}</td><td class=\"number\">{}</td><td class=\"number wide\">{}</td></tr>",
            Prose(&rule.title),
            rule.effort.time(),
            tally.all(),
            tally.files,
            id = Escaped(rule.id.as_str()),
        )?;
    }
    writeln!(out, "</tbody>\n</table>\n</section>")
}

fn gravest(tally: &Tally) -> &'static str {
    let severity = match tally {
        Tally { errors: 1.., .. } => Severity::Error,
        Tally { warnings: 1.., .. } => Severity::Warning,
        _ => Severity::Note,
    };
    severity.name()
}

fn explanations(out: &mut String, report: &Report) -> fmt::Result {
    let found = report.rules_found();
    if found.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"explanations\">\n<h2 id=\"explanations\">Explanations</h2>")?;
    for rule in found.iter().filter_map(|id| report.rules.get(id)) {
        explanation(out, rule)?;
    }
    writeln!(out, "</section>")
}

fn explanation(out: &mut String, rule: &Rule) -> fmt::Result {
    let id = Escaped(rule.id.as_str());
    writeln!(
        out,
        "<article class=\"why\" id=\"{id}\" tabindex=\"-1\">\n<h3>{id}: {}</h3>",
        Prose(&rule.title)
    )?;
    let severity = rule.severity.name();
    writeln!(
        out,
        "<p class=\"soft\">{} · <span class=\"{severity}\">{severity}</span> · effort of each: {}</p>",
        rule.kind.name(),
        rule.effort.time()
    )?;
    writeln!(out, "<p>{}</p>\n<p><strong>What to do:</strong> {}</p>", Prose(&rule.cause), Prose(&rule.fix))?;
    if !rule.source.is_empty() {
        writeln!(out, "<p class=\"soft\">From: {}</p>", Prose(&rule.source))?;
    }
    writeln!(out, "</article>")
}

fn unread(out: &mut String, report: &Report) -> fmt::Result {
    let unread = report.unread.iter().map(|(path, why)| (path.as_str(), format!("not read: {why}")));
    let all: Vec<_> = unread.chain(report.troubled()).collect();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"unread\">\n<h2 id=\"unread\">Not searched, or not wholly</h2>\n<ul>"
    )?;
    for (path, why) in all {
        writeln!(out, "<li><code>{}</code> {}</li>", Escaped(path), Escaped(&why))?;
    }
    writeln!(out, "</ul>\n</section>")
}

/// Text of any origin as HTML: in elements and in quoted attributes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in visible(self.0).chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The same, with what stands in backticks as code.
struct Prose<'a>(&'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<&str> = self.0.split('`').collect();
        // A backtick without its pair is a character as any other.
        let rest = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
        for (index, part) in parts.iter().enumerate() {
            let part = Escaped(part);
            if index % 2 == 1 { write!(f, "<code>{part}</code>")? } else { write!(f, "{part}")? }
        }
        rest.map_or(Ok(()), |rest| write!(f, "`{}", Escaped(rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(Escaped("<a b=\"c\">'&").to_string(), "&lt;a b=&quot;c&quot;&gt;&#39;&amp;");
        assert_eq!(Escaped("a\u{202e}\n").to_string(), "a&lt;U+202E&gt;␊");
    }

    #[test]
    fn backticks_become_code() {
        assert_eq!(Prose("use `<x>`, not `y`").to_string(), "use <code>&lt;x&gt;</code>, not <code>y</code>");
        assert_eq!(Prose("a ` b").to_string(), "a ` b");
        assert_eq!(Prose("`a` ` b").to_string(), "<code>a</code> ` b");
        assert_eq!(Prose("").to_string(), "");
    }
}
