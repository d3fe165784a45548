//! What can go wrong, and what to do about it.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::CudaRelease;
use cuferry_digest::Digest;
use cuferry_toolchain::layout::LayoutError;
use cuferry_toolchain::release_file::{PickError, ReleaseFileError};
use miette::Diagnostic;
use thiserror::Error;

/// Why a toolkit could not be installed, or a release not be locked.
#[derive(Debug, Error, Diagnostic)]
pub enum InstallError {
    /// The disk's side.
    #[error("can't {action} `{path}`")]
    #[diagnostic(code(install::io), help("{}", io_help(source)))]
    Io {
        /// A verb: `create`, `read`, `lock`.
        action: &'static str,
        /// What.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something has to be fetched, which `--offline` forbids.
    #[error("offline, and these are not in `{downloads}`: {}", missing.join(", "))]
    #[diagnostic(
        code(install::offline),
        help("run once with the network, or copy `{downloads}` from a machine that has them")
    )]
    Offline {
        /// The wheels' cache.
        downloads: Utf8PathBuf,
        /// File names of wheels.
        missing: Vec<String>,
    },
    /// The wheel is another one than the release file pins.
    #[error("`{archive}` does not match its pinned digest\n  expected: {expected}\n  received: {received}")]
    #[diagnostic(
        code(install::digest_mismatch),
        help(
            "retry; if it happens again, `{index}` serves another file than the release file of CUDA {release} pins"
        )
    )]
    DigestMismatch {
        /// The wheel's file name.
        archive: String,
        /// Whose release file.
        release: CudaRelease,
        /// The index, without credentials.
        index: String,
        /// What the release file says.
        expected: Digest,
        /// What came.
        received: Digest,
    },
    /// The wheel is longer or shorter than the release file pins.
    #[error(
        "`{archive}` does not match its pinned size\n  expected: {expected} bytes\n  received: {received} bytes"
    )]
    #[diagnostic(
        code(install::size_mismatch),
        help(
            "retry; if it happens again, `{index}` serves another file than the release file of CUDA {release} pins"
        )
    )]
    SizeMismatch {
        /// The wheel's file name.
        archive: String,
        /// Whose release file.
        release: CudaRelease,
        /// The index, without credentials.
        index: String,
        /// What the release file says.
        expected: u64,
        /// What came.
        received: u64,
    },
    /// No answer, or a broken one, several times over.
    #[error("`{url}` could not be fetched: {attempts} attempts failed, the last because {cause}")]
    #[diagnostic(
        code(install::network),
        help(
            "check the network and the proxy settings (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`), or set `PIP_INDEX_URL` to a mirror"
        )
    )]
    Network {
        /// The address, without credentials.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What happened last.
        cause: String,
    },
    /// The server refuses.
    #[error("`{url}` answers with status {status}")]
    #[diagnostic(code(install::status), help("{}", status_help(*status)))]
    Status {
        /// The address, without credentials.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The index does not offer a wheel.
    #[error("`{index}` has no `{file}`")]
    #[diagnostic(
        code(install::not_on_index),
        help(
            "a mirror may lag behind: unset `PIP_INDEX_URL`, or lock the release again with `cuferry toolchain lock`"
        )
    )]
    NotOnIndex {
        /// The package's page on the index, without credentials.
        index: String,
        /// The wheel.
        file: String,
    },
    /// What the index answers is no list of files.
    #[error("`{url}` is not a page of a package index: {problem}")]
    #[diagnostic(
        code(install::not_an_index),
        help(
            "`PIP_INDEX_URL` names the folder that holds the packages' pages, such as `https://host/simple`"
        )
    )]
    NotAnIndex {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An address that is none.
    #[error("the {what} is not an address: {problem}")]
    #[diagnostic(code(install::bad_url), help("an address such as `https://host/simple` is expected"))]
    BadUrl {
        /// `package index`, `HTTP proxy`; the text itself may hold a password.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A certificate file without certificates.
    #[error("`{path}` holds no certificate in PEM")]
    #[diagnostic(
        code(install::no_certificates),
        help("`SSL_CERT_FILE` names a file such as `/etc/ssl/certs/ca-certificates.crt`")
    )]
    NoCertificates {
        /// Which.
        path: Utf8PathBuf,
    },
    /// A wheel that is not to be unpacked.
    #[error("`{archive}` is refused: `{}` {why}", entry.escape_debug())]
    #[diagnostic(
        code(install::hostile_archive),
        help(
            "a wheel of NVIDIA's never looks like this: check where the release file and the index come from"
        )
    )]
    Hostile {
        /// The wheel's file name.
        archive: String,
        /// The entry.
        entry: String,
        /// What it does.
        why: Hostility,
    },
    /// A wheel that is no zip archive.
    #[error("`{archive}` can't be unpacked: {problem}")]
    #[diagnostic(
        code(install::broken_archive),
        help("lock the release again with `cuferry toolchain lock`: the pinned file is itself broken")
    )]
    BrokenArchive {
        /// The wheel's file name.
        archive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The release lacks something that was asked for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pick(#[from] PickError),
    /// The wheels don't fit one another.
    #[error("the wheels of CUDA {release} don't fit one another")]
    #[diagnostic(code(install::layout), help("lock the release again with `cuferry toolchain lock`"))]
    Layout {
        /// Which release.
        release: CudaRelease,
        /// Why.
        source: LayoutError,
    },
    /// The index has no such release.
    #[error("`{index}` has no CUDA {release}")]
    #[diagnostic(code(install::no_release), help("it has {}", newest.join(", ")))]
    NoRelease {
        /// The metapackage's page, without credentials.
        index: String,
        /// What was asked for.
        release: CudaRelease,
        /// What it has, oldest first.
        newest: Vec<String>,
    },
    /// The release is published in a way that has no nvcc.
    #[error("the packages of CUDA {release} on `{index}` hold no nvcc")]
    #[diagnostic(
        code(install::no_compiler),
        help(
            "NVIDIA publishes nvcc as a wheel from CUDA 13.0 on: install an older toolkit by hand, and set `CUDA_HOME`"
        )
    )]
    NoCompiler {
        /// The index, without credentials.
        index: String,
        /// Which release.
        release: CudaRelease,
    },
    /// No version on the index is the one that the release asks for.
    #[error("`{package}` {requirement} has no wheel on `{index}`")]
    #[diagnostic(code(install::no_version), help("a mirror may lag behind: unset `PIP_INDEX_URL`"))]
    NoVersion {
        /// Which package.
        package: String,
        /// Which versions were allowed.
        requirement: String,
        /// Its page, without credentials.
        index: String,
    },
    /// A requirement in a form that NVIDIA's packages did not use so far.
    #[error("`{package}` states a requirement that is not understood: `{text}`")]
    #[diagnostic(code(install::requirement), help("report it: a newer cuferry may be needed"))]
    Requirement {
        /// Whose METADATA.
        package: String,
        /// The line.
        text: String,
    },
    /// What was locked is not a release file.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Locked(Box<ReleaseFileError>),
}

