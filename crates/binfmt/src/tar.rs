//! The tar format (POSIX.1-2001, "ustar" and "pax", and GNU's long names), read from anything that yields bytes, with
//! limits on all that is kept. Content that nobody asks for is skipped: in a slice or a file that costs nothing.

use std::fmt;
use std::io::{self, Read};

use thiserror::Error;

/// Everything in a tar is padded to this, in bytes.
pub const BLOCK: usize = 512;
/// The most bytes of a long name or of pax records: what follows is a header, not content.
const MAX_EXTENSION: u64 = 1 << 20;

/// Bytes of padding after `size` bytes of content.
pub fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).expect("less than a block");
    if over == 0 { 0 } else { BLOCK - over }
}

/// Whether `start`, the first block of a file, is a tar's header.
pub fn is_header(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|block| check_sum(block).is_ok())
}

/// One entry; its content is read from the [`TarReader`] before the next one is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarEntry {
    /// As the tar has it. Names that are not UTF-8 are mended: they match nothing we look for.
    pub path: String,
    /// What it is.
    pub kind: TarKind,
    /// Permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u64,
    /// The owner's group.
    pub gid: u64,
    /// Of the content, in bytes.
    pub size: u64,
    /// Where the content starts, in bytes from the start of the tar.
    pub offset: u64,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TarKind {
    /// A regular file.
    File,
    /// Another name of a file, given by one of its names in the tar.
    Hardlink(String),
    /// A symbolic link and what it says.
    Symlink(String),
    /// A folder.
    Directory,
    /// A file kept without its holes, in GNU's old way or by pax records: its bytes in the tar are not its content.
    Sparse,
    /// Devices, pipes, and whatever else.
    Other,
}

/// A tar that can't be read, and where.
#[derive(Debug, Error)]
#[error("{kind} at offset {offset:#x} of the tar")]
pub struct TarError {
    /// In bytes, from the start of the (uncompressed) tar.
    pub offset: u64,
    /// What is wrong there.
    pub kind: TarErrorKind,
}

/// What is wrong in a tar.
#[derive(Debug)]
pub enum TarErrorKind {
    /// The stream ended, or could not be read or decompressed.
    Read(io::Error),
    /// A header whose checksum doesn't fit: not a tar, or a damaged one.
    Checksum,
    /// A number that is none.
    Number,
    /// A pax record without length, key or value.
    Pax,
    /// A name or a pax header larger than any real one.
    TooLarge,
}

impl fmt::Display for TarErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(formatter, "read failed ({error})"),
            Self::Checksum => write!(formatter, "header with a wrong checksum"),
            Self::Number => write!(formatter, "header with a malformed number"),
            Self::Pax => write!(formatter, "malformed pax record"),
            Self::TooLarge => write!(formatter, "name or pax header of more than a mebibyte"),
        }
    }
}

/// Reads entries one after another.
#[derive(Debug)]
pub struct TarReader<R> {
    reader: R,
    /// Passes over bytes; returns over how many, fewer only at the end.
    skip: fn(&mut R, u64) -> io::Result<u64>,
    offset: u64,
    /// What is left of the current entry's content.
    left: u64,
    padding: usize,
}

/// What pax records and GNU's long names say about the entry that follows.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    sparse: bool,
}

impl<'a> TarReader<&'a [u8]> {
    /// Of a tar in memory: only headers are looked at.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Self::with_skip(bytes, |bytes, count| {
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
            *bytes = &bytes[count..];
            Ok(count as u64)
        })
    }
}

impl<R: Read> TarReader<R> {
    /// Of a stream: what is skipped is read and dropped.
    pub fn new(reader: R) -> Self {
        Self::with_skip(reader, |reader, count| io::copy(&mut reader.take(count), &mut io::sink()))
    }

    /// Of a reader that has its own way to pass over bytes. `skip` returns over how many, fewer only at the end.
    pub fn with_skip(reader: R, skip: fn(&mut R, u64) -> io::Result<u64>) -> Self {
        Self { reader, skip, offset: 0, left: 0, padding: 0 }
    }

