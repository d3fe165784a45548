//! Payloads: inflated only here, into a buffer that is used again, and only after size and ratio were looked at.

use std::borrow::Cow;

use thiserror::Error;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use crate::cursor::slice;
use crate::fatbin::{Compression, Container, Entry, EntryKind, FatbinError};
use crate::sections::Sections;

/// How much may be inflated. A hostile file of a kilobyte can claim to hold terabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest payload, in bytes.
    pub size: u64,
    /// How many times larger than it is stored a payload may become. Payloads under `always` are not asked.
    pub ratio: u64,
    /// Payloads up to this size in bytes are inflated whatever their ratio: small cubins are mostly zeros.
    pub always: u64,
}

impl Default for Limits {
    /// 1 GiB and 1000 times. In libcublasLt 13.10 the largest payload has 60 MB, and the largest ratio is 134.
    fn default() -> Self {
        Self { size: 1 << 30, ratio: 1000, always: 1 << 20 }
    }
}

/// A payload that can't be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} in the entry at offset {offset:#x}")]
pub struct PayloadError {
    /// The entry's offset, in bytes from the start of the file.
    pub offset: u64,
    /// What is wrong.
    pub kind: PayloadErrorKind,
}

/// What is wrong with a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PayloadErrorKind {
    /// Larger than the limit.
    #[error("payload of {size} bytes, more than {limit}")]
    TooLarge {
        /// What it would become, in bytes.
        size: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// It would grow by more than the limit.
    #[error("{stored} bytes that claim to become {size}")]
    Bomb {
        /// As it lies in the file, in bytes.
        stored: u64,
        /// What it would become, in bytes.
        size: u64,
    },
    /// There is no memory for it.
    #[error("no memory for {size} bytes")]
    Memory {
        /// What it would become, in bytes.
        size: u64,
    },
    /// The compressed bytes are broken.
    #[error("broken {0} data")]
    Broken(&'static str),
    /// What came out is shorter or longer than the header says.
    #[error("payload of {found} bytes where the header says {size}")]
    Length {
        /// What the header says, in bytes.
        size: u64,
        /// What came out, in bytes.
        found: u64,
    },
    /// Obfuscated: only NVIDIA's tools can read it.
    #[error("obfuscated payload")]
    Obfuscated,
}

/// Unpacks payloads one after the other, with one buffer for all: fresh memory for each would cost as much as the
/// inflating itself.
pub struct Unpacker {
    limits: Limits,
    /// Made when first needed: a tenth of a megabyte.
    context: Option<DCtx<'static>>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Unpacker").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Unpacker {
    /// One that keeps to `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, context: None, buffer: Vec::new() }
    }

    /// The entry's image: a cubin without padding, PTX without trailing NULs. For a group: all its members.
    pub fn unpack<'a>(&'a mut self, entry: &Entry<'a>) -> Result<&'a [u8], PayloadError> {
        self.check(entry)?;
        let whole = match entry.compression {
            Compression::None => entry.stored,
            Compression::Lz4 | Compression::Zstd => {
                self.inflate(entry).map_err(|kind| kind.at(entry))?;
                self.buffer.as_slice()
            }
        };
        cut(entry, whole)
    }

    /// The first `length` bytes of the entry's image, or all if it is shorter. Of a Zstandard frame no more is
    /// inflated than that takes, so the header of a cubin or of PTX costs next to nothing.
    pub fn prefix<'a>(&'a mut self, entry: &Entry<'a>, length: usize) -> Result<&'a [u8], PayloadError> {
        let whole = length as u64 >= entry.size || entry.part.is_some_and(|part| part.start > 0);
        if whole || entry.compression != Compression::Zstd {
            let image = self.unpack(entry)?;
            return Ok(image.get(..length).unwrap_or(image));
        }
        self.check(entry)?;
        self.inflate_prefix(entry, length).map_err(|kind| kind.at(entry))?;
        Ok(self.buffer.as_slice())
    }

    /// Every image of a container with its payload, groups taken apart; each group is inflated once.
    pub fn each<'data>(
        &mut self,
        container: &Container<'data>,
        mut visit: impl FnMut(Result<(Entry<'data>, Result<&[u8], PayloadError>), FatbinError>),
    ) {
        for entry in container.entries() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    visit(Err(error));
                    continue;
                }
            };
            if entry.kind != EntryKind::Group {
                visit(Ok((entry, self.unpack(&entry))));
                continue;
            }
            let whole = self.unpack(&entry);
            for member in entry.members() {
                visit(member.map(|member| (member, whole.and_then(|whole| cut(&member, whole)))));
            }
        }
    }

    /// What can be refused before a byte is inflated.
    fn check(&self, entry: &Entry<'_>) -> Result<(), PayloadError> {
        if entry.is_obfuscated() {
            return Err(PayloadErrorKind::Obfuscated.at(entry));
        }
        if entry.compression == Compression::None {
            return Ok(());
        }
        let (size, stored) = (inflated_size(entry), entry.stored.len() as u64);
        if size > self.limits.size {
            return Err(PayloadErrorKind::TooLarge { size, limit: self.limits.size }.at(entry));
        }
        if size > self.limits.always && size / self.limits.ratio.max(1) > stored {
            return Err(PayloadErrorKind::Bomb { stored, size }.at(entry));
        }
        Ok(())
    }

    /// Makes the buffer empty with room for `size` bytes.
    fn reserve(&mut self, size: u64) -> Result<usize, PayloadErrorKind> {
        let length = usize::try_from(size).map_err(|_| PayloadErrorKind::Memory { size })?;
        self.buffer.clear();
        self.buffer.try_reserve(length).map_err(|_| PayloadErrorKind::Memory { size })?;
        Ok(length)
    }

    /// Inflates the whole payload into the buffer.
    fn inflate(&mut self, entry: &Entry<'_>) -> Result<(), PayloadErrorKind> {
        let size = inflated_size(entry);
        let length = self.reserve(size)?;
        if entry.compression == Compression::Lz4 {
            self.buffer.resize(length, 0);
            let found = lz4_flex::block::decompress_into(entry.stored, &mut self.buffer)
                .map_err(|_| PayloadErrorKind::Broken("LZ4"))?;
            return same_length(size, found);
        }
        let context = self.context.get_or_insert_with(DCtx::create);
        let found = context
            .decompress(&mut self.buffer, entry.stored)
            .map_err(|_| PayloadErrorKind::Broken("Zstandard"))?;
        same_length(size, found)
    }

    /// Inflates the first `length` bytes of a Zstandard frame into the buffer.
    fn inflate_prefix(&mut self, entry: &Entry<'_>, length: usize) -> Result<(), PayloadErrorKind> {
        const BROKEN: PayloadErrorKind = PayloadErrorKind::Broken("Zstandard");
        self.reserve(length as u64)?;
        self.buffer.resize(length, 0);
        let context = self.context.get_or_insert_with(DCtx::create);
        context.reset(zstd::zstd_safe::ResetDirective::SessionAndParameters).map_err(|_| BROKEN)?;
        // A frame may ask for a window as large as it likes; no sound one needs much more than the payload.
        let window = inflated_size(entry).max(1).ilog2().saturating_add(1).clamp(23, 27);
        context.set_parameter(DParameter::WindowLogMax(window)).map_err(|_| BROKEN)?;
        let mut input = InBuffer::around(entry.stored);
        let mut output = OutBuffer::around(self.buffer.as_mut_slice());
        while output.pos() < length {
            let before = (input.pos, output.pos());
            let hint = context.decompress_stream(&mut output, &mut input).map_err(|_| BROKEN)?;
            if hint == 0 || before == (input.pos, output.pos()) {
                break;
            }
        }
        let found = output.pos();
        same_length(length as u64, found)
    }
}

