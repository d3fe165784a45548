//! What a failed build's own words mean, and what to do about it. Words that no table knows are the project's own errors,
//! and get no advice.

mod log;
mod resolve;
mod rows;

use std::collections::BTreeSet;

use cuferry_arch::{CudaRelease, GpuArch};

use crate::library::CudaLibrary;
use crate::needs::Needs;
use crate::package::Package;
use crate::place::Place;
use log::Log;
use rows::rows;

/// No report lists more.
const MOST: usize = 50;

/// What a line of a failed build means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// `CF4001` and so on: stable, and explained.
    pub id: &'static str,
    /// What kind of trouble it is.
    pub verdict: Verdict,
    /// What it is about, as the log has it: a header, a library, a name.
    pub subject: String,
    /// Why the build stopped: a fragment.
    pub cause: String,
    /// What to do, in one line, with the command where there is one.
    pub todo: String,
    /// Where in the project, where the log says it.
    pub place: Option<Place>,
    /// The line of the log, from 1.
    pub line: usize,
    /// What would help, for programs.
    pub remedy: Remedy,
    /// A toolkit of those known that does not have this trouble: the one to try next.
    pub other_toolkit: Option<CudaRelease>,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It exists on a Jetson alone: no build on x86_64 will have it.
    JetsonOnly,
    /// Something is not installed here.
    Missing,
    /// Another toolkit, or other options for it, would do.
    Toolkit,
    /// This machine, its network, or how the build was started.
    Machine,
    /// The project itself has to change.
    Project,
}

/// What would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing that a program could do.
    None,
    /// Packages of the system.
    Package(&'static Package),
    /// A library that `--with NAME` lets cuferry fetch.
    CudaLibrary(&'static CudaLibrary),
    /// Another toolkit: [`Advice::other_toolkit`], where one is known.
    Toolkit,
}

/// What is known of the build that failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The release that it was built with.
    pub release: Option<CudaRelease>,
    /// The releases that can be had.
    pub toolkits: &'a [CudaRelease],
    /// The GPUs that it was built for: another toolkit has to know them too.
    pub gpus: &'a [GpuArch],
}

/// Reads the log of a build that failed. In the order of the log, each thing once.
pub fn diagnose(log: &[u8], needs: &Needs, context: &Context<'_>) -> Vec<Advice> {
    let log = Log::new(log);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for found in log.findings() {
        let Some(advice) = resolve::advice(&found, &log, needs, context) else { continue };
        if seen.insert((advice.id, advice.subject.clone())) {
            all.push(advice);
        }
        if all.len() == MOST {
            break;
        }
    }
    all
}

/// The ids that advice can carry.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    rows().iter().filter_map(|row| row.id.as_deref()).chain(resolve::IDS.iter().copied())
}
