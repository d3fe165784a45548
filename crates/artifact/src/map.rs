//! Memory maps of files: the one place with `unsafe` in it.
//!
//! A file that another program cuts short while it is mapped kills the reader by SIGBUS; nothing in user space can rule
//! that out. So: ranges are checked against the file's length right before they are mapped, small content is read
//! instead, headers are always read, a map lives no longer than the [`crate::Bytes`] it belongs to, and our own unpacked
//! content lies in files that no other program can name.

#![expect(unsafe_code, reason = "mapping a file is unsafe by nature")]

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};

/// A part of a file, for reading.
#[derive(Debug)]
pub(crate) struct Mapping(Mmap);

/// Maps `length` bytes at `offset`, if the file has them.
pub(crate) fn map(file: &File, offset: u64, length: usize) -> io::Result<Mapping> {
    let end = offset.checked_add(length as u64).ok_or(io::ErrorKind::InvalidInput)?;
    if file.metadata()?.len() < end {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the bytes are only ever seen as `&[u8]`, never as a type that some bytes would be invalid for, and the range
    // lies inside the file now. What stays is the race that the module's comment tells of: a file cut short later ends the
    // process by a signal, and one written to later shows its new bytes. Parsers take every length from the bytes once,
    // and check it, so other bytes than a moment ago give other answers, not other memory.
    let map = unsafe { MmapOptions::new().offset(offset).len(length).map(file) }?;
    Ok(Mapping(map))
}

impl Mapping {
    /// Drops the pages of a range from this process. Whoever reads there again has them read from the file again.
    pub(crate) fn forget(&self, range: Range<usize>) {
        // The library checks start and length, not their sum.
        let end = range.end.min(self.0.len());
        let start = range.start.min(end);
        // SAFETY: the range lies in this map. It is a shared map of a file, for reading alone: no change is lost with the
        // pages, and the file gives the same bytes again. That it fails costs memory, nothing else.
        let _ = unsafe { self.0.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
