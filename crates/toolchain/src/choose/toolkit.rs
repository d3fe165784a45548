//! Which toolkit: one on this machine, or one to fetch.

use std::fmt;

use camino::Utf8PathBuf;
use cuferry_arch::CudaRelease;
use miette::Diagnostic;
use thiserror::Error;

use crate::release_file::{ReleaseFile, is_last_resort};
use crate::toolkit::{Toolkit, ToolkitOrigin};

/// What was decided, and what was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice<'a> {
    /// The toolkit.
    pub chosen: Chosen<'a>,
    /// Why this one.
    pub reason: Reason,
    /// The others, in the order in which they were looked at.
    pub passed_over: Vec<PassedOver>,
}

/// A toolkit that is here, or one that can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Chosen<'a> {
    /// On this machine already.
    Present(&'a Toolkit),
    /// To be fetched.
    Fetch(&'a ReleaseFile),
}

/// Why a toolkit was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This release was asked for.
    Asked(CudaRelease),
    /// The first on this machine that fits.
    FirstThatFits(ToolkitOrigin),
    /// None here fits, and of those that can be fetched this is the oldest: what it builds runs on the most drivers.
    OldestThatFits,
    /// No other fits, whether here or to be fetched.
    LastResort,
}

/// A toolkit that was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which release.
    pub release: CudaRelease,
    /// Where it lies; nowhere yet if it could be fetched.
    pub root: Option<Utf8PathBuf>,
    /// Why not.
    pub why: Why,
}

/// Why a toolkit was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another release was asked for.
    NotAskedFor(CudaRelease),
    /// It can't do what the project needs, in the words of whoever checked.
    DoesNotFit(String),
    /// One before it fits as well.
    NotNeeded,
    /// Its release is one that is used only where no other fits, and one does.
    LastResort,
}

/// No toolkit will do.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum ChooseError {
    /// The release asked for is neither here nor known.
    #[error("CUDA {wanted} is not on this machine, and how to fetch it is not known")]
    #[diagnostic(
        code(toolchain::unknown_release),
        help("install it and set `CUDA_HOME`, or ask for one that can be fetched: {}", list(known))
    )]
    Unknown {
        /// What was asked for.
        wanted: CudaRelease,
        /// What can be fetched.
        known: Vec<CudaRelease>,
    },
    /// The release asked for is here or known, but can't do the work.
    #[error("CUDA {wanted} was asked for, but {why}")]
    #[diagnostic(
        code(toolchain::unfit_release),
        help("ask for another release, or for none to have one chosen")
    )]
    Unfit {
        /// What was asked for.
        wanted: CudaRelease,
        /// What it can't do.
        why: String,
    },
    /// Nothing was asked for, and nothing fits.
    #[error("no CUDA toolkit fits{}", reasons(passed_over))]
    #[diagnostic(
        code(toolchain::no_toolkit),
        help("install a toolkit that fits and set `CUDA_HOME`, or ask for less")
    )]
    None {
        /// All that were looked at.
        passed_over: Vec<PassedOver>,
    },
}

