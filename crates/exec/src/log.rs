//! The bytes of the state file: items in checked frames. Knows no files and no actions, only their numbers.
//!
//! ```text
//! "cuferry-state-1\n"  frame  frame  …
//! frame: length of the items (u32)  checksum of the items (u64)  items
//! ```
//! A frame is what one append wrote, and is taken whole or not at all: the first one that is cut short or does not match its
//! checksum ends the log. All integers are little-endian.
//!
//! Binary rather than JSON lines because an up-to-date build does little else than read this: 10,000 actions with 20
//! headers each are 4 MB that load in 10 ms, where JSON with 64-digit digests would be four times as long.

use cuferry_digest::Digest;

use crate::files::Stamp;

/// Opens every state file; another one here (or none) is a file to start afresh.
pub(crate) const HEADER: &[u8; 16] = b"cuferry-state-1\n";

/// A path: its place among the [`Item::Path`]s of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathNumber(pub(crate) u32);

/// A path with a certain content: its place among the [`Item::Version`]s of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VersionNumber(pub(crate) u32);

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// The next path number is this path's.
    Path(&'a str),
    /// The next version number is this path's with this content.
    Version {
        path: PathNumber,
        /// None: nobody can tell what the command read, as the file changed while it ran. Equal to no content.
        digest: Option<Digest>,
    },
    /// While the version's path has this stamp it has the version's content.
    Remember { version: VersionNumber, stamp: Stamp },
    /// The action whose first output is `key` is about to run: what was known of its outputs is void.
    Started { key: PathNumber },
    /// It has succeeded.
    Done {
        key: PathNumber,
        action: Digest,
        milliseconds: u32,
        inputs: Vec<VersionNumber>,
        outputs: Vec<VersionNumber>,
    },
}

const PATH: u8 = 1;
const VERSION: u8 = 2;
const UNKNOWN_VERSION: u8 = 3;
const REMEMBER: u8 = 4;
const STARTED: u8 = 5;
const DONE: u8 = 6;

impl<'a> Item<'a> {
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Path(text) => {
                bytes.push(PATH);
                write_length(bytes, text.len());
                bytes.extend(text.as_bytes());
            }
            Self::Version { path, digest } => {
                bytes.push(if digest.is_some() { VERSION } else { UNKNOWN_VERSION });
                bytes.extend(path.0.to_le_bytes());
                bytes.extend(digest.iter().flat_map(Digest::as_bytes));
            }
            Self::Remember { version, stamp } => {
                bytes.push(REMEMBER);
                bytes.extend(version.0.to_le_bytes());
                for field in [stamp.device, stamp.inode, stamp.size] {
                    bytes.extend(field.to_le_bytes());
                }
                bytes.extend(stamp.modified.to_le_bytes());
                bytes.extend(stamp.changed.to_le_bytes());
            }
            Self::Started { key } => {
                bytes.push(STARTED);
                bytes.extend(key.0.to_le_bytes());
            }
            Self::Done { key, action, milliseconds, inputs, outputs } => {
                bytes.push(DONE);
                bytes.extend(key.0.to_le_bytes());
                bytes.extend(action.as_bytes());
                bytes.extend(milliseconds.to_le_bytes());
                for versions in [inputs, outputs] {
                    write_length(bytes, versions.len());
                    bytes.extend(versions.iter().flat_map(|version| version.0.to_le_bytes()));
                }
            }
        }
    }

    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(match cursor.array::<1>()?[0] {
            PATH => {
                let length = cursor.u32()?;
                Self::Path(std::str::from_utf8(cursor.take(length as usize)?).ok()?)
            }
            VERSION => Self::Version { path: cursor.path()?, digest: Some(cursor.digest()?) },
            UNKNOWN_VERSION => Self::Version { path: cursor.path()?, digest: None },
            REMEMBER => Self::Remember {
                version: VersionNumber(cursor.u32()?),
                stamp: Stamp {
                    device: u64::from_le_bytes(cursor.array()?),
                    inode: u64::from_le_bytes(cursor.array()?),
                    size: u64::from_le_bytes(cursor.array()?),
                    modified: i64::from_le_bytes(cursor.array()?),
                    changed: i64::from_le_bytes(cursor.array()?),
                },
            },
            STARTED => Self::Started { key: cursor.path()? },
            DONE => Self::Done {
                key: cursor.path()?,
                action: cursor.digest()?,
                milliseconds: cursor.u32()?,
                inputs: cursor.versions()?,
                outputs: cursor.versions()?,
            },
            _ => return None,
        })
    }
}

