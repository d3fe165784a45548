//! The report of a comparison, for people.

use std::fmt::Write as _;
use std::path::Path;

use cuferry_run::attended::End;
use cuferry_verify::{Cause, Deviation, Difference, Entry, Excerpt, Side, Spot, Tolerance, TreeDifference};
use unicode_width::UnicodeWidthStr as _;

use crate::progress::bytes;
use crate::verify::{Compared, Outcome, What};
use crate::words::{counted, visible, wrap};

/// How many differences are told of one by one.
const TOLD: usize = 20;

pub(crate) fn text(outcome: &Outcome, width: usize) -> String {
    let mut out = if outcome.is_same() { same(outcome, width) } else { different(outcome, width) };
    out.push('\n');
    for (name, ran) in [("rebuilt", &outcome.rebuilt), ("original", &outcome.original)] {
        out.push_str(&wrap(&format!("{}: {}", ran.program, ran.way), &format!("{name:<8}  "), width));
    }
    out
}

/// What was the same, and how much it was.
fn same(outcome: &Outcome, width: usize) -> String {
    let mut parts = vec![end(outcome.rebuilt.end)];
    for compared in &outcome.compared {
        let stream = match compared.what {
            What::Output => "standard output",
            What::Error => "standard error",
            What::File(_) => continue,
        };
        parts.push(format!("{stream} ({})", bytes(compared.comparison.original_bytes)));
    }
    let files = || outcome.compared.iter().filter(|compared| matches!(compared.what, What::File(_)));
    let size = files().map(|compared| compared.comparison.original_bytes).sum();
    if files().count() > 0 {
        parts.push(format!("{} ({})", counted(files().count(), "file", "files"), bytes(size)));
    }
    let changes = outcome.original.changes;
    for (count, what) in [(changes.removed, "removed"), (changes.untouched, "untouched")] {
        if count > 0 {
            parts.push(format!("{} {what}", counted(count, "file", "files")));
        }
    }
    let mut out = wrap(&parts.join(", "), "same      ", width);
    if let Some(tolerance) = outcome.tolerance {
        let numbers: u64 = outcome.compared.iter().map(|compared| compared.comparison.numbers).sum();
        let largest = match largest(outcome, tolerance) {
            None => "all equal".to_owned(),
            Some((compared, values, spot)) => {
                format!("at most {}, {}", apart(values), place(&compared.what, spot))
            }
        };
        let text = format!("{numbers} pairs, {largest}; {}", allowed(Some(tolerance)));
        out.push_str(&wrap(&text, "numbers   ", width));
    }
    out
}

/// The pair of numbers that takes most of what is allowed, of all that was compared.
fn largest(outcome: &Outcome, tolerance: Tolerance) -> Option<(&Compared, &Deviation, Spot)> {
    let pairs = outcome.compared.iter().filter_map(|compared| {
        let (values, spot) = compared.comparison.largest.as_ref()?;
        Some((compared, values, *spot))
    });
    pairs.max_by(|(_, left, _), (_, right, _)| tolerance.share(left).total_cmp(&tolerance.share(right)))
}

fn different(outcome: &Outcome, width: usize) -> String {
    let mut told = Vec::new();
    if !outcome.ends_the_same() {
        let (rebuilt, original) = (end(outcome.rebuilt.end), end(outcome.original.end));
        told.push(wrap(&format!("{rebuilt}; the original: {original}"), "- the end: ", width));
    }
    let tolerance = outcome.tolerance;
    for compared in &outcome.compared {
        if let Some(difference) = &compared.comparison.difference {
            told.push(told_of(&compared.what, difference, tolerance, width));
        }
    }
    told.extend(outcome.trees.iter().map(|difference| wrap(&in_kind(difference), "- ", width)));
    let all = outcome.compared.len() + outcome.trees.len() + 1;
    let mut out = format!("different: {} of {all} compared\n", told.len());
    let more = told.len().saturating_sub(TOLD);
    out.extend(told.into_iter().take(TOLD));
    if more > 0 {
        let _ = writeln!(out, "- {more} more: `--format json` tells of each");
    }
    out
}

