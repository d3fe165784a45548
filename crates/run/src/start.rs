//! Starts a program in the place of this process: its process id, signals, streams and exit code are its own.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use camino::Utf8Path;

/// What is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The program's file.
    pub program: &'a Utf8Path,
    /// Its arguments, without its name.
    pub args: &'a [OsString],
    /// Variables that are set, over those of this process.
    pub environment: Vec<(String, String)>,
}

/// Becomes the program. Comes back only where that fails, with what the system said.
pub fn start(start: &Start<'_>) -> io::Error {
    let variables = start.environment.iter().map(|(name, value)| (name, value));
    Command::new(start.program).args(start.args).envs(variables).exec()
}
