//! What a caller says before an installation, and hears during it.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;

/// How to reach the index or the mirrors. The command line fills it in from its arguments and the environment.
#[derive(Clone)]
pub struct Options {
    /// Use no network: what is not in the data folder is an error that names it.
    pub offline: bool,
    /// How many files to fetch at a time; at least one.
    pub jobs: usize,
    /// Instead of the index in the release file (`PIP_INDEX_URL`). May hold a user and password, which are sent to that
    /// server alone and never shown.
    pub index_url: Option<String>,
    /// Instead of the Debian mirrors in a release or companion file (`CUFERRY_DEBIAN_MIRROR`). May hold a user and
    /// password, as above.
    pub mirror_url: Option<String>,
    /// For addresses that begin with `http:` (`http_proxy`).
    pub http_proxy: Option<String>,
    /// For addresses that begin with `https:` (`HTTPS_PROXY`).
    pub https_proxy: Option<String>,
    /// Hosts to reach directly, separated by commas; each with all below it (`NO_PROXY`).
    pub no_proxy: Option<String>,
    /// Certificates in PEM to trust instead of the system's (`SSL_CERT_FILE`).
    pub ca_file: Option<Utf8PathBuf>,
    /// Give up on a server that sends nothing for so long.
    pub stall: Duration,
    /// How long to wait before the second attempt; twice as long before each further one.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            offline: false,
            jobs: 4,
            index_url: None,
            mirror_url: None,
            http_proxy: None,
            https_proxy: None,
            no_proxy: None,
            ca_file: None,
            stall: Duration::from_secs(30),
            backoff: Duration::from_millis(500),
        }
    }
}

/// What is going on. Comes from several threads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Another process is installing into the same data folder.
    Waiting {
        /// The file that it has locked.
        lock: &'a Utf8Path,
    },
    /// Said once, before the first [`Progress::Downloading`].
    Fetching {
        /// How many archives.
        archives: usize,
        /// Their size in bytes, all together.
        bytes: u64,
    },
    /// Asking the index about a package.
    Resolving {
        /// Which.
        package: &'a str,
    },
    /// An archive is on its way.
    Downloading {
        /// Of which package.
        package: &'a str,
        /// For which host.
        host: Host,
        /// Bytes that have arrived. Falls back to zero when the connection broke and a new attempt begins.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// An attempt failed, and another follows.
    Retrying {
        /// The address.
        url: &'a str,
        /// What happened.
        cause: &'a str,
        /// How long until the next attempt.
        wait: Duration,
    },
    /// An archive is whole and verified, and is being unpacked.
    Unpacking {
        /// Of which package.
        package: &'a str,
        /// For which host.
        host: Host,
    },
    /// All packages are there; the tree is being put together.
    Activating {
        /// Where.
        root: &'a Utf8Path,
    },
}

/// Hears [`Progress`].
pub type Report<'a> = dyn Fn(Progress<'_>) + Sync + 'a;