/// Chooses a toolkit. `candidates` are those on this machine; `known` can be fetched; `fits` says why a release won't do.
///
/// The release asked for, if any; else the first that fits of: named by a variable, on `PATH`, in a usual folder,
/// installed by cuferry; else the oldest known one that fits. Releases whose file says `default = false` come after all
/// of these, even if cuferry has installed them for a build that needed them.
pub fn choose_toolkit<'a>(
    candidates: &'a [Toolkit],
    wanted: Option<CudaRelease>,
    known: &'a [ReleaseFile],
    fits: impl Fn(CudaRelease) -> Result<(), String>,
) -> Result<Choice<'a>, ChooseError> {
    let mut present: Vec<&Toolkit> = candidates.iter().collect();
    present.sort_by_key(|toolkit| rank(&toolkit.origin));
    let mut fetchable: Vec<&ReleaseFile> = known.iter().collect();
    fetchable.sort_by_key(|file| file.release);
    let present = present.into_iter().map(Chosen::Present);
    let mut all: Vec<Chosen<'_>> = present.chain(fetchable.into_iter().map(Chosen::Fetch)).collect();
    all.sort_by_key(|candidate| candidate.is_last_resort(known));

    let mut found = None;
    let mut passed_over: Vec<PassedOver> = Vec::new();
    for candidate in all {
        let release = candidate.release();
        let why = match wanted {
            Some(wanted) if wanted != release => Why::NotAskedFor(wanted),
            // Not even checked: the reader would wonder about a fault that plays no part.
            _ if found.is_some() && wanted.is_none() && candidate.is_last_resort(known) => Why::LastResort,
            _ if found.is_some() => Why::NotNeeded,
            _ => {
                let Err(text) = fits(release) else {
                    found = Some(candidate);
                    continue;
                };
                Why::DoesNotFit(text)
            }
        };
        passed_over.push(PassedOver { release, root: candidate.root(), why });
    }
    match (found, wanted) {
        (Some(chosen), wanted) => {
            let reason = match (&chosen, wanted) {
                (_, Some(wanted)) => Reason::Asked(wanted),
                (Chosen::Present(toolkit), None) => Reason::FirstThatFits(toolkit.origin.clone()),
                (Chosen::Fetch(file), None) if file.default => Reason::OldestThatFits,
                (Chosen::Fetch(_), None) => Reason::LastResort,
            };
            Ok(Choice { chosen, reason, passed_over })
        }
        (None, None) => Err(ChooseError::None { passed_over }),
        (None, Some(wanted)) => Err(passed_over
            .into_iter()
            .find_map(|other| match other.why {
                Why::DoesNotFit(why) => Some(ChooseError::Unfit { wanted, why }),
                Why::NotAskedFor(_) | Why::NotNeeded | Why::LastResort => None,
            })
            .unwrap_or_else(|| ChooseError::Unknown {
                wanted,
                known: known.iter().map(|file| file.release).collect(),
            })),
    }
}

impl Chosen<'_> {
    /// Which release it is.
    pub fn release(&self) -> CudaRelease {
        match self {
            Self::Present(toolkit) => toolkit.release,
            Self::Fetch(file) => file.release,
        }
    }

    /// What the user has put on the machine is never one.
    fn is_last_resort(&self, known: &[ReleaseFile]) -> bool {
        match self {
            Self::Present(toolkit) => {
                toolkit.origin == ToolkitOrigin::Installed && is_last_resort(known, toolkit.release)
            }
            Self::Fetch(file) => !file.default,
        }
    }

    fn root(&self) -> Option<Utf8PathBuf> {
        match self {
            Self::Present(toolkit) => Some(toolkit.root.clone()),
            Self::Fetch(_) => None,
        }
    }
}

/// What the user named goes first, what they never saw last.
fn rank(origin: &ToolkitOrigin) -> u8 {
    match origin {
        ToolkitOrigin::Variable(_) => 0,
        ToolkitOrigin::Path => 1,
        ToolkitOrigin::Folder => 2,
        ToolkitOrigin::Installed => 3,
    }
}

impl fmt::Display for Choice<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chosen {
            Chosen::Present(toolkit) => write!(formatter, "CUDA {} in `{}`", toolkit.release, toolkit.root)?,
            Chosen::Fetch(file) => write!(formatter, "CUDA {}, to be fetched", file.release)?,
        }
        write!(formatter, ": {}", self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked(release) => write!(formatter, "CUDA {release} was asked for"),
            Self::FirstThatFits(ToolkitOrigin::Variable(name)) => {
                write!(formatter, "`{name}` names it, and it fits")
            }
            Self::FirstThatFits(ToolkitOrigin::Path) => {
                write!(formatter, "its nvcc is on `PATH`, and it fits")
            }
            Self::FirstThatFits(ToolkitOrigin::Folder) => {
                write!(formatter, "it lies in a usual folder, and it fits")
            }
            Self::FirstThatFits(ToolkitOrigin::Installed) => {
                write!(formatter, "cuferry installed it, and it fits")
            }
            Self::LastResort => write!(formatter, "no other that is here or can be fetched fits"),
            Self::OldestThatFits => {
                write!(
                    formatter,
                    "none on this machine fits, and what the oldest that does builds runs on the most drivers"
                )
            }
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CUDA {}", self.release)?;
        match &self.root {
            Some(root) => write!(formatter, " in `{root}`")?,
            None => write!(formatter, ", to be fetched")?,
        }
        write!(formatter, ": {}", self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAskedFor(wanted) => write!(formatter, "CUDA {wanted} was asked for"),
            Self::DoesNotFit(text) => formatter.write_str(text),
            Self::NotNeeded => write!(formatter, "one before it fits"),
            Self::LastResort => {
                write!(formatter, "it is used only where no other fits, or where it is asked for")
            }
        }
    }
}

