//! One command as a group of processes: started without a shell, its output gathered, ended when the build is.
//!
//! Knows nothing of inputs and outputs.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use cuferry_graph::Command;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::cancel::CancelFlag;

/// How long processes may take to end after they were asked to, or after their command has.
const GRACE: Duration = Duration::from_secs(2);

/// What is kept of a command's output: a compiler that never stops complaining must not fill the memory.
const OUTPUT_LIMIT: usize = 16 << 20;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error in the order of writing.
    pub(crate) output: Vec<u8>,
    /// Whether it was told to end early.
    pub(crate) cancelled: bool,
}

/// Why there is no [`Ended`].
#[derive(Debug)]
pub(crate) enum ProcessError {
    Spawn(io::Error),
    Watch(io::Error),
}

/// Runs `command` in `folder`, to its end or until one of `cancel` is raised.
///
/// Both standard streams are one pipe: their order is kept, and nothing of other commands comes in between. The command is over
/// when its first process has ended and nobody holds the pipe any more; who still does so after the grace is killed.
pub(crate) fn run(
    command: &Command,
    folder: &Utf8Path,
    cancel: [&CancelFlag; 2],
) -> Result<Ended, ProcessError> {
    let (pipe, writer) = io::pipe().map_err(ProcessError::Spawn)?;
    rustix::io::ioctl_fionbio(&pipe, true).map_err(|error| ProcessError::Spawn(error.into()))?;
    let second_writer = writer.try_clone().map_err(ProcessError::Spawn)?;
    let mut child = std::process::Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(&command.env)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second_writer)
        .process_group(0)
        .spawn()
        .map_err(ProcessError::Spawn)?;
    let group = Group(Pid::from_child(&child));
    let watched = watch(&group, pipe, cancel);
    if watched.as_ref().map_or(true, |(_, cancelled)| *cancelled) {
        // The first process is not reaped yet, so its number is still this group's and nobody else's.
        group.kill(Signal::KILL);
    }
    let status = child.wait().map_err(ProcessError::Watch)?;
    let (output, cancelled) = watched.map_err(ProcessError::Watch)?;
    Ok(Ended { status, output, cancelled })
}

/// Gathers the output until the command is over; answers it, and whether the end was forced.
fn watch(group: &Group, pipe: PipeReader, cancel: [&CancelFlag; 2]) -> io::Result<(Vec<u8>, bool)> {
    let first_process = pidfd_open(group.0, PidfdFlags::empty())?;
    let mut output = Output::default();
    let mut pipe = Some(pipe);
    let (mut ended, mut cancelled, mut killed) = (false, false, false);
    let mut deadline: Option<Instant> = None;
    while !(ended && (pipe.is_none() || killed)) {
        let mut fds = Vec::with_capacity(4);
        let watched = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        fds.extend((!ended).then(|| watched(first_process.as_fd())));
        fds.extend(pipe.as_ref().map(|pipe| watched(pipe.as_fd())));
        fds.extend(cancel.iter().filter(|_| !cancelled).map(|flag| watched(flag.as_fd())));
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let now_ended = !ended && is_ready(&fds[0]);
        if !cancelled && cancel.iter().any(|flag| flag.is_cancelled()) {
            cancelled = true;
            group.kill(Signal::TERM);
            deadline = Some(Instant::now() + GRACE);
        } else if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            killed = true;
            group.kill(Signal::KILL);
            deadline = None;
        }
        if now_ended {
            ended = true;
            deadline = deadline.or_else(|| (!killed).then(|| Instant::now() + GRACE));
        }
        if let Some(open) = &mut pipe
            && output.read(open)?
        {
            pipe = None;
        }
    }
    Ok((output.finish(), cancelled))
}

/// All processes that a command started and that did not leave for a group of their own.
struct Group(Pid);

impl Group {
    fn kill(&self, signal: Signal) {
        // The one way to fail is that no process is left.
        let _ = kill_process_group(self.0, signal);
    }
}

/// Bytes up to the limit, and how many came after it.
#[derive(Default)]
struct Output {
    kept: Vec<u8>,
    left_out: usize,
}

