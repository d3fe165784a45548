//! Program headers: what of a file is loaded, and where.

use crate::cursor::Cursor;
use crate::sections::{Header, Sections};

/// `p_type`: a part of the file that is loaded.
pub const PT_LOAD: u32 = 1;

/// One program header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// `p_type`: 1 is `PT_LOAD`.
    pub kind: u32,
    /// `p_flags`
    pub flags: u32,
    /// `p_offset`, in bytes from the start of the file.
    pub offset: u64,
    /// `p_vaddr`
    pub address: u64,
    /// `p_filesz`, in bytes.
    pub size: u64,
}

impl<'data> Sections<'data> {
    /// Program headers, as many as lie in the file.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + use<'data> {
        let sections = *self;
        let Header { class, segments_offset, segment_size, segment_count, .. } = sections.header;
        let fits = segments_offset != 0 && segment_size == if class == 2 { 56 } else { 32 };
        let count = if fits { segment_count } else { 0 };
        (0..u64::from(count)).map_while(move |index| {
            let offset = segments_offset.checked_add(index * u64::from(segment_size))?;
            segment(Cursor::at(sections.bytes, usize::try_from(offset).ok()?), class)
        })
    }
}

fn segment(mut cursor: Cursor<'_>, class: u8) -> Option<Segment> {
    let kind = cursor.u32()?;
    if class == 2 {
        let flags = cursor.u32()?;
        let (offset, address, _physical, size) = (cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?);
        return Some(Segment { kind, flags, offset, address, size });
    }
    let (offset, address, _physical, size) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let _in_memory = cursor.u32()?;
    let flags = cursor.u32()?;
    Some(Segment { kind, flags, offset: offset.into(), address: address.into(), size: size.into() })
}

/// `PT_LOAD` segments, by which addresses of the running program become places in the file.
pub(crate) struct Loads {
    /// By address.
    segments: Vec<Segment>,
}

impl Loads {
    pub(crate) fn of(sections: &Sections<'_>) -> Self {
        let mut segments: Vec<Segment> =
            sections.segments().filter(|segment| segment.kind == PT_LOAD).collect();
        segments.sort_unstable_by_key(|segment| segment.address);
        Self { segments }
    }

    /// The place in the file of what is loaded at an address, in bytes. None for what no file content is loaded at.
    pub(crate) fn offset_of(&self, address: u64) -> Option<u64> {
        let behind = self.segments.partition_point(|segment| segment.address <= address);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        let distance = address - segment.address;
        if distance < segment.size { segment.offset.checked_add(distance) } else { None }
    }
}
