//! A tar read as a stream, with limits on all that it keeps: base images come from outside.

use std::fmt;
use std::io::{self, Read};

use thiserror::Error;

use super::{BLOCK, padding};

/// The most bytes of a long name or of pax records: what follows is a header, not content.
const MAX_EXTENSION: u64 = 1 << 20;

/// One entry; its content is read from the [`TarReader`] before the next one is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TarEntry {
    /// As the tar has it. Names that are not UTF-8 are mended: they match nothing we look for.
    pub path: String,
    pub kind: TarKind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    /// Where the content starts, in bytes from the start of the tar.
    pub offset: u64,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TarKind {
    File,
    Hardlink(String),
    Symlink(String),
    Directory,
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
pub(crate) struct TarReader<R> {
    reader: R,
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
}

impl<R: Read> TarReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, offset: 0, left: 0, padding: 0 }
    }

    /// The next entry, past whatever was not read of the current one.
    pub(crate) fn next(&mut self) -> Result<Option<TarEntry>, TarError> {
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
                    self.open_content(if entry.kind == TarKind::File || entry.kind == TarKind::Other {
                        entry.size
                    } else {
                        0
                    });
                    return Ok(Some(TarEntry { offset: self.offset, ..entry }));
                }
            }
        }
    }

    fn open_content(&mut self, size: u64) {
        self.left = size;
        self.padding = padding(size);
    }

    /// Reads some of the current entry's content; 0 at its end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
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
    pub(crate) fn content(&mut self, limit: u64) -> Result<Vec<u8>, TarError> {
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
    pub(crate) fn drain(mut self) -> Result<(), TarError> {
        let mut buffer = [0; 16 * 1024];
        while self.read_some(&mut buffer)? > 0 {}
        Ok(())
    }

    fn finish_entry(&mut self) -> Result<(), TarError> {
        let mut buffer = [0; 16 * 1024];
        while self.read(&mut buffer)? > 0 {}
        let padding = std::mem::take(&mut self.padding);
        let mut done = 0;
        while done < padding {
            match self.read_some(&mut buffer[done..padding])? {
                0 => return Err(self.error(TarErrorKind::Read(io::ErrorKind::UnexpectedEof.into()))),
                count => done += count,
            }
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
            b'0' | b'\0' | b'7' if path.ends_with('/') => TarKind::Directory, // before POSIX
            b'0' | b'\0' | b'7' => TarKind::File,
            b'1' => TarKind::Hardlink(link()),
            b'2' => TarKind::Symlink(link()),
            b'5' => TarKind::Directory,
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

    use super::super::write::{END, Header, Kind, header};
    use super::*;

    fn entries(bytes: &[u8]) -> Result<Vec<TarEntry>, TarError> {
        let mut reader = TarReader::new(bytes);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next()? {
            entries.push(entry);
        }
        reader.drain()?;
        Ok(entries)
    }

    fn sample(path: &str, target: &str, uid: u64) -> Vec<u8> {
        let entry = Header { path, kind: Kind::File { size: 3 }, mode: 0o755, uid, gid: 1, mtime: 7 };
        let mut bytes = header(&entry);
        bytes.extend_from_slice(b"abc");
        bytes.resize(bytes.len() + padding(3), 0);
        bytes.extend(header(&Header { path: "link", kind: Kind::Symlink { target }, mode: 0o777, ..entry }));
        bytes.extend(header(&Header { path: "folder", kind: Kind::Directory, ..entry }));
        bytes.extend_from_slice(&END);
        bytes
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

    #[test]
    fn refuses_what_is_no_tar() {
        let kind = |bytes: &[u8]| entries(bytes).unwrap_err().kind.to_string();
        assert_eq!(kind(&[b'x'; 512]), "header with a wrong checksum");
        assert!(kind(&[b'x'; 100]).starts_with("read failed"));
        assert!(kind(&sample("a", "b", 0)[..514]).starts_with("read failed"));
        assert!(entries(&[]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn reads_what_is_written(path in "[a-zé]{1,60}(/[a-z]{1,80}){0,4}", target in "[a-z/]{1,150}", uid in any::<u64>()) {
            let entries = entries(&sample(&path, &target, uid)).unwrap();
            prop_assert_eq!(&entries[0].path, &path);
            prop_assert_eq!((entries[0].size, entries[0].uid, entries[0].gid, entries[0].mode), (3, uid, 1, 0o755));
            prop_assert_eq!(&entries[1].kind, &TarKind::Symlink(target));
            prop_assert_eq!(&entries[2].kind, &TarKind::Directory);
        }

        #[test]
        fn survives_any_change(
            changes in prop::collection::vec((0_usize..4000, any::<u8>()), 0..6),
            cut in 0_usize..4000,
            mend in any::<bool>(),
        ) {
            let mut bytes = sample(&"p".repeat(120), &"t".repeat(120), u64::MAX);
            for (place, value) in changes {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = value;
                }
            }
            if mend {
                // Past the checksum, where the interesting code is.
                for block in bytes.chunks_exact_mut(BLOCK).filter(|block| block[257..262] == *b"ustar") {
                    block[148..156].fill(b' ');
                    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
                    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
                }
            }
            bytes.truncate(cut);
            let _ = entries(&bytes);
        }
    }
}
