//! `ar` archives: GNU, BSD names, and thin ones. Symbol tables are skipped; members come as slices of the archive.
//!
//! ```text
//! !<arch>\n            or !<thin>\n
//! name[16] date[12] uid[6] gid[6] mode[8] size[10] `\n   text, padded with blanks
//! size bytes, and one more if size is odd      a thin archive has the bytes of `//` and of symbol tables only
//! ```

use thiserror::Error;

use crate::cursor::{slice, until_nul};

/// How a GNU archive starts.
pub const MAGIC: &[u8; 8] = b"!<arch>\n";
/// How a thin archive starts, which holds paths of files, not files.
pub const THIN_MAGIC: &[u8; 8] = b"!<thin>\n";
/// The longest name taken from an archive, in bytes: `PATH_MAX`.
const MAX_NAME: usize = 4096;
/// A member header's size, in bytes.
pub const HEADER: usize = 60;

/// An archive's members, in its order. A broken one is an error; the members before it have come already.
#[derive(Clone, Debug)]
pub struct Members<'data> {
    bytes: &'data [u8],
    thin: bool,
    long_names: &'data [u8],
    next: usize,
}

/// A file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'data> {
    /// Its name; in a thin archive the file's path, relative to the archive's folder. Not always UTF-8.
    pub name: &'data [u8],
    /// Where its content lies, in bytes from the start of the archive. In a thin archive: where its header ends.
    pub offset: u64,
    /// Its size in bytes, as its header says.
    pub size: u64,
    /// Its content; none in a thin archive.
    pub data: Option<&'data [u8]>,
}

/// An archive that can't be read on, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct ArError {
    /// In bytes, from the start of the archive.
    pub offset: u64,
    /// What is wrong there.
    pub kind: ArErrorKind,
}

/// What is wrong in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ArErrorKind {
    /// Neither `!<arch>` nor `!<thin>`.
    #[error("no archive magic")]
    NotArchive,
    /// A member header cut off, or one that does not end as member headers do.
    #[error("broken member header")]
    Header,
    /// A size that is no number.
    #[error("member size that is no number")]
    Size,
    /// A name that lies outside the table of long names, or outside the member.
    #[error("member name outside the table of names")]
    Name,
    /// A member that is longer than what is left of the archive.
    #[error("member of {size} bytes where {left} are left")]
    Truncated {
        /// What the header says, in bytes.
        size: u64,
        /// What is there, in bytes.
        left: u64,
    },
}

/// What a member's header says, for archives that are read as a stream: names as they stand there, which for those up to
/// 15 bytes are the names themselves, with a `/` behind some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberHeader<'data> {
    /// Without the padding.
    pub name: &'data [u8],
    /// Of the content that follows, in bytes; a member of an odd size has one byte of padding behind it.
    pub size: u64,
}

impl<'data> MemberHeader<'data> {
    /// Reads one header.
    pub fn parse(header: &'data [u8; HEADER]) -> Result<Self, ArErrorKind> {
        if header.get(58..) != Some(b"`\n".as_slice()) {
            return Err(ArErrorKind::Header);
        }
        let name = header.get(..16).unwrap_or_default();
        let size = header.get(48..58).unwrap_or_default();
        Ok(Self { name: trim(name), size: number(size).ok_or(ArErrorKind::Size)? })
    }
}

/// Whether these are the first bytes of an archive: `Some(true)` for a thin one.
pub fn is_thin(bytes: &[u8]) -> Option<bool> {
    if bytes.starts_with(MAGIC) {
        Some(false)
    } else if bytes.starts_with(THIN_MAGIC) {
        Some(true)
    } else {
        None
    }
}

impl<'data> Members<'data> {
    /// The members of a whole archive in memory.
    pub fn parse(bytes: &'data [u8]) -> Result<Self, ArError> {
        let thin = is_thin(bytes).ok_or(ArErrorKind::NotArchive.at(0))?;
        Ok(Self { bytes, thin, long_names: &[], next: MAGIC.len() })
    }

    /// Whether the archive holds paths of files, not files.
    pub fn is_thin(&self) -> bool {
        self.thin
    }

