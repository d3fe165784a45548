//! A report for people: what matters most with its source line, then the counts, then what to do next.

mod blocks;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cuferry_scan::Effort;
use unicode_width::UnicodeWidthStr as _;

use self::blocks::{Block, blocks, shown};
use super::report::{Entry, Report, Tally};
use super::source::Line;
use crate::words::{counted, visible, wrap};

/// Further places of the same rule that are named.
const PLACES: usize = 6;
/// Lines of a finding that are shown.
const LINES: usize = 3;
/// Paths named of those that were not read.
const PATHS: usize = 10;

/// The report as text.
pub(crate) fn render(report: &Report, verbose: bool, width: usize) -> String {
    let mut out = String::new();
    if let Some(base) = &report.base {
        let _ = writeln!(out, "in {base}:\n");
    }
    let blocks = blocks(report, verbose);
    let shown = shown(&blocks, verbose);
    let mut explained: BTreeSet<&str> = BTreeSet::new();
    for block in shown.iter().map(|index| &blocks[*index]) {
        let first_of_rule = explained.insert(block.first[0].rule.id.as_str());
        render_block(&mut out, block, first_of_rule, verbose, width);
    }
    render_repair(&mut out, report, width);
    render_unread(&mut out, report, verbose, width);
    render_summary(&mut out, report);
    let total: usize = blocks.iter().map(|block| block.findings).sum();
    let hidden = total - shown.iter().map(|index| blocks[*index].findings).sum::<usize>();
    render_next(&mut out, report, hidden, width);
    out
}

fn render_block(out: &mut String, block: &Block<'_>, first_of_rule: bool, verbose: bool, width: usize) {
    let first = block.first[0];
    let Entry { finding, detail, rule } = first;
    let place = &finding.place;
    let more = match block.first.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more in this line"),
    };
    let remark = first.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
    let _ = writeln!(
        out,
        "{}:{}:{}: {}: {}{more}{} [{}]",
        visible(block.path),
        place.line,
        place.column,
        finding.severity.name(),
        visible(&finding.message),
        visible(&remark),
        finding.rule
    );
    let hits: Vec<&Line> = detail.lines.iter().filter(|line| line.hit && !is_empty(line)).collect();
    for line in hits.iter().take(LINES) {
        render_line(out, line, &block.first[1..], width);
    }
    let more = hits.len().saturating_sub(LINES) + detail.more;
    if more > 0 {
        let _ = writeln!(out, "        | … {}", counted(more, "more line", "more lines"));
    }
    if first.has_safe_fix() {
        out.push_str(&wrap(&format!("{} (`--fix` does)", visible(first.fix())), "    fix: ", width));
    } else if finding.fix.is_some() || first_of_rule {
        out.push_str(&wrap(&visible(first.fix()), "    fix: ", width));
    }
    if first_of_rule && verbose {
        let text = format!("{} Effort: {}.", sentence(&rule.cause), rule.effort.time());
        out.push_str(&wrap(&visible(&text), "    why: ", width));
    }
    if !block.also.is_empty() {
        out.push_str(&wrap(&visible(&places(block, verbose)), "    also: ", width));
    }
    out.push('\n');
}

/// `127:19, 130:4, src/other.c:12:3 and 4 more`.
fn places(block: &Block<'_>, verbose: bool) -> String {
    let most = if verbose { block.also.len() } else { PLACES };
    let mut path = block.path;
    let mut named = Vec::new();
    for (other, finding) in block.also.iter().take(most) {
        let place = &finding.place;
        let file = if *other == path { String::new() } else { format!("{other}:") };
        path = other;
        named.push(format!("{file}{}:{}", place.line, place.column));
    }
    match block.also.len().saturating_sub(most) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// `text` with a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn is_empty(line: &Line) -> bool {
    line.before.trim().is_empty() && line.marked.trim().is_empty() && line.after.trim().is_empty()
}

