//! What tests of several modules need.

use cuferry_arch::{CudaRelease, Host};
use cuferry_translate::Policy;

use crate::file::SessionFile;
use crate::request::Places;

/// A policy with nothing in it that changes a command of an x86_64 build.
pub(crate) fn policy(host: Host) -> Policy {
    Policy::new(host, CudaRelease::new(13, 0))
}

pub(crate) fn session_file(host: Host) -> SessionFile {
    SessionFile::new(policy(host), Places::default())
}
