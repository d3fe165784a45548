//! Which host compiler: the newest that the toolkit takes.

use cuferry_arch::table::{self, ToolkitRow};
use cuferry_arch::{CudaRelease, Host};
use miette::Diagnostic;
use thiserror::Error;

use crate::compiler::{Family, HostCompiler};

/// No host compiler will do.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum CompilerError {
    /// None at all for this host.
    #[error("no C++ compiler for {host} on this machine")]
    #[diagnostic(code(toolchain::no_compiler), help("{}", install(*release, *host, *machine, None)))]
    None {
        /// The toolkit's release.
        release: CudaRelease,
        /// For which host.
        host: Host,
        /// The host that this machine is.
        machine: Host,
    },
    /// Each is newer than the toolkit takes.
    #[error(
        "CUDA {release} takes g++ up to {gcc} and clang++ up to {clang}, but this machine has {}",
        list(found)
    )]
    #[diagnostic(code(toolchain::compiler_too_new), help("{}", install(*release, *host, *machine, Some(*gcc))))]
    TooNew {
        /// The toolkit's release.
        release: CudaRelease,
        /// For which host.
        host: Host,
        /// The host that this machine is.
        machine: Host,
        /// The newest g++ that would do.
        gcc: u16,
        /// The newest clang++ that would do.
        clang: u16,
        /// What there is.
        found: Vec<HostCompiler>,
    },
    /// The one asked for is newer than the toolkit takes.
    #[error("CUDA {release} takes {} up to {newest}, but {} was asked for", found.family, one(found))]
    #[diagnostic(code(toolchain::compiler_too_new), help("{}", install(*release, *host, *machine, Some(*newest))))]
    AskedTooNew {
        /// The toolkit's release.
        release: CudaRelease,
        /// For which host.
        host: Host,
        /// The host that this machine is.
        machine: Host,
        /// The newest of its family that would do.
        newest: u16,
        /// The compiler asked for.
        found: HostCompiler,
    },
    /// The one asked for is not there, or compiles for another host.
    #[error("no C++ compiler `{wanted}` for {host} on this machine")]
    #[diagnostic(code(toolchain::unknown_compiler), help("{}", instead(found)))]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// For which host.
        host: Host,
        /// What there is for this host.
        found: Vec<HostCompiler>,
    },
    /// Nobody has written down what this release takes.
    #[error("which host compilers CUDA {release} takes is not known")]
    #[diagnostic(code(toolchain::unknown_release), help("use a release from {} to {}", first(), last()))]
    UnknownRelease {
        /// Which release.
        release: CudaRelease,
    },
}

/// The newest of `candidates` that compiles for `host` and that CUDA `release` takes: g++ before clang++, since that is
/// what NVIDIA builds and tests its libraries with. `wanted` is a path, a file name (`g++-12`) or a family (`clang++`).
pub fn choose_compiler<'a>(
    candidates: &'a [HostCompiler],
    release: CudaRelease,
    host: Host,
    wanted: Option<&str>,
) -> Result<&'a HostCompiler, CompilerError> {
    choose_on(candidates, release, host, wanted, Host::of_this_program())
}

fn choose_on<'a>(
    candidates: &'a [HostCompiler],
    release: CudaRelease,
    host: Host,
    wanted: Option<&str>,
    machine: Host,
) -> Result<&'a HostCompiler, CompilerError> {
    let row = table::toolkit(release).ok_or(CompilerError::UnknownRelease { release })?;
    let all: Vec<&HostCompiler> = candidates.iter().filter(|compiler| compiler.host == host).collect();
    let found = || all.iter().map(|compiler| (*compiler).clone()).collect();
    if let Some(wanted) = wanted {
        let asked = asked_for(&all, wanted);
        return match (best(&asked, row), asked.first()) {
            (Some(compiler), _) => Ok(compiler),
            (None, None) => Err(CompilerError::Unknown { wanted: wanted.to_owned(), host, found: found() }),
            (None, Some(first)) => {
                let newest = limit(row, first.family);
                Err(CompilerError::AskedTooNew { release, host, machine, newest, found: (*first).clone() })
            }
        };
    }
    if all.is_empty() {
        return Err(CompilerError::None { release, host, machine });
    }
    let (gcc, clang) = (row.gcc, row.clang);
    best(&all, row).ok_or_else(|| CompilerError::TooNew {
        release,
        host,
        machine,
        gcc,
        clang,
        found: found(),
    })
}