    /// The next entry, past whatever was not read of the current one.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator that failed would have to end, or be asked again"
    )]
    pub fn next(&mut self) -> Result<Option<TarEntry>, TarError> {
        let mut extension = Extension::default();
        loop {
            self.finish_entry()?;
            let start = self.offset;
            let mut block = [0; BLOCK];
            // Some writers leave the two blocks of zeros out: the end of the stream is an end, too.
            if !self.fill_or_end(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let fail = |kind| TarError { offset: start, kind };
            check_sum(&block).map_err(fail)?;
            let flag = block[156];
            let size = number(&block[124..136]).map_err(fail)?;
            match flag {
                b'x' | b'g' | b'L' | b'K' => {
                    self.open_content(size);
                    let content = self.content(MAX_EXTENSION)?;
                    match flag {
                        b'x' => extension.read_pax(&content).map_err(fail)?,
                        b'L' => extension.path = Some(until_nul(&content)),
                        b'K' => extension.link = Some(until_nul(&content)),
                        _ => {} // global records: comments, in practice
                    }
                }
                _ => {
                    let entry = read_entry(&block, size, &extension).map_err(fail)?;
                    if flag == b'S' && block[482] != 0 {
                        self.skip_sparse_headers()?;
                    }
                    // Links, devices, folders and pipes have no content, whatever their size says (pax, "typeflag").
                    self.open_content(if matches!(flag, b'1'..=b'6') { 0 } else { entry.size });
                    return Ok(Some(TarEntry { offset: self.offset, ..entry }));
                }
            }
        }
    }

    /// GNU's old sparse entries go on listing holes in blocks of their own, each of which says whether one more follows.
    fn skip_sparse_headers(&mut self) -> Result<(), TarError> {
        let mut block = [0; BLOCK];
        loop {
            if !self.fill_or_end(&mut block)? {
                return Err(self.error(TarErrorKind::Read(io::ErrorKind::UnexpectedEof.into())));
            }
            if block[504] == 0 {
                return Ok(());
            }
        }
    }

    fn open_content(&mut self, size: u64) {
        self.left = size;
        self.padding = padding(size);
    }

    /// Reads some of the current entry's content; 0 at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.read_some(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(self.error(TarErrorKind::Read(io::ErrorKind::UnexpectedEof.into())));
        }
        self.left -= count as u64;
        Ok(count)
    }

    /// The whole content of the current entry, if it is no larger than `limit`.
    pub fn content(&mut self, limit: u64) -> Result<Vec<u8>, TarError> {
        if self.left > limit {
            return Err(self.error(TarErrorKind::TooLarge));
        }
        let mut content = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.read(&mut buffer)? {
                0 => return Ok(content),
                count => content.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Reads on to the end of the stream, so that whoever counts or hashes below sees all of it.
    pub fn drain(mut self) -> Result<(), TarError> {
        let mut buffer = [0; 16 * 1024];
        while self.read_some(&mut buffer)? > 0 {}
        Ok(())
    }

    fn finish_entry(&mut self) -> Result<(), TarError> {
        let (left, padding) = (std::mem::take(&mut self.left), std::mem::take(&mut self.padding));
        self.pass(left)?;
        self.pass(padding as u64)
    }

    fn pass(&mut self, count: u64) -> Result<(), TarError> {
        if count == 0 {
            return Ok(());
        }
        let skipped =
            (self.skip)(&mut self.reader, count).map_err(|error| self.error(TarErrorKind::Read(error)))?;
        self.offset = self.offset.saturating_add(skipped);
        if skipped < count {
            return Err(self.error(TarErrorKind::Read(io::ErrorKind::UnexpectedEof.into())));
        }
        Ok(())
    }

    /// Fills `block`; false if the stream ends right here.
    fn fill_or_end(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        let mut done = 0;
        while done < BLOCK {
            match self.read_some(&mut block[done..])? {
                0 if done == 0 => return Ok(false),
                0 => return Err(self.error(TarErrorKind::Read(io::ErrorKind::UnexpectedEof.into()))),
                count => done += count,
            }
        }
        Ok(true)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        loop {
            match self.reader.read(buffer) {
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(TarErrorKind::Read(error))),
            }
        }
    }

    fn error(&self, kind: TarErrorKind) -> TarError {
        TarError { offset: self.offset, kind }
    }
}

