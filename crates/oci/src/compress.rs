//! How layers are compressed: always the same bytes for the same input.

use std::io::{self, Write};

/// How an image's layers are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Plain tar: the fastest to load into an engine on this machine.
    None,
    /// Read by everything.
    #[default]
    Gzip,
    /// Smaller and faster; read by Docker 23, containerd 1.5, podman 1.6 and later, not by Docker 20.10.
    Zstd,
}

/// Compressors take their input in pieces of this size, in bytes, however it comes: what they write depends on that.
pub(crate) const PIECE: usize = 1 << 20;

/// A part of every cache key: what the bytes depend on besides the input. The version is that of this crate's own choices.
pub(crate) fn encoder_identity(compression: Compression) -> String {
    match compression {
        Compression::None => "tar 1".to_owned(),
        Compression::Gzip => format!("gzip 1, libdeflate level {GZIP_LEVEL}, pieces of {PIECE}"),
        Compression::Zstd => {
            format!("zstd 1, {} level {ZSTD_LEVEL}, pieces of {PIECE}", zstd::zstd_safe::version_string())
        }
    }
}

/// CUDA's libraries are mostly compressed inside already: higher levels cost a third more time for one percent.
const GZIP_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    /// The media type of such a layer (image-spec, layer.md).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::None => "application/vnd.oci.image.layer.v1.tar",
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// From a layer's media type, Docker's older ones included.
    pub(crate) fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
                Some(Self::None)
            }
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Some(Self::Gzip),
            "application/vnd.oci.image.layer.v1.tar+zstd"
            | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// From a file's first bytes.
    pub(crate) fn of_bytes(start: &[u8]) -> Self {
        if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// Compresses pieces into `W`.
pub(crate) enum Encoder<W: Write> {
    None(W),
    /// Each piece is a gzip member of its own, which RFC 1952 allows: nothing grows with the size of the layer.
    Gzip {
        writer: W,
        compressor: libdeflater::Compressor,
        buffer: Vec<u8>,
    },
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(compression: Compression, writer: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(writer),
            Compression::Gzip => {
                let level =
                    libdeflater::CompressionLvl::new(GZIP_LEVEL).expect("a level between 0 and 12 exists");
                Self::Gzip { writer, compressor: libdeflater::Compressor::new(level), buffer: Vec::new() }
            }
            Compression::Zstd => {
                // One thread: libzstd writes other bytes with workers than without.
                let mut encoder = zstd::stream::write::Encoder::new(writer, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Takes the next piece: [`PIECE`] bytes, fewer only at the end.
    pub(crate) fn piece(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::None(writer) => writer.write_all(piece),
            Self::Gzip { writer, compressor, buffer } => {
                buffer.resize(compressor.gzip_compress_bound(piece.len()), 0);
                let size = compressor
                    .gzip_compress(piece, buffer)
                    .expect("the buffer is as large as the library asks for");
                writer.write_all(&buffer[..size])
            }
            Self::Zstd(encoder) => encoder.write_all(piece),
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::None(writer) | Self::Gzip { writer, .. } => Ok(writer),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
