//! A build's log: the lines that a pattern fits, and CMake's errors as wholes.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memchr_iter, memmem, memrchr};
use regex::{Captures, Regex};

use super::rows::{Row, rows};
use crate::place::Place;

/// Nothing that a tool says of an error is behind this of its line; a compiler's command may be.
const LONGEST: usize = 4 << 10;
/// An error of CMake has no more lines than this.
const ERROR_LINES: usize = 60;

/// A log.
pub(crate) struct Log<'a> {
    text: &'a [u8],
}

/// A message that a row fits.
pub(crate) struct Finding {
    pub(crate) row: &'static Row,
    /// The group `name`; empty where the pattern has none.
    pub(crate) name: String,
    /// The group `of`: the structure that a field belongs to.
    pub(crate) of: Option<String>,
    /// The line says that it is not a template.
    pub(crate) template: bool,
    pub(crate) place: Option<Place>,
    /// From 1.
    pub(crate) line: usize,
}

/// The texts of all rows, with the rows of each; the last one, without rows, begins an error of CMake.
static TRIGGERS: LazyLock<(AhoCorasick, Vec<Vec<usize>>)> = LazyLock::new(|| {
    let mut texts: Vec<&str> = rows().iter().flat_map(|row| &row.lines).map(String::as_str).collect();
    texts.sort_unstable();
    texts.dedup();
    let of = |text: &&str| {
        let has = |row: &Row| row.lines.iter().any(|line| line == text);
        rows().iter().enumerate().filter(|(_, row)| has(row)).map(|(index, _)| index).collect()
    };
    let mut indexes: Vec<Vec<usize>> = texts.iter().map(of).collect();
    texts.push(ERROR);
    indexes.push(Vec::new());
    (AhoCorasick::new(texts).expect("some hundred short texts are no large automaton"), indexes)
});

const ERROR: &str = "CMake Error";

impl<'a> Log<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    pub(crate) fn contains(&self, what: &str) -> bool {
        memmem::find(self.text, what.as_bytes()).is_some()
    }

    /// In the log's order.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let (automaton, indexes) = &*TRIGGERS;
        let mut findings = Vec::new();
        let (mut counted, mut number) = (0, 1);
        // The line that was looked at last, and the rows that were tried on it.
        let mut tried: (usize, Vec<usize>) = (usize::MAX, Vec::new());
        for found in automaton.find_overlapping_iter(self.text) {
            let start = memrchr(b'\n', &self.text[..found.start()]).map_or(0, |end| end + 1);
            if start != tried.0 {
                tried = (start, Vec::new());
            }
            if start > counted {
                number += memchr_iter(b'\n', &self.text[counted..start]).count();
                counted = start;
            }
            let rows_here = &indexes[found.pattern().as_usize()];
            // An index beyond the rows stands for CMake's errors.
            if rows_here.is_empty() && !tried.1.contains(&usize::MAX) {
                tried.1.push(usize::MAX);
                findings.extend(self.error(start, number));
            }
            for index in rows_here {
                if !tried.1.contains(index) {
                    tried.1.push(*index);
                    findings.extend(self.try_line(&rows()[*index], start, number));
                }
            }
        }
        findings.sort_by_key(|finding| finding.line);
        findings
    }

    fn try_line(&self, row: &'static Row, start: usize, line: usize) -> Option<Finding> {
        let end = memchr(b'\n', &self.text[start..]).map_or(self.text.len(), |end| start + end);
        let text = plain(&self.text[start..end.min(start + LONGEST)]);
        if !row.also.is_empty() && !row.also.iter().any(|also| self.contains(also)) {
            return None;
        }
        let captures = row.patterns().iter().find_map(|pattern| pattern.captures(&text))?;
        Some(finding(row, &captures, place(&text), line))
    }

    /// An error of CMake, its lines joined, since CMake breaks them where it likes.
    fn error(&self, start: usize, number: usize) -> Option<Finding> {
        let lines: Vec<Cow<'_, str>> = self.text[start..]
            .split(|byte| *byte == b'\n')
            .take(ERROR_LINES)
            .enumerate()
            .take_while(|(index, line)| *index == 0 || continues(line))
            .map(|(_, line)| plain(&line[..line.len().min(LONGEST)]))
            .collect();
        let text = lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ");
        rows().iter().filter(|row| row.errors).find_map(|row| {
            let captures = row.patterns().iter().find_map(|pattern| pattern.captures(&text))?;
            Some(finding(row, &captures, cmake_place(&lines), number))
        })
    }
}

fn continues(line: &[u8]) -> bool {
    line.is_empty() || line.starts_with(b" ") || line.starts_with(b"\r") || line.starts_with(b"Call Stack")
}

fn finding(row: &'static Row, captures: &Captures<'_>, place: Option<Place>, line: usize) -> Finding {
    let group = |name| captures.name(name).map(|group| group.as_str().trim().to_owned());
    let template = captures.get_match().as_str().contains("is not a template");
    Finding { row, name: group("name").unwrap_or_default(), of: group("of"), template, place, line }
}

static COLOUR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*[mK]").expect("a constant pattern"));

/// Without colours, with straight quotes: gcc's are curly in a locale that has them.
fn plain(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if text.is_ascii() && !text.contains(['\x1b', '`', '\r']) {
        return text;
    }
    let text = COLOUR.replace_all(&text, "");
    Cow::Owned(text.replace(['‘', '’', '`'], "'").trim_end().to_owned())
}

static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([^\s:()][^:()]{0,400}?)(?::(\d+)(?::\d+)?|\((\d+)\)): ").expect("a constant pattern")
});

fn place(line: &str) -> Option<Place> {
    let captures = PLACE.captures(line)?;
    let number = captures.get(2).or_else(|| captures.get(3))?;
    Some(Place { path: captures[1].into(), line: number.as_str().parse().ok()? })
}

static CMAKE_PLACE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:CMake Error at|\s+)\s*([^\s:][^:]*):(\d+) \(").expect("a constant pattern")
});

/// The project's own line: the error's, or the nearest in its call stack that is not one of CMake's modules, nor a copy of one.
fn cmake_place(lines: &[Cow<'_, str>]) -> Option<Place> {
    let places = lines.iter().filter_map(|line| {
        let captures = CMAKE_PLACE.captures(line)?;
        Some(Place { path: captures[1].into(), line: captures[2].parse().ok()? })
    });
    let own: Vec<Place> = places.filter(|place| !is_module(place.path.as_str())).collect();
    let is_copy = |place: &Place| place.path.file_name().is_some_and(|name| name.starts_with("Find"));
    own.iter().find(|place| !is_copy(place)).or(own.first()).cloned()
}

/// CMake's own modules lie in `share/cmake-3.25/Modules`.
fn is_module(path: &str) -> bool {
    path.contains("/share/cmake") && path.contains("/Modules/")
}
