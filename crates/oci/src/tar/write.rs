//! Tar headers with nothing in them that could differ between two builds.

use super::{BLOCK, padding};

/// One header to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    /// Without a leading slash, and without a trailing one.
    pub path: &'a str,
    pub kind: Kind<'a>,
    /// Permission bits.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
}

/// What follows the header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    File { size: u64 },
    Symlink { target: &'a str },
    Directory,
}

/// What ends a tar: two blocks of zeros.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The header's bytes, with a pax header before it where the plain one is too small or not ASCII.
pub(crate) fn header(entry: &Header<'_>) -> Vec<u8> {
    let mut path = entry.path.to_owned();
    let (flag, size, target) = match entry.kind {
        Kind::File { size } => (b'0', size, ""),
        Kind::Symlink { target } => (b'2', 0, target),
        Kind::Directory => {
            path.push('/');
            (b'5', 0, "")
        }
    };
    let mut block = Block::default();
    // In alphabetical order, so that the bytes are always the same.
    let mut records = Vec::new();
    block.number(116, 8, entry.gid).unwrap_or_else(|| record(&mut records, "gid", &entry.gid.to_string()));
    block.text(157, 100, target).unwrap_or_else(|| record(&mut records, "linkpath", target));
    block
        .number(136, 12, entry.mtime)
        .unwrap_or_else(|| record(&mut records, "mtime", &entry.mtime.to_string()));
    block.path(&path).unwrap_or_else(|| record(&mut records, "path", &path));
    block.number(124, 12, size).unwrap_or_else(|| record(&mut records, "size", &size.to_string()));
    block.number(108, 8, entry.uid).unwrap_or_else(|| record(&mut records, "uid", &entry.uid.to_string()));
    let plain = block.finish(entry.mode, flag);
    if records.is_empty() {
        return plain.to_vec();
    }
    let mut bytes = Block::pax(records.len() as u64).to_vec();
    let pad = padding(records.len() as u64);
    bytes.append(&mut records);
    bytes.resize(bytes.len() + pad, 0);
    bytes.extend_from_slice(&plain);
    bytes
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// The fields of POSIX.1-2001, pax, "ustar Interchange Format", by their offsets.
struct Block([u8; BLOCK]);

impl Default for Block {
    fn default() -> Self {
        let mut block = Self([0; BLOCK]);
        block.0[257..265].copy_from_slice(b"ustar\x0000");
        for (offset, width) in [(108, 8), (116, 8), (124, 12), (136, 12)] {
            block.number(offset, width, 0).expect("zero fits");
        }
        block
    }
}

impl Block {
    /// The header of a pax header that holds `size` bytes of records.
    fn pax(size: u64) -> [u8; BLOCK] {
        let mut block = Self::default();
        block.path("PaxHeaders/entry").expect("a short name fits");
        block.number(124, 12, size).expect("paths and numbers are far below 8 GiB");
        block.finish(0o644, b'x')
    }

    /// Octal digits and a NUL, or nothing if they don't fit.
    fn number(&mut self, offset: usize, width: usize, value: u64) -> Option<()> {
        let digits = format!("{value:0fill$o}", fill = width - 1);
        (digits.len() == width - 1)
            .then(|| self.0[offset..offset + width - 1].copy_from_slice(digits.as_bytes()))
    }

    /// Text of a fixed width, or nothing if it doesn't fit or is not ASCII.
    fn text(&mut self, offset: usize, width: usize, text: &str) -> Option<()> {
        (text.len() <= width && text.is_ascii())
            .then(|| self.0[offset..offset + text.len()].copy_from_slice(text.as_bytes()))
    }

    /// `name`, or `prefix` and `name` with the slash between them left out.
    fn path(&mut self, path: &str) -> Option<()> {
        if self.text(0, 100, path).is_some() {
            return Some(());
        }
        let splits = path.match_indices('/').map(|(index, _)| path.split_at(index));
        let (prefix, name) = splits.map(|(prefix, name)| (prefix, &name[1..])).find(|(prefix, name)| {
            prefix.len() <= 155 && (1..=100).contains(&name.len()) && path.is_ascii()
        })?;
        self.text(345, 155, prefix)?;
        self.text(0, 100, name)
    }

    fn finish(mut self, mode: u32, flag: u8) -> [u8; BLOCK] {
        self.number(100, 8, u64::from(mode & 0o7777)).expect("twelve bits fit");
        self.0[156] = flag;
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.0[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        self.0[154] = 0;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn plain(path: &str) -> Header<'_> {
        Header { path, kind: Kind::File { size: 0 }, mode: 0o644, uid: 0, gid: 0, mtime: 0 }
    }

    /// What an independent reader sees.
    #[track_caller]
    fn check(entry: &Header<'_>, pax: bool) {
        let mut bytes = header(entry);
        assert_eq!(bytes.len() > BLOCK, pax, "pax header for {entry:?}");
        bytes.extend_from_slice(&END);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entries = archive.entries().unwrap();
        let seen = entries.next().unwrap().unwrap();
        let path = String::from_utf8(seen.path_bytes().to_vec()).unwrap();
        assert_eq!(path.trim_end_matches('/'), entry.path);
        assert_eq!(seen.header().mode().unwrap(), entry.mode);
        match entry.kind {
            Kind::File { size } => assert_eq!(seen.size(), size),
            Kind::Symlink { target } => assert_eq!(seen.link_name_bytes().unwrap(), target.as_bytes()),
            Kind::Directory => assert!(seen.header().entry_type().is_dir()),
        }
    }

    #[test]
    fn headers_are_read_by_others() {
        check(&plain("a"), false);
        check(&plain(&format!("{}/{}", "a".repeat(155), "b".repeat(100))), false);
        check(&plain(&format!("{}/{}", "a".repeat(156), "b".repeat(100))), true);
        check(&plain(&"a".repeat(100)), false);
        check(&plain(&"a".repeat(101)), true);
        check(&plain("größe"), true);
        check(&Header { kind: Kind::Symlink { target: &"t".repeat(100) }, mode: 0o777, ..plain("l") }, false);
        check(&Header { kind: Kind::Symlink { target: &"t".repeat(101) }, mode: 0o777, ..plain("l") }, true);
        check(&Header { kind: Kind::Directory, mode: 0o1777, ..plain("tmp") }, false);
        check(&Header { kind: Kind::File { size: (1 << 33) - 1 }, ..plain("f") }, false);
        check(&Header { kind: Kind::File { size: 1 << 33 }, ..plain("f") }, true);
    }

    #[test]
    fn pax_lengths_count_themselves() {
        let mut records = Vec::new();
        // Where one more digit makes the record longer, and so on.
        for length in 80..110 {
            record(&mut records, "path", &"x".repeat(length));
        }
        let text = String::from_utf8(records).unwrap();
        for line in text.lines() {
            assert_eq!(line.split_once(' ').unwrap().0.parse(), Ok(line.len() + 1));
        }
    }

    #[test]
    fn contents_come_back() {
        let mut bytes = header(&Header { kind: Kind::File { size: 5 }, ..plain("f") });
        bytes.extend_from_slice(b"hello");
        bytes.resize(bytes.len() + padding(5), 0);
        bytes.extend_from_slice(&END);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut text = String::new();
        archive.entries().unwrap().next().unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }
}