    /// The member at `self.next`, or none for a table.
    fn step(&mut self) -> Result<Option<Member<'data>>, ArError> {
        let start = self.next;
        let at = |kind: ArErrorKind| kind.at(start as u64);
        let header = slice(self.bytes, start as u64, HEADER as u64).and_then(|header| header.first_chunk());
        let header = header.ok_or_else(|| at(ArErrorKind::Header))?;
        let MemberHeader { name, size } = MemberHeader::parse(header).map_err(at)?;
        let offset = start + HEADER;
        let table =
            matches!(name, b"/" | b"//" | b"/SYM64/" | b"__.SYMDEF" | b"__.SYMDEF SORTED" | b"ARFILENAMES/");
        let stored = if self.thin && !table { 0 } else { size };
        let left = self.bytes.len().saturating_sub(offset) as u64;
        let data = slice(self.bytes, offset as u64, stored)
            .ok_or_else(|| at(ArErrorKind::Truncated { size, left }))?;
        // Padding to an even place; some archivers leave out the last one.
        let end = offset + data.len();
        self.next = end + (end & 1);
        if matches!(name, b"//" | b"ARFILENAMES/") {
            self.long_names = data;
        }
        if table {
            return Ok(None);
        }
        let member = Member { name, offset: offset as u64, size, data: (!self.thin).then_some(data) };
        self.with_name(member).map_err(at)
    }

    /// Resolves the spellings of names: `name/`, `/123` into the table, `#1/20` before the content.
    fn with_name(&self, member: Member<'data>) -> Result<Option<Member<'data>>, ArErrorKind> {
        if let Some(length) = member.name.strip_prefix(b"#1/").and_then(number) {
            let data = member.data.ok_or(ArErrorKind::Name)?;
            let length = usize::try_from(length).map_err(|_| ArErrorKind::Name)?;
            let (name, data) = data.split_at_checked(length).ok_or(ArErrorKind::Name)?;
            let name = until_nul(name);
            let table = name.starts_with(b"__.SYMDEF");
            let (offset, size) = (member.offset + length as u64, member.size - length as u64);
            return Ok((!table).then_some(Member { name, offset, size, data: Some(data) }));
        }
        // `/12:345` in a thin archive: at 345 of the archive that stands at 12, which is an archive in a thin one.
        let place = member.name.strip_prefix(b"/").and_then(|place| place.split(|byte| *byte == b':').next());
        if let Some(place) = place.and_then(number) {
            let place = usize::try_from(place).map_err(|_| ArErrorKind::Name)?;
            let rest =
                self.long_names.get(place..).filter(|rest| !rest.is_empty()).ok_or(ArErrorKind::Name)?;
            let rest = rest.get(..MAX_NAME).unwrap_or(rest);
            let line = memchr::memchr(b'\n', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
            let name = until_nul(line);
            return Ok(Some(Member { name: name.strip_suffix(b"/").unwrap_or(name), ..member }));
        }
        Ok(Some(Member { name: member.name.strip_suffix(b"/").unwrap_or(member.name), ..member }))
    }
}

impl<'data> Iterator for Members<'data> {
    type Item = Result<Member<'data>, ArError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.bytes.len() {
            match self.step() {
                Ok(None) => {}
                Ok(Some(member)) => return Some(Ok(member)),
                Err(error) => {
                    // Without a sound header nobody knows where the next member starts; a bad name harms no other.
                    if error.kind != ArErrorKind::Name {
                        self.next = usize::MAX;
                    }
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl ArErrorKind {
    fn at(self, offset: u64) -> ArError {
        ArError { offset, kind: self }
    }
}

fn trim(field: &[u8]) -> &[u8] {
    let end = field.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    field.get(..end).unwrap_or_default()
}

fn number(field: &[u8]) -> Option<u64> {
    str::from_utf8(trim(field))
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member's header, its content and padding.
    fn member(name: &str, content: &str) -> String {
        let padding = if content.len() % 2 == 1 { "\n" } else { "" };
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{content}{padding}", 0, 0, 0, 644, content.len())
    }

    /// The names and contents of an archive's members, or what is wrong.
    #[track_caller]
    fn check(archive: &str, expected: &[&str]) {
        let found: Vec<String> = Members::parse(archive.as_bytes())
            .unwrap()
            .map(|member| match member {
                Ok(Member { name, data, .. }) => {
                    let data = data.map(String::from_utf8_lossy);
                    format!("{}={}", String::from_utf8_lossy(name), data.as_deref().unwrap_or("elsewhere"))
                }
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(found, expected, "{archive}");
    }

    #[test]
    fn reads_names_of_every_spelling() {
        let arch = |members: &[String]| format!("!<arch>\n{}", members.concat());
        check(&arch(&[]), &[]);
        check(&arch(&[member("a.o/", "one"), member("b.o", "four")]), &["a.o=one", "b.o=four"]);
        let table = member("//", "a-very-long-name.o/\nanother/\n");
        let long = [member("/", "\0\0\0\0"), table, member("/0", "one"), member("/20", "two")];
        check(&arch(&long), &["a-very-long-name.o=one", "another=two"]);
        check(&arch(&[member("/SYM64/", "xxxx"), member("a.o/", "")]), &["a.o="]);
        let bsd = [member("#1/20", "__.SYMDEF SORTED\0\0\0\0xxxx"), member("#1/8", "long.o\0\0content")];
        check(&arch(&bsd), &["long.o=content"]);
        check(&arch(&[member("__.SYMDEF", "x"), member("a b.o", "x")]), &["a b.o=x"]);
        // Some archivers leave out the last padding.
        check(arch(&[member("a.o/", "one")]).trim_end(), &["a.o=one"]);
    }

    #[test]
    fn members_of_a_thin_archive_are_elsewhere() {
        let header = |name: &str, size: usize| member(name, &"x".repeat(size))[..60].to_owned();
        let table = member("//", "objects/a.o/\nnested.a/\n");
        let archive =
            format!("!<thin>\n{table}{}{}{}", header("/0", 5000), header("/13:68", 7), header("b.o/", 1));
        check(&archive, &["objects/a.o=elsewhere", "nested.a=elsewhere", "b.o=elsewhere"]);
    }

    #[test]
    fn keeps_what_came_before_an_error() {
        let one = member("a.o/", "one!");
        check(
            &format!("!<arch>\n{one}{}", "x".repeat(60)),
            &["a.o=one!", "broken member header at offset 0x48"],
        );
        check(&format!("!<arch>\n{one}short"), &["a.o=one!", "broken member header at offset 0x48"]);
        let cut = format!("!<arch>\n{one}{}", &member("b.o/", "content")[..63]);
        check(&cut, &["a.o=one!", "member of 7 bytes where 3 are left at offset 0x48"]);
        let size = member("b.o/", "x").replacen("1 ", "x ", 1);
        check(
            &format!("!<arch>\n{one}{size}"),
            &["a.o=one!", "member size that is no number at offset 0x48"],
        );
        // A bad name harms no other member.
        let names = [member("/99", "x"), member("#1/99", "x"), one].concat();
        let error = |offset| format!("member name outside the table of names at offset {offset:#x}");
        check(&format!("!<arch>\n{names}"), &[&error(8), &error(8 + 62), "a.o=one!"]);
        assert_eq!(Members::parse(b"!<arch>").unwrap_err(), ArErrorKind::NotArchive.at(0));
    }
}
