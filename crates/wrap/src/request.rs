//! What a session is asked for.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_translate::Policy;
use serde::{Deserialize, Serialize};

/// What a session is to be.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Its folder, absolute, and the same for every build of one project: CMake caches paths into it. The folder above it is
    /// shared by sessions, and keeps the executable that their shims are links to.
    pub folder: &'a Utf8Path,
    /// This program's executable: `main` begins with [`shim_main`](crate::shim_main).
    pub exe: &'a Path,
    /// How calls are translated. Header folders that it names may lie in [`Session::include_folder`](crate::Session).
    pub policy: &'a Policy,
    /// The toolkit's root; none: the session has no `nvcc`.
    pub toolkit: Option<&'a Utf8Path>,
    /// `PATH`: where this machine's own tools are.
    pub path: &'a OsStr,
    /// Further names that the project calls tools by, such as `aarch64-poky-linux-g++`.
    pub names: Vec<String>,
    /// Compilers that the user names by their paths, as `CXX=/opt/gcc/bin/g++`: each is served by a shim of its own, and by
    /// itself. See [`named_tools`](crate::named_tools).
    pub own: Vec<Utf8PathBuf>,
    /// Files below the session's `include/`: relative path to text.
    pub headers: BTreeMap<Utf8PathBuf, String>,
    /// Which machine the build is told that this is.
    pub pretence: Pretence,
    /// The GPUs that `nvidia-smi` names where the machine has no `nvidia-smi`; none: it stays absent.
    pub gpus: Vec<Gpu>,
    /// The absolute paths to be served in a namespace.
    pub places: Places,
}

/// What the build is told when it asks which machine this is. Compilers always tell the truth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pretence {
    /// The truth.
    #[default]
    None,
    /// `uname -m`, `arch`, `lscpu`, `dpkg --print-architecture` and `dpkg-architecture` say ARM.
    Aarch64,
    /// And it is a Jetson: in a namespace `/etc/nv_tegra_release` is there, and the device tree's model where the kernel has a
    /// folder for it.
    Jetson {
        /// The L4T release, such as 35.
        l4t: u32,
        /// Its revision, such as `4.1`.
        revision: String,
        /// As the device tree names the board, such as `NVIDIA Jetson AGX Orin Developer Kit`.
        model: String,
    },
}

/// A GPU as `nvidia-smi` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Such as `NVIDIA H100`.
    pub name: String,
    /// The compute capability, such as `9.0`.
    pub capability: String,
}

/// Absolute paths at which a build finds the session's own, in a namespace of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// Where the toolkit is served: `/usr/local/cuda`, `/usr/local/cuda-10.2`. They need not exist.
    pub toolkit: Vec<Utf8PathBuf>,
    /// Folders whose compilers are served: `/usr/bin`, `/opt/linaro/bin`. Nothing can be written into them meanwhile.
    pub tools: Vec<Utf8PathBuf>,
}

impl Places {
    /// What most builds name: `/usr/local/cuda` and `/usr/bin`.
    pub fn usual() -> Self {
        Self { toolkit: vec!["/usr/local/cuda".into()], tools: vec!["/usr/bin".into()] }
    }
}
