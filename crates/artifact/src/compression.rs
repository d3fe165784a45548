//! How streams are compressed: told by their first bytes, never by their names.

use std::io::{self, Read};

use crate::error::ArtifactError;
use crate::origin::Origin;
use crate::source::Span;
use crate::spool::spool;

/// How much of the compressed stream is read at a time, in bytes.
const READ: usize = 128 * 1024;
/// The most memory that xz may ask for, in bytes: its highest level takes 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// How a file or a layer is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The `.xz` format.
    Xz,
}

impl Compression {
    /// From a file's first bytes; six are enough.
    pub(crate) fn of_bytes(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // Or a frame that decoders pass over: some writers start with one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }
}

/// `span`, unpacked if it is compressed. `part` is its name, for errors.
pub(crate) fn unpack(origin: &Origin, part: &str, span: &Span) -> Result<(Span, Compression), ArtifactError> {
    let unreadable =
        |source| ArtifactError::Unreadable { path: origin.path.clone(), part: part.to_owned(), source };
    let compression = Compression::of_bytes(&span.head(6).map_err(unreadable)?);
    if compression == Compression::None {
        return Ok((span.clone(), compression));
    }
    let broken = |source| ArtifactError::Compressed {
        path: origin.path.clone(),
        part: part.to_owned(),
        format: compression.name(),
        source,
    };
    let reader = decoder(span, compression).map_err(broken)?;
    let unpacked = spool(origin, part, reader, Some(span.length), broken)?;
    Ok((unpacked, compression))
}

fn decoder(span: &Span, compression: Compression) -> io::Result<Box<dyn Read + '_>> {
    let packed = span.reader(READ);
    Ok(match compression {
        Compression::None => Box::new(packed),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        Compression::Xz => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
        }
    })
}