/// Nothing longer than 4 GiB comes up: paths are short, and lists count files of one command.
fn write_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        self.take(LENGTH)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn path(&mut self) -> Option<PathNumber> {
        self.u32().map(PathNumber)
    }

    fn digest(&mut self) -> Option<Digest> {
        self.array().map(Digest::from_bytes)
    }

    fn versions(&mut self) -> Option<Vec<VersionNumber>> {
        let count = self.u32()? as usize;
        let (versions, _) = self.take(count.checked_mul(4)?)?.as_chunks::<4>();
        Some(versions.iter().map(|bytes| VersionNumber(u32::from_le_bytes(*bytes))).collect())
    }
}

/// What a frame takes beside its items.
pub(crate) const FRAME_LENGTH: usize = 4 + 8;

/// A frame around `items`, which fit 4 GiB.
pub(crate) fn frame(items: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME_LENGTH + items.len());
    write_length(&mut bytes, items.len());
    bytes.extend(checksum(items).to_le_bytes());
    bytes.extend(items);
    bytes
}

/// The sound frames of a log, one list of items each, with the offset where each frame ends; stops at the first bad one.
pub(crate) fn frames(log: &[u8]) -> impl Iterator<Item = (Vec<Item<'_>>, usize)> {
    let mut cursor = Cursor(log.strip_prefix(HEADER).unwrap_or_default());
    std::iter::from_fn(move || {
        let length = cursor.u32()?;
        let expected = u64::from_le_bytes(cursor.array()?);
        let bytes = cursor.take(length as usize)?;
        if length == 0 || checksum(bytes) != expected {
            cursor = Cursor(&[]);
            return None;
        }
        let mut inner = Cursor(bytes);
        let mut items = Vec::new();
        while !inner.0.is_empty() {
            items.push(Item::read(&mut inner)?);
        }
        Some((items, log.len() - cursor.0.len()))
    })
}

/// Eight bytes a step, as loading must not take longer than the `stat`s that follow. Each step maps states and words one to
/// one, so damage within one word is always found, and any other damage but once in 2^64.
fn checksum(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    let start = ODD ^ bytes.len() as u64;
    words.fold(start, |state, word| {
        let state = (state ^ word).wrapping_mul(ODD);
        state ^ (state >> 29)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(log: &[u8]) -> Vec<Vec<Item<'_>>> {
        frames(log).map(|(items, _)| items).collect()
    }

    fn sample() -> Vec<Vec<Item<'static>>> {
        let stamp = Stamp { device: 1, inode: 2, size: 3, modified: -4, changed: i64::MAX };
        vec![
            vec![
                Item::Path("src/größe.cu"),
                Item::Path(""),
                Item::Version { path: PathNumber(0), digest: Some(Digest::of("a")) },
                Item::Version { path: PathNumber(1), digest: None },
            ],
            vec![Item::Started { key: PathNumber(1) }],
            vec![
                Item::Remember { version: VersionNumber(0), stamp },
                Item::Done {
                    key: PathNumber(1),
                    action: Digest::of("action"),
                    milliseconds: 1234,
                    inputs: vec![VersionNumber(0), VersionNumber(1)],
                    outputs: vec![],
                },
            ],
        ]
    }

    /// The log and where each frame ends.
    fn written(frames: &[Vec<Item<'_>>]) -> (Vec<u8>, Vec<usize>) {
        let mut log = HEADER.to_vec();
        let mut ends = Vec::new();
        for items in frames {
            let mut bytes = Vec::new();
            items.iter().for_each(|item| item.write(&mut bytes));
            log.extend(frame(&bytes));
            ends.push(log.len());
        }
        (log, ends)
    }

    #[test]
    fn reads_back_what_was_written() {
        let (log, ends) = written(&sample());
        assert_eq!(items(&log), sample());
        assert_eq!(frames(&log).map(|(_, end)| end).collect::<Vec<_>>(), ends);
    }

    #[test]
    fn a_cut_anywhere_keeps_the_frames_before_it() {
        let (log, ends) = written(&sample());
        for cut in 0..log.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(items(&log[..cut]), sample()[..whole], "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (log, ends) = written(&sample());
        for bit in 0..log.len() * 8 {
            let mut log = log.clone();
            log[bit / 8] ^= 1 << (bit % 8);
            let whole =
                if bit / 8 < HEADER.len() { 0 } else { ends.iter().filter(|end| **end <= bit / 8).count() };
            assert_eq!(items(&log), sample()[..whole], "bit {bit}");
        }
    }

    #[test]
    fn zeroes_at_the_end_are_no_frames() {
        let (mut log, _) = written(&sample());
        log.extend([0; 4096]);
        assert_eq!(items(&log), sample());
    }

    proptest! {
        #[test]
        fn arbitrary_items_do_not_panic(bytes in proptest::collection::vec(0u8..8, 0..200)) {
            let mut log = HEADER.to_vec();
            log.extend(frame(&bytes));
            let _ = items(&log);
        }
    }
}
