//! Runs a tool for what it says of itself. None is waited for without end: a container daemon that hangs hangs its client.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process_group};

/// Long enough for a compiler on a slow disk.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// What a tool printed on its standard output, if it could be run and was content.
pub(crate) fn ask(program: &Utf8Path, args: &[&str]) -> Option<String> {
    ask_within(program, args, PATIENCE)
}

/// The same, within a time.
pub(crate) fn ask_within(program: &Utf8Path, args: &[&str], limit: Duration) -> Option<String> {
    let output = run_within(program, args, limit).ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a tool in the C locale, so that its words can be read, with nothing to read itself.
pub(crate) fn run(program: &Utf8Path, args: &[&str]) -> io::Result<Output> {
    run_within(program, args, PATIENCE)
}

/// The same; a tool that takes longer is ended with all that it started, and the error is [`io::ErrorKind::TimedOut`].
pub(crate) fn run_within(program: &Utf8Path, args: &[&str], limit: Duration) -> io::Result<Output> {
    let deadline = Instant::now() + limit;
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn()?;
    let stdout = read(child.stdout.take());
    let stderr = read(child.stderr.take());
    let done = wait(&mut child, deadline).and_then(|status| {
        // What the tool started may hold the pipe open after its own end.
        Some(Output { status, stdout: receive(&stdout, deadline)?, stderr: receive(&stderr, deadline)? })
    });
    done.ok_or_else(|| {
        end(child);
        io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs()))
    })
}

/// Reads a pipe in a thread of its own, which ends with the pipe: nobody waits for it.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.by_ref().take(LONGEST).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
            // A tool that has more to say is not stopped by a full pipe.
            let _ = io::copy(&mut pipe, &mut io::sink());
        });
    }
    receiver
}

fn receive(pipe: &Receiver<Vec<u8>>, deadline: Instant) -> Option<Vec<u8>> {
    match pipe.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(bytes) => Some(bytes),
        Err(RecvTimeoutError::Disconnected) => Some(Vec::new()),
        Err(RecvTimeoutError::Timeout) => None,
    }
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => return None,
            // Someone else has waited for it: its output counts all the same.
            Err(_) => return Some(ExitStatus::from_raw(0)),
        }
        thread::sleep(pause.min(deadline.saturating_duration_since(Instant::now())));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends a tool and what it started. Its end is not waited for here: one that hangs in the kernel has none.
fn end(mut child: Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    thread::spawn(move || {
        let _ = child.kill();
        child.wait()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_hangs_is_ended_with_what_it_started() {
        let start = Instant::now();
        // The second `sleep` keeps the pipe open after the shell is gone.
        for script in ["exec sleep 60", "sleep 60 & wait", "sleep 60 & exit 0"] {
            let error = run_within("/bin/sh".into(), &["-c", script], Duration::from_millis(200))
                .expect_err("it takes a minute");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{script}");
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn an_answer_is_read_whole_up_to_a_limit() {
        let say = |script: &str| ask_within("/bin/sh".into(), &["-c", script], Duration::from_secs(20));
        assert_eq!(say("echo ' a '; echo b >&2").as_deref(), Some("a"));
        assert_eq!(say("exit 3"), None);
        let long = say("head -c 10000000 /dev/zero | tr '\\0' x").map(|text| text.len());
        assert_eq!(long, Some(4 << 20));
        assert_eq!(ask("/no/such/tool".into(), &[]), None);
    }
}
