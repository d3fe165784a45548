//! The head of PTX text: its directives `.version`, `.target` and `.address_size`, and the names of its kernels.
//! Comments and strings are skipped; nothing else of the language is known here. Section numbers are of the PTX ISA.

use thiserror::Error;

/// How many bytes of comments may stand before `.version`.
const MAX_PREAMBLE: usize = 1 << 16;
/// The longest word taken from a file, in bytes.
const MAX_WORD: usize = 1 << 16;

/// What stands at the head of PTX text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PtxHeader<'data> {
    /// `.version` (11.1.1): the PTX ISA, major and minor.
    pub version: (u32, u32),
    /// `.target` (11.1.2): the architecture, `sm_90a`.
    pub target: &'data str,
    /// What follows the architecture: `debug`, `texmode_independent`, `map_f64_to_f32`.
    pub options: Vec<&'data str>,
    /// `.address_size` (11.1.3), in bits.
    pub address_size: Option<u32>,
}

/// PTX whose head can't be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at offset {offset:#x}")]
pub struct PtxError {
    /// In bytes, from the start of the text.
    pub offset: u64,
    /// What is wrong there.
    pub kind: PtxErrorKind,
}

/// What is wrong at the head of PTX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PtxErrorKind {
    /// The text does not begin with `.version`.
    #[error("no `.version`")]
    NoVersion,
    /// `.version` is not followed by two numbers.
    #[error("`.version` without a number")]
    BadVersion,
    /// `.target` does not follow.
    #[error("no `.target`")]
    NoTarget,
    /// `.address_size` is not followed by a number.
    #[error("`.address_size` without a number")]
    BadAddressSize,
}

/// Whether this is PTX: text that begins, after comments, with `.version`.
pub fn is_ptx(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..MAX_PREAMBLE).unwrap_or(bytes);
    Words::new(bytes).next().is_some_and(|word| word.text == b".version")
}

impl<'data> PtxHeader<'data> {
    /// The head of PTX text; some KiB of it are enough.
    pub fn parse(bytes: &'data [u8]) -> Result<Self, PtxError> {
        let mut words = Words::new(bytes);
        let end = bytes.len() as u64;
        let fail = |word: Option<&Word<'_>>, kind| PtxError {
            offset: word.map_or(end, |word| word.offset as u64),
            kind,
        };
        let first = words.next();
        if first.as_ref().is_none_or(|word| word.text != b".version") {
            return Err(fail(first.as_ref(), PtxErrorKind::NoVersion));
        }
        let word = words.next();
        let version = word
            .as_ref()
            .and_then(|word| version(word.text()?))
            .ok_or_else(|| fail(word.as_ref(), PtxErrorKind::BadVersion))?;
        let word = words.next();
        if word.as_ref().is_none_or(|word| word.text != b".target") {
            return Err(fail(word.as_ref(), PtxErrorKind::NoTarget));
        }
        let (mut list, mut next) = (Vec::new(), words.next());
        while let Some(text) = next.as_ref().and_then(Word::text).filter(|text| !text.starts_with('.')) {
            list.push(text);
            next = words.next();
            match &next {
                Some(word) if word.text == b"," && list.len() < 64 => next = words.next(),
                _ => break,
            }
        }
        if list.is_empty() {
            return Err(fail(next.as_ref(), PtxErrorKind::NoTarget));
        }
        let target = list.remove(0);
        let mut address_size = None;
        if next.as_ref().is_some_and(|word| word.text == b".address_size") {
            let word = words.next();
            let bits = word.as_ref().and_then(|word| word.text()?.parse().ok());
            address_size = Some(bits.ok_or_else(|| fail(word.as_ref(), PtxErrorKind::BadAddressSize))?);
        }
        Ok(Self { version, target, options: list, address_size })
    }
}

/// The names of the kernels in PTX text, in its order: of each `.entry` (10.3.1), declared or defined. The whole text
/// is read.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let mut words = Words::new(bytes);
    std::iter::from_fn(move || {
        loop {
            if words.next()?.text == b".entry" {
                let name = words.next()?.text();
                if name.is_some() {
                    return name;
                }
            }
        }
    })
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A word of PTX: an identifier, a directive, a number, or one other character.
struct Word<'data> {
    offset: usize,
    text: &'data [u8],
}