impl Extension {
    fn read_pax(&mut self, mut records: &[u8]) -> Result<(), TarErrorKind> {
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ').ok_or(TarErrorKind::Pax)?;
            let digits = str::from_utf8(&records[..space]).map_err(|_| TarErrorKind::Pax)?;
            let length: usize = digits.parse().map_err(|_| TarErrorKind::Pax)?;
            let record = records.get(space + 1..length).ok_or(TarErrorKind::Pax)?;
            let record = record.strip_suffix(b"\n").ok_or(TarErrorKind::Pax)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(TarErrorKind::Pax)?;
            let value = String::from_utf8_lossy(&record[equals + 1..]).into_owned();
            let value_as_number = || value.parse().map(Some).map_err(|_| TarErrorKind::Number);
            match &record[..equals] {
                b"path" => self.path = Some(value),
                b"GNU.sparse.name" => {
                    self.path = Some(value);
                    self.sparse = true;
                }
                b"GNU.sparse.map" | b"GNU.sparse.major" | b"GNU.sparse.size" => self.sparse = true,
                b"linkpath" => self.link = Some(value),
                b"size" => self.size = value_as_number()?,
                b"uid" => self.uid = value_as_number()?,
                b"gid" => self.gid = value_as_number()?,
                _ => {}
            }
            records = &records[length..];
        }
        Ok(())
    }
}

/// The entry of a header, with what came before it; where its content lies only the reader knows.
fn read_entry(block: &[u8; BLOCK], size: u64, extension: &Extension) -> Result<TarEntry, TarErrorKind> {
    let link = || extension.link.clone().unwrap_or_else(|| until_nul(&block[157..257]));
    let path = extension.path.clone().unwrap_or_else(|| {
        let name = until_nul(&block[..100]);
        // Old GNU tars keep other things where POSIX has the prefix.
        let prefix = if block[257..263] == *b"ustar\0" { until_nul(&block[345..500]) } else { String::new() };
        if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
    });
    Ok(TarEntry {
        kind: match block[156] {
            b'0' | b'\0' | b'7' if extension.sparse => TarKind::Sparse,
            b'0' | b'\0' | b'7' if path.ends_with('/') => TarKind::Directory, // before POSIX
            b'0' | b'\0' | b'7' => TarKind::File,
            b'1' => TarKind::Hardlink(link()),
            b'2' => TarKind::Symlink(link()),
            b'5' => TarKind::Directory,
            b'S' => TarKind::Sparse,
            _ => TarKind::Other,
        },
        path,
        mode: u32::try_from(number(&block[100..108])? & 0o7777).expect("twelve bits"),
        uid: extension.uid.map_or_else(|| number(&block[108..116]), Ok)?,
        gid: extension.gid.map_or_else(|| number(&block[116..124]), Ok)?,
        size: extension.size.unwrap_or(size),
        offset: 0,
    })
}

fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Octal digits, or GNU's big-endian binary after a first byte of 0x80.
fn number(field: &[u8]) -> Result<u64, TarErrorKind> {
    if field[0] == 0x80 {
        return field[1..].iter().try_fold(0_u64, |value, byte| {
            let shifted = value.checked_mul(256).ok_or(TarErrorKind::Number)?;
            Ok(shifted + u64::from(*byte))
        });
    }
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    let text = str::from_utf8(text).map_err(|_| TarErrorKind::Number)?;
    if text.is_empty() { Ok(0) } else { u64::from_str_radix(text, 8).map_err(|_| TarErrorKind::Number) }
}

