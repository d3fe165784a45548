//! `cuferry verify`: its options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use cuferry_run::Device;
use cuferry_verify::{FloatFormat, How, Tolerance};

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The rebuilt program: a path, a command on PATH, a project's folder or an image, as `cuferry run` takes it
    pub(crate) rebuilt: OsString,
    /// The original: the same kinds; a program for ARM is run as `cuferry run` runs it
    pub(crate) original: OsString,
    /// Numbers may deviate by this part of the larger one: `1e-5` [default: every byte is to be the same]
    #[arg(long, value_name = "REL", value_parser = bound)]
    pub(crate) tolerance: Option<f64>,
    /// Numbers may lie this far apart; of both bounds the larger counts
    #[arg(long, value_name = "ABS", value_parser = bound)]
    pub(crate) absolute: Option<f64>,
    /// A file that holds an array of floats, little-endian: `field.raw=f32`. May be given several times
    #[arg(long, value_name = "FILE=f32|f64", value_parser = floats)]
    pub(crate) floats: Vec<(PathBuf, FloatFormat)>,
    /// Compare what the two write to standard error, too
    #[arg(long)]
    pub(crate) stderr: bool,
    /// The folder that each of the two works in a fresh copy of [default: an empty one]
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) input: Option<Utf8PathBuf>,
    /// Keep what the two printed and left, in this folder, which is made or is empty
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<Utf8PathBuf>,
    /// How long each of the two may take, in seconds [default: as long as it likes]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// What answers CUDA's calls of both: as for `cuferry run`
    #[arg(long, value_name = "gpu|soft")]
    pub(crate) device: Option<Device>,
    /// For an original for ARM: the folder with its system's files, as for `cuferry run`
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<Utf8PathBuf>,
    /// Fetch nothing: what is not here is an error
    #[arg(long)]
    pub(crate) offline: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// The arguments of both
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<OsString>,
}

impl Verify {
    /// None: every byte is to be the same.
    pub(crate) fn tolerance(&self) -> Option<Tolerance> {
        if self.tolerance.is_none() && self.absolute.is_none() {
            return None;
        }
        Tolerance::new(self.tolerance.unwrap_or(0.0), self.absolute.unwrap_or(0.0))
    }

    /// How a stream is compared, or a file of which nothing else is said.
    pub(crate) fn usual(&self) -> How {
        self.tolerance().map_or(How::Exact, How::Numbers)
    }
}

fn bound(text: &str) -> Result<f64, String> {
    let bound = text.parse().ok().filter(|bound| Tolerance::new(*bound, 0.0).is_some());
    bound.ok_or_else(|| "a number that is not negative expected, such as `1e-5`".to_owned())
}

fn floats(text: &str) -> Result<(PathBuf, FloatFormat), String> {
    let (path, format) = text.rsplit_once('=').ok_or("`FILE=f32` or `FILE=f64` expected")?;
    let path = path.strip_prefix("./").unwrap_or(path);
    if !cuferry_toolchain::path::is_plain(path) {
        return Err(format!("`{path}` is no path below the folder that the programs work in"));
    }
    Ok((path.into(), format.parse()?))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| "a number of seconds above 0 expected".to_owned())
}
