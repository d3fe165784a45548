//! Drives a graph on this machine: runs what is not up to date, several at once, and leaves nothing half-written.
//!
//! What decides is the content of files, never their age. Knows nothing of compilers and prints nothing.

mod cancel;
mod contents;
mod depfile;
mod error;
mod files;
mod lock;
mod log;
mod outcome;
mod process;
mod run;
mod schedule;
mod state;
mod work;

pub use cancel::CancelFlag;
pub use depfile::DepfileError;
pub use error::{ExecError, MissingSource};
pub use lock::{Lock, LockError};
pub use outcome::{Event, Failure, Outcome, Summary};
pub use run::{Options, run};
