//! What the process was given: environment, folders, terminal. The only place that reads the real environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::num::NonZeroUsize;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_machine::Environment;

/// The surroundings of one run.
pub(crate) struct Context {
    pub(crate) environment: Environment,
    /// The environment with what is not UTF-8, for commands that are to have all of it.
    pub(crate) variables: BTreeMap<OsString, OsString>,
    /// The folder in which cuferry was started.
    pub(crate) folder: Utf8PathBuf,
    /// Whether standard error is a terminal that takes colour and cursor movement.
    pub(crate) live: bool,
    pub(crate) colour: bool,
}

impl Context {
    pub(crate) fn from_process() -> Self {
        let environment = Environment::new(std::env::vars_os());
        let folder = std::env::current_dir().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let terminal = std::io::stderr().is_terminal() && environment.get("TERM") != Some("dumb");
        // https://no-color.org; CI logs keep no cursor movement.
        let colour = terminal && environment.get("NO_COLOR").is_none();
        let live = terminal && environment.get("CI").is_none();
        let variables = std::env::vars_os().collect();
        Self { environment, variables, folder: folder.unwrap_or_else(|| "/".into()), live, colour }
    }

    /// Where toolkits are kept: `CUFERRY_HOME`, or the user's data folder (XDG base directory specification).
    pub(crate) fn data_dir(&self) -> Utf8PathBuf {
        if let Some(home) = self.environment.get("CUFERRY_HOME") {
            return self.absolute(Utf8Path::new(home));
        }
        match (self.environment.get("XDG_DATA_HOME"), self.environment.get("HOME")) {
            (Some(data), _) if data.starts_with('/') => Utf8Path::new(data).join("cuferry"),
            (_, Some(home)) => Utf8Path::new(home).join(".local/share/cuferry"),
            (_, None) => self.folder.join(".cuferry"),
        }
    }

    /// Where results that can be made again are kept.
    pub(crate) fn cache_dir(&self) -> Utf8PathBuf {
        self.data_dir().join("cache")
    }

    /// Where what has to be unpacked to be read is kept for a while; none: the system's own folder.
    pub(crate) fn temporary_dir(&self) -> Option<Utf8PathBuf> {
        self.environment
            .get("TMPDIR")
            .filter(|folder| !folder.is_empty())
            .map(|folder| self.absolute(folder.into()))
    }

    /// A path as the user gave it, from where cuferry was started.
    pub(crate) fn absolute(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.folder.join(path)
    }

    /// The time of everything that is written, in seconds since 1970: `SOURCE_DATE_EPOCH`, or 0.
    /// <https://reproducible-builds.org/specs/source-date-epoch/>
    pub(crate) fn epoch(&self) -> u64 {
        self.environment.get("SOURCE_DATE_EPOCH").and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Variables that change what compilers do, and that a build here does not heed.
    pub(crate) fn unheeded(&self) -> Vec<&'static str> {
        let names = [
            "NVCC_APPEND_FLAGS",
            "NVCC_PREPEND_FLAGS",
            "NVCC_CCBIN",
            "CPATH",
            "C_INCLUDE_PATH",
            "CPLUS_INCLUDE_PATH",
            "LIBRARY_PATH",
            "CFLAGS",
            "CXXFLAGS",
            "CUDAFLAGS",
            "LDFLAGS",
            "CUDAARCHS",
            "CC",
            "CXX",
            "CUDAHOSTCXX",
            "CUDACXX",
        ];
        names.into_iter().filter(|name| self.environment.get(name).is_some()).collect()
    }
}

/// How many commands run at once where nobody says: one for each CPU.
pub(crate) fn jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
