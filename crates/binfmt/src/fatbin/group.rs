//! Groups: `fatbinary --concat` of CUDA 13.4 and later packs images of one kind into one compressed stream, because
//! code for one GPU predicts code for the next.
//!
//! ```text
//! tail of the group's header: count u32, size of the table u32, then `count` entry headers, each with its tail
//! ```
//!
//! A member's header is an entry's, but at 4 stands its place in the unpacked stream instead of the header's size. So
//! a tail ends where its last text ends, with a NUL, at the next multiple of 8. Inferred from files of 13.5.

use crate::cursor::{Cursor, slice};
use crate::fatbin::entry::{Entry, EntryKind, FIXED, RawEntry, VERSION};
use crate::fatbin::{Compression, FatbinError, FatbinErrorKind};

/// A member's place in its group's unpacked payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Where it starts, in bytes.
    pub start: u64,
    /// The size of the whole group's payload, in bytes.
    pub of: u64,
}

/// A group's members, in its order. After one that is broken there are no more.
#[derive(Clone, Debug)]
pub struct Members<'data> {
    group: Entry<'data>,
    table: Option<&'data [u8]>,
    left: u32,
    next: usize,
}

impl<'data> Members<'data> {
    pub(crate) fn of(group: &Entry<'data>) -> Self {
        let mut members = Self { group: *group, table: None, left: 0, next: 0 };
        if group.kind != EntryKind::Group {
            return members;
        }
        members.left = 1;
        let start = (group.options_at as usize).checked_sub(FIXED);
        let read = |start| {
            let mut cursor = Cursor::at(group.tail, start);
            let (count, size) = (cursor.u32()?, cursor.u32()?);
            // The size counts these two words too.
            let table = slice(group.tail, start as u64, size.into())?;
            Some((count, table))
        };
        if let Some((count, table)) = start.and_then(read) {
            (members.left, members.table, members.next) = (count, Some(table), 8);
        }
        members
    }

    fn step(&mut self) -> Option<Entry<'data>> {
        let header = self.table?.get(self.next..)?;
        let raw = RawEntry::read(Cursor::new(header))?;
        let size = size_of_header(&raw, header)?;
        let inner = raw.entry(self.group.offset, header.get(..size)?).ok()?;
        let part = Part { start: raw.header_size.into(), of: self.group.size };
        let fits = part.start.checked_add(raw.padded_size).is_some_and(|end| end <= part.of);
        // A member that is compressed once more, or a group in a group, is not what fatbinary writes.
        let plain = inner.compression == Compression::None && inner.kind != EntryKind::Group;
        if raw.version != VERSION || !fits || !plain {
            return None;
        }
        self.next += size;
        Some(Entry {
            stored: self.group.stored,
            compression: self.group.compression,
            size: raw.padded_size,
            part: Some(part),
            ..inner
        })
    }
}

/// The fixed part and the tail, whose end only its texts tell.
fn size_of_header(raw: &RawEntry, header: &[u8]) -> Option<usize> {
    let after = |start: u32, size: u32| (start as usize).checked_add(size as usize)?.checked_add(1);
    let end = if raw.options_at != 0 {
        let mut record = Cursor::at(header, raw.options_at as usize);
        after(record.u32()?, record.u32()?)?
    } else if raw.identifier_at != 0 {
        after(raw.identifier_at, raw.identifier_size)?
    } else {
        FIXED
    };
    end.max(FIXED).checked_next_multiple_of(8)
}

impl<'data> Iterator for Members<'data> {
    type Item = Result<Entry<'data>, FatbinError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let entry = self.step();
        if entry.is_none() {
            self.left = 0;
        }
        Some(entry.ok_or_else(|| FatbinErrorKind::Group.at(self.group.offset)))
    }
}