/// What a hostile entry of an archive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostility {
    /// It would lie outside of its folder, or has a name that differs from system to system.
    Name,
    /// It is a link, a device, a pipe or a socket.
    Kind,
    /// Two entries of one name, or one below a file.
    Collision,
    /// It unpacks to another size than it says.
    SizeLies,
    /// The archive unpacks to far more than its own size allows.
    Bomb,
    /// It is encrypted.
    Encrypted,
}

impl fmt::Display for Hostility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Name => "has a name that is not a plain relative path",
            Self::Kind => "is neither a file nor a folder",
            Self::Collision => "collides with another entry",
            Self::SizeLies => "does not have the size that it states",
            Self::Bomb => "unpacks to too much",
            Self::Encrypted => "is encrypted",
        })
    }
}

fn io_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room: a toolkit takes about 1 GB, each CUDA library up to 2 GB more"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable, or name another data folder"
        }
        _ => "the system's message above says what to mend",
    }
}

fn status_help(status: u16) -> &'static str {
    match status {
        401 | 403 => "the index wants a user and password: `PIP_INDEX_URL=https://user:password@host/simple`",
        404 | 410 => "the index lacks this package: unset `PIP_INDEX_URL`, or have the mirror take it up",
        407 => "the proxy wants a user and password: `HTTPS_PROXY=http://user:password@host:port`",
        _ => "try again later, or set `PIP_INDEX_URL` to a mirror",
    }
}

/// Names the path that an I/O error is about.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Utf8Path) -> Result<T, InstallError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Utf8Path) -> Result<T, InstallError> {
        self.map_err(|source| InstallError::Io { action, path: path.to_owned(), source })
    }
}