/// A source line, and a line that marks the range and those of the `others` in it. What comes before a range far to the
/// right is cut.
fn render_line(out: &mut String, line: &Line, others: &[Entry<'_>], width: usize) {
    let room = width.saturating_sub(11).max(20);
    let marked = cut_end(&line.marked, room);
    let before = cut_start(&line.before, room.saturating_sub(marked.width()).max(room / 3));
    let used = before.width() + marked.width();
    let after = cut_end(&line.after, room.saturating_sub(used));
    let text = format!("{before}{marked}{after}");
    let _ = writeln!(out, "{:>7} | {}", line.number, text.trim_end());
    // The blanks at the beginning of a further line of the range say nothing.
    let blanks = if before.is_empty() { marked.width() - marked.trim_start().width() } else { 0 };
    let from = before.width() + blanks;
    let mut marks = vec![(from, from + marked.trim_end().width().saturating_sub(blanks).max(1))];
    if before == line.before {
        let lines = others.iter().filter_map(|entry| entry.detail.lines.iter().find(|line| line.hit));
        // Where a line is clipped, it is not known how far to the right a range is.
        let known = lines.filter(|other| !other.before.starts_with('…'));
        marks.extend(known.map(|other| (other.before.width(), other.before.width() + other.marked.width())));
        marks.retain(|(_, to)| *to <= text.width());
    }
    let end = marks.iter().map(|(_, to)| *to).max().unwrap_or(0);
    let mark = |at| if marks.iter().any(|(from, to)| (*from..*to).contains(&at)) { '^' } else { ' ' };
    let _ = writeln!(out, "        | {}", (0..end).map(mark).collect::<String>());
}

fn cut_end(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut cut = String::new();
    for char in text.chars() {
        if cut.width() + 2 > room {
            break;
        }
        cut.push(char);
    }
    cut.push('…');
    cut
}

fn cut_start(text: &str, room: usize) -> String {
    let reversed: String = text.chars().rev().collect();
    cut_end(&reversed, room).chars().rev().collect()
}

fn render_repair(out: &mut String, report: &Report, width: usize) {
    let Some(repair) = &report.repair else { return };
    for fixed in &repair.fixed {
        let first = format!("{}:{}: fixed: ", visible(&fixed.path), fixed.line);
        let _ = writeln!(out, "{first}{} [{}]", visible(&fixed.description), fixed.rule);
    }
    for (path, why) in &repair.left {
        let _ = writeln!(out, "{}: not fixed: {why}", visible(path));
    }
    let fixed = counted(repair.fixed.len(), "finding", "findings");
    let mut text = match repair.fixed.len() {
        0 => "nothing was fixed: no finding has a safe fix".to_owned(),
        _ => format!("fixed {fixed} in {}; what follows is left", counted(repair.files(), "file", "files")),
    };
    if repair.fixed.is_empty() && !repair.left.is_empty() {
        "nothing was fixed".clone_into(&mut text);
    }
    if repair.waiting > 0 {
        let _ =
            write!(text, "; {} touch the same text: run it again", counted(repair.waiting, "fix", "fixes"));
    }
    out.push_str(&wrap(&text, "", width));
    out.push('\n');
}

fn render_unread(out: &mut String, report: &Report, verbose: bool, width: usize) {
    let unread = report.unread.iter().map(|(path, why)| format!("not read: {path}: {why}"));
    let troubled = report.troubled().map(|(path, why)| format!("not whole: {path} {why}"));
    let skipped = report.skipped.iter().map(|(path, why)| format!("passed over: {path}: {why}"));
    let mut lines: Vec<String> = unread.chain(troubled).collect();
    if verbose {
        lines.extend(skipped);
    }
    let most = if verbose { lines.len() } else { PATHS };
    for line in lines.iter().take(most) {
        out.push_str(&wrap(&visible(line), "", width));
    }
    if lines.len() > most {
        let _ = writeln!(out, "and {} more (--verbose names all)", lines.len() - most);
    }
    if !lines.is_empty() {
        out.push('\n');
    }
}

fn render_summary(out: &mut String, report: &Report) {
    let summary = &report.summary;
    let searched = usize::try_from(summary.searched).unwrap_or(usize::MAX);
    let files = counted(searched, "file", "files");
    let scope = format!("{files} searched, {} lines", grouped(summary.lines));
    if summary.findings == 0 {
        let dead = match summary.dead {
            0 => String::new(),
            dead => format!(" ({dead} in code that is not compiled for x86_64)"),
        };
        let _ = writeln!(out, "nothing found{dead}: {scope}");
        return;
    }
    let _ = writeln!(out, "{} in {} of {scope}", report.counts(), grouped(summary.files_with_findings));
    let _ = writeln!(
        out,
        "\n  {:<15}  {:>6}  {:>8}  {:>5}  {:>5}",
        "kind", "errors", "warnings", "notes", "files"
    );
    let mut kinds: Vec<_> = report.by_kind().into_iter().collect();
    let weight = |tally: &Tally| (tally.errors, tally.warnings, tally.notes);
    kinds.sort_by_key(|(kind, tally)| (std::cmp::Reverse(weight(tally)), *kind));
    let number = |count: u64| if count == 0 { "-".to_owned() } else { count.to_string() };
    for (kind, tally) in kinds {
        let _ = writeln!(
            out,
            "  {:<15}  {:>6}  {:>8}  {:>5}  {:>5}",
            kind.name(),
            number(tally.errors),
            number(tally.warnings),
            number(tally.notes),
            tally.files
        );
    }
    let efforts = report.by_effort().into_iter().map(|(effort, tally)| effort_words(effort, tally.all()));
    let _ = writeln!(out, "\n  effort of each: {}", efforts.collect::<Vec<_>>().join(", "));
}

/// `minutes (12)`.
fn effort_words(effort: Effort, count: u64) -> String {
    format!("{} ({count})", effort.time())
}

/// `92,113`.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn render_next(out: &mut String, report: &Report, hidden: usize, width: usize) {
    let mut steps = Vec::new();
    let paths = report.named.iter().map(|path| shell_word(path)).collect::<Vec<_>>().join(" ");
    let command = if paths == "." { "cuferry scan".to_owned() } else { format!("cuferry scan {paths}") };
    if hidden > 0 {
        let more = counted(hidden, "more finding", "more findings");
        steps.push(format!("{more}: `{command} --verbose`, or `{command} --format html --output scan.html`"));
    }
    if report.repair.is_none() && report.fixable() > 0 {
        let fixable = counted(report.fixable(), "finding has a safe fix", "findings have safe fixes");
        steps.push(format!("{fixable}: `{command} --diff` shows them, `{command} --fix` applies them"));
    }
    let rules = report.rules_by_weight();
    if let Some((rule, _)) = rules.iter().find(|(rule, _)| rule.id.as_str().starts_with("CF")) {
        steps.push(format!("`cuferry explain {}` says more of one", rule.id));
    }
    if report.summary.searched == 0 && report.unread.is_empty() {
        steps.push(if report.files_alone {
            "what was named is, by its name, no source and no build file: only these are read".to_owned()
        } else {
            "there is no source and no build file here, or .gitignore names them all: `--no-ignore` reads those"
                .to_owned()
        });
    }
    if !steps.is_empty() {
        out.push('\n');
    }
    for step in steps {
        out.push_str(&wrap(&step, "  -> ", width));
    }
}