fn check_sum(block: &[u8; BLOCK]) -> Result<(), TarErrorKind> {
    let stated = number(&block[148..156]).map_err(|_| TarErrorKind::Checksum)?;
    let blank = |index| (148..156).contains(&index);
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(index, byte)| u64::from(if blank(index) { b' ' } else { *byte }))
        .sum();
    if sum == stated { Ok(()) } else { Err(TarErrorKind::Checksum) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(bytes: &[u8]) -> Result<Vec<TarEntry>, TarError> {
        fn all<R: Read>(mut reader: TarReader<R>) -> Result<Vec<TarEntry>, TarError> {
            let mut entries = Vec::new();
            while let Some(entry) = reader.next()? {
                entries.push(entry);
            }
            reader.drain()?;
            Ok(entries)
        }
        let read = all(TarReader::new(bytes));
        let skipped = all(TarReader::of_bytes(bytes));
        assert_eq!(format!("{read:?}"), format!("{skipped:?}"), "skipping finds what reading finds");
        read
    }

    /// A header whose fields are given by their offsets, with the right checksum.
    fn header(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[257..265].copy_from_slice(b"ustar\x0000");
        for (offset, value) in fields {
            block[*offset..offset + value.len()].copy_from_slice(value);
        }
        mend(&mut block);
        block
    }

    fn mend(block: &mut [u8]) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }

    fn sample(path: &str, target: &str, uid: u64) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut file = tar::Header::new_ustar();
        file.set_size(3);
        file.set_mode(0o755);
        let (owner, value) = ("uid", uid.to_string());
        builder.append_pax_extensions([("path", path.as_bytes()), (owner, value.as_bytes())]).unwrap();
        file.set_path("short").unwrap();
        file.set_cksum();
        builder.append(&file, &b"abc"[..]).unwrap();
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        builder.append_link(&mut link, "link", target).unwrap();
        let mut folder = tar::Header::new_gnu();
        folder.set_entry_type(tar::EntryType::Directory);
        folder.set_size(0);
        builder.append_data(&mut folder, "folder/", io::empty()).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn reads_gnu_long_names() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut gnu = tar::Header::new_gnu();
        gnu.set_size(2);
        gnu.set_mode(0o644);
        let path = format!("{}/file", "very-long/".repeat(30));
        builder.append_data(&mut gnu, &path, &b"hi"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        let mut reader = TarReader::new(bytes.as_slice());
        let entry = reader.next().unwrap().unwrap();
        assert_eq!(
            (entry.path.replace("//", "/"), entry.kind, entry.size),
            (path.replace("//", "/"), TarKind::File, 2)
        );
        assert_eq!(reader.content(10).unwrap(), b"hi");
        assert!(reader.next().unwrap().is_none());
    }

    #[track_caller]
    fn check_kind(flag: u8, expected: &TarKind) {
        // A size that is a lie for whatever has no content.
        let mut bytes = header(&[(0, b"name"), (156, &[flag]), (124, b"00000000003\0"), (157, b"target")]);
        if matches!(expected, TarKind::File | TarKind::Sparse) || flag == b'?' {
            bytes.extend([b'x'; BLOCK]);
        }
        bytes.extend(header(&[(0, b"next"), (156, b"0")]));
        let entries = entries(&bytes).unwrap();
        assert_eq!(entries[0].kind, *expected, "type `{}`", char::from(flag));
        assert_eq!(entries[1].path, "next", "type `{}`", char::from(flag));
    }

    #[test]
    fn knows_every_type() {
        check_kind(b'0', &TarKind::File);
        check_kind(b'\0', &TarKind::File);
        check_kind(b'7', &TarKind::File);
        check_kind(b'1', &TarKind::Hardlink("target".to_owned()));
        check_kind(b'2', &TarKind::Symlink("target".to_owned()));
        check_kind(b'3', &TarKind::Other);
        check_kind(b'4', &TarKind::Other);
        check_kind(b'5', &TarKind::Directory);
        check_kind(b'6', &TarKind::Other);
        check_kind(b'S', &TarKind::Sparse);
        check_kind(b'?', &TarKind::Other);
    }

    #[test]
    fn sparse_files_are_told_apart() {
        // GNU's old way: the list of holes goes on in two blocks of its own, then comes the content.
        let mut bytes = header(&[(0, b"holes"), (156, b"S"), (124, b"00000001000\0"), (482, b"\x01")]);
        bytes.extend([[0; 504].as_slice(), &[1; 8]].concat());
        bytes.extend([0; BLOCK]);
        bytes.extend([b'x'; BLOCK]);
        // And by pax records, as GNU tar --format=posix has it.
        let records = "22 GNU.sparse.major=1\n29 GNU.sparse.name=real/name\n";
        bytes.extend(header(&[
            (0, b"pax"),
            (156, b"x"),
            (124, format!("{:011o}\0", records.len()).as_bytes()),
        ]));
        bytes.extend(records.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes.extend(header(&[(0, b"GNUSparseFile.0/name"), (156, b"0")]));
        let found: Vec<_> =
            entries(&bytes).unwrap().into_iter().map(|entry| (entry.path, entry.kind)).collect();
        assert_eq!(found, [("holes".to_owned(), TarKind::Sparse), ("real/name".to_owned(), TarKind::Sparse)]);
    }

    #[test]
    fn refuses_what_is_no_tar() {
        let kind = |bytes: &[u8]| entries(bytes).unwrap_err().kind.to_string();
        assert_eq!(kind(&[b'x'; 512]), "header with a wrong checksum");
        assert!(kind(&[b'x'; 100]).starts_with("read failed"));
        let bytes = sample("a", "b", 0);
        // The pax header and its records take two blocks, the file's header one.
        assert!(kind(&bytes[..3 * BLOCK + 2]).starts_with("read failed"));
        assert!(kind(&bytes[..3 * BLOCK + 100]).starts_with("read failed"));
        assert!(entries(&[]).unwrap().is_empty());
        assert!(is_header(&bytes) && !is_header(&[0; BLOCK]) && !is_header(&bytes[..100]));
    }

    #[test]
    fn a_size_without_end_is_a_truncated_tar() {
        let mut bytes =
            header(&[(0, b"huge"), (156, b"0"), (124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")]);
        bytes.extend([0; BLOCK]);
        let error = entries(&bytes).unwrap_err();
        assert_eq!(error.offset, 2 * BLOCK as u64);
    }

    proptest! {
        #[test]
        fn reads_what_is_written(path in "[a-zé]{1,60}(/[a-z]{1,80}){0,4}", target in "[a-z]{1,70}(/[a-z]{1,60}){0,3}", uid in any::<u64>()) {
            let entries = entries(&sample(&path, &target, uid)).unwrap();
            prop_assert_eq!(&entries[0].path, &path);
            prop_assert_eq!((entries[0].size, entries[0].uid, entries[0].mode), (3, uid, 0o755));
            prop_assert_eq!(&entries[1].kind, &TarKind::Symlink(target));
            prop_assert_eq!(&entries[2].kind, &TarKind::Directory);
        }

        #[test]
        fn survives_any_change(
            changes in prop::collection::vec((0_usize..5000, any::<u8>()), 0..6),
            cut in 0_usize..5000,
            mended in any::<bool>(),
        ) {
            let mut bytes = sample(&"p".repeat(120), &"t".repeat(120), u64::MAX);
            for (place, value) in changes {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = value;
                }
            }
            if mended {
                // Past the checksum, where the interesting code is.
                bytes.chunks_exact_mut(BLOCK).filter(|block| block[257..262] == *b"ustar").for_each(mend);
            }
            bytes.truncate(cut);
            let _ = entries(&bytes);
        }
    }
}