fn best<'a>(compilers: &[&'a HostCompiler], row: &ToolkitRow) -> Option<&'a HostCompiler> {
    let fits = |compiler: &&&HostCompiler| compiler.version.major <= limit(row, compiler.family);
    // `max_by_key` takes the last of equals; the first is the one that comes first on `PATH`.
    let newest = |family: Family| {
        let own = compilers.iter().rev().filter(fits).filter(move |compiler| compiler.family == family);
        own.max_by_key(|compiler| compiler.version).copied()
    };
    newest(Family::Gcc).or_else(|| newest(Family::Clang))
}

/// By path; else by file name; else by family.
fn asked_for<'a>(compilers: &[&'a HostCompiler], wanted: &str) -> Vec<&'a HostCompiler> {
    let family = match wanted {
        "g++" | "gcc" => Some(Family::Gcc),
        "clang++" | "clang" => Some(Family::Clang),
        _ => None,
    };
    let tests: [&dyn Fn(&HostCompiler) -> bool; 3] = [
        &|compiler| compiler.path == wanted,
        &|compiler| compiler.path.file_name() == Some(wanted),
        &|compiler| Some(compiler.family) == family,
    ];
    let matching = |test: &&dyn Fn(&HostCompiler) -> bool| -> Vec<&'a HostCompiler> {
        compilers.iter().copied().filter(|compiler| test(compiler)).collect()
    };
    tests.iter().map(matching).find(|found| !found.is_empty()).unwrap_or_default()
}

fn limit(row: &ToolkitRow, family: Family) -> u16 {
    match family {
        Family::Gcc => row.gcc,
        Family::Clang => row.clang,
    }
}

/// How to get a g++ for `host`; with `version`, exactly that one, because the distribution's own is too new.
fn install(release: CudaRelease, host: Host, machine: Host, version: Option<u16>) -> String {
    let cross = match host {
        Host::X86_64 => "-x86-64-linux-gnu",
        Host::Aarch64 => "-aarch64-linux-gnu",
    };
    let newest = table::toolkit(release).map_or(0, |row| row.gcc);
    let exact = version.map(|version| format!("-{}", version.min(newest))).unwrap_or_default();
    let limit =
        if version.is_some() { String::new() } else { format!("; CUDA {release} takes g++ up to {newest}") };
    if host == machine {
        let fedora = version.map(|version| version.min(newest).to_string()).unwrap_or_default();
        format!("Debian, Ubuntu: `apt install g++{exact}`; Fedora: `dnf install gcc{fedora}-c++`{limit}")
    } else {
        format!(
            "Debian, Ubuntu: `apt install g++{exact}{cross}`; Fedora has no cross compiler with a C++ library{limit}"
        )
    }
}

fn instead(found: &[HostCompiler]) -> String {
    if found.is_empty() {
        "there is none for this host".to_owned()
    } else {
        format!("there is {}", list(found))
    }
}

fn one(compiler: &HostCompiler) -> String {
    format!("{} {} (`{}`)", compiler.family, compiler.version, compiler.path)
}

