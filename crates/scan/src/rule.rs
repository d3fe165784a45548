//! A rule as people see it: what it looks for, why that matters, and what to do.

use std::fmt;

use serde::Deserialize;

use crate::Language;

/// A stable id: letters and digits, such as `CF1001`. Ids that begin with `CF` are cuferry's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub(crate) String);

impl RuleId {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// NEON, SVE and ACLE intrinsics, and their headers.
    Intrinsic,
    /// Inline assembly and assembly files.
    Assembly,
    /// `#if` and tests of the machine in build files that choose the wrong side.
    Conditional,
    /// Compiler and linker flags, paths of ARM folders.
    Flag,
    /// GPU architectures written into sources and build files.
    GpuArch,
    /// Libraries that Jetson alone has.
    TegraLibrary,
    /// Headers and calls of such libraries.
    TegraHeader,
    /// Device files, system files and tools of Jetson.
    Device,
    /// Memory shared by CPU and GPU as the main path.
    ZeroCopy,
    /// EGL, NvBuf and NvSci interoperation with CUDA.
    Interop,
    /// GStreamer elements and multimedia interfaces.
    Media,
    /// Dockerfiles: base images and platforms.
    Container,
    /// Packages of the system and of Python.
    Package,
    /// Sizes of pages and cache lines.
    PageSize,
    /// System calls by number.
    Syscall,
    /// CUDA API that later toolkits dropped, and what goes with it.
    RemovedApi,
    /// Types that mean something else: `char`, `long double`, `wchar_t`, `__fp16`.
    Types,
    /// Files that are not what their name says, or bound to one machine: engines, Git LFS pointers.
    Artefact,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 18] = [
        Self::Intrinsic,
        Self::Assembly,
        Self::Conditional,
        Self::Flag,
        Self::GpuArch,
        Self::TegraLibrary,
        Self::TegraHeader,
        Self::Device,
        Self::ZeroCopy,
        Self::Interop,
        Self::Media,
        Self::Container,
        Self::Package,
        Self::PageSize,
        Self::Syscall,
        Self::RemovedApi,
        Self::Types,
        Self::Artefact,
    ];

    /// The word that rule files and JSON use: `tegra-library`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intrinsic => "intrinsic",
            Self::Assembly => "assembly",
            Self::Conditional => "conditional",
            Self::Flag => "flag",
            Self::GpuArch => "gpu-arch",
            Self::TegraLibrary => "tegra-library",
            Self::TegraHeader => "tegra-header",
            Self::Device => "device",
            Self::ZeroCopy => "zero-copy",
            Self::Interop => "interop",
            Self::Media => "media",
            Self::Container => "container",
            Self::Package => "package",
            Self::PageSize => "page-size",
            Self::Syscall => "syscall",
            Self::RemovedApi => "removed-api",
            Self::Types => "types",
            Self::Artefact => "artefact",
        }
    }
}

/// What happens when nothing is done. The order is from least to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; cuferry, or the other machine, deals with it.
    Note,
    /// It may compute something else, or be slow.
    Warning,
    /// It will not build, or not run.
    Error,
}

impl Severity {
    /// `note`, `warning` or `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// One step less; a note stays a note.
    #[must_use]
    pub const fn lowered(self) -> Self {
        match self {
            Self::Error => Self::Warning,
            Self::Warning | Self::Note => Self::Note,
        }
    }
}

/// The work that one finding asks of a person. The order is from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// Minutes: one line, or a flag of cuferry's.
    Trivial,
    /// An hour or so.
    Small,
    /// A day or so.
    Medium,
    /// Days to weeks: another library or another design.
    Large,
}

impl Effort {
    /// `trivial`, `small`, `medium` or `large`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trivial => "trivial",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// For people: `minutes`, `an hour`, `a day`, `days`.
    pub const fn time(self) -> &'static str {
        match self {
            Self::Trivial => "minutes",
            Self::Small => "an hour",
            Self::Medium => "a day",
            Self::Large => "days",
        }
    }
}

/// A rule, without the patterns that find its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable, such as `CF1001`; `cuferry explain` takes it.
    pub id: RuleId,
    /// Short and stable, for people and for SARIF: `neon-intrinsic`.
    pub name: String,
    /// What it is about.
    pub kind: Kind,
    /// What happens when nothing is done.
    pub severity: Severity,
    /// The work that one finding asks.
    pub effort: Effort,
    /// The languages in which it looks; sorted. Empty: any file, by its name or its first bytes.
    pub languages: Vec<Language>,
    /// A noun phrase for headings.
    pub title: String,
    /// Why it matters: sentences.
    pub cause: String,
    /// What to do: sentences.
    pub fix: String,
    /// Where the facts come from.
    pub source: String,
    /// For findings in build files: beginnings of headers, of which a source near the file has to include one.
    pub near: Vec<String>,
    /// Whether what is found names a Python module, which may be part of the project itself.
    pub module: bool,
}
