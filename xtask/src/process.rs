//! Running programs in the workspace's root, with their output left to the terminal.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

/// A program that ended with an exit code other than 0.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What was run.
    pub(crate) what: String,
    /// Its exit code; 1 where a signal ended it.
    pub(crate) code: u8,
    /// Whether it said why by itself, so that nothing needs to be added.
    pub(crate) speaks_for_itself: bool,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` failed with exit code {}", self.what, self.code)
    }
}

impl std::error::Error for Failed {}

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's folder")
}

/// Runs cargo.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Runs cargo with more environment.
pub(crate) fn cargo_with(args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).envs(env.iter().copied()).current_dir(root());
    run(command, &format!("cargo {}", args.join(" ")), false)
}

/// Runs a program in the workspace's root.
pub(crate) fn call(program: impl AsRef<OsStr>, args: &[&str]) -> Result<()> {
    let what = format!("{} {}", program.as_ref().to_string_lossy(), args.join(" "));
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    run(command, &what, false)
}

/// Runs a program in the caller's folder that explains its failures itself.
pub(crate) fn speak(program: &Path, args: &[String]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args);
    run(command, &program.display().to_string(), true)
}

/// What a program printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {what}"))?;
    anyhow::ensure!(output.status.success(), "{what} failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether a program is there and answers.
pub(crate) fn answers(program: &str, question: &str) -> bool {
    let status = Command::new(program)
        .arg(question)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The command as `cargo build --release` leaves it.
#[expect(clippy::disallowed_methods, reason = "cargo itself takes its output folder from there")]
pub(crate) fn release_binary() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("release/cuferry")
}

fn run(mut command: Command, what: &str, speaks_for_itself: bool) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run `{what}`"))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Failed { what: what.to_owned(), code, speaks_for_itself }.into())
}
