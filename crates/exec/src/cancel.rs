//! The flag that ends a build early: raised once, seen at once by everything that waits.
//!
//! Knows nothing of signals; the command line raises it from its handler.

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the build is to stop. Once raised it stays raised.
#[derive(Debug)]
pub struct CancelFlag {
    raised: AtomicBool,
    // A pipe beside the flag, so that a thread asleep in `poll` on its command's output wakes up as well.
    readable_once_raised: PipeReader,
    writer: PipeWriter,
}

impl CancelFlag {
    /// A flag that is not raised.
    ///
    /// # Errors
    /// When this process has no file descriptors left.
    pub fn new() -> io::Result<Self> {
        let (readable_once_raised, writer) = io::pipe()?;
        Ok(Self { raised: AtomicBool::new(false), readable_once_raised, writer })
    }

    /// Raises the flag. Only an atomic swap and one `write`: allowed inside a signal handler.
    pub fn cancel(&self) {
        if !self.raised.swap(true, Ordering::SeqCst) {
            // The first byte into an empty pipe neither blocks nor fails: both of its ends live as long as `self`.
            let _ = (&self.writer).write(&[1]);
        }
    }

    /// Whether the flag was raised.
    pub fn is_cancelled(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }
}

impl AsFd for CancelFlag {
    /// Becomes readable, and stays so, when the flag is raised.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable_once_raised.as_fd()
    }
}
