//! What a machine can do: all that was found on it, which of the three ways work here, and what is missing for the others.

mod json;
mod rows;
mod ways;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, Host};
use cuferry_install::{Emulator, Root};
use cuferry_machine::Survey;
use cuferry_toolchain::compiler::HostCompiler;
use cuferry_toolchain::toolkit::Toolkit;
use serde_json::Value;

use crate::words::wrap;

/// A machine, looked at.
pub(crate) struct Checkup {
    /// This machine's CPU.
    pub(crate) machine: Host,
    pub(crate) survey: Survey,
    /// Every toolkit that is here.
    pub(crate) toolkits: Vec<Toolkit>,
    /// Every release that can be fetched.
    pub(crate) fetchable: Vec<CudaRelease>,
    /// Compilers for either host.
    pub(crate) compilers: Vec<HostCompiler>,
    /// The emulator that cuferry installed.
    pub(crate) emulator: Option<Emulator>,
    /// The libraries of ARM programs that cuferry installed.
    pub(crate) arm_root: Option<Root>,
    /// `ar` for x86_64.
    pub(crate) archiver: Option<Utf8PathBuf>,
    /// The user's own folder, which people know as `~`.
    pub(crate) home: Option<Utf8PathBuf>,
}

/// One of the three ways on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) state: State,
    /// Why, in one sentence.
    pub(crate) reason: String,
    /// What there is for it here.
    pub(crate) has: Vec<String>,
    /// What there is not.
    pub(crate) lacks: Vec<String>,
    /// The one thing to do.
    pub(crate) step: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Works,
    /// The machine lacks something.
    Lacking,
    /// This version of cuferry cannot, whatever the machine has.
    NotInThisVersion,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) mark: Mark,
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// Where it was read.
    pub(crate) from: String,
    /// What to do about it.
    pub(crate) step: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// There, and as it should be.
    Good,
    /// Not there. Whether that matters, the ways say.
    Missing,
    /// There, and not as it should be.
    Trouble,
}

impl Checkup {
    /// Rebuild, hybrid and emulate.
    pub(crate) fn ways(&self) -> [Way; 3] {
        ways::ways(self)
    }

    /// Whether the main job can be done here.
    pub(crate) fn can_rebuild(&self) -> bool {
        ways::ways(self)[0].state == State::Works
    }

    pub(crate) fn text(&self, width: usize) -> String {
        let mut out = String::new();
        for way in self.ways() {
            let word = match way.state {
                State::Works => "works",
                State::Lacking => "does not work here",
                State::NotInThisVersion => "not in this version of cuferry",
            };
            let text = self.shorten(&format!("{word}: {}", way.reason));
            out.push_str(&wrap(&text, &format!("{:<8}  ", way.name), width));
            if let Some(step) = &way.step {
                out.push_str(&wrap(step, "          -> ", width));
            }
        }
        out.push('\n');
        for row in rows::rows(self) {
            let text = if row.from.is_empty() { row.text } else { format!("{} ({})", row.text, row.from) };
            let first = format!("{:<7}  {:<10}  ", row.mark.word(), row.label);
            out.push_str(&wrap(&self.shorten(&text), &first, width));
            if let Some(step) = &row.step {
                out.push_str(&wrap(step, &format!("{:21}-> ", ""), width));
            }
        }
        out
    }

    fn shorten(&self, text: &str) -> String {
        match &self.home {
            Some(home) if home.as_str().len() > 1 => text.replace(&format!("{home}/"), "~/"),
            _ => text.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json::json(self)
    }

    /// The compilers for one host.
    fn compilers_for(&self, host: Host) -> Vec<&HostCompiler> {
        self.compilers.iter().filter(|compiler| compiler.host == host).collect()
    }

    /// Whether the GPU's driver is there and reports a GPU.
    fn has_gpu(&self) -> bool {
        !self.survey.gpus.gpus.is_empty()
    }

    /// How packages are installed on this system.
    fn packages(&self) -> Packages {
        let family = &self.survey.host.family;
        let like = |names: &[&str]| family.iter().any(|name| names.contains(&name.as_str()));
        if family.first().is_some_and(|name| name == "ubuntu") {
            Packages::Ubuntu
        } else if like(&["debian", "ubuntu"]) {
            Packages::Debian
        } else if like(&["fedora", "rhel", "centos"]) {
            Packages::Fedora
        } else {
            Packages::Other
        }
    }
}

/// Whose package manager a system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packages {
    Debian,
    Ubuntu,
    Fedora,
    Other,
}

impl Packages {
    /// How to install a package by its names there; an empty one is not packaged.
    fn install(self, debian: &str, fedora: &str) -> String {
        match self {
            Self::Debian | Self::Ubuntu => format!("`apt install {debian}`"),
            Self::Fedora => format!("`dnf install {fedora}`"),
            Self::Other if fedora.is_empty() => format!("Debian, Ubuntu: `apt install {debian}`"),
            Self::Other => format!("Debian, Ubuntu: `apt install {debian}`; Fedora: `dnf install {fedora}`"),
        }
    }

    /// How to install NVIDIA's driver.
    fn driver(self) -> &'static str {
        match self {
            Self::Debian => {
                "install NVIDIA's driver, and restart: `apt install nvidia-driver` (component non-free)"
            }
            Self::Ubuntu => "install NVIDIA's driver, and restart: `ubuntu-drivers install`",
            Self::Fedora => "install NVIDIA's driver, and restart: `dnf install akmod-nvidia` (RPM Fusion)",
            Self::Other => "install NVIDIA's driver, and restart",
        }
    }
}

impl Mark {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Missing => "missing",
            Self::Trouble => "trouble",
        }
    }
}

#[cfg(test)]
mod tests;
