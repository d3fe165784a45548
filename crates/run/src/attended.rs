//! Runs a command to its end, as a group of processes whose streams are files: it may be given a time, and be called off.
//!
//! What it prints is not looked at. Processes that it leaves behind in its group are ended with it; one that left for a
//! session of its own is not known here.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// What is run.
#[derive(Debug)]
pub struct Attended<'a> {
    /// The program's file.
    pub program: &'a Utf8Path,
    /// Its arguments, without its name.
    pub args: &'a [OsString],
    /// Variables that are set, over those of this process.
    pub environment: &'a [(String, String)],
    /// Where it works.
    pub folder: &'a Utf8Path,
    /// What it reads from its standard input.
    pub input: File,
    /// Where its standard output goes.
    pub output: File,
    /// Where its standard error goes.
    pub error: File,
    /// How long it may take; none: as long as it likes.
    pub limit: Option<Duration>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended after its time.
    OutOfTime,
    /// It was ended because it was called off.
    CalledOff,
}

/// Runs a command to its end. It is called off when `cancel` becomes readable.
///
/// An error is this system's: the command could not be started, or not be watched. Nothing of it runs any more then.
pub fn attend(attended: Attended<'_>, cancel: BorrowedFd<'_>) -> io::Result<End> {
    let deadline = attended.limit.and_then(|limit| Instant::now().checked_add(limit));
    let mut child = Command::new(attended.program)
        .args(attended.args)
        .envs(attended.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(attended.folder)
        .stdin(attended.input)
        .stdout(attended.output)
        .stderr(attended.error)
        .process_group(0)
        .spawn()?;
    let early = watch(&child, deadline, cancel);
    // The first process is not reaped yet, so its number is still this group's and nobody else's.
    signal_group(&child, Signal::KILL);
    let status = child.wait()?;
    Ok(early?.unwrap_or_else(|| end(status)))
}

/// Waits until the first process has ended; answers whether it was made to.
fn watch(child: &Child, deadline: Option<Instant>, cancel: BorrowedFd<'_>) -> io::Result<Option<End>> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let early = match wait(&[process.as_fd(), cancel], deadline)? {
        Some(0) => return Ok(None),
        Some(_) => End::CalledOff,
        None => End::OutOfTime,
    };
    signal_group(child, Signal::TERM);
    wait(&[process.as_fd()], Some(Instant::now() + GRACE))?;
    Ok(Some(early))
}

/// Which of `files` is the first that can be read; none where none can be until the deadline.
pub(crate) fn wait(files: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<Option<usize>> {
    loop {
        let mut polled: Vec<PollFd<'_>> =
            files.iter().map(|file| PollFd::from_borrowed_fd(*file, PollFlags::IN)).collect();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // One too long for the system is none.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) if left == Some(Duration::ZERO) => return Ok(None),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(polled.iter().position(|file| !file.revents().is_empty())),
            Err(error) => return Err(error.into()),
        }
    }
}

fn signal_group(child: &Child, signal: Signal) {
    // The one way to fail is that no process is left.
    let _ = kill_process_group(Pid::from_child(child), signal);
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use camino::Utf8PathBuf;
    use cuferry_testkit::scratch;

    use super::*;

    /// Runs a script with `input` in a folder of its own; answers how it ended, what it printed, and how long it took.
    fn run(script: &str, limit: Option<Duration>, call_off: Option<Duration>) -> (End, String, Duration) {
        let (_guard, folder) = scratch();
        let file = |name: &str| File::create(folder.join(name)).unwrap();
        fs::write(folder.join("input"), "a line\n").unwrap();
        let args = ["-c".into(), script.into()];
        let (reader, mut writer) = io::pipe().unwrap();
        let start = Instant::now();
        let end = std::thread::scope(|scope| {
            if let Some(time) = call_off {
                let writer = &mut writer;
                scope.spawn(move || {
                    std::thread::sleep(time);
                    writer.write_all(&[1]).unwrap();
                });
            }
            let attended = Attended {
                program: "/bin/sh".into(),
                args: &args,
                environment: &[("SAID".to_owned(), "so".to_owned())],
                folder: &folder,
                input: File::open(folder.join("input")).unwrap(),
                output: file("output"),
                error: file("error"),
                limit,
            };
            attend(attended, reader.as_fd()).unwrap()
        });
        let printed = fs::read_to_string(folder.join("output")).unwrap();
        (end, printed, start.elapsed())
    }

    #[track_caller]
    fn check(script: &str, end: End, printed: &str) {
        let found = run(script, Some(Duration::from_mins(1)), None);
        assert_eq!((found.0, found.1.as_str()), (end, printed), "`{script}`");
    }

    #[test]
    fn it_ends_as_it_ends() {
        check("cat; echo $SAID; echo x >&2; exit 7", End::Code(7), "a line\nso\n");
        check("kill -SEGV $$", End::Signal(11), "");
        let folder = run("pwd", None, None).1;
        assert!(Utf8PathBuf::from(folder.trim()).is_absolute());
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        let (end, printed, took) = run("sleep 1000 & echo $!; wait", Some(Duration::from_millis(300)), None);
        assert_eq!(end, End::OutOfTime);
        assert!(took >= Duration::from_millis(300) && took < GRACE, "{took:?}");
        check_gone(&printed);
    }

    #[test]
    fn what_does_not_listen_is_killed() {
        let script = "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done";
        let (end, printed, took) = run(script, None, Some(Duration::from_millis(200)));
        assert_eq!(end, End::CalledOff);
        assert!(took >= GRACE && took < GRACE * 3, "{took:?}");
        check_gone(&printed);
    }

    #[test]
    fn what_is_left_behind_ends_as_well() {
        let (end, printed, took) = run("sleep 1000 & echo $!", None, None);
        assert_eq!(end, End::Code(0));
        assert!(took < GRACE, "{took:?}");
        check_gone(&printed);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let file = || File::open("/dev/null").unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let attended = Attended {
            program: "/no/such/program".into(),
            args: &[],
            environment: &[],
            folder: "/".into(),
            input: file(),
            output: file(),
            error: file(),
            limit: None,
        };
        assert_eq!(attend(attended, reader.as_fd()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// `printed` is the number of a process, which must end about now.
    #[track_caller]
    fn check_gone(printed: &str) {
        let stat = format!("/proc/{}/stat", printed.trim());
        // A zombie whose new parent has not reaped it yet runs no more.
        let gone = || {
            fs::read_to_string(&stat).map_or(true, |text| {
                text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
            })
        };
        let in_time = (0..200).any(|_| {
            gone() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(in_time, "process {} still runs", printed.trim());
    }
}
