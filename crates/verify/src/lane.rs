//! One of the two streams that are compared: read through a window, with the place in it, and what a report shows of it.

use std::io::{self, Read};

use crate::difference::{Excerpt, ReadError, Side};

/// How much is read at a time, in bytes.
const WINDOW: usize = 64 * 1024;
/// How much of a line a report shows before the place of a difference, and behind it, in bytes.
const SHOWN: usize = 60;

pub(crate) struct Lane<R> {
    reader: R,
    side: Side,
    buffer: Vec<u8>,
    /// What of `buffer` is not consumed: up to `end`.
    start: usize,
    end: usize,
    ended: bool,
    /// How many bytes were consumed.
    pub(crate) offset: u64,
    /// The line that the next byte is on, from 1.
    pub(crate) line: u64,
    /// How many bytes of it were consumed.
    column: u64,
    /// The last of those.
    shown: Vec<u8>,
    /// The last byte that was consumed.
    pub(crate) last: Option<u8>,
}

impl<R: Read> Lane<R> {
    pub(crate) fn new(reader: R, side: Side) -> Self {
        Self {
            reader,
            side,
            buffer: vec![0; WINDOW],
            start: 0,
            end: 0,
            ended: false,
            offset: 0,
            line: 1,
            column: 0,
            shown: Vec::new(),
            last: None,
        }
    }

    /// What comes next: at least `wanted` bytes (no more than half a window), or all that is left.
    pub(crate) fn next(&mut self, wanted: usize) -> Result<&[u8], ReadError> {
        while self.end - self.start < wanted && !self.ended {
            if self.buffer.len() - self.start < wanted || self.start == self.end {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError { side: self.side, source }),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Consumes bytes that [`Self::next`] showed.
    pub(crate) fn consume(&mut self, count: usize) {
        let taken = &self.buffer[self.start..self.start + count];
        let of_line = match memchr::memrchr(b'\n', taken) {
            Some(at) => {
                self.line += memchr::memchr_iter(b'\n', taken).count() as u64;
                self.column = 0;
                self.shown.clear();
                &taken[at + 1..]
            }
            None => taken,
        };
        self.column += of_line.len() as u64;
        self.shown.extend(&of_line[of_line.len().saturating_sub(SHOWN)..]);
        // Cut now and then rather than with each byte.
        if self.shown.len() > 4 * SHOWN {
            self.shown.drain(..self.shown.len() - SHOWN);
        }
        self.last = taken.last().copied().or(self.last);
        self.start += count;
        self.offset += count as u64;
    }

    /// The line that the next byte is on, as much as a report shows of it.
    pub(crate) fn excerpt(&mut self) -> Result<Excerpt, ReadError> {
        let column = self.column;
        let mut text = self.shown[self.shown.len().saturating_sub(SHOWN)..].to_vec();
        let cut_before = column > text.len() as u64;
        let mark = text.len();
        let next = self.next(SHOWN + 1)?;
        let rest = &next[..memchr::memchr(b'\n', next).unwrap_or(next.len())];
        text.extend(&rest[..rest.len().min(SHOWN)]);
        let cut_after = rest.len() > SHOWN;
        Ok(Excerpt { text, mark, cut_before, cut_after, column: column + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_known_whatever_was_consumed_at_once() {
        let text: Vec<u8> = (0..2000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        for step in [1, 7, 1000] {
            let mut lane = Lane::new(text.as_slice(), Side::Rebuilt);
            let mut left = 8890 + 3;
            while left > 0 {
                let count = step.min(left);
                assert!(lane.next(count).unwrap().len() >= count);
                lane.consume(count);
                left -= count;
            }
            let excerpt = lane.excerpt().unwrap();
            assert_eq!((lane.line, lane.offset, lane.last), (1001, 8893, Some(b'n')), "{step} at once");
            let expected = Excerpt {
                text: b"line 1000".to_vec(),
                mark: 3,
                cut_before: false,
                cut_after: false,
                column: 4,
            };
            assert_eq!(excerpt, expected);
        }
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = vec![b'x'; 300_000];
        let mut lane = Lane::new(text.as_slice(), Side::Original);
        for _ in 0..100 {
            assert!(lane.next(2000).unwrap().len() >= 2000);
            lane.consume(2000);
        }
        let excerpt = lane.excerpt().unwrap();
        assert_eq!((excerpt.text.len(), excerpt.mark, excerpt.column), (2 * SHOWN, SHOWN, 200_001));
        assert!(excerpt.cut_before && excerpt.cut_after);
    }
}
