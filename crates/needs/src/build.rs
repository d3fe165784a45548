//! The ways in which a project can be built.

use camino::Utf8PathBuf;

/// One way to build a project, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// With what.
    pub kind: BuildKind,
    /// Where it is started: the build file's folder, empty for the project's own.
    pub folder: Utf8PathBuf,
    /// The build file; none for plain sources.
    pub file: Option<Utf8PathBuf>,
    /// Whether it compiles CUDA by itself, as far as its own words tell.
    pub cuda: bool,
    /// Why it stands where it does in the list, as ends of a sentence that begins with the build.
    pub reasons: Vec<String>,
}

/// What builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildKind {
    /// `CMakeLists.txt`.
    CMake {
        /// The oldest CMake that it takes: `3.18`.
        minimum: Option<String>,
        /// The languages that `project()` and `enable_language()` name, in upper case, sorted.
        languages: Vec<String>,
        /// Whether it uses the old `find_package(CUDA)`.
        find_cuda: bool,
        /// Whether it has rules for `install`.
        installs: bool,
    },
    /// `Makefile`, `makefile`, `GNUmakefile`.
    Make {
        /// The target that a bare `make` builds.
        default: Option<String>,
        /// Every named target, in the file's order, without patterns.
        targets: Vec<String>,
        /// How its `install` can be led into another folder; none: it has none, or says nothing of one.
        staging: Option<Staging>,
    },
    /// `configure`, or `configure.ac` from which it is made.
    Autotools {
        /// `configure` itself is there.
        made: bool,
    },
    /// `setup.py` or `pyproject.toml` with an extension module.
    Python,
    /// `meson.build`.
    Meson,
    /// `WORKSPACE` or `MODULE.bazel`.
    Bazel,
    /// `compile_commands.json`: what another build did.
    CompileCommands,
    /// No build file: sources alone.
    Sources,
}

/// How `make install` is led into another folder, as far as a makefile's text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Staging {
    /// By `DESTDIR`, which stands before every path (GNU Coding Standards, "DESTDIR").
    Destdir,
    /// By the variable of this name, below which everything goes: `PREFIX`.
    Prefix(String),
}

impl BuildKind {
    /// In a word or two, for people.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::CMake { .. } => "CMake",
            Self::Make { .. } => "make",
            Self::Autotools { .. } => "configure and make",
            Self::Python => "Python's setuptools",
            Self::Meson => "Meson",
            Self::Bazel => "Bazel",
            Self::CompileCommands => "compile_commands.json",
            Self::Sources => "plain sources",
        }
    }
}
