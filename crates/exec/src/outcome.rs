//! What a build says while it goes and when it ends: plain values, nothing printed.

use std::time::Duration;

use camino::Utf8PathBuf;
use cuferry_graph::ActionId;
use thiserror::Error;

use crate::depfile::DepfileError;

/// What happens to an action, told as it happens. Each action ends as one of `Finished`, `UpToDate` and `Skipped`, or is
/// not reached because the build stops early.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It begins to run.
    Started {
        /// Which.
        id: ActionId,
    },
    /// It ran.
    Finished {
        /// Which.
        id: ActionId,
        /// How it ended.
        outcome: &'a Outcome,
        /// All that its command wrote to standard output and standard error, in the order of writing, byte for byte.
        output: &'a [u8],
        /// From start to end.
        duration: Duration,
    },
    /// Nothing to do: neither the action nor the content of any file that it reads or writes has changed.
    UpToDate {
        /// Which.
        id: ActionId,
    },
    /// It cannot run: something that it needs has failed.
    Skipped {
        /// Which.
        id: ActionId,
    },
}

/// How an action that ran has ended. Unless it succeeded, none of its outputs is left.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its outputs are written.
    Succeeded,
    /// The command's answer was no.
    Failed(Failure),
    /// It was ended because the build was.
    Cancelled,
}

/// In which way a command failed. Reads on after the action's label: "`a.cu`: exited with status 2".
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// It said so itself.
    #[error("exited with status {status}")]
    Status {
        /// Its exit status, not 0.
        status: i32,
    },
    /// Something ended it.
    #[error("was killed by signal {signal}")]
    Signal {
        /// The signal's number; 9 is most often the kernel, out of memory.
        signal: i32,
    },
    /// It broke its promise.
    #[error("succeeded but did not write {}", list(paths))]
    NotWritten {
        /// What was promised and is not there.
        paths: Vec<Utf8PathBuf>,
    },
    /// Without the names of the headers there is no telling when to run it again.
    #[error("wrote a dependency file `{path}` that {reason}")]
    Depfile {
        /// The dependency file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: DepfileError,
    },
}

/// What became of a whole build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many actions ran and succeeded.
    pub ran: usize,
    /// How many had nothing to do.
    pub up_to_date: usize,
    /// What failed, in the order of failing.
    pub failed: Vec<ActionId>,
    /// What could not run because something that it needs has failed, in ascending order.
    pub skipped: Vec<ActionId>,
    /// How many actions were not reached, or not finished, because the build stopped early.
    pub unfinished: usize,
    /// Whether it stopped early because it was cancelled.
    pub cancelled: bool,
}

impl Summary {
    /// Whether every output is there and good.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.unfinished == 0
    }
}

fn list(paths: &[Utf8PathBuf]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}