/// A path as a shell takes it.
fn shell_word(path: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "/._-+=:,@%~".contains(char);
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 92113, 1_000_000].map(grouped),
            ["0", "999", "1,000", "92,113", "1,000,000"]
        );
    }

    #[track_caller]
    fn check(before: &str, marked: &str, after: &str, width: usize, expected: &str) {
        let line = Line {
            number: 7,
            before: before.to_owned(),
            marked: marked.to_owned(),
            after: after.to_owned(),
            hit: true,
        };
        let mut out = String::new();
        render_line(&mut out, &line, &[], width);
        assert_eq!(out, expected);
    }

    #[test]
    fn ranges_are_underlined() {
        check("int ", "x", ";", 80, "      7 | int x;\n        |     ^\n");
        check("漢字 ", "x", "", 80, "      7 | 漢字 x\n        |      ^\n");
        check("", "    more\u{20}", "", 80, "      7 |     more\n        |     ^^^^\n");
        check("", "", "rest", 80, "      7 | rest\n        | ^\n");
        let long = "y".repeat(100);
        check(
            &long,
            "HERE",
            &long,
            41,
            &format!("      7 | …{}HERE\n        | {}^^^^\n", "y".repeat(25), " ".repeat(26)),
        );
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(shell_word("~/robot-1"), "~/robot-1");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
