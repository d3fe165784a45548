//! Why an artifact, or a file in it, can't be looked at, and what to do about it.

use std::io;

use camino::Utf8PathBuf;
use cuferry_binfmt::tar::TarError;
use miette::Diagnostic;
use thiserror::Error;

use crate::zip::ZipError;

/// What went wrong. `path` is always what the user pointed at, `part` what lies in it.
#[derive(Debug, Error, Diagnostic)]
pub enum ArtifactError {
    /// Nothing there.
    #[error("there is no `{path}`")]
    #[diagnostic(code(artifact::not_found), help("{}", not_found_help(path, nearest.as_ref())))]
    NotFound {
        /// As given.
        path: Utf8PathBuf,
        /// What lies there under nearly the same name.
        nearest: Option<Utf8PathBuf>,
    },
    /// There, but not for this user.
    #[error("`{path}` may not be read")]
    #[diagnostic(code(artifact::denied), help("ask its owner, or run as a user who may read it"))]
    Denied {
        /// As given.
        path: Utf8PathBuf,
    },
    /// A device or a socket.
    #[error("`{path}` is a {what}, not a file")]
    #[diagnostic(code(artifact::not_a_file), help("name a file, a folder, or `-` for the standard input"))]
    NotAFile {
        /// As given.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// `/proc` and the like.
    #[error("`{path}` is the kernel's own file system ({file_system}): there are no files to look at")]
    #[diagnostic(
        code(artifact::kernel_folder),
        help("name the root of a system, `/`, and this is left out of it")
    )]
    KernelFolder {
        /// As given.
        path: Utf8PathBuf,
        /// The kernel's name for it.
        file_system: &'static str,
    },
    /// Nothing in it.
    #[error("`{path}` is empty")]
    #[diagnostic(
        code(artifact::empty),
        help("a download or copy that failed? L4T r32 images, too, hold CUDA's libraries as empty files")
    )]
    Empty {
        /// As given.
        path: Utf8PathBuf,
    },
    /// A format that is not read.
    #[error("`{path}` is {format}, which is not read")]
    #[diagnostic(code(artifact::format), help("{advice}"))]
    Format {
        /// As given.
        path: Utf8PathBuf,
        /// With its article.
        format: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// Named like an archive, and none.
    #[error("`{path}` is {expected} by its name, but not by its content, which starts with {found}")]
    #[diagnostic(
        code(artifact::misnamed),
        help("a download that ended early, or a web page in its place? fetch it again")
    )]
    Misnamed {
        /// As given.
        path: Utf8PathBuf,
        /// What the name says, with its article.
        expected: &'static str,
        /// The first bytes.
        found: String,
    },
    /// The disk failed, or the file is not what it was.
    #[error("can't read `{part}` of `{path}`")]
    #[diagnostic(code(artifact::unreadable), help("{}", unreadable_help(source)))]
    Unreadable {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// Why.
        source: io::Error,
    },
    /// A tar that is cut off or damaged.
    #[error("`{part}` of `{path}` can't be read")]
    #[diagnostic(code(artifact::tar), help("fetch or write it again"))]
    Tar {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// Where it is wrong.
        source: TarError,
    },
    /// A zip that is cut off or damaged.
    #[error("`{path}` can't be read")]
    #[diagnostic(code(artifact::zip), help("fetch or write it again"))]
    Zip {
        /// As given.
        path: Utf8PathBuf,
        /// Where it is wrong.
        source: ZipError,
    },
    /// Compressed data that is cut off or damaged.
    #[error("`{part}` of `{path}` can't be unpacked ({format})")]
    #[diagnostic(code(artifact::compressed), help("{}", compressed_help(source)))]
    Compressed {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// How it is compressed.
        format: &'static str,
        /// What the decompressor says.
        source: io::Error,
    },
    /// A package whose description can't be understood.
    #[error("`{part}` of the package `{path}` can't be read: {why}")]
    #[diagnostic(code(artifact::package), help("fetch the package again"))]
    Package {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// What is wrong.
        why: String,
    },
    /// An image whose description can't be understood.
    #[error("`{part}` of the image `{path}` can't be read: {why}")]
    #[diagnostic(code(artifact::image), help("write the image again, with `docker save` or `skopeo copy`"))]
    Image {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// What is wrong.
        why: String,
    },
    /// A part of an image that is not there.
    #[error("the image `{path}` lacks `{part}`, which `{user}` names")]
    #[diagnostic(
        code(artifact::image_incomplete),
        help("it was not copied wholly: `skopeo copy --all` takes every platform along, `docker save` one")
    )]
    PartMissing {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// The part that names it.
        user: String,
    },
    /// A part of an image that is longer or shorter than it should be.
    #[error(
        "`{part}` of the image `{path}` has another size\n  expected: {expected} bytes\n  found:    {found} bytes"
    )]
    #[diagnostic(code(artifact::image_size), help("fetch the image again"))]
    PartSize {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// In bytes.
        expected: u64,
        /// In bytes.
        found: u64,
    },
    /// A part of an image that is not what its name says.
    #[error("`{part}` of the image `{path}` is damaged: its digest is another")]
    #[diagnostic(code(artifact::image_damaged), help("fetch the image again"))]
    PartDamaged {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
    },
    /// An encrypted member of a zip.
    #[error("`{member}` of `{path}` is encrypted")]
    #[diagnostic(
        code(artifact::encrypted),
        help("unpack the archive with its password, and name the folder")
    )]
    Encrypted {
        /// As given.
        path: Utf8PathBuf,
        /// Which member.
        member: String,
    },
    /// A member of a zip that is compressed in a way that is not read.
    #[error("`{member}` of `{path}` is compressed by method {method}, which is not read")]
    #[diagnostic(code(artifact::method), help("unpack the archive, and name the folder"))]
    Method {
        /// As given.
        path: Utf8PathBuf,
        /// Which member.
        member: String,
        /// APPNOTE.TXT 4.4.5.
        method: u16,
    },
    /// A member of a zip whose content is not what it was.
    #[error("`{member}` of `{path}` is damaged\n  expected: CRC-32 {expected:08x}\n  found:    {found:08x}")]
    #[diagnostic(code(artifact::member_damaged), help("fetch the archive again"))]
    MemberDamaged {
        /// As given.
        path: Utf8PathBuf,
        /// Which member.
        member: String,
        /// As the archive says.
        expected: u32,
        /// As it is.
        found: u32,
    },
    /// More files than any real artifact has.
    #[error("`{path}` holds more than {limit} files")]
    #[diagnostic(code(artifact::too_many_entries), help("name the folder in it that matters"))]
    TooManyEntries {
        /// As given.
        path: Utf8PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Longer paths than any real artifact has.
    #[error("the paths in `{path}` take more than {limit} bytes")]
    #[diagnostic(code(artifact::too_long_names), help("name the folder in it that matters"))]
    TooLongNames {
        /// As given.
        path: Utf8PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// More content than fits.
    #[error("`{part}` of `{path}` unpacks to more than {limit} bytes, with all that is unpacked already")]
    #[diagnostic(code(artifact::unpacked_too_large), help("unpack it yourself, and name the folder"))]
    UnpackedTooLarge {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A decompression bomb, or something that looks like one.
    #[error("`{part}` of `{path}` unpacks to more than {limit} times its {packed} bytes")]
    #[diagnostic(
        code(artifact::bomb),
        help("such files are made to fill disks; if you trust it, unpack it yourself, and name the folder")
    )]
    Bomb {
        /// As given.
        path: Utf8PathBuf,
        /// Which part.
        part: String,
        /// In bytes.
        packed: u64,
        /// The limit.
        limit: u64,
    },
    /// No room, or no right, to unpack.
    #[error("can't unpack into `{folder}`")]
    #[diagnostic(
        code(artifact::temporary),
        help("name a folder on a disk with room for what is unpacked: `TMPDIR=FOLDER`")
    )]
    Temporary {
        /// Where files without a name are made.
        folder: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn not_found_help(path: &Utf8PathBuf, nearest: Option<&Utf8PathBuf>) -> String {
    match nearest {
        Some(nearest) => format!("`{nearest}` is there: was it meant?"),
        // `nvcr.io/nvidia/l4t-base:r36.2.0`, `ubuntu:22.04`
        None if !path.is_absolute() && path.as_str().contains(':') => {
            format!(
                "an image is fetched first: `skopeo copy docker://{path} oci:FOLDER`, then name the folder"
            )
        }
        None => "check its spelling, and the folder that you are in".to_owned(),
    }
}

fn unreadable_help(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "run as a user who may read it",
        io::ErrorKind::UnexpectedEof => {
            "it was cut short while it was read; wait until it is written, and try again"
        }
        _ => "try again; if it stays so, the disk or the connection to it fails",
    }
}

fn compressed_help(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early: fetch or write it again",
        _ => "it is damaged: fetch or write it again",
    }
}
