//! The guesses behind an inferred project: each with what it rests on.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In the project's folder.
    pub path: Utf8PathBuf,
    /// From 1.
    pub line: usize,
}

impl Place {
    pub(super) fn new(path: &Utf8Path, line: usize) -> Self {
        Self { path: path.to_owned(), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}:{}", self.path, self.line))
    }
}

/// One guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The program is made around this `main`.
    Main {
        /// Its definition.
        place: Place,
    },
    /// A source is left out, since tests and examples are not the program.
    SideFolder {
        /// The source.
        path: Utf8PathBuf,
        /// The folder's name that says so.
        folder: String,
    },
    /// A source is left out, since another file holds the same for other processors.
    ArmVariant {
        /// The source.
        path: Utf8PathBuf,
        /// What is compiled instead.
        instead: Utf8PathBuf,
    },
    /// A source is left out, since another includes it.
    IncludedSource {
        /// The source.
        path: Utf8PathBuf,
        /// The `#include`.
        place: Place,
    },
    /// A source is left out, since it has a `main` of its own.
    OtherMain {
        /// Its `main`.
        place: Place,
    },
    /// A second `main` is taken to be switched off.
    GuardedMain {
        /// Its definition.
        place: Place,
        /// The `#if` around it.
        guard: String,
    },
    /// A folder is searched for headers.
    IncludeFolder {
        /// The folder.
        folder: Utf8PathBuf,
        /// The header found there.
        header: String,
        /// The `#include` that asks for it.
        place: Place,
    },
    /// No file of the project is the header asked for.
    MissingHeader {
        /// As the `#include` names it.
        header: String,
        /// The `#include`.
        place: Place,
    },
    /// A C++ standard is asked for.
    Standard {
        /// Such as `c++20`.
        standard: String,
        /// What asks for it.
        place: Place,
    },
    /// The standard that the build files ask for is older than what the compilers take by default, and is left to them.
    OldStandard {
        /// Such as `c++11`.
        standard: String,
        /// What asks for it.
        place: Place,
    },
    /// Device code is linked, since one file uses what another defines.
    DeviceLink {
        /// The function or variable.
        name: String,
        /// Its declaration.
        declared: Place,
        /// Its definition in another file; `None` where `extern` alone says so.
        defined: Option<Place>,
    },
    /// Device code is linked, since the build files do so.
    DeviceLinkFlag {
        /// Where.
        place: Place,
    },
    /// A library of CUDA is linked.
    CudaLibrary {
        /// Its name.
        name: String,
        /// The `#include` or flag that asks for it.
        place: Place,
    },
    /// A library of the system is linked.
    Library {
        /// Its name.
        name: String,
        /// The `#include`, call or flag that asks for it.
        place: Place,
    },
    /// A module of pkg-config is used.
    PkgConfig {
        /// Its name.
        module: String,
        /// The `#include` that asks for it.
        place: Place,
    },
    /// The ARM build compiles for this architecture.
    ArmArchitecture {
        /// `sm_87`, or `compute_87` for PTX.
        arch: String,
        /// Where it says so.
        place: Place,
    },
    /// The ARM build compiles for something that is in no table.
    UnknownArchitecture {
        /// As it is written.
        text: String,
        /// Where.
        place: Place,
    },
    /// Optimisation is switched on for the host's code.
    Optimised,
}

impl Note {
    /// The key of the manifest that it explains.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Main { .. }
            | Self::SideFolder { .. }
            | Self::ArmVariant { .. }
            | Self::IncludedSource { .. }
            | Self::OtherMain { .. }
            | Self::GuardedMain { .. } => "sources",
            Self::IncludeFolder { .. } | Self::MissingHeader { .. } => "include",
            Self::Standard { .. } | Self::OldStandard { .. } => "std",
            Self::DeviceLink { .. } | Self::DeviceLinkFlag { .. } => "relocatable-device-code",
            Self::CudaLibrary { .. } => "cuda-libraries",
            Self::Library { .. } => "link",
            Self::PkgConfig { .. } => "pkg-config",
            Self::ArmArchitecture { .. } | Self::UnknownArchitecture { .. } => "device-flags",
            Self::Optimised => "host-flags",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main { place } => write!(formatter, "the program is the one whose `main` is at {place}"),
            Self::SideFolder { path, folder } => {
                write!(
                    formatter,
                    "`{path}` is left out: a folder named `{folder}` is not taken for the program"
                )
            }
            Self::ArmVariant { path, instead } => {
                write!(formatter, "`{path}` is left out: it is for ARM, and `{instead}` takes its place")
            }
            Self::IncludedSource { path, place } => {
                write!(formatter, "`{path}` is left out: {place} includes it")
            }
            Self::OtherMain { place } => {
                write!(
                    formatter,
                    "`{}` is left out: it has a `main` of its own, on line {}",
                    place.path, place.line
                )
            }
            Self::GuardedMain { place, guard } => {
                write!(formatter, "the `main` at {place} is taken to be switched off by `#{guard}`")
            }
            Self::IncludeFolder { folder, header, place } => {
                write!(formatter, "`{folder}` holds `{header}`, which {place} includes")
            }
            Self::MissingHeader { header, place } => {
                write!(formatter, "`{header}`, which {place} includes, is not in the project")
            }
            Self::Standard { standard, place } => write!(formatter, "{place} asks for {standard}"),
            Self::OldStandard { standard, place } => {
                write!(formatter, "{place} asks for {standard}: left to the compilers, which take c++17")
            }
            Self::DeviceLink { name, declared, defined: Some(defined) } => {
                write!(
                    formatter,
                    "device code is linked: {declared} declares `{name}`, which {defined} defines"
                )
            }
            Self::DeviceLink { name, declared, defined: None } => {
                write!(formatter, "device code is linked: {declared} declares `{name}` extern")
            }
            Self::DeviceLinkFlag { place } => write!(formatter, "device code is linked: {place} says so"),
            Self::CudaLibrary { name, place } | Self::Library { name, place } => {
                write!(formatter, "{place} asks for `{name}`")
            }
            Self::PkgConfig { module, place } => write!(formatter, "{place} asks for `{module}`"),
            Self::ArmArchitecture { arch, place } => {
                write!(formatter, "the ARM build asks for {arch} at {place}")
            }
            Self::UnknownArchitecture { text, place } => {
                write!(formatter, "`{text}` at {place} is no architecture that is known, and is left out")
            }
            Self::Optimised => formatter.write_str(
                "nothing was read about optimisation: `-O2`, since compilers take none by default",
            ),
        }
    }
}
