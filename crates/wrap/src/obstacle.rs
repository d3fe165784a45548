//! What stands in the way of a namespace, and what to do about it.

use std::fmt;
use std::io;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Why no namespace is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// A setting of the system forbids it: Ubuntu since 23.10, hardened kernels, administrators.
    Setting {
        /// Its name, for `sysctl`.
        name: String,
        /// What it must be.
        value: String,
    },
    /// A filter on system calls, as container engines set one.
    Filter,
    /// The kernel was built without.
    NotInKernel,
    /// The session's own file cannot be read.
    Session {
        /// What is wrong with it.
        cause: String,
    },
    /// Something else.
    Failed {
        /// Doing what.
        step: Step,
        /// With which file or folder; may be empty.
        path: Utf8PathBuf,
        /// The system's number for why.
        number: i32,
    },
}

/// A step on the way into a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// `unshare(2)`.
    Unshare,
    /// Naming the user in it: `/proc/self/uid_map` and its kin.
    Map,
    /// `mount(2)`.
    Mount,
    /// Looking at a folder.
    Folder,
}

impl Obstacle {
    pub(crate) fn at(step: Step, path: &str, error: &io::Error) -> Self {
        let number = error.raw_os_error().unwrap_or_default();
        Self::of(step, path, number, &|file| std::fs::read_to_string(file).ok())
    }

    /// Finds out what is behind a refusal. `read` gives the text of a file of the kernel's.
    fn of(step: Step, path: &str, number: i32, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let errno = rustix::io::Errno::from_raw_os_error(number);
        let refused = [
            rustix::io::Errno::PERM,
            rustix::io::Errno::ACCESS,
            rustix::io::Errno::NOSPC, // Above the limit on namespaces: unshare(2).
            rustix::io::Errno::USERS,
        ];
        if errno == rustix::io::Errno::INVAL && step == Step::Unshare || errno == rustix::io::Errno::NOSYS {
            return Self::NotInKernel;
        }
        if refused.contains(&errno) {
            let settings = [
                ("kernel.unprivileged_userns_clone", "0", "1"),
                ("user.max_user_namespaces", "0", "15000"),
                ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
            ];
            for (name, forbids, value) in settings {
                let file = format!("/proc/sys/{}", name.replace('.', "/"));
                if read(&file).is_some_and(|text| text.trim() == forbids) {
                    return Self::Setting { name: name.to_owned(), value: value.to_owned() };
                }
            }
            if filtered(&read("/proc/self/status").unwrap_or_default()) {
                return Self::Filter;
            }
        }
        Self::Failed { step, path: path.into(), number }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Setting { name, value } => {
                format!("as root: `sysctl {name}={value}`; {INSTEAD}")
            }
            Self::Filter => format!(
                "start the container with `--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined`; {INSTEAD}"
            ),
            Self::NotInKernel | Self::Session { .. } | Self::Failed { .. } => {
                format!("run as root, or {INSTEAD}")
            }
        }
    }
}

/// What helps without a namespace.
const INSTEAD: &str = "without it, give the build its paths as variables: `make CUDA_PATH=$CUDA_PATH NVCC=nvcc CC=gcc CXX=g++`, or `cmake -DCMAKE_CUDA_COMPILER=nvcc -DCMAKE_CXX_COMPILER=g++`";

/// Whether a filter on system calls is set for this process.
fn filtered(status: &str) -> bool {
    status.lines().filter_map(|line| line.strip_prefix("Seccomp:")).any(|mode| mode.trim() == "2")
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { name, .. } => write!(formatter, "the system's setting `{name}` forbids it"),
            Self::Filter => formatter.write_str("this container forbids it (its seccomp filter)"),
            Self::NotInKernel => formatter.write_str("the kernel has no namespaces of users"),
            Self::Session { cause } => formatter.write_str(cause),
            Self::Failed { step, path, number } => {
                let step = match step {
                    Step::Unshare => "no namespace can be made",
                    Step::Map => "the user cannot be named in a namespace",
                    Step::Mount => "nothing can be mounted in a namespace",
                    Step::Folder => "a folder cannot be looked at in a namespace",
                };
                formatter.write_str(step)?;
                if !path.as_str().is_empty() {
                    write!(formatter, " (`{path}`)")?;
                }
                write!(formatter, ": {}", io::Error::from_raw_os_error(*number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[track_caller]
    fn check(step: Step, errno: Errno, files: &[(&str, &str)], expected: &str) {
        let read =
            |path: &str| files.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
        let obstacle = Obstacle::of(step, "", errno.raw_os_error(), &read);
        assert_eq!(obstacle.to_string(), expected, "{step:?} {errno:?}");
        assert!(!obstacle.advice().is_empty());
    }

    #[test]
    fn each_refusal_is_traced_to_what_forbids_it() {
        let ubuntu = [("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")];
        let says = "the system's setting `kernel.apparmor_restrict_unprivileged_userns` forbids it";
        check(Step::Map, Errno::PERM, &ubuntu, says);
        check(Step::Mount, Errno::ACCESS, &ubuntu, says);
        let none = [("/proc/sys/user/max_user_namespaces", "0\n")];
        check(
            Step::Unshare,
            Errno::NOSPC,
            &none,
            "the system's setting `user.max_user_namespaces` forbids it",
        );
        let debian = [("/proc/sys/kernel/unprivileged_userns_clone", "0\n")];
        check(
            Step::Unshare,
            Errno::PERM,
            &debian,
            "the system's setting `kernel.unprivileged_userns_clone` forbids it",
        );
        let docker = [("/proc/self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n")];
        check(Step::Unshare, Errno::PERM, &docker, "this container forbids it (its seccomp filter)");
        check(Step::Unshare, Errno::INVAL, &[], "the kernel has no namespaces of users");
        check(
            Step::Unshare,
            Errno::PERM,
            &[],
            "no namespace can be made: Operation not permitted (os error 1)",
        );
    }
}
