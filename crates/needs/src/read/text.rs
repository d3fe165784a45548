//! A file's text: without its comments, with its lines, and with the conditions that surround each place.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use memchr::memchr_iter;

use super::condition::{self, Conditions};
use super::file_kind::Kind;
use super::mask;
use crate::place::{Place, When};

/// A file that is being read.
pub(crate) struct Text<'a> {
    path: &'a Utf8Path,
    pub(crate) kind: Kind,
    /// As it is on disk.
    pub(crate) raw: &'a [u8],
    code: OnceCell<Vec<u8>>,
    lines: OnceCell<Vec<usize>>,
    conditions: OnceCell<Conditions>,
}

impl<'a> Text<'a> {
    pub(crate) fn new(path: &'a Utf8Path, kind: Kind, raw: &'a [u8]) -> Self {
        let (code, lines, conditions) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { path, kind, raw, code, lines, conditions }
    }

    pub(crate) fn path(&self) -> &'a Utf8Path {
        self.path
    }

    pub(crate) fn folder(&self) -> Utf8PathBuf {
        self.path.parent().unwrap_or(Utf8Path::new("")).to_owned()
    }

    /// The same bytes at the same places, with blanks for comments and for what C's string literals hold.
    pub(crate) fn code(&self) -> &[u8] {
        self.code.get_or_init(|| mask::mask(self.kind, self.raw))
    }

    /// The place of an offset.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.starts().partition_point(|start| *start <= offset);
        Place { path: self.path.to_owned(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }

    /// When the build has what stands at an offset; none where it never does.
    pub(crate) fn when(&self, offset: usize) -> Option<When> {
        self.conditions.get_or_init(|| condition::conditions(self.kind, self.code())).at(offset)
    }

    /// A piece of the text, for people.
    pub(crate) fn words(&self, range: Range<usize>) -> String {
        words(&self.raw[range])
    }

    fn starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            std::iter::once(0).chain(memchr_iter(b'\n', self.raw).map(|end| end + 1)).collect()
        })
    }
}

/// Bytes as one line for people: blanks joined, ends cut, and not longer than a line of a report.
pub(crate) fn words(bytes: &[u8]) -> String {
    const LONGEST: usize = 120;
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.retain(|char| !char.is_control());
    if words.chars().count() > LONGEST {
        words = words.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_lines() {
        let text = Text::new(Utf8Path::new("a/Makefile"), Kind::Make, b"one\ntwo\n\nthree");
        assert_eq!(text.place(0).line, 1);
        assert_eq!(text.place(3).line, 1);
        assert_eq!(text.place(4).line, 2);
        assert_eq!(text.place(12).line, 4);
        assert_eq!(text.folder(), "a");
        assert_eq!(words(b"  a \n\tb\xff "), "a b\u{fffd}");
        assert_eq!(words(&[b'x'; 500]).chars().count(), 120);
    }
}