impl<'data> Entry<'data> {
    /// The entry's image: borrowed where it is stored plainly. [`Unpacker`] is cheaper for many.
    pub fn payload(&self, limits: &Limits) -> Result<Cow<'data, [u8]>, PayloadError> {
        let mut unpacker = Unpacker::new(*limits);
        if self.compression == Compression::None {
            unpacker.check(self)?;
            return cut(self, self.stored).map(Cow::Borrowed);
        }
        let (start, length) = {
            let image = unpacker.unpack(self)?;
            (self.part.map_or(0, |part| part.start), image.len())
        };
        let Unpacker { mut buffer, .. } = unpacker;
        buffer.drain(..usize::try_from(start).unwrap_or(usize::MAX).min(buffer.len()));
        buffer.truncate(length);
        Ok(Cow::Owned(buffer))
    }
}

/// What the whole stream that holds the entry inflates to, in bytes.
fn inflated_size(entry: &Entry<'_>) -> u64 {
    entry.part.map_or(entry.size, |part| part.of)
}

fn same_length(size: u64, found: usize) -> Result<(), PayloadErrorKind> {
    let found = found as u64;
    if found == size { Ok(()) } else { Err(PayloadErrorKind::Length { size, found }) }
}

/// The entry's own part of an inflated stream, without padding.
fn cut<'a>(entry: &Entry<'_>, whole: &'a [u8]) -> Result<&'a [u8], PayloadError> {
    // A member of a group has flags of its own.
    if entry.is_obfuscated() {
        return Err(PayloadErrorKind::Obfuscated.at(entry));
    }
    let part = match entry.part {
        Some(part) => slice(whole, part.start, entry.size)
            .ok_or_else(|| PayloadErrorKind::Length { size: part.of, found: whole.len() as u64 }.at(entry))?,
        None => whole,
    };
    Ok(match entry.kind {
        EntryKind::Ptx => {
            let end = part.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            part.get(..end).unwrap_or(part)
        }
        EntryKind::Cubin => trim(part),
        _ => part,
    })
}

/// A cubin up to where its own headers say that it ends; all of it if they can't be read.
fn trim(cubin: &[u8]) -> &[u8] {
    let end = Sections::open(cubin).map(|sections| sections.end()).ok();
    end.and_then(|end| slice(cubin, 0, end)).filter(|cubin| !cubin.is_empty()).unwrap_or(cubin)
}

impl PayloadErrorKind {
    fn at(self, entry: &Entry<'_>) -> PayloadError {
        PayloadError { offset: entry.offset, kind: self }
    }
}
