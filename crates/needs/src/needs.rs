//! What a project asks for: the values that `read` gives.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, GpuArch};

use crate::build::Build;
use crate::library::CudaLibrary;
use crate::note::Note;
use crate::package::Package;
use crate::place::{Place, When};
use crate::tegra::TegraHeader;

/// What a project asks of a machine. Every list is sorted; a list by place is sorted by path and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The ways in which it can be built, the best first.
    pub builds: Vec<Build>,
    /// The GPU architectures that it names, by place.
    pub archs: Vec<ArchAsked>,
    /// What speaks for or against a CUDA release, by place.
    pub hints: Vec<Hint>,
    /// NVIDIA's libraries that it uses, by the name that `cuferry toolchain install --with` takes.
    pub libraries: BTreeMap<&'static str, Used<&'static CudaLibrary>>,
    /// Other libraries and programs, by the package's name.
    pub packages: BTreeMap<&'static str, Used<&'static Package>>,
    /// Parts of a Jetson's own system, by header or library.
    pub tegra: BTreeMap<String, Used<Tegra>>,
    /// Absolute paths that the build files name.
    pub paths: BTreeMap<Utf8PathBuf, Vec<Place>>,
    /// Prefixes of ARM compilers, with the `-` at their end: `aarch64-linux-gnu-`.
    pub prefixes: BTreeMap<String, Vec<Place>>,
    /// What else whoever builds it should know, by place.
    pub notes: Vec<Note>,
    /// Files whose content is elsewhere: pointers of Git LFS.
    pub pointers: Vec<Utf8PathBuf>,
    /// ARM machine code that lies among the sources: libraries, objects, programs.
    pub prebuilt: Vec<Utf8PathBuf>,
    /// Machine code for x86_64 that lies among the sources, by its last part.
    pub(crate) native: BTreeSet<String>,
    /// Every header of its own, by its last part: what is not among these comes from elsewhere.
    pub(crate) own_headers: BTreeMap<String, Vec<Utf8PathBuf>>,
}

/// One thing and where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used<T> {
    /// What.
    pub what: T,
    /// The first places, those that count for every build first; at most [`Used::PLACES`].
    pub places: Vec<Use>,
    /// How many places there are in all.
    pub count: usize,
}

/// One use of something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// Whether it counts there.
    pub when: When,
    /// Where.
    pub place: Place,
    /// The words that ask for it: `opencv2/opencv.hpp`, `-lcudnn`, `find_package(OpenCV)`.
    pub words: String,
}

/// A GPU architecture that the project names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchAsked {
    /// Where.
    pub place: Place,
    /// Which.
    pub arch: GpuArch,
    /// PTX (`compute_87`, `87-virtual`) is meant, not machine code.
    pub is_virtual: bool,
    /// Whether it counts there.
    pub when: When,
}

/// A thing of the Jetson's own system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tegra {
    /// What it is for.
    pub what: &'static str,
    /// The nearest thing on x86_64.
    pub answer: &'static str,
    /// How near that is.
    pub status: cuferry_arch::tegra::TegraStatus,
}

impl From<&'static TegraHeader> for Tegra {
    fn from(header: &'static TegraHeader) -> Self {
        Self { what: header.what(), answer: header.answer(), status: header.status() }
    }
}

/// Something that speaks for or against a CUDA release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hint {
    /// Where.
    pub place: Place,
    /// What it says.
    pub kind: HintKind,
    /// The words that say it: `cudaBindTexture`, `/usr/local/cuda-10.2`.
    pub words: String,
    /// Whether it counts there.
    pub when: When,
}

/// What a hint says of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKind {
    /// A build file demands it: CMake stops with another one. Without a minor number any of the major one does.
    Demanded {
        /// The major number.
        major: u16,
        /// The minor number, where it is named.
        minor: Option<u16>,
    },
    /// A build file demands this one or a later one.
    AtLeast(CudaRelease),
    /// A path, a variable or a base image names it.
    Named {
        /// The major number.
        major: u16,
        /// The minor number, where it is named.
        minor: Option<u16>,
    },
    /// A name that CUDA removed, or gave other parameters, in this release.
    Removed {
        /// The first release without it.
        since: CudaRelease,
        /// Whether headers of cuferry's give it back.
        given_back: bool,
    },
    /// A name, header or option that this release does not have yet.
    NotYetIn(CudaRelease),
}

impl<T> Used<T> {
    /// How many places are kept.
    pub const PLACES: usize = 16;

    /// Whether every build for x86_64 needs it: it is used at a place that no condition surrounds.
    pub fn is_certain(&self) -> bool {
        self.places.iter().any(|used| used.when == When::Always)
    }

    /// Whether only linkers ask for it, by `-l`: no source includes its headers, and no build file looks for it.
    pub fn is_link_only(&self) -> bool {
        self.count == self.places.len() && self.places.iter().all(|used| used.words.starts_with("-l"))
    }

    /// Whether only ARM builds need it.
    pub fn is_arm_only(&self) -> bool {
        self.places.iter().all(|used| used.when == When::Arm)
    }
}

impl Needs {
    /// NVIDIA's shared libraries that the sources use, as `-l` names them, of those in `available`: nothing says which of a
    /// family are meant, so that a linker is to be told to leave out what it does not need.
    pub fn linked(&self, available: &[String]) -> Vec<String> {
        let used = self.libraries.values().filter(|used| !used.is_arm_only()).map(|used| used.what);
        let names = used.flat_map(|library| library.link.iter().chain(&library.link_shared));
        let fits = |name: &str, pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let mut linked: Vec<String> = names
            .flat_map(|pattern| available.iter().filter(move |name| fits(name, pattern)))
            .cloned()
            .collect();
        linked.sort_unstable();
        linked.dedup();
        linked
    }

    /// Libraries among the sources that no x86_64 program can be linked with: ARM's, and pointers of Git LFS; but not where one
    /// of the same name is there for x86_64.
    pub fn unlinkable(&self) -> impl Iterator<Item = &Utf8Path> {
        self.prebuilt.iter().chain(&self.pointers).map(Utf8PathBuf::as_path).filter(|path| {
            let name = path.file_name().unwrap_or_default();
            let is_library = path.extension() == Some("a") || name.contains(".so");
            name.starts_with("lib") && is_library && !self.native.contains(name)
        })
    }

    /// Whether the project itself has a header of this name, so that a compiler that misses it was given the wrong folder.
    pub fn has_header(&self, name: &str) -> bool {
        let path = Utf8Path::new(name);
        let paths = path.file_name().and_then(|last| self.own_headers.get(last));
        paths.is_some_and(|paths| paths.iter().any(|own| own.ends_with(path)))
    }
}