fn told_of(what: &What, difference: &Difference, tolerance: Option<Tolerance>, width: usize) -> String {
    let name = name(what);
    let ends = |side: &Side| format!("the {side} program's ends here");
    match difference {
        Difference::Text { line, cause, rebuilt, original } => {
            let cause = match cause {
                Cause::Text => "the text differs".to_owned(),
                Cause::Number(values) => format!("{}; {}", apart(values), allowed(tolerance)),
                Cause::Ends(side) => ends(side),
            };
            let mut out = wrap(&format!("{name}, line {line}: {cause}"), "- ", width);
            out.push_str(&line_of("rebuilt", rebuilt));
            out.push_str(&line_of("original", original));
            out
        }
        Difference::Binary { offset, rebuilt, original } => {
            let cause = match (rebuilt, original) {
                (Some(rebuilt), Some(original)) => {
                    format!("{rebuilt:#04x}, and the original's is {original:#04x}")
                }
                (None, _) => ends(&Side::Rebuilt),
                (_, None) => ends(&Side::Original),
            };
            wrap(&format!("{name}, byte {offset}: {cause}"), "- ", width)
        }
        Difference::Element { index, values } => {
            let cause = format!("{}; {}", apart(values), allowed(tolerance));
            wrap(&format!("{name}, element {index}: {cause}"), "- ", width)
        }
        Difference::Length { elements, longer } => {
            let cause = match longer {
                Some(side) => format!("only the {side} program's goes on"),
                None => "what is left is less than an element, and differs".to_owned(),
            };
            wrap(&format!("{name}, after {elements} elements: {cause}"), "- ", width)
        }
    }
}

/// A line with a mark below the place.
fn line_of(side: &str, excerpt: &Excerpt) -> String {
    let show = |bytes: &[u8]| visible(&String::from_utf8_lossy(bytes));
    let dots = |cut: bool| if cut { "…" } else { "" };
    let (before, rest) = excerpt.text.split_at(excerpt.mark);
    let before = format!("{}{}", dots(excerpt.cut_before), show(before));
    let rest = format!("{}{}", show(rest), dots(excerpt.cut_after));
    let indent = " ".repeat(before.width());
    format!("    {side:<8}  {before}{rest}\n    {:<8}  {indent}^ column {}\n", "", excerpt.column)
}

fn in_kind(difference: &TreeDifference) -> String {
    match difference {
        TreeDifference::Only { path, side, entry } => {
            format!("{}: only the {side} program left this {}", file(path), kind(entry))
        }
        TreeDifference::Kind { path, rebuilt, original } => {
            format!("{}: a {}, and the original left a {}", file(path), kind(rebuilt), kind(original))
        }
    }
}

fn kind(entry: &Entry) -> String {
    match entry {
        Entry::Folder => "folder".to_owned(),
        Entry::File => "file".to_owned(),
        Entry::Link(to) => format!("link to {}", file(to)),
        Entry::Other => "pipe, socket or device".to_owned(),
    }
}

fn name(what: &What) -> String {
    match what {
        What::Output => "standard output".to_owned(),
        What::Error => "standard error".to_owned(),
        What::File(path) => file(path),
    }
}

fn place(what: &What, spot: Spot) -> String {
    match spot {
        Spot::Line(line) => format!("on line {line} of {}", name(what)),
        Spot::Element(index) => format!("in element {index} of {}", name(what)),
    }
}

fn file(path: &Path) -> String {
    format!("`{}`", visible(&path.to_string_lossy()))
}

pub(crate) fn end(end: End) -> String {
    match end {
        End::Code(code) => format!("exit code {code}"),
        End::Signal(signal) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("ended by {name}"),
            None => format!("ended by signal {signal}"),
        },
        End::OutOfTime => "not ended in its time".to_owned(),
        End::CalledOff => "called off".to_owned(),
    }
}

fn apart(values: &Deviation) -> String {
    let Deviation { rebuilt, original, absolute, relative } = *values;
    let both = format!("{} and {}", number(rebuilt), number(original));
    if absolute == 0.0 {
        return format!("{both} are not the same bit for bit");
    }
    if !absolute.is_finite() {
        return format!("{both} are no neighbours");
    }
    format!("{both} lie {absolute:.2e} apart, {relative:.2e} of the larger")
}

fn allowed(tolerance: Option<Tolerance>) -> String {
    let Some(tolerance) = tolerance else { return "no deviation is allowed".to_owned() };
    match (tolerance.relative(), tolerance.absolute()) {
        (relative, 0.0) => format!("allowed: {} of the larger", number(relative)),
        (0.0, absolute) => format!("allowed: {} apart", number(absolute)),
        (relative, absolute) => {
            format!("allowed: {} of the larger, or {} apart", number(relative), number(absolute))
        }
    }
}

/// Short, and yet exact: `0.25`, `1e-9`.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-4..1e15).contains(&magnitude) || !value.is_finite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}
