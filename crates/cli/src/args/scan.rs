//! The arguments of `cuferry scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cuferry_arch::CudaRelease;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Scan {
    /// Folders and files; in a folder, what git would track
    #[arg(default_value = ".", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: ScanFormat,
    /// Write the result to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Apply the fixes that are safe, and report what is left
    #[arg(long, conflicts_with = "diff")]
    pub(crate) fix: bool,
    /// Print what --fix would do, as a patch
    #[arg(long, conflicts_with_all = ["format", "verbose"])]
    pub(crate) diff: bool,
    /// A file of rules of one's own; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// Only these rules: ids, beginnings of ids, names or kinds, such as `CF1001,CF11,gpu-arch`
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    pub(crate) select: Vec<String>,
    /// All but these rules
    #[arg(long, value_delimiter = ',', value_name = "RULES")]
    pub(crate) ignore: Vec<String>,
    /// Leave out what matters less
    #[arg(long, value_enum, default_value_t, value_name = "SEVERITY")]
    pub(crate) min_severity: MinSeverity,
    /// Leave out files and folders that match, as a line of .gitignore would
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Read what .gitignore leaves out, and build folders
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// CUDA release to build with: what it dropped is found [default: 13.0]
    #[arg(long, value_name = "RELEASE")]
    pub(crate) toolkit: Option<CudaRelease>,
    /// Also show places that no x86_64 build compiles, such as the ARM side of an `#if`
    #[arg(long)]
    pub(crate) dead: bool,
    /// Show every finding
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON value
    Json,
    /// For code hosts and editors: SARIF 2.1.0
    Sarif,
    /// For people: a page for a browser, in one file
    Html,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MinSeverity {
    /// Everything
    #[default]
    Note,
    /// What may compute something else, or be slow
    Warning,
    /// What will not build, or not run
    Error,
}
