//! A build's output on its way to the user: what is kept for a diagnosis is read off it, and nothing is held back.
//!
//! Standard error goes through a pipe, or through a terminal of its own where it is one, so that compilers see one. Where
//! both streams lead to one place, both go through, and their order stays. A standard output of its own is not touched.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::output::Output;

/// The way out.
pub(crate) struct Streams {
    /// What the build writes, comes out here.
    source: OwnedFd,
    /// Where it goes.
    sink: File,
    /// The real terminal, where there is one.
    terminal: bool,
    pub(crate) output: Output,
    /// Nobody takes the output any more.
    closed: bool,
}

/// The streams that a build is started with.
pub(crate) struct Ends {
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
}

impl Streams {
    /// Prepares the way for a build whose output would go to these two.
    pub(crate) fn new(stdout: BorrowedFd<'_>, stderr: BorrowedFd<'_>) -> io::Result<(Self, Ends)> {
        let terminal = isatty(stderr);
        let (source, end) = if terminal { terminal_pair(stderr)? } else { pipe()? };
        rustix::io::ioctl_fionbio(&source, true)?;
        let own = if same(stdout, stderr)? { end.try_clone()? } else { stdout.try_clone_to_owned()? };
        let sink = stderr.try_clone_to_owned()?.into();
        let streams = Self { source, sink, terminal, output: Output::default(), closed: false };
        Ok((streams, Ends { stdout: own.into(), stderr: end.into() }))
    }

    /// Takes on what there is; answers whether that was the end.
    pub(crate) fn pass(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        loop {
            match rustix::io::read(&self.source, &mut buffer) {
                // A terminal whose other side nobody holds any more answers with EIO.
                Ok(0) | Err(Errno::IO) => return Ok(true),
                Ok(length) => {
                    self.output.add(&buffer[..length]);
                    self.write(&buffer[..length]);
                }
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A reader that went away must not stop the build: without cuferry its messages would be lost as well.
    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.closed {
            match self.sink.write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Somebody else set the terminal or pipe so.
                    let mut fds = [rustix::event::PollFd::new(&self.sink, rustix::event::PollFlags::OUT)];
                    self.closed =
                        rustix::event::poll(&mut fds, None).is_err_and(|error| error != Errno::INTR);
                }
                Err(_) => self.closed = true,
            }
        }
    }

    /// The terminal has another size now.
    pub(crate) fn resize(&self) {
        if self.terminal
            && let Ok(size) = tcgetwinsize(&self.sink)
        {
            let _ = tcsetwinsize(&self.source, size);
        }
    }
}

impl AsFd for Streams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// A terminal as large as `like`, which passes on every byte as it is.
fn terminal_pair(like: BorrowedFd<'_>) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let source = openpt(flags)?;
    grantpt(&source)?;
    unlockpt(&source)?;
    let name = ptsname(&source, Vec::new())?;
    let end = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut attributes = tcgetattr(&end)?;
    attributes.make_raw();
    tcsetattr(&end, OptionalActions::Now, &attributes)?;
    if let Ok(size) = tcgetwinsize(like) {
        tcsetwinsize(&source, size)?;
    }
    Ok((source, end))
}

/// Whether both lead to one file, pipe or terminal.
fn same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let (one, other) = (fstat(one)?, fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}
