//! What tests of several modules need.

use cuferry_arch::Host;
use cuferry_translate::{ArchPolicy, Policy, Semantics};

use crate::file::SessionFile;
use crate::request::Places;

/// A policy with nothing in it that changes a command of an x86_64 build.
pub(crate) fn policy(host: Host) -> Policy {
    Policy {
        host,
        release: "13.0".parse().unwrap(),
        archs: ArchPolicy::Fitting(Vec::new()),
        portable: false,
        ccbin: None,
        cuda_root: None,
        raise_standard: None,
        include_first: Vec::new(),
        include_last: Vec::new(),
        include_files: Vec::new(),
        defines: Vec::new(),
        semantics: Semantics::default(),
    }
}

pub(crate) fn session_file(host: Host) -> SessionFile {
    SessionFile::new(policy(host), Places::default())
}
