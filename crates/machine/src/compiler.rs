//! C++ compilers on this machine, and what each says of itself.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_toolchain::compiler::{CompilerVersion, Family, HostCompiler};
use cuferry_toolchain::path::normalize;

use crate::{Environment, probe};

/// Every compiler of `families` on `PATH` that compiles for `host`: plain, with a version (`g++-12`), with the GNU triple.
/// In the order of `PATH`, then by name. `also` is a name or path to look at first, whatever its family.
///
/// Each is asked for its version, which takes clang some 100 ms: name the families that matter.
pub fn find(
    environment: &Environment,
    host: Host,
    also: Option<&str>,
    families: &[Family],
) -> Vec<HostCompiler> {
    let mut paths: Vec<Utf8PathBuf> = also.and_then(|name| environment.find(name)).into_iter().collect();
    for folder in environment.path() {
        let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
        let names: BTreeSet<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
        paths.extend(
            names
                .iter()
                .filter(|name| family(name, host).is_some_and(|family| families.contains(&family)))
                .map(|name| folder.join(name)),
        );
    }
    let mut found: Vec<HostCompiler> = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        // `g++` is often a link to `g++-12`: ask each real file once. The name kept is the first that leads to it.
        let real = path.canonicalize_utf8().unwrap_or_else(|_| path.clone());
        if seen.insert(real) {
            found.extend(ask(&path).filter(|compiler| compiler.host == host));
        }
    }
    found
}

/// What a file of this name should be, if it is a compiler for `host`.
fn family(name: &str, host: Host) -> Option<Family> {
    let own = name.strip_prefix(host.gnu_triple()).and_then(|rest| rest.strip_prefix('-'));
    let plain = if host == Host::of_this_program() { Some(name) } else { None };
    let name = own.or(plain)?;
    let (family, version) = match name.strip_prefix("clang++") {
        Some(version) => (Family::Clang, version),
        None => (Family::Gcc, name.strip_prefix("g++")?),
    };
    (version.is_empty() || version.strip_prefix('-').is_some_and(is_number)).then_some(family)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ask(path: &Utf8Path) -> Option<HostCompiler> {
    let machine = probe::ask(path, &["-dumpmachine"])?;
    let host: Host = machine.split('-').next()?.parse().ok()?;
    let banner = probe::ask(path, &["--version"])?;
    let family = if banner.contains("clang") { Family::Clang } else { Family::Gcc };
    let version = match family {
        Family::Gcc => probe::ask(path, &["-dumpfullversion", "-dumpversion"])?,
        Family::Clang => probe::ask(path, &["-dumpversion"])?,
    };
    Some(HostCompiler { family, path: path.to_owned(), version: parse_version(&version)?, host })
}

fn parse_version(text: &str) -> Option<CompilerVersion> {
    let mut parts = text.trim().split('.').map(str::parse::<u16>);
    let major = parts.next()?.ok()?;
    let mut rest = || parts.next().and_then(Result::ok).unwrap_or(0);
    Some(CompilerVersion { major, minor: rest(), patch: rest() })
}

/// `ar` that suits the compiler's objects, if there is one.
pub fn archiver(environment: &Environment, host: Host) -> Option<Utf8PathBuf> {
    let triple = format!("{}-ar", host.gnu_triple());
    let native = (host == Host::of_this_program()).then_some("ar");
    environment.find(&triple).or_else(|| native.and_then(|name| environment.find(name)))
}

/// Where the compiler looks for libraries: the folders that exist, each once, in its order.
pub fn library_folders(compiler: &HostCompiler) -> Vec<Utf8PathBuf> {
    let text = probe::ask(&compiler.path, &["-print-search-dirs"]).unwrap_or_default();
    let mut folders = search_folders(&text);
    folders.retain(|folder| folder.is_dir());
    let mut seen = BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// From the line `libraries: =/usr/lib/gcc/x86_64-linux-gnu/12/:/usr/lib/gcc/…/../../../../lib/:…`.
fn search_folders(text: &str) -> Vec<Utf8PathBuf> {
    let line = text.lines().find_map(|line| line.strip_prefix("libraries: =")).unwrap_or_default();
    let folders = line.split(':').filter(|folder| folder.starts_with('/'));
    folders.map(|folder| normalize(Utf8Path::new(folder))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_compilers_by_name() {
        let (native, cross) = match Host::of_this_program() {
            Host::X86_64 => (Host::X86_64, Host::Aarch64),
            Host::Aarch64 => (Host::Aarch64, Host::X86_64),
        };
        for name in ["g++", "g++-12", "clang++", "clang++-19"] {
            assert!(family(name, native).is_some(), "{name}");
            assert!(family(name, cross).is_none(), "{name}");
            let with_triple = format!("{}-{name}", cross.gnu_triple());
            assert!(
                family(&with_triple, cross).is_some() && family(&with_triple, native).is_none(),
                "{with_triple}"
            );
        }
        for name in ["gcc", "g++-x", "g++12", "xg++", "clang", "clang++-", "c++filt", "g++-12-12"] {
            assert!(family(name, native).is_none(), "{name}");
        }
    }

    #[test]
    fn reads_versions() {
        assert_eq!(parse_version("12.2.0").map(|version| version.to_string()).as_deref(), Some("12.2.0"));
        assert_eq!(parse_version("14").map(|version| version.to_string()).as_deref(), Some("14.0.0"));
        assert_eq!(parse_version("trunk"), None);
    }

    #[test]
    fn reads_search_folders() {
        let text = "install: /x/\nprograms: =/y/\nlibraries: =/usr/lib/gcc/a/12/:/usr/lib/gcc/a/12/../../../../a/lib/:rel";
        let folders = search_folders(text);
        assert_eq!(
            folders.iter().map(|path| path.as_str()).collect::<Vec<_>>(),
            ["/usr/lib/gcc/a/12", "/usr/a/lib"]
        );
    }
}
