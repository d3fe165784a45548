//! Charts of the page: tables whose rows hold a bar beside the numbers, so that they are read as well as seen.

use std::fmt::{self, Write as _};

use super::super::report::{Report, Tally};

/// The chart by kind and the one by effort.
pub(super) fn section(out: &mut String, report: &Report) -> fmt::Result {
    let mut kinds: Vec<(&str, Tally)> =
        report.by_kind().into_iter().map(|(kind, tally)| (kind.name(), tally)).collect();
    kinds.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.all()), *name));
    let efforts: Vec<(&str, Tally)> =
        report.by_effort().into_iter().map(|(effort, tally)| (effort.time(), tally)).collect();
    writeln!(
        out,
        "<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">By kind and by effort</h2>\n<div class=\"charts\">"
    )?;
    chart(out, "Findings by kind", "kind", &kinds)?;
    chart(out, "Findings by the effort that each asks", "effort", &efforts)?;
    writeln!(out, "</div>\n<ul class=\"legend\">")?;
    for severity in ["error", "warning", "note"] {
        let square = format!(
            "<svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"{severity}\" width=\"1\" height=\"1\"/></svg>"
        );
        writeln!(out, "<li>{square}{severity}</li>")?;
    }
    writeln!(out, "</ul>\n</section>")
}

fn chart(out: &mut String, caption: &str, heading: &str, rows: &[(&str, Tally)]) -> fmt::Result {
    let most = rows.iter().map(|(_, tally)| tally.all()).max().unwrap_or(1).max(1);
    writeln!(
        out,
        "<table class=\"chart\">\n<caption>{caption}</caption>\n<thead class=\"hidden\"><tr><th scope=\"col\">{heading}</th>\
         <th scope=\"col\">share</th><th scope=\"col\">findings</th></tr></thead>\n<tbody>"
    )?;
    for (name, tally) in rows {
        writeln!(
            out,
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td class=\"number\">{}</td></tr>",
            bar(tally, most),
            tally.all()
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

/// A bar of three parts, `most` being the whole width.
fn bar(tally: &Tally, most: u64) -> String {
    let words = format!("{} errors, {} warnings, {} notes", tally.errors, tally.warnings, tally.notes);
    let mut svg = format!(
        "<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{words}\"><title>{words}</title>"
    );
    let mut sum = 0;
    for (class, count) in [("error", tally.errors), ("warning", tally.warnings), ("note", tally.notes)] {
        let from = sum * 1000 / most;
        sum += count;
        // What there is of something is seen, however little it is.
        let width = (sum * 1000 / most - from).max(4);
        if count > 0 {
            let _ = write!(svg, "<rect class=\"{class}\" x=\"{from}\" width=\"{width}\" height=\"10\"/>");
        }
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_bar_lie_side_by_side() {
        let svg = bar(&Tally { errors: 1, warnings: 0, notes: 3, files: 1 }, 8);
        assert!(svg.contains("<rect class=\"error\" x=\"0\" width=\"125\""), "{svg}");
        assert!(svg.contains("<rect class=\"note\" x=\"125\" width=\"375\""), "{svg}");
        assert!(!svg.contains("rect class=\"warning\""), "{svg}");
        assert!(svg.contains("1 errors, 0 warnings, 3 notes"), "{svg}");
    }
}
