//! Bytes that lie somewhere: in memory or in a file, whole or a part, read as needed.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::map::{self, Mapping};
use crate::origin::Reservation;

/// Content up to this, in bytes, is read rather than mapped: that is as fast, and no signal can come of it.
const READ_INSTEAD: usize = 64 * 1024;

/// What spans are parts of.
#[derive(Debug)]
pub(crate) enum Source {
    Memory(Vec<u8>),
    File {
        file: File,
        /// Of content that we unpacked ourselves.
        _room: Option<Reservation>,
    },
}

/// A part of a source. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    source: Arc<Source>,
    /// In bytes from the start of the source.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
}

impl Span {
    /// All of a vector.
    pub(crate) fn of_memory(bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        Self { source: Arc::new(Source::Memory(bytes)), offset: 0, length }
    }

    /// All of a file, as long as it is now.
    pub(crate) fn of_file(file: File, room: Option<Reservation>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { source: Arc::new(Source::File { file, _room: room }), offset: 0, length })
    }

    /// A part, unless it would reach beyond the end.
    pub(crate) fn slice(&self, offset: u64, length: u64) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| Self {
            source: Arc::clone(&self.source),
            offset: self.offset + offset,
            length,
        })
    }

    /// Tells two parts of different sources apart, too.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (Arc::as_ptr(&self.source).addr() as u64, self.offset)
    }

    /// Reads some bytes at `offset`; 0 at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        if count == 0 {
            return Ok(0);
        }
        match &*self.source {
            Source::Memory(bytes) => {
                let bytes = memory(bytes, self.offset + offset, count as u64)?;
                buffer[..count].copy_from_slice(bytes);
                Ok(count)
            }
            Source::File { file, .. } => loop {
                match file.read_at(&mut buffer[..count], self.offset + offset) {
                    // The file was longer when it was opened.
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result,
                }
            },
        }
    }

    /// The first bytes, at most `length` of them. They are read, not mapped.
    pub(crate) fn head(&self, length: usize) -> io::Result<Cow<'_, [u8]>> {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX).min(length);
        if let Source::Memory(bytes) = &*self.source {
            return Ok(Cow::Borrowed(memory(bytes, self.offset, length as u64)?));
        }
        let mut bytes = vec![0; length];
        let mut done = 0;
        while done < length {
            done += self.read_at(done as u64, &mut bytes[done..])?;
        }
        Ok(Cow::Owned(bytes))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> io::Result<Bytes<'_>> {
        let length = usize::try_from(self.length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        match &*self.source {
            Source::Memory(bytes) => Ok(Bytes(Repr::Borrowed(memory(bytes, self.offset, self.length)?))),
            Source::File { .. } if length <= READ_INSTEAD => {
                Ok(Bytes(Repr::Owned(self.head(length)?.into_owned())))
            }
            Source::File { file, .. } => {
                Ok(Bytes(Repr::Map { mapping: map::map(file, self.offset, length)?, _span: None }))
            }
        }
    }

    /// All of it, of a source that nothing else needs.
    pub(crate) fn into_bytes(self) -> io::Result<Bytes<'static>> {
        Ok(Bytes(match self.bytes()?.0 {
            Repr::Borrowed(_) | Repr::Memory(_) => Repr::Memory(self),
            Repr::Owned(bytes) => Repr::Owned(bytes),
            Repr::Map { mapping, .. } => Repr::Map { mapping, _span: Some(self) },
        }))
    }

    /// Reads from start to end, `capacity` bytes at a time.
    pub(crate) fn reader(&self, capacity: usize) -> SpanReader<'_> {
        SpanReader { span: self, offset: 0, buffer: Vec::new(), start: 0, capacity }
    }
}

/// A part of memory, which is there: spans are made by [`Span::slice`] alone.
fn memory(bytes: &[u8], offset: u64, length: u64) -> io::Result<&[u8]> {
    let index = |value| usize::try_from(value).ok();
    let part = offset.checked_add(length).and_then(|end| bytes.get(index(offset)?..index(end)?));
    part.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// A buffered reader of a span.
#[derive(Debug)]
pub(crate) struct SpanReader<'a> {
    span: &'a Span,
    /// Of the next byte that the buffer doesn't have.
    offset: u64,
    buffer: Vec<u8>,
    /// Of the buffer's first byte that was not handed out yet.
    start: usize,
    capacity: usize,
}