impl<'data> Word<'data> {
    fn text(&self) -> Option<&'data str> {
        str::from_utf8(self.text).ok().filter(|text| !text.is_empty() && text.len() <= MAX_WORD)
    }
}

/// The words of PTX text, without blanks, comments and strings.
struct Words<'data> {
    bytes: &'data [u8],
    at: usize,
}

impl<'data> Words<'data> {
    fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn rest(&self) -> &'data [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes on behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, from: usize, end: &[u8]) {
        let rest = self.bytes.get(self.at + from..).unwrap_or_default();
        let length = memchr::memmem::find(rest, end).map_or(rest.len(), |place| place + end.len());
        self.at = (self.at + from + length).min(self.bytes.len());
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'.' | b':')
}

impl<'data> Iterator for Words<'data> {
    type Item = Word<'data>;

    fn next(&mut self) -> Option<Word<'data>> {
        loop {
            match self.rest() {
                [] => return None,
                [byte, ..] if byte.is_ascii_whitespace() => self.at += 1,
                [b'/', b'/', ..] => self.skip_past(2, b"\n"),
                [b'/', b'*', ..] => self.skip_past(2, b"*/"),
                [b'"', ..] => self.skip_past(1, b"\""),
                rest => {
                    let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len()).max(1);
                    let word = Word { offset: self.at, text: rest.get(..length).unwrap_or(rest) };
                    self.at += length;
                    return Some(word);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (u32, u32), target: &str, options: &[&str], address_size: Option<u32>) {
        let header = PtxHeader::parse(text.as_bytes()).unwrap();
        let options = options.to_vec();
        assert_eq!(header, PtxHeader { version: expected, target, options, address_size }, "{text}");
        assert!(is_ptx(text.as_bytes()));
    }

    #[track_caller]
    fn check_error(text: &str, offset: u64, kind: PtxErrorKind) {
        assert_eq!(PtxHeader::parse(text.as_bytes()), Err(PtxError { offset, kind }), "{text}");
    }

    #[test]
    fn reads_the_head() {
        check(".version 9.0\n.target sm_90a\n.address_size 64\n", (9, 0), "sm_90a", &[], Some(64));
        check(
            "\n// .version 1.0\n/* .version\n2.0 */.version 8.7 .target sm_100f",
            (8, 7),
            "sm_100f",
            &[],
            None,
        );
        let text = ".version 6.0 .target sm_35, texmode_independent , debug\n.address_size 32";
        check(text, (6, 0), "sm_35", &["texmode_independent", "debug"], Some(32));
        check(".version 8.0 .target sm_80 .visible .entry k() {}", (8, 0), "sm_80", &[], None);
    }

    #[test]
    fn says_what_the_head_lacks() {
        check_error("", 0, PtxErrorKind::NoVersion);
        check_error("// only a comment", 17, PtxErrorKind::NoVersion);
        check_error("/* never closed .version 8.0", 28, PtxErrorKind::NoVersion);
        check_error(".target sm_80", 0, PtxErrorKind::NoVersion);
        check_error(".version eight", 9, PtxErrorKind::BadVersion);
        check_error(".version 99999999999.0", 9, PtxErrorKind::BadVersion);
        check_error(".version 8.0", 12, PtxErrorKind::NoTarget);
        check_error(".version 8.0 .entry", 13, PtxErrorKind::NoTarget);
        check_error(".version 8.0 .target .entry", 21, PtxErrorKind::NoTarget);
        check_error(".version 8.0 .target sm_80 .address_size x", 41, PtxErrorKind::BadAddressSize);
        assert!(!is_ptx(b"\x7fELF"));
    }

    #[test]
    fn names_kernels() {
        let text = r#"
            .version 9.0
            // .entry commented
            /* .entry commented */
            .visible .entry saxpy(.param .u32 saxpy_param_0) { .pragma ".entry string"; ret; }
            .func helper() { call .entry_like; }
            .weak .entry
                _ZN3$_0fillEv
            (
            )
            .entry"#;
        assert_eq!(entries(text.as_bytes()).collect::<Vec<_>>(), ["saxpy", "_ZN3$_0fillEv"]);
    }
}