impl Output {
    /// Takes what is in the pipe now; answers whether it has ended.
    fn read(&mut self, pipe: &mut PipeReader) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) => {
                    let kept = count.min(OUTPUT_LIMIT - self.kept.len());
                    self.kept.extend(&buffer[..kept]);
                    self.left_out += count - kept;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.left_out > 0 {
            self.kept.extend(format!("\n[{} more bytes of output left out]\n", self.left_out).as_bytes());
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn shell(script: &str) -> Command {
        Command {
            program: "/bin/sh".into(),
            identity: String::new(),
            args: vec!["-c".to_owned(), script.to_owned()],
            env: BTreeMap::from([
                ("ONLY".to_owned(), "this".to_owned()),
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ]),
        }
    }

    fn run_here(script: &str) -> Ended {
        let flag = CancelFlag::new().unwrap();
        run(&shell(script), Utf8Path::new("/usr"), [&flag, &flag]).unwrap()
    }

    #[track_caller]
    fn check(script: &str, code: Option<i32>, signal: Option<i32>, output: &str) {
        let ended = run_here(script);
        let found =
            (ended.status.code(), ended.status.signal(), String::from_utf8_lossy(&ended.output).into_owned());
        assert_eq!(found, (code, signal, output.to_owned()), "running `{script}`");
    }

    #[test]
    fn commands_run_in_their_folder_with_their_environment_alone() {
        check("pwd", Some(0), None, "/usr\n");
        check("env -u PWD -u _ -u SHLVL -u OLDPWD | sort", Some(0), None, "ONLY=this\nPATH=/usr/bin:/bin\n");
        check("cat", Some(0), None, "");
        check("exit 7", Some(7), None, "");
        check("kill -9 $$", None, Some(9), "");
    }

    #[test]
    fn both_streams_keep_their_order() {
        let script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done";
        check(script, Some(0), None, "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n");
    }

    #[test]
    fn output_without_end_is_cut() {
        let ended = run_here("head -c 17000000 /dev/zero");
        let note = format!("\n[{} more bytes of output left out]\n", 17_000_000 - OUTPUT_LIMIT);
        assert_eq!(ended.output.len(), OUTPUT_LIMIT + note.len());
        assert!(ended.output.ends_with(note.as_bytes()));
    }

    #[test]
    fn who_closes_its_output_is_waited_for() {
        check("exec >&- 2>&-; sleep 0.1; exit 3", Some(3), None, "");
    }

    #[test]
    fn what_a_command_leaves_behind_may_finish_its_words() {
        check("(sleep 0.2; echo late) & echo early", Some(0), None, "early\nlate\n");
    }

    #[test]
    fn what_a_command_leaves_behind_is_killed_after_the_grace() {
        let start = Instant::now();
        let ended = run_here("sleep 1000 & echo $!");
        assert!(start.elapsed() < GRACE * 3, "took {:?}", start.elapsed());
        assert!(!ended.cancelled && ended.status.success());
        check_gone(&ended.output);
    }

    #[test]
    fn who_escapes_from_the_group_is_not_waited_for() {
        let start = Instant::now();
        let ended = run_here("setsid sleep 20 & echo started");
        assert!(start.elapsed() < GRACE * 3, "took {:?}", start.elapsed());
        assert_eq!(ended.output, b"started\n");
    }

    #[test]
    fn who_does_not_listen_is_killed() {
        let flag = CancelFlag::new().unwrap();
        let never = CancelFlag::new().unwrap();
        let start = Instant::now();
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                flag.cancel();
            });
            let script = "trap '' TERM; sleep 1000 >/dev/null 2>&1 & echo $!; while :; do sleep 0.1; done";
            run(&shell(script), Utf8Path::new("/"), [&flag, &never]).unwrap()
        });
        assert!(ended.cancelled);
        assert_eq!(ended.status.signal(), Some(9));
        assert!(start.elapsed() >= GRACE && start.elapsed() < GRACE * 3, "took {:?}", start.elapsed());
        check_gone(&ended.output);
    }

    /// `output` is the number of a process, which must end about now.
    #[track_caller]
    fn check_gone(output: &[u8]) {
        let pid = String::from_utf8_lossy(output).trim().parse().unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        let is_gone = || match std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
            // A zombie whose new parent has not reaped it yet runs no more.
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
            Err(_) => true,
        };
        let gone = (0..100).any(|_| {
            is_gone() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
        assert!(gone, "process {pid:?} still runs");
    }
}