fn list(releases: &[CudaRelease]) -> String {
    releases.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn reasons(passed_over: &[PassedOver]) -> String {
    let mut text = String::new();
    for other in passed_over {
        text.push_str("\n  ");
        text.push_str(&other.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release_file;

    fn toolkit(release: &str, origin: ToolkitOrigin) -> Toolkit {
        let root = Utf8PathBuf::from(format!("/opt/cuda-{release}"));
        Toolkit { release: release.parse().unwrap(), identity: String::new(), root, origin }
    }

    fn here() -> Vec<Toolkit> {
        vec![
            toolkit("13.2", ToolkitOrigin::Installed),
            toolkit("12.4", ToolkitOrigin::Folder),
            toolkit("11.8", ToolkitOrigin::Variable("CUDA_HOME".to_owned())),
        ]
    }

    /// What comes out for a project that needs at least `least`.
    fn decide(candidates: &[Toolkit], wanted: Option<&str>, least: &str) -> String {
        let least: CudaRelease = least.parse().unwrap();
        let fits = |release| {
            if release >= least { Ok(()) } else { Err(format!("it is older than {least}")) }
        };
        match choose_toolkit(
            candidates,
            wanted.map(|text| text.parse().unwrap()),
            release_file::known(),
            fits,
        ) {
            Ok(choice) => {
                let others = choice.passed_over.iter().map(|other| format!("\n  not {other}"));
                format!("{choice}{}", others.collect::<String>())
            }
            Err(error) => {
                let help = error.help().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
                format!("error: {error}{help}")
            }
        }
    }

    #[test]
    fn takes_what_the_user_named_first() {
        insta::assert_snapshot!(decide(&here(), None, "11.0"), @"
        CUDA 11.8 in `/opt/cuda-11.8`: `CUDA_HOME` names it, and it fits
          not CUDA 12.4 in `/opt/cuda-12.4`: one before it fits
          not CUDA 13.2 in `/opt/cuda-13.2`: one before it fits
          not CUDA 13.0, to be fetched: one before it fits
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
    }

    #[test]
    fn goes_on_to_what_fits() {
        insta::assert_snapshot!(decide(&here(), None, "13.0"), @"
        CUDA 13.2 in `/opt/cuda-13.2`: cuferry installed it, and it fits
          not CUDA 11.8 in `/opt/cuda-11.8`: it is older than 13.0
          not CUDA 12.4 in `/opt/cuda-12.4`: it is older than 13.0
          not CUDA 13.0, to be fetched: one before it fits
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
    }

    #[test]
    fn fetches_the_oldest_that_fits() {
        insta::assert_snapshot!(decide(&[], None, "12.0"), @"
        CUDA 13.0, to be fetched: none on this machine fits, and what the oldest that does builds runs on the most drivers
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
    }

    #[test]
    fn what_is_not_fetched_by_default_comes_last() {
        // Installed for another build, it is still not the one for a build that has no such need.
        let installed = [toolkit("11.8", ToolkitOrigin::Installed)];
        insta::assert_snapshot!(decide(&installed, None, "11.0"), @"
        CUDA 13.0, to be fetched: none on this machine fits, and what the oldest that does builds runs on the most drivers
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8 in `/opt/cuda-11.8`: it is used only where no other fits, or where it is asked for
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
        let mut both = installed.to_vec();
        both.push(toolkit("13.5", ToolkitOrigin::Installed));
        insta::assert_snapshot!(decide(&both, None, "11.0"), @"
        CUDA 13.5 in `/opt/cuda-13.5`: cuferry installed it, and it fits
          not CUDA 13.0, to be fetched: one before it fits
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8 in `/opt/cuda-11.8`: it is used only where no other fits, or where it is asked for
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
        insta::assert_snapshot!(decide(&installed, Some("11.8"), "11.0"), @"
        CUDA 11.8 in `/opt/cuda-11.8`: CUDA 11.8 was asked for
          not CUDA 13.0, to be fetched: CUDA 11.8 was asked for
          not CUDA 13.5, to be fetched: CUDA 11.8 was asked for
          not CUDA 11.8, to be fetched: one before it fits
        ");
        // Named by the user, it is theirs to choose.
        let named = [toolkit("11.8", ToolkitOrigin::Variable("CUDA_HOME".to_owned()))];
        insta::assert_snapshot!(decide(&named, None, "11.0"), @"
        CUDA 11.8 in `/opt/cuda-11.8`: `CUDA_HOME` names it, and it fits
          not CUDA 13.0, to be fetched: one before it fits
          not CUDA 13.5, to be fetched: one before it fits
          not CUDA 11.8, to be fetched: it is used only where no other fits, or where it is asked for
        ");
    }

    #[test]
    fn the_last_resort_is_fetched_where_nothing_else_fits() {
        let fits = |release: CudaRelease| {
            if release.major == 11 { Ok(()) } else { Err("it lacks sm_53".to_owned()) }
        };
        let choice = choose_toolkit(&[], None, release_file::known(), fits).unwrap();
        assert_eq!(
            choice.to_string(),
            "CUDA 11.8, to be fetched: no other that is here or can be fetched fits"
        );
        let choice = choose_toolkit(&[], Some("11.8".parse().unwrap()), release_file::known(), fits).unwrap();
        assert_eq!(choice.to_string(), "CUDA 11.8, to be fetched: CUDA 11.8 was asked for");
    }

    #[test]
    fn obeys_when_asked() {
        insta::assert_snapshot!(decide(&here(), Some("12.4"), "11.0"), @"
        CUDA 12.4 in `/opt/cuda-12.4`: CUDA 12.4 was asked for
          not CUDA 11.8 in `/opt/cuda-11.8`: CUDA 12.4 was asked for
          not CUDA 13.2 in `/opt/cuda-13.2`: CUDA 12.4 was asked for
          not CUDA 13.0, to be fetched: CUDA 12.4 was asked for
          not CUDA 13.5, to be fetched: CUDA 12.4 was asked for
          not CUDA 11.8, to be fetched: CUDA 12.4 was asked for
        ");
    }

    #[test]
    fn says_why_not() {
        insta::assert_snapshot!(decide(&here(), Some("12.4"), "13.0"), @"
        error: CUDA 12.4 was asked for, but it is older than 13.0
        help: ask for another release, or for none to have one chosen
        ");
        insta::assert_snapshot!(decide(&here(), Some("12.9"), "13.0"), @"
        error: CUDA 12.9 is not on this machine, and how to fetch it is not known
        help: install it and set `CUDA_HOME`, or ask for one that can be fetched: 11.8, 13.0, 13.5
        ");
        insta::assert_snapshot!(decide(&here(), None, "99.0"), @"
        error: no CUDA toolkit fits
          CUDA 11.8 in `/opt/cuda-11.8`: it is older than 99.0
          CUDA 12.4 in `/opt/cuda-12.4`: it is older than 99.0
          CUDA 13.2 in `/opt/cuda-13.2`: it is older than 99.0
          CUDA 13.0, to be fetched: it is older than 99.0
          CUDA 13.5, to be fetched: it is older than 99.0
          CUDA 11.8, to be fetched: it is older than 99.0
        help: install a toolkit that fits and set `CUDA_HOME`, or ask for less
        ");
    }
}
