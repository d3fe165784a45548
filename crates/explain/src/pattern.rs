//! A text with gaps, and where it stands in another.

use std::ops::Range;

use crate::text::{is_word, normalize};

/// How far apart the parts on both sides of a `*` may stand, in bytes: a path or a name, not a paragraph. It also bounds
/// the time that a hostile text can cost.
const GAP: usize = 200;

/// A text to look for, normalised: segments that stand one after another, with gaps between them.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    segments: Vec<Vec<Part>>,
    /// The part that is looked for first, the longest text: its segment, and its place there.
    anchor: (usize, usize),
    /// Whether a word may go on beyond the ends.
    open: (bool, bool),
}

/// What stands without a gap behind what is before it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `#`: digits, with points between them.
    Number,
}

impl Pattern {
    /// From the notation of the data files. `None` when it holds no text of at least two bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = normalize(text);
        let segments: Vec<Vec<Part>> =
            text.split('*').filter(|segment| !segment.is_empty()).map(parts).collect();
        let places = segments
            .iter()
            .enumerate()
            .flat_map(|(segment, parts)| (0..parts.len()).map(move |part| (segment, part)));
        let length = |(segment, part): &(usize, usize)| segments[*segment][*part].text().len();
        // `max_by_key` takes the last of equals; the first is the rarer one, since ends of messages are alike.
        let anchor = places.rev().max_by_key(length).filter(|anchor| length(anchor) >= 2)?;
        Some(Self { segments, anchor, open: (text.starts_with('*'), text.ends_with('*')) })
    }

    /// The text that a search looks for first.
    pub(crate) fn anchor(&self) -> &str {
        self.segments[self.anchor.0][self.anchor.1].text()
    }

    /// How much of it is text: the measure of how much a match says.
    pub(crate) fn weight(&self) -> usize {
        self.segments.iter().flatten().map(|part| part.text().len()).sum()
    }

    /// Where all of it stands in the normalised `text`, given a place of the anchor.
    pub(crate) fn around(&self, text: &str, at: usize) -> Option<Range<usize>> {
        let bytes = text.as_bytes();
        let (own, part) = self.anchor;
        let mut start =
            self.segments[own][..part].iter().rev().try_fold(at, |end, part| part.before(bytes, end))?;
        let mut end = forward(&self.segments[own][part..], bytes, at)?;
        for segment in self.segments[..own].iter().rev() {
            let length: usize = segment.iter().map(|part| part.text().len()).sum();
            let earliest = start.saturating_sub(GAP + length);
            let fits = |from: &usize| forward(segment, bytes, *from).is_some_and(|end| end <= start);
            start = (earliest..start).rev().find(fits)?;
        }
        for segment in &self.segments[own + 1..] {
            let latest = (end + GAP).min(bytes.len());
            end = (end..=latest).find_map(|from| forward(segment, bytes, from))?;
        }
        let splits = |at: usize| {
            let word = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
            word(bytes[..at].last()) && word(bytes.get(at))
        };
        let whole = (self.open.0 || !splits(start)) && (self.open.1 || !splits(end));
        whole.then_some(start..end)
    }
}

/// A segment's texts and numbers.
fn parts(segment: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for (index, text) in segment.split('#').enumerate() {
        if index > 0 {
            parts.push(Part::Number);
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
    }
    parts
}

/// Where the parts end that begin at `from`.
fn forward(parts: &[Part], bytes: &[u8], from: usize) -> Option<usize> {
    parts.iter().try_fold(from, |at, part| part.after(bytes, at))
}

impl Part {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number => "",
        }
    }

    /// Where it ends, if it begins at `at`.
    fn after(&self, bytes: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Text(text) => bytes[at..].starts_with(text.as_bytes()).then(|| at + text.len()),
            Self::Number => {
                let run = bytes[at..].iter().take_while(|byte| is_number(**byte)).count();
                // A point at its end is the sentence's.
                let points = bytes[at..at + run].iter().rev().take_while(|byte| **byte == b'.').count();
                (run > points && bytes[at] != b'.').then(|| at + run - points)
            }
        }
    }

    /// Where it begins, if it ends at `end`.
    fn before(&self, bytes: &[u8], end: usize) -> Option<usize> {
        match self {
            Self::Text(text) => bytes[..end].ends_with(text.as_bytes()).then(|| end - text.len()),
            Self::Number => {
                let run = bytes[..end].iter().rev().take_while(|byte| is_number(**byte)).count();
                // A point at its start belongs to what stands before: `libcudart.so.12`.
                let points = bytes[end - run..end].iter().take_while(|byte| **byte == b'.').count();
                (run > points).then(|| end - run + points)
            }
        }
    }
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: Option<&str>) {
        let parsed = Pattern::parse(pattern).expect("it holds a text");
        let text = normalize(text);
        let found = text.match_indices(parsed.anchor()).find_map(|(at, _)| parsed.around(&text, at));
        assert_eq!(found.map(|range| &text[range]), expected, "`{pattern}` in `{text}`");
    }

    #[test]
    fn finds_texts_with_gaps() {
        check(
            "Exec format error",
            "bash: ./a: cannot execute: exec FORMAT  error",
            Some("exec format error"),
        );
        check(
            "version `GLIBC_#' not found",
            "libc.so.6: version `GLIBC_2.38' not found",
            Some("version 'glibc_2.38' not found"),
        );
        check(
            "cannot find -l*: no such",
            "ld: cannot find -lcudart: No such file",
            Some("cannot find -lcudart: no such"),
        );
        check("libx.so.#: gone", "libx.so.11.0: gone", Some("libx.so.11.0: gone"));
        check("needs #. then", "needs 11.0. then", Some("needs 11.0. then"));
        check("/cuda-#/*: gone", "/cuda-10.2/bin/nvcc: gone", Some("/cuda-10.2/bin/nvcc: gone"));
        check("needs # of *end", "needs 12 of the end", Some("needs 12 of the end"));
        check("* is not compatible", "sm_121 is not compatible", Some(" is not compatible"));
    }

    #[test]
    fn a_word_is_a_whole_word() {
        check("no error", "no errors", None);
        check("no error*", "no errors", Some("no error"));
        check("error", "terror", None);
        check("-mcpu=*", "gcc -mcpu=native", Some("-mcpu="));
    }

    #[test]
    fn a_gap_is_not_a_paragraph_and_a_number_is_a_number() {
        check("first*second", &format!("first {} second", "x".repeat(GAP + 9)), None);
        check(
            "first*second",
            &format!("first {} second", "x".repeat(GAP - 9)),
            Some(&format!("first {} second", "x".repeat(GAP - 9))),
        );
        check("cuda >= #", "cuda >= new", None);
    }

    #[test]
    fn a_pattern_without_text_is_none() {
        for text in ["", "*", "#*#", "a", " * "] {
            assert!(Pattern::parse(text).is_none(), "`{text}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(pattern in "[a-c*# ]{0,12}", text in "[a-c0-2. é]{0,40}", at in 0_usize..40) {
            if let Some(pattern) = Pattern::parse(&pattern) {
                let text = normalize(&text);
                for (at, _) in text.match_indices(pattern.anchor()).skip(at % 3) {
                    let _ = pattern.around(&text, at);
                }
            }
        }
    }
}
