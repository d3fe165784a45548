//! Starts a program in the place of this process: its process id, signals, streams and exit code are its own.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use camino::Utf8PathBuf;

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The program's file.
    pub program: Utf8PathBuf,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// Variables that are set, over those of this process.
    pub environment: Vec<(String, String)>,
}

/// Becomes the program. Comes back only where that fails, with what the system said.
pub fn start(start: &Start) -> io::Error {
    let variables = start.environment.iter().map(|(name, value)| (name, value));
    Command::new(&start.program).args(&start.args).envs(variables).exec()
}
