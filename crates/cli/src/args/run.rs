//! `cuferry run`: its options.

use std::ffi::OsString;

use camino::Utf8PathBuf;
use clap::Args;
use cuferry_run::{Ask, Device, Way};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Run {
    /// What answers CUDA's calls: `gpu`, or `soft`, the software device [default: a GPU that is here and fits; else `soft`]
    #[arg(long, value_name = "gpu|soft")]
    pub(crate) device: Option<Device>,
    /// The way, by hand: `native` (on the GPU), `hybrid` (an ARM program on the GPU) or `emulate` (no GPU)
    #[arg(long, value_name = "native|hybrid|emulate")]
    pub(crate) way: Option<Way>,
    /// For ARM programs: the folder with their system's files, which paths are looked for in first [default: cuferry's `arm-root`]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<Utf8PathBuf>,
    /// For ARM programs: write each driver call, with its arguments, result and time, to FILE: a Chrome trace if its name ends
    /// with `.json`, else a line a call; `-`: standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<String>,
    /// For ARM programs: print at exit how often each driver function was called, and what it took
    #[arg(long)]
    pub(crate) summary: bool,
    /// Fetch nothing: what is not here is an error
    #[arg(long)]
    pub(crate) offline: bool,
    /// Which program, where the project makes several
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
    /// Do not say which way was taken
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print the folder that holds the software device, for LD_LIBRARY_PATH or a container's mount, and run nothing
    #[arg(long, conflicts_with_all = ["command", "device", "way", "program", "quiet", "root", "trace", "summary"])]
    pub(crate) library_folder: bool,
    /// Where a note goes as the program starts: for `cuferry verify`
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) note: Option<Utf8PathBuf>,
    /// A program (a path, or a command on PATH), a project's folder, or an image; and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM|DIR|IMAGE [ARGS]",
        required_unless_present = "library_folder"
    )]
    pub(crate) command: Vec<OsString>,
}

impl Run {
    pub(crate) fn ask(&self) -> Ask {
        Ask { device: self.device, way: self.way }
    }
}