impl SpanReader<'_> {
    /// Passes over bytes without reading them. Returns over how many, fewer only at the end.
    pub(crate) fn skip(&mut self, count: u64) -> u64 {
        let buffered = self.buffer.len() - self.start;
        if let Ok(count) = usize::try_from(count)
            && count <= buffered
        {
            self.start += count;
            return count as u64;
        }
        self.start = self.buffer.len();
        let beyond = count - buffered as u64;
        let passed = beyond.min(self.span.length - self.offset);
        self.offset += passed;
        buffered as u64 + passed
    }
}

impl Read for SpanReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.buffer.len() && buffer.len() >= self.capacity {
            let count = self.span.read_at(self.offset, buffer)?;
            self.offset += count as u64;
            return Ok(count);
        }
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for SpanReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.buffer.len() {
            self.start = 0;
            self.buffer.resize(self.capacity, 0);
            let result = self.span.read_at(self.offset, &mut self.buffer);
            let count = *result.as_ref().unwrap_or(&0);
            self.buffer.truncate(count);
            self.offset += result? as u64;
        }
        Ok(&self.buffer[self.start..])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }
}

/// The content of a file: borrowed from memory, read, or mapped for as long as this lives.
#[derive(Debug)]
pub struct Bytes<'a>(Repr<'a>);

#[derive(Debug)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
    Memory(Span),
    Map {
        mapping: Mapping,
        /// What it is a map of, if that is there for this alone: the room that unpacked content takes is given back with
        /// it.
        _span: Option<Span>,
    },
}

impl Bytes<'_> {
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self(Repr::Owned(bytes))
    }

    /// Tells that a range is not needed any more: its pages count for this process no longer. It can still be read.
    pub fn forget(&self, range: Range<usize>) {
        if let Repr::Map { mapping, .. } = &self.0 {
            mapping.forget(range);
        }
    }

    /// A copy, or the vector itself where there is one.
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Repr::Owned(bytes) => bytes,
            _ => self.to_vec(),
        }
    }
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Owned(bytes) => bytes,
            Repr::Memory(span) => match &*span.source {
                Source::Memory(bytes) => memory(bytes, span.offset, span.length).unwrap_or_default(),
                Source::File { .. } => &[],
            },
            Repr::Map { mapping, .. } => mapping,
        }
    }
}

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn both(bytes: &[u8]) -> [Span; 2] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        [Span::of_memory(bytes.to_vec()), Span::of_file(file, None).unwrap()]
    }

    #[test]
    fn a_span_stays_inside() {
        for span in both(b"0123456789") {
            let part = span.slice(2, 5).unwrap();
            assert_eq!(&*part.bytes().unwrap(), b"23456");
            assert_eq!(&*part.head(3).unwrap(), b"234");
            assert_eq!(&*part.head(30).unwrap(), b"23456");
            assert_eq!(&*part.slice(1, 2).unwrap().bytes().unwrap(), b"34");
            assert!(part.slice(1, 5).is_none() && part.slice(u64::MAX, 2).is_none());
            assert!(part.slice(5, 0).unwrap().bytes().unwrap().is_empty());
        }
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let span = Span::of_file(file.try_clone().unwrap(), None).unwrap();
        assert_eq!(span.bytes().unwrap().len(), 1 << 20);
        file.set_len(1000).unwrap();
        assert_eq!(span.bytes().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(span.head(2000).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(span.head(1000).unwrap().len(), 1000);
    }

    proptest! {
        #[test]
        fn reading_and_skipping_agree_with_a_slice(steps in prop::collection::vec((any::<bool>(), 0_usize..40), 0..30), capacity in 1_usize..20) {
            let bytes: Vec<u8> = (0..200).collect();
            for span in both(&bytes) {
                let span = span.slice(10, 180).unwrap();
                let mut reader = span.reader(capacity);
                let mut rest = &bytes[10..190];
                for (skip, count) in &steps {
                    if *skip {
                        let skipped = usize::try_from(reader.skip(*count as u64)).unwrap();
                        prop_assert_eq!(skipped, rest.len().min(*count));
                        rest = &rest[skipped..];
                    } else {
                        let mut buffer = vec![0; *count];
                        let read = reader.read(&mut buffer).unwrap();
                        prop_assert!(read > 0 || *count == 0 || rest.is_empty());
                        prop_assert_eq!(&buffer[..read], &rest[..read]);
                        rest = &rest[read..];
                    }
                }
            }
        }
    }
}
