//! The options of `make`, `cmake` and `wrap`, which `rebuild` shares where a project brings its own build.

use std::str::FromStr;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use cuferry_arch::{CudaRelease, GpuPolicy, ParseReleaseError};

/// How a project's own build is taken to x86_64.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Wrapping {
    /// GPUs to build for: `native`, `all-major`, or a list such as `sm_86,sm_90a,compute_90` [default: what the build itself
    /// asks for, where the GPUs here can load it; Jetson's GPUs give way to their desktop siblings]
    #[arg(long, value_name = "LIST|native|all-major")]
    pub(crate) gpu: Option<GpuPolicy>,
    #[command(flatten)]
    pub(crate) policies: Policies,
    /// Write an image of what was built: a `.tar` for `docker load`, or a folder (OCI layout)
    #[arg(long, value_name = "PATH")]
    pub(crate) image: Option<Utf8PathBuf>,
    /// The program that the image starts [default: the only one, or the one named as the folder]
    #[arg(long, value_name = "NAME", requires = "image")]
    pub(crate) program: Option<String>,
    /// CUDA release to build with, such as 11.8; `auto` tries another one where the first cannot [default: as the project
    /// needs]
    #[arg(long, value_name = "RELEASE|auto")]
    pub(crate) toolkit: Option<ToolkitChoice>,
    /// C++ compiler for nvcc: a name on PATH or a path [default: the newest that the toolkit takes]
    #[arg(long, value_name = "COMPILER")]
    pub(crate) compiler: Option<String>,
    /// Fetch nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take exit code 0 for success, whatever was made
    #[arg(long)]
    pub(crate) no_check: bool,
}

/// What a build is told beyond its compilers' flags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Policies {
    /// ARM's meaning where C and C++ leave it open; alone: `char,fma,wchar`. Which there are: `char` (unsigned, in kernels
    /// too), `fma` (fused multiply-add), `wchar` (`wchar_t` unsigned; clang only), `conversions` (float to integer stops
    /// at the limits with clang; with gcc the program ends there), and `division`, `overflow` and `shift` (it ends there)
    #[arg(
        long,
        value_name = "LIST",
        value_enum,
        value_delimiter = ',',
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "char,fma,wchar"
    )]
    pub(crate) arm_semantics: Vec<Meaning>,
    /// Define ARM's macros, such as `__ARM_NEON`: the sources then take their ARM side, with NEON through SIMDe
    #[arg(long)]
    pub(crate) arm_macros: bool,
    /// What `uname -m` and its like answer: `aarch64`, `jetson` (with a Jetson's files besides), or the truth with `nothing`
    /// [default: the truth, unless the build refuses it]
    #[arg(long, value_name = "MACHINE")]
    pub(crate) pretend: Option<Pretend>,
    /// Give nothing back that CUDA 13 took away, and leave C++ standards as they are
    #[arg(long)]
    pub(crate) no_compat: bool,
    /// Whether absolute paths such as `/usr/local/cuda/bin/nvcc` are served in a mount namespace
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) namespace: When,
    /// Libraries of NVIDIA's to build with beside those that the project's files name, such as cublas,cudnn
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) with: Vec<String>,
    /// Also write the report there, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<Utf8PathBuf>,
}

/// A subject that C and C++ leave open, and that ARM answers in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Meaning {
    /// Plain `char` is unsigned.
    Char,
    /// `a * b + c` is fused.
    Fma,
    /// `wchar_t` is unsigned; gcc has no flag for it.
    Wchar,
    /// Float to integer stops at the integer's limits; gcc has no flag for it: the program ends, and says where.
    Conversions,
    /// Division by zero gives zero: the program ends, and says where.
    Division,
    /// The least integer divided by -1 is itself: the program ends, and says where, as for all signed overflow.
    Overflow,
    /// A vector shifted by its width or more is zero: the program ends, and says where, as for all such shifts.
    Shift,
}

/// A machine to be taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pretend {
    /// None but this one.
    Nothing,
    /// Any ARM machine.
    Aarch64,
    /// A Jetson, with `/etc/nv_tegra_release`.
    Jetson,
}

/// Yes, no, or where it can be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Where the kernel allows it
    #[default]
    Auto,
    /// Or fail
    Always,
    /// Not at all
    Never,
}

/// `--toolkit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolkitChoice {
    /// This one.
    Release(CudaRelease),
    /// As the project needs, and another one where that fails for a reason that the other would not have.
    Auto,
}

impl ToolkitChoice {
    /// The one asked for, if any.
    pub(crate) const fn release(self) -> Option<CudaRelease> {
        match self {
            Self::Release(release) => Some(release),
            Self::Auto => None,
        }
    }
}

impl FromStr for ToolkitChoice {
    type Err = ParseReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Release) }
    }
}

/// `cuferry make`.
#[derive(Debug, Args)]
pub(crate) struct Make {
    #[command(flatten)]
    pub(crate) wrapping: Wrapping,
    /// What make is given, from the first word on that is no option of cuferry's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "MAKE ARGUMENTS")]
    pub(crate) args: Vec<String>,
}

/// `cuferry cmake`.
#[derive(Debug, Args)]
pub(crate) struct Cmake {
    #[command(flatten)]
    pub(crate) wrapping: Wrapping,
    /// Forget what an earlier configuration for another machine left in the build folder
    #[arg(long)]
    pub(crate) fresh: bool,
    /// What cmake is given, from the first word on that is no option of cuferry's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMAKE ARGUMENTS")]
    pub(crate) args: Vec<String>,
}

/// `cuferry wrap`.
#[derive(Debug, Args)]
pub(crate) struct Wrap {
    #[command(flatten)]
    pub(crate) wrapping: Wrapping,
    /// The command, after `--`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
