//! What can go wrong, and what to do about it.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Digest;
use cuferry_toolchain::layout::LayoutError;
use cuferry_toolchain::release_file::PickError;
use cuferry_toolchain::toml_file::ReleaseFileError;
use miette::Diagnostic;
use thiserror::Error;

/// Why a toolkit or a companion could not be installed, or one not be locked.
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
        /// Where archives are kept.
        downloads: Utf8PathBuf,
        /// File names of archives.
        missing: Vec<String>,
    },
    /// The archive is another one than the release file pins.
    #[error("`{archive}` does not match its pinned digest\n  expected: {expected}\n  received: {received}")]
    #[diagnostic(
        code(install::digest_mismatch),
        help("retry; if it happens again, `{index}` serves another file than the release file of {of} pins")
    )]
    DigestMismatch {
        /// The archive's file name.
        archive: String,
        /// Whose file of pins: `CUDA 13.0`.
        of: Box<str>,
        /// The index or mirror, without credentials.
        index: Box<str>,
        /// What the release file says.
        expected: Digest,
        /// What came.
        received: Digest,
    },
    /// The archive is longer or shorter than the release file pins.
    #[error(
        "`{archive}` does not match its pinned size\n  expected: {expected} bytes\n  received: {received} bytes"
    )]
    #[diagnostic(
        code(install::size_mismatch),
        help("retry; if it happens again, `{index}` serves another file than the release file of {of} pins")
    )]
    SizeMismatch {
        /// The archive's file name.
        archive: String,
        /// Whose file of pins: `CUDA 13.0`.
        of: String,
        /// The index or mirror, without credentials.
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
            "check the network and the proxy settings (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`), or set `{}` to a mirror",
            server.variable()
        )
    )]
    Network {
        /// What was asked.
        server: Server,
        /// The address, without credentials.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What happened last.
        cause: String,
    },
    /// The server refuses.
    #[error("`{url}` answers with status {status}")]
    #[diagnostic(code(install::status), help("{}", status_help(*server, *status)))]
    Status {
        /// What was asked.
        server: Server,
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
    /// A companion that is of another kind than the caller needs.
    #[error("`{name}` is not {wanted}")]
    #[diagnostic(code(install::other_kind), help("`cuferry toolchain list` says what can be fetched"))]
    OtherKind {
        /// The companion.
        name: String,
        /// `a compiler`, `headers`, `an emulator`, `a root`.
        wanted: &'static str,
    },
    /// The mirror has no such package in the release's suite.
    #[error("`{mirror}` has no package `{package}` for {host} in `{suite}`")]
    #[diagnostic(
        code(install::not_on_mirror),
        help("check `CUFERRY_DEBIAN_MIRROR`, and the package's name in the file that is locked")
    )]
    NotOnMirror {
        /// The mirror, without credentials.
        mirror: String,
        /// The release's code name.
        suite: String,
        /// Which package.
        package: String,
        /// For which host.
        host: Host,
    },
    /// The hosts' packages are not of one version, so no file can pin both.
    #[error("`{package}` has version {first} for one host and {second} for another")]
    #[diagnostic(
        code(install::versions_differ),
        help("try again in some hours: the mirror is being updated")
    )]
    VersionsDiffer {
        /// Which package.
        package: String,
        /// A version.
        first: String,
        /// Another.
        second: String,
    },
    /// What a mirror answers is no list of packages.
    #[error("`{url}` is not a list of Debian packages: {problem}")]
    #[diagnostic(
        code(install::not_a_mirror),
        help(
            "`CUFERRY_DEBIAN_MIRROR` names the folder that holds `dists` and `pool`, such as `https://host/debian`"
        )
    )]
    NotAMirror {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An address that is none.
    #[error("the {what} is not an address: {problem}")]
    #[diagnostic(
        code(install::bad_url),
        help("an address such as `{}` is expected", server.map_or("http://host:port", |server| server.example()))
    )]
    BadUrl {
        /// Which address, if not a proxy's.
        server: Option<Server>,
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
    /// An archive that is not to be unpacked.
    #[error("`{archive}` is refused: `{}` {why}", entry.escape_debug())]
    #[diagnostic(
        code(install::hostile_archive),
        help(
            "no package that is published looks like this: check where the release file and the packages come from"
        )
    )]
    Hostile {
        /// The archive's file name.
        archive: String,
        /// The entry.
        entry: String,
        /// What it does.
        why: Hostility,
    },
    /// An archive that is none of its kind, or a damaged one.
    #[error("`{archive}` can't be unpacked: {problem}")]
    #[diagnostic(
        code(install::broken_archive),
        help("lock the release again with `cuferry toolchain lock`: the pinned file is itself broken")
    )]
    BrokenArchive {
        /// The archive's file name.
        archive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The release lacks something that was asked for.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Pick(#[from] PickError),
    /// The packages don't fit one another.
    #[error("the packages of {of} don't fit one another")]
    #[diagnostic(code(install::layout), help("lock the release again with `cuferry toolchain lock`"))]
    Layout {
        /// Of what: `CUDA 13.0`.
        of: String,
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

/// What packages are fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// A package index with wheels.
    Index,
    /// A mirror of Debian's archive.
    Mirror,
}

impl Server {
    /// The environment variable that names another one.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Index => "PIP_INDEX_URL",
            Self::Mirror => "CUFERRY_DEBIAN_MIRROR",
        }
    }

    /// What an address of one looks like.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::Index => "https://host/simple",
            Self::Mirror => "https://host/debian",
        }
    }

    /// As messages call it, in full.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Index => "package index",
            Self::Mirror => "Debian mirror",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Index => "index",
            Self::Mirror => "mirror",
        })
    }
}

/// What a hostile entry of an archive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostility {
    /// It would lie outside of its folder, or has a name that differs from system to system.
    Name,
    /// It is a device, a pipe or a socket; or a link where there are none.
    Kind,
    /// It is a link that leads out of its folder, or another name of a file that is not there.
    Link,
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
            Self::Link => "is a link that leads to nothing inside",
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

fn status_help(server: Server, status: u16) -> String {
    let (variable, example) = (server.variable(), server.example());
    let with_password = example.replace("://", "://user:password@");
    match (status, server) {
        (401 | 403, _) => format!("the {server} wants a user and password: `{variable}={with_password}`"),
        (404 | 410, Server::Index) => {
            format!("the index lacks this package: unset `{variable}`, or have the mirror take it up")
        }
        (404 | 410, Server::Mirror) => format!(
            "the mirror lacks this version: unset `{variable}`, or set it to one that keeps old packages as well"
        ),
        (407, _) => {
            "the proxy wants a user and password: `HTTPS_PROXY=http://user:password@host:port`".to_owned()
        }
        _ => format!("try again later, or set `{variable}` to a mirror"),
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
