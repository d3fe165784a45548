//! A build's own view of the file system: absolute paths that it names lead into the session.
//!
//! The first process of a build enters a namespace of its own, lays the session over the places, and becomes the build's
//! program. Nothing outside sees any of it, and it is gone with the last process.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use crate::confine::confine;
use crate::cover::{self, Unserved};
use crate::file::SessionFile;
use crate::obstacle::{Obstacle, Step};

/// What the first process leaves in the run's folder.
pub(crate) const REPORT: &str = "namespace.json";

/// Whether a build gets a namespace of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceUse {
    /// Where it is to be had.
    #[default]
    Auto,
    /// Or the build does not start.
    Always,
    /// No.
    Never,
}

/// Whether absolute paths were served, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// None was asked for, or there was nothing to serve.
    NotUsed,
    /// The build ran in one.
    Used {
        /// The paths at which it found the session's own.
        served: Vec<Utf8PathBuf>,
        /// Those which cannot be served on this machine.
        unserved: Vec<Unserved>,
    },
    /// It could not be had: the build ran without.
    NotToBeHad(Obstacle),
}

/// What became of the first process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// It went on to become the build's program.
    Entered { served: Vec<Utf8PathBuf>, unserved: Vec<Unserved> },
    /// It did not, and nothing of the build was started.
    NotEntered(Obstacle),
    /// The build's program could not be executed: the system's number for why.
    NotStarted(i32),
}

impl Report {
    pub(crate) fn read(run: &Utf8Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(run.join(REPORT)).ok()?).ok()
    }

    fn write(&self, run: &Utf8Path) -> io::Result<()> {
        fs::write(run.join(REPORT), serde_json::to_vec(self)?)
    }
}

/// The shim that is the first process of a build: `words` are its own name, the build's program and that one's arguments.
///
/// It returns only when the program was not started; the parent then reads why from the report.
pub(crate) fn enter(folder: &Utf8Path, run: Option<&Utf8Path>, words: &[OsString]) -> ExitCode {
    let (Some(run), [_, program, args @ ..]) = (run, words) else { return ExitCode::from(126) };
    let report = match set_up(folder, run) {
        Ok(report) => report,
        Err(obstacle) => Report::NotEntered(obstacle),
    };
    if report.write(run).is_err() || matches!(report, Report::NotEntered(_)) {
        return ExitCode::from(126);
    }
    let error = Command::new(program).args(args).exec();
    let number = error.raw_os_error().unwrap_or_else(|| Errno::NOENT.raw_os_error());
    let _ = Report::NotStarted(number).write(run);
    ExitCode::from(127)
}

fn set_up(folder: &Utf8Path, run: &Utf8Path) -> Result<Report, Obstacle> {
    let file = SessionFile::read(run).map_err(|error| Obstacle::Session { cause: error.to_string() })?;
    let current = std::env::current_dir().map_err(|error| Obstacle::at(Step::Folder, "", &error))?;
    unshare()?;
    // What the system mounts from now on is seen here; what is mounted here is not seen there.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|error| Obstacle::at(Step::Mount, "/", &error.into()))?;
    let (served, unserved) = cover::lay(folder, &file)?;
    if let Some(writable) = &file.writable {
        confine(writable)?;
    }
    return_to(&current)?;
    Ok(Report::Entered { served, unserved })
}

/// The folder is the same, and is reached through what now lies over it.
fn return_to(folder: &PathBuf) -> Result<(), Obstacle> {
    std::env::set_current_dir(folder)
        .map_err(|error| Obstacle::at(Step::Folder, &folder.to_string_lossy(), &error))
}

/// Root needs no namespace of users, unless it lacks the right to mount.
fn unshare() -> Result<(), Obstacle> {
    let user = geteuid();
    if user.is_root() && unshare_now(UnshareFlags::NEWNS).is_ok() {
        return Ok(());
    }
    let (user, group) = (user.as_raw(), getegid().as_raw());
    unshare_now(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
        .map_err(|error| Obstacle::at(Step::Unshare, "", &error.into()))?;
    let write = |path: &str, text: &str| {
        let written = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Obstacle::at(Step::Map, path, &error))
    };
    // Root keeps everybody, so that files of others stay others'; where it may not, as anybody else, only itself.
    let everybody = "0 0 4294967295\n";
    let all = user == 0 && write("/proc/self/uid_map", everybody).is_ok();
    if !all {
        write("/proc/self/uid_map", &format!("{user} {user} 1\n"))?;
    }
    if all && write("/proc/self/gid_map", everybody).is_ok() {
        return Ok(());
    }
    // Needed before an ordinary user may map a group: see user_namespaces(7). Absent before Linux 3.19.
    let _ = write("/proc/self/setgroups", "deny");
    write("/proc/self/gid_map", &format!("{group} {group} 1\n"))
}

#[expect(deprecated, reason = "what makes it unsound is sharing of open files, which stays as it is here")]
fn unshare_now(flags: UnshareFlags) -> rustix::io::Result<()> {
    rustix::thread::unshare(flags)
}
