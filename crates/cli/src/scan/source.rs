//! The text around a finding, kept while the file is at hand: lines as they are shown, with the range marked.

use std::collections::BTreeMap;

use cuferry_scan::Finding;

use crate::words::visible;

/// Lines kept before and after those of a finding.
const AROUND: usize = 3;
/// Lines of a long range that are kept.
const MARKED: usize = 8;
/// Characters kept of a long line: before the range, of it, and after it.
const BEFORE: usize = 100;
const RANGE: usize = 200;
const AFTER: usize = 100;
/// Spaces that a tab becomes.
const TAB: &str = "    ";

/// What is kept of the text for one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    /// The lines of the finding and those around it.
    pub(crate) lines: Vec<Line>,
    /// Lines of the range beyond those kept.
    pub(crate) more: usize,
    /// The first line without white space at its ends: what tells the finding from others, wherever it moves.
    pub(crate) key: String,
    /// Where each edit of the fix is.
    pub(crate) edits: Vec<Span>,
}

/// A line as it is shown: control characters visible, tabs as spaces, a long one clipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) before: String,
    /// What belongs to the finding; empty in lines around it.
    pub(crate) marked: String,
    pub(crate) after: String,
    /// Whether the finding is in this line, though it may mark no character of it.
    pub(crate) hit: bool,
}

/// A range by lines and columns, both from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
}

/// What to keep of `bytes` for each of its findings.
pub(crate) fn details(bytes: &[u8], findings: &[Finding]) -> Vec<Detail> {
    if findings.is_empty() {
        return Vec::new();
    }
    let text = Text::new(bytes);
    findings.iter().map(|finding| text.detail(finding)).collect()
}

/// A file's bytes, and where its lines begin.
struct Text<'a> {
    bytes: &'a [u8],
    starts: Vec<usize>,
}

impl<'a> Text<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(index, _)| index + 1));
        Self { bytes, starts: starts.filter(|start| *start < bytes.len() || *start == 0).collect() }
    }

    /// The line of a byte, from 0.
    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// A line's first byte and the one after its last, without its end.
    fn bounds(&self, line: usize) -> (usize, usize) {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(self.bytes.len());
        let text = &self.bytes[start..end];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        (start, start + text.len())
    }

    fn detail(&self, finding: &Finding) -> Detail {
        let size = self.bytes.len();
        let start = finding.place.start.min(size);
        let end = finding.place.end.clamp(start, size);
        let first = self.line_of(start);
        // A range that ends with a line's end has nothing of the next one.
        let last = self.line_of(if end > start { end - 1 } else { end });
        let kept = last.min(first + MARKED - 1);
        let around = if kept < last { kept } else { (last + AROUND).min(self.starts.len() - 1) };
        let lines = (first.saturating_sub(AROUND)..=around).map(|line| {
            let hit = (first..=last).contains(&line);
            let range = if hit { start..end } else { 0..0 };
            self.shown(line, range, hit)
        });
        let (from, to) = self.bounds(first);
        let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
        Detail {
            lines: lines.collect(),
            more: last - kept,
            key: String::from_utf8_lossy(&self.bytes[from..to]).trim().to_owned(),
            edits: edits.map(|edit| self.span(edit.start, edit.end)).collect(),
        }
    }

    fn shown(&self, line: usize, range: std::ops::Range<usize>, hit: bool) -> Line {
        let (start, end) = self.bounds(line);
        let from = range.start.clamp(start, end);
        let to = range.end.clamp(from, end);
        let text = |from: usize, to: usize| readable(&self.bytes[from..to]);
        if !hit {
            let before = clip_end(&text(start, end), BEFORE + AFTER);
            return Line { number: line + 1, before, ..Line::default() };
        }
        Line {
            number: line + 1,
            before: clip_start(&text(start, from), BEFORE),
            marked: clip_end(&text(from, to), RANGE),
            after: clip_end(&text(to, end), AFTER),
            hit,
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let (line, column) = self.position(start);
        let (end_line, end_column) = self.position(end.max(start));
        Span { line, column, end_line, end_column }
    }

    fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.bytes.len());
        let line = self.line_of(offset);
        let column = String::from_utf8_lossy(&self.bytes[self.starts[line]..offset]).chars().count();
        (line + 1, column + 1)
    }
}

fn readable(bytes: &[u8]) -> String {
    visible(&String::from_utf8_lossy(bytes).replace('\t', TAB))
}

fn clip_end(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((index, _)) => format!("{}…", &text[..index]),
        None => text.to_owned(),
    }
}

fn clip_start(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    format!("…{}", text.chars().skip(count - most).collect::<String>())
}

/// A number for each of the texts that tells equal ones apart, by their order.
pub(crate) fn occurrences<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut seen: BTreeMap<K, usize> = BTreeMap::new();
    let mut number = |key| {
        let count = seen.entry(key).or_default();
        *count += 1;
        *count
    };
    keys.map(&mut number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a range: `>` and the marked part in brackets, or the text alone.
    fn lines(text: &[u8], start: usize, end: usize) -> Vec<String> {
        let text = Text::new(text);
        let first = text.line_of(start);
        let last = text.line_of(end.saturating_sub(1).max(start));
        (first..=last)
            .map(|line| {
                let line = text.shown(line, start..end, true);
                format!("{}:{}[{}]{}", line.number, line.before, line.marked, line.after)
            })
            .collect()
    }

    #[test]
    fn marks_a_range_in_its_lines() {
        assert_eq!(lines(b"one two\nthree", 4, 7), ["1:one [two]"]);
        assert_eq!(lines(b"one two\r\nthree\n", 4, 14), ["1:one [two]", "2:[three]"]);
        assert_eq!(lines(b"", 0, 0), ["1:[]"]);
        assert_eq!(lines(b"a\xffb\tc", 3, 4), ["1:a\u{fffd}b[    ]c"]);
        assert_eq!(lines(b"a\n", 1, 1), ["1:a[]"]);
    }

    #[test]
    fn counts_columns_in_characters() {
        let text = Text::new("ä\nöü x\n".as_bytes());
        assert_eq!(text.position(3), (2, 1));
        assert_eq!(text.position(8), (2, 4));
        assert_eq!(text.position(99), (2, 6));
    }

    #[test]
    fn clips_long_lines_at_both_sides_of_the_range() {
        let long = "x".repeat(5000);
        let text = format!("{long}HERE{long}");
        let text = Text::new(text.as_bytes());
        let line = text.shown(0, 5000..5004, true);
        assert_eq!(line.marked, "HERE");
        assert_eq!(line.before.chars().count(), BEFORE + 1);
        assert!(line.before.starts_with('…') && line.after.ends_with('…'));
    }

    #[test]
    fn equal_texts_are_numbered() {
        assert_eq!(occurrences(["a", "b", "a", "a"].into_iter()), [1, 1, 2, 3]);
    }
}
