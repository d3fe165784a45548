//! What a build said last, and where it first named errors: kept for a diagnosis, while all of it goes to the user.

use std::collections::VecDeque;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// How much of the end is kept, in bytes.
const TAIL: usize = 256 << 10;

/// How many lines that name an error are kept from before the tail, and how much of each.
const LINES: usize = 64;
const LINE: usize = 4 << 10;

/// By these words lines of compilers, linkers, make, ninja, CMake, shells and loaders are taken for errors; any case.
const WORDS: [&str; 15] = [
    "error",
    "fatal",
    "undefined reference",
    "undefined symbol",
    "not found",
    "no such file",
    "cannot find",
    "could not",
    "can't",
    "unable to",
    "failed",
    "unsupported",
    "unknown",
    "multiple definition",
    "no rule to make",
];

static PATTERN: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).build(WORDS).expect("a test searches with them")
});

/// The part of a build's output that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    errors: Vec<Vec<u8>>,
    tail: VecDeque<u8>,
    /// The line that has not ended yet, and whether it is too long to be kept whole.
    line: Vec<u8>,
    length: u64,
}

impl Output {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
        self.tail.extend(&bytes[bytes.len().saturating_sub(TAIL)..]);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if self.errors.len() < LINES && PATTERN.is_match(&line) {
            self.errors.push(line);
        }
    }

    /// How many bytes there were in all.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The last 256 KiB.
    pub fn tail(&self) -> String {
        let (one, other) = self.tail.as_slices();
        String::from_utf8_lossy(&[one, other].concat()).into_owned()
    }

    /// The first 64 lines that name an error, from all of the output.
    pub fn errors(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
    }

    /// What a diagnosis reads: the first errors, where the tail does not hold them any more, and the tail.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.length > self.tail.len() as u64 {
            for line in self.errors() {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text + &self.tail()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_errors_and_the_end_are_kept() {
        let mut output = Output::default();
        output.add(b"cc a.c\na.c:1: fatal ERR");
        output.add(b"OR: x.h: No such file\n");
        for _ in 0..50_000 {
            output.add(b"a line without much meaning\n");
        }
        output.add(b"make: *** [all] Error 1\n");
        assert_eq!(
            output.errors().collect::<Vec<_>>(),
            ["a.c:1: fatal ERROR: x.h: No such file", "make: *** [all] Error 1"]
        );
        let text = output.text();
        assert!(text.starts_with("a.c:1: fatal ERROR") && text.ends_with("Error 1\n"), "{}", &text[..80]);
        assert!(output.tail().len() == TAIL && output.length() > TAIL as u64);
    }

    #[test]
    fn endless_lines_do_not_fill_the_memory() {
        let mut output = Output::default();
        for _ in 0..1000 {
            output.add(&[b'x'; 10_000]);
        }
        assert!(output.line.len() <= LINE && output.tail.len() <= TAIL);
        output.add(b"\nerror\n");
        assert_eq!(output.errors().collect::<Vec<_>>(), ["error"]);
    }

    proptest::proptest! {
        #[test]
        fn a_short_output_is_kept_whole(parts in proptest::collection::vec("[a-z\n]{0,20}", 0..9)) {
            let mut output = Output::default();
            parts.iter().for_each(|part| output.add(part.as_bytes()));
            proptest::prop_assert_eq!(output.text(), parts.concat());
        }
    }
}