fn list(found: &[HostCompiler]) -> String {
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn first() -> String {
    table::toolkits().first().map(|row| row.release.to_string()).unwrap_or_default()
}

fn last() -> String {
    table::toolkits().last().map(|row| row.release.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::CompilerVersion;

    /// `g++-12 12.2`, at `/usr/bin`; cross compilers are told by their names.
    fn compiler(text: &str) -> HostCompiler {
        let (name, version) = text.split_once(' ').unwrap();
        let (major, minor) = version.split_once('.').unwrap();
        HostCompiler {
            family: if name.contains("clang") { Family::Clang } else { Family::Gcc },
            path: format!("/usr/bin/{name}").into(),
            version: CompilerVersion {
                major: major.parse().unwrap(),
                minor: minor.parse().unwrap(),
                patch: 0,
            },
            host: if name.starts_with("aarch64") { Host::Aarch64 } else { Host::X86_64 },
        }
    }

    fn decide(found: &[&str], release: &str, host: Host, wanted: Option<&str>) -> String {
        let found: Vec<HostCompiler> = found.iter().map(|text| compiler(text)).collect();
        match choose_on(&found, release.parse().unwrap(), host, wanted, Host::X86_64) {
            Ok(compiler) => compiler.path.to_string(),
            Err(error) => format!("{error}\n{}", error.help().unwrap()),
        }
    }

    #[track_caller]
    fn check(found: &[&str], release: &str, wanted: Option<&str>, expected: &str) {
        let answer = decide(found, release, Host::X86_64, wanted);
        assert_eq!(answer, format!("/usr/bin/{expected}"), "of {found:?} for CUDA {release}");
    }

    const ALL: &[&str] = &[
        "c++ 12.2",
        "g++ 12.2",
        "g++-11 11.4",
        "g++-15 15.1",
        "g++-17 17.0",
        "clang++-14 14.0",
        "clang++-22 22.1",
    ];

    #[test]
    fn takes_the_newest_that_fits() {
        check(ALL, "13.0", None, "g++-15");
        check(ALL, "12.0", None, "c++");
        check(ALL, "11.8", None, "g++-11");
        check(&["g++ 17.0", "clang++-14 14.0", "clang++-22 22.1"], "13.0", None, "clang++-14");
        check(ALL, "13.0", Some("/usr/bin/g++-11"), "g++-11");
        check(ALL, "13.0", Some("g++"), "g++");
        check(ALL, "13.0", Some("clang++"), "clang++-14");
        check(ALL, "13.5", Some("clang"), "clang++-22");
    }

    #[test]
    fn says_what_to_install() {
        let x86_64 = |found: &[&str], wanted| decide(found, "13.0", Host::X86_64, wanted);
        insta::assert_snapshot!(x86_64(&[], None), @"
        no C++ compiler for x86_64 on this machine
        Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`; CUDA 13.0 takes g++ up to 15
        ");
        insta::assert_snapshot!(x86_64(&["g++ 17.0"], None), @"
        CUDA 13.0 takes g++ up to 15 and clang++ up to 20, but this machine has g++ 17.0.0 (`/usr/bin/g++`)
        Debian, Ubuntu: `apt install g++-15`; Fedora: `dnf install gcc15-c++`
        ");
        insta::assert_snapshot!(x86_64(&["g++ 17.0", "g++-12 12.2"], Some("g++")), @"
        CUDA 13.0 takes g++ up to 15, but g++ 17.0.0 (`/usr/bin/g++`) was asked for
        Debian, Ubuntu: `apt install g++-15`; Fedora: `dnf install gcc15-c++`
        ");
        insta::assert_snapshot!(x86_64(&["g++-12 12.2"], Some("icpc")), @"
        no C++ compiler `icpc` for x86_64 on this machine
        there is g++ 12.2.0 (`/usr/bin/g++-12`)
        ");
        insta::assert_snapshot!(decide(&["g++-12 12.2"], "13.0", Host::Aarch64, None), @"
        no C++ compiler for aarch64 on this machine
        Debian, Ubuntu: `apt install g++-aarch64-linux-gnu`; Fedora has no cross compiler with a C++ library; CUDA 13.0 takes g++ up to 15
        ");
        insta::assert_snapshot!(decide(&["aarch64-linux-gnu-g++-15 15.1"], "12.4", Host::Aarch64, None), @"
        CUDA 12.4 takes g++ up to 13 and clang++ up to 17, but this machine has g++ 15.1.0 (`/usr/bin/aarch64-linux-gnu-g++-15`)
        Debian, Ubuntu: `apt install g++-13-aarch64-linux-gnu`; Fedora has no cross compiler with a C++ library
        ");
        insta::assert_snapshot!(decide(&["g++-12 12.2"], "14.0", Host::X86_64, None), @"
        which host compilers CUDA 14.0 takes is not known
        use a release from 10.2 to 13.5
        ");
    }
}
