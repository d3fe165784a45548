//! Toolkits: one that lies on this machine, with its layout.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};

/// A CUDA toolkit on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolkit {
    /// Which release.
    pub release: CudaRelease,
    /// What names its exact build: the digest of its packages, or nvcc's own version text for one that was found.
    pub identity: String,
    /// The folder that holds `bin/nvcc`: an absolute path.
    pub root: Utf8PathBuf,
    /// How it got here.
    pub origin: ToolkitOrigin,
}

/// How a toolkit came to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolkitOrigin {
    /// Installed by cuferry.
    Installed,
    /// Named by an environment variable, such as `CUDA_HOME`.
    Variable(String),
    /// Its nvcc is on `PATH`.
    Path,
    /// It lies in one of the usual folders, such as `/usr/local/cuda`.
    Folder,
}

impl Toolkit {
    /// The compiler driver.
    pub fn nvcc(&self) -> Utf8PathBuf {
        self.root.join("bin/nvcc")
    }

    /// The toolkit's headers for programs that run on `host`.
    pub fn include(&self, host: Host) -> Utf8PathBuf {
        self.target(host).join("include")
    }

    /// The toolkit's libraries for programs that run on `host`; `stubs` below it.
    pub fn lib(&self, host: Host) -> Utf8PathBuf {
        self.target(host).join("lib")
    }

    /// `targets/<triple>`.
    pub fn target(&self, host: Host) -> Utf8PathBuf {
        self.root.join("targets").join(host.cuda_target())
    }

    /// Whether `path` lies inside.
    pub fn contains(&self, path: &Utf8Path) -> bool {
        path.starts_with(&self.root)
    }
}
