//! Runs a tool for what it says of itself.

use std::io;
use std::process::{Command, Stdio};

use camino::Utf8Path;

/// What a tool printed on its standard output, if it could be run and was content.
pub(crate) fn ask(program: &Utf8Path, args: &[&str]) -> Option<String> {
    let output = run(program, args).ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a tool in the C locale, so that its words can be read, with nothing to read itself.
pub(crate) fn run(program: &Utf8Path, args: &[&str]) -> io::Result<std::process::Output> {
    Command::new(program).args(args).env("LC_ALL", "C").stdin(Stdio::null()).output()
}
