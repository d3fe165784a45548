//! Lines and columns of byte offsets, and excerpts of text.

use camino::Utf8Path;

use crate::Place;

/// The longest excerpt, in characters.
const EXCERPT: usize = 200;

/// Where the lines of a text start.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn new(source: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', source).map(|at| at + 1));
        Self { starts }
    }

    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|start| *start <= offset)).unwrap_or(u32::MAX)
    }

    /// The first byte of the line of a byte.
    pub(crate) fn start_of_line(&self, offset: usize) -> usize {
        self.starts[self.starts.partition_point(|start| *start <= offset).saturating_sub(1)]
    }

    pub(crate) fn place(&self, path: &Utf8Path, source: &[u8], start: usize, end: usize) -> Place {
        let column = |at: usize| {
            let text = String::from_utf8_lossy(&source[self.start_of_line(at)..at]);
            u32::try_from(text.chars().count() + 1).unwrap_or(u32::MAX)
        };
        Place {
            path: path.to_owned(),
            line: self.line(start),
            column: column(start),
            end_line: self.line(end),
            end_column: column(end),
            start,
            end,
        }
    }
}

/// Text for people: one line, at most [`EXCERPT`] characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    // A character has at most four bytes, and blanks may go.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT * 8)]);
    let mut out = String::new();
    for word in text.replace("\\\n", " ").split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    match out.char_indices().nth(EXCERPT) {
        Some((end, _)) => out[..end].to_owned(),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = "aß\nçx y\n".as_bytes();
        let lines = Lines::new(source);
        let place = lines.place("a.c".into(), source, 6, 7);
        assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 2, 2, 3));
    }

    #[test]
    fn excerpts_are_one_short_line() {
        assert_eq!(excerpt(b"#if A \\\n   || B"), "#if A || B");
        assert_eq!(excerpt(&[b'x'; 5000]).chars().count(), 200);
        assert_eq!(excerpt(b"a\xff"), "a\u{fffd}");
    }
}
