//! What can go wrong with a session. A build that fails by itself is no error: see [`Run`](crate::Run).

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use thiserror::Error;

use crate::Obstacle;

/// Why a session could not be prepared, or a build not be run in it.
#[derive(Debug, Error, Diagnostic)]
pub enum WrapError {
    /// The disk's side.
    #[error("cannot {action} `{path}`")]
    #[diagnostic(code(wrap::io), help("{}", io_help(source)))]
    Io {
        /// A verb: `create`, `link`, `read`.
        action: &'static str,
        /// What.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The folder of a session can neither hold a colon nor a line's end: it becomes part of PATH.
    #[error("`{folder}` cannot hold a session: its name would break PATH apart")]
    #[diagnostic(
        code(wrap::folder),
        help("name another data folder with `CUFERRY_HOME`, without `:` and line ends in its path")
    )]
    Folder {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// A header that would lie outside of the session.
    #[error("`{path}` is no path below a session's headers")]
    #[diagnostic(code(wrap::header), help("this is a defect of cuferry"))]
    Header {
        /// As it was asked for.
        path: Utf8PathBuf,
    },
    /// A build of this project is running, with another toolkit.
    #[error("another build of this project is running with another toolkit, in `{folder}`")]
    #[diagnostic(
        code(wrap::in_use),
        help("wait for it to end, or choose the same toolkit for both with `--toolkit`")
    )]
    InUse {
        /// The session's folder.
        folder: Utf8PathBuf,
    },
    /// The toolkit that was given is none.
    #[error("`{root}` holds no CUDA toolkit: `bin/nvcc` is not there")]
    #[diagnostic(code(wrap::toolkit), help("`cuferry toolchain install` fetches one"))]
    Toolkit {
        /// Its root.
        root: Utf8PathBuf,
    },
    /// What a session keeps is not readable, or was written by another version.
    #[error("`{path}` is not a session of this version of cuferry: {cause}")]
    #[diagnostic(code(wrap::session), help("start the build through `cuferry` again: it writes a new one"))]
    Session {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The build's own program could not be started.
    #[error("cannot start `{program}`")]
    #[diagnostic(code(wrap::start), help("check that `{program}` is installed, on PATH and executable"))]
    Start {
        /// As it was named.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A namespace was asked for, and there is none to be had.
    #[error("absolute paths cannot be served: {obstacle}")]
    #[diagnostic(code(wrap::namespace), help("{}", obstacle.advice()))]
    Namespace {
        /// What stands in the way.
        obstacle: Obstacle,
    },
    /// The build's output or end could not be waited for.
    #[error("lost track of `{program}`")]
    #[diagnostic(
        code(wrap::watch),
        help("the kernel must be Linux 5.3 or newer, and have processes and open files to spare")
    )]
    Watch {
        /// As it was named.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn io_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make the folder writable, or name another data folder with `CUFERRY_HOME`"
        }
        _ => "the system's message above says what to mend",
    }
}

/// Names the path that an I/O error is about.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Utf8Path) -> Result<T, WrapError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &Utf8Path) -> Result<T, WrapError> {
        self.map_err(|source| WrapError::Io { action, path: path.to_owned(), source: source.into() })
    }
}
