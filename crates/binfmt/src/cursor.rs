//! Little-endian reads that cannot leave their bytes. Every format here reads through this; none indexes a slice.

/// A place in some bytes, which moves as it reads. `None` means that the bytes end before what was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'data> {
    bytes: &'data [u8],
    at: usize,
}

impl<'data> Cursor<'data> {
    pub(crate) fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A cursor at `offset`, which may lie outside: then every read says so.
    pub(crate) fn at(bytes: &'data [u8], offset: usize) -> Self {
        Self { bytes, at: offset }
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'data [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// The part of `bytes` that starts at `offset` and is `size` long, if all of it is there.
pub(crate) fn slice(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}

/// What lies before the first NUL, or everything.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stop_at_the_end() {
        let mut cursor = Cursor::new(&[1, 0, 2, 0, 0, 0, 3]);
        assert_eq!((cursor.u16(), cursor.u32(), cursor.u16()), (Some(1), Some(2), None));
        assert_eq!((cursor.u8(), cursor.u8()), (Some(3), None));
        assert_eq!(Cursor::at(&[1], usize::MAX).take(2), None);
        assert_eq!(Cursor::at(&[1], 7).u8(), None);
    }

    #[test]
    fn slices_stop_at_the_end() {
        assert_eq!(slice(b"abc", 1, 2), Some(b"bc".as_slice()));
        assert_eq!(slice(b"abc", 3, 0), Some(b"".as_slice()));
        assert_eq!(slice(b"abc", 2, 2), None);
        assert_eq!(slice(b"abc", u64::MAX, u64::MAX), None);
        assert_eq!((until_nul(b"ab\0c"), until_nul(b"ab")), (b"ab".as_slice(), b"ab".as_slice()));
    }
}
