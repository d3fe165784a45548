//! The project as a value: every glob expanded, every default filled in, every name checked.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, GpuPolicy};

use crate::names;

/// A project, whole and checked. Paths are relative to its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// For the image's name and for messages.
    pub name: String,
    /// The project's own version, where it says one.
    pub version: Option<String>,
    /// Which CUDA release it insists on.
    pub toolkit: Option<CudaRelease>,
    /// Which host compiler it insists on: a name on `PATH` or an absolute path.
    pub host_compiler: Option<String>,
    /// Which device code it asks for.
    pub gpu: Option<GpuPolicy>,
    /// Whether PTX of the highest architecture is embedded.
    pub embed_ptx: bool,
    /// Programs and libraries; a library comes before those that use it.
    pub targets: Vec<BuildTarget>,
    /// Files that go into the image beside the programs.
    pub install: Vec<InstallFile>,
    /// The image.
    pub image: ImageSpec,
}

/// A program or a library to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildTarget {
    /// The file's name is made of it: `NAME`, `libNAME.a`, `libNAME.so`.
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// What it is made of, sorted by path.
    pub sources: Vec<Source>,
    /// Folders for `#include`.
    pub include: Vec<Utf8PathBuf>,
    /// `NAME` or `NAME=VALUE`.
    pub defines: Vec<String>,
    /// `c++17`, for C++ and CUDA C++.
    pub std: Option<String>,
    /// Flags for the host compiler, as the ARM build has them: also passed through nvcc to it.
    pub host_flags: Vec<String>,
    /// Flags for nvcc, as the ARM build has them.
    pub device_flags: Vec<String>,
    /// Flags for the final link, as the ARM build has them.
    pub link_flags: Vec<String>,
    /// Device code may call device code of other files, and is linked.
    pub relocatable_device_code: bool,
    /// Libraries of this project, by target name.
    pub uses: Vec<String>,
    /// CUDA's own libraries, by name: `cublas`, `cufft`.
    pub cuda_libraries: Vec<String>,
    /// Modules that pkg-config knows.
    pub pkg_config: Vec<String>,
    /// Plain `-l` names.
    pub link: Vec<String>,
    /// Folders for `-L`.
    pub link_dirs: Vec<Utf8PathBuf>,
}

/// What a target becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// An executable.
    Program,
    /// `libNAME.a`.
    StaticLibrary,
    /// `libNAME.so`.
    SharedLibrary,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// What it is written in, by its extension.
    pub language: Language,
}

/// What a source file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// `.cu`
    Cuda,
    /// `.cpp`, `.cc`, `.cxx`, `.C`
    Cxx,
    /// `.c`
    C,
}

/// A file that goes into the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstallFile {
    /// In the project's folder.
    pub from: Utf8PathBuf,
    /// In the image: absolute.
    pub to: Utf8PathBuf,
}

/// What the image is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSpec {
    /// `acme/edge-camera:1.0`; the project's name and version otherwise.
    pub name: Option<String>,
    /// What it is built upon: nothing, or an OCI layout or archive on disk.
    pub base: Option<Utf8PathBuf>,
    /// The command that starts, with its fixed arguments: the only program otherwise.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Vec<String>,
    /// `UID:GID`; 65532:65532 otherwise.
    pub user: Option<String>,
    /// The folder that the program starts in.
    pub working_dir: Option<Utf8PathBuf>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How layers are compressed.
    pub compression: Option<Compression>,
}

/// How an image's layers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Plain tar: the fastest to load into an engine on this machine.
    None,
    /// Read by everything.
    Gzip,
    /// Smaller and faster; read by Docker 23, containerd 1.5, podman 1.6 and later.
    Zstd,
}

/// A name for an image of a project, made to fit OCI's grammar.
pub fn image_name(name: &str, version: Option<&str>) -> String {
    let word = |text: &str, otherwise: &str| {
        let word = names::image_word(text);
        if word.is_empty() { otherwise.to_owned() } else { word }
    };
    format!("{}:{}", word(name, "project"), word(version.unwrap_or_default(), "latest"))
}

impl Project {
    /// What the image is called: as the manifest says, or by the project's name and version.
    pub fn image_name(&self) -> String {
        match &self.image.name {
            Some(name) => name.clone(),
            None => image_name(&self.name, self.version.as_deref()),
        }
    }

    /// The programs, in order.
    pub fn programs(&self) -> impl Iterator<Item = &BuildTarget> {
        self.targets.iter().filter(|target| target.kind == TargetKind::Program)
    }
}

impl Language {
    /// What a file is written in, by its extension; `None` where it is no source.
    pub fn of(path: &Utf8Path) -> Option<Self> {
        match path.extension()? {
            "cu" => Some(Self::Cuda),
            "cpp" | "cc" | "cxx" | "C" => Some(Self::Cxx),
            "c" => Some(Self::C),
            _ => None,
        }
    }
}

impl Compression {
    /// As the manifest spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}
