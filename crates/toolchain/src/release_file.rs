//! Release files (`toolchains/cuda-13.0.toml`): which packages make up a CUDA release, pinned to the byte.
//!
//! Read strictly, written deterministically, and asked which packages a toolkit needs. Fetches nothing.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use cuferry_arch::{CudaRelease, Host, library};
use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::package::{Package, Pick, Role, Source};
use crate::rules::Rules;
use crate::toml_file::{
    self, Misplaced, Problem, RawPackage, RawRules, RawTable, ReleaseFileError, is_debian_version,
    is_version, plain, quoted,
};

/// The wheel whose version is the compiler's.
pub const NVCC: &str = "nvidia-cuda-nvcc";

/// The Debian package whose version begins with the compiler's.
pub const DEBIAN_NVCC: &str = "nvidia-cuda-toolkit";

/// One CUDA release as packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Which release.
    pub release: CudaRelease,
    /// The release with its patch level, as its publisher numbers it: `13.0.3.0`, `11.8.0-5~deb12u1`.
    pub version: String,
    /// Whether it may be fetched for a build that asks for no release while another one fits as well. One that is old,
    /// large, or wants a compiler of its own is fetched only where no other will do, or where it is asked for.
    pub default: bool,
    /// Where its packages come from.
    pub source: Source,
    /// Where the files of Debian packages go.
    pub rules: Rules,
    /// Sorted by name.
    pub packages: Vec<Package>,
}

/// A toolkit that this release can't provide.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum PickError {
    /// No package has such a library.
    #[error("CUDA {release} has no library `{name}` that can be fetched")]
    #[diagnostic(code(toolchain::unknown_library), help("{}", near_or_all(name, known)))]
    UnknownLibrary {
        /// Which release.
        release: CudaRelease,
        /// What was asked for.
        name: String,
        /// What there is, sorted.
        known: Vec<String>,
    },
    /// The package exists, but not for this host.
    #[error("`{package}` of {of} is not published for {host}")]
    #[diagnostic(
        code(toolchain::no_wheel),
        help("build without it for {host}, or use a toolkit on the machine that has it")
    )]
    NoArchive {
        /// What it is a part of: `CUDA 13.0`.
        of: String,
        /// Which package.
        package: String,
        /// Which host.
        host: Host,
    },
}

fn near_or_all(name: &str, known: &[String]) -> String {
    let lower = name.to_lowercase();
    let short = lower.strip_prefix("lib").unwrap_or(&lower);
    let near: Vec<&str> =
        known.iter().map(String::as_str).filter(|known| known.to_lowercase().contains(short)).collect();
    if short.is_empty() || near.is_empty() {
        format!("it has {}", known.join(", "))
    } else {
        format!("did you mean {}?", near.join(", "))
    }
}

static KNOWN: LazyLock<Vec<ReleaseFile>> = LazyLock::new(|| {
    [
        ("cuda-11.8.toml", include_str!("../../../toolchains/cuda-11.8.toml")),
        ("cuda-13.0.toml", include_str!("../../../toolchains/cuda-13.0.toml")),
        ("cuda-13.5.toml", include_str!("../../../toolchains/cuda-13.5.toml")),
    ]
    .map(|(name, text)| ReleaseFile::parse(name, text).expect("a test parses each file of toolchains/"))
    .into()
});

/// The release files that are compiled in, oldest first.
pub fn known() -> &'static [ReleaseFile] {
    &KNOWN
}

/// The release file of `release`, where one is compiled in.
pub fn known_release(release: CudaRelease) -> Option<&'static ReleaseFile> {
    known().iter().find(|file| file.release == release)
}

/// The oldest of those that are fetched without being asked for: what it builds runs on the most drivers.
pub fn default_release() -> Option<&'static ReleaseFile> {
    known().iter().filter(|file| file.default).min_by_key(|file| file.release)
}

/// Whether `release` is one that only a wish, or the lack of another that fits, brings into play.
pub fn is_last_resort(known: &[ReleaseFile], release: CudaRelease) -> bool {
    known.iter().any(|file| file.release == release && !file.default)
}

/// Where shared libraries come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources<'a> {
    /// Releases, each with the libraries to take of it as `-l` names them.
    pub releases: Vec<(&'a ReleaseFile, Vec<String>)>,
    /// What no release brings, sorted.
    pub missing: Vec<String>,
}

/// Which of the releases `files` (oldest first) bring the shared libraries `sonames` (`libcudart.so.13`) for programs of
/// `host`: the newest that brings all which can be brought, or else for each library the newest that has it. A newer release
/// of the same major number serves programs of an older one (CUDA Compatibility Guide, "Minor Version Compatibility").
pub fn sources<'a>(files: &'a [ReleaseFile], sonames: &[String], host: Host) -> Sources<'a> {
    let wanted: BTreeSet<&String> = sonames.iter().collect();
    let (found, missing): (BTreeSet<&String>, BTreeSet<&String>) =
        wanted.into_iter().partition(|soname| files.iter().any(|file| file.bringing(soname, host).is_some()));
    let mut releases: Vec<(&ReleaseFile, Vec<String>)> = Vec::new();
    let newest = || files.iter().rev();
    let all = newest().find(|file| found.iter().all(|soname| file.bringing(soname, host).is_some()));
    for soname in found {
        let of = |file: &'a ReleaseFile| Some((file, file.bringing(soname, host)?));
        let Some((file, library)) = all.and_then(of).or_else(|| newest().find_map(of)) else { continue };
        match releases.iter_mut().find(|(other, _)| other.release == file.release) {
            Some((_, libraries)) => libraries.push(library.to_owned()),
            None => releases.push((file, vec![library.to_owned()])),
        }
    }
    releases.sort_by_key(|(file, _)| file.release);
    Sources { releases, missing: missing.into_iter().cloned().collect() }
}

impl ReleaseFile {
    /// Reads a release file; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<ReleaseFileError>> {
        toml_file::parse("release file", name, text, RawFile::check)
    }

    /// The compiler's version: `13.0.88`.
    pub fn nvcc_version(&self) -> &str {
        let version = self.package(nvcc(&self.source)).map_or("", |package| &package.version);
        // Debian says how it got there: `11.8.89~11.8.0-5~deb12u1`.
        version.split('~').next().unwrap_or(version)
    }

    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The library with this soname, as `-l` names it, if programs of `host` can load it out of this release.
    fn bringing<'n>(&self, soname: &'n str, host: Host) -> Option<&'n str> {
        let row = library::by_soname(soname).filter(|row| row.cuda.contains(&self.release.major))?;
        let (name, _) = soname.strip_prefix("lib")?.split_once(".so")?;
        let here = !row.driver && self.package_with(name)?.archives.contains_key(&host);
        here.then_some(name)
    }

    /// The package that holds a library.
    pub fn package_with(&self, library: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.libraries.iter().any(|name| name == library))
    }

    /// What a toolkit is made of: the tools for `machine`, and for each of `hosts` the base and `libraries` with all
    /// that they need. Each archive once, in a fixed order.
    pub fn pick_toolkit(
        &self,
        machine: Host,
        hosts: &[Host],
        libraries: &[String],
    ) -> Result<Vec<Pick<'_>>, PickError> {
        let mut wanted = BTreeSet::new();
        for (index, package) in self.packages.iter().enumerate() {
            match package.role {
                Role::Compiler => _ = wanted.insert((index, machine)),
                Role::Base => wanted.extend(hosts.iter().map(|host| (index, *host))),
                Role::Library => {}
            }
        }
        self.add_libraries(&mut wanted, hosts, libraries)?;
        self.archives(wanted)
    }

    /// `libraries` for each of `hosts` with all that they need, and nothing else: for a toolkit that lacks them.
    pub fn pick_libraries(&self, hosts: &[Host], libraries: &[String]) -> Result<Vec<Pick<'_>>, PickError> {
        let mut wanted = BTreeSet::new();
        self.add_libraries(&mut wanted, hosts, libraries)?;
        self.archives(wanted)
    }

    fn add_libraries(
        &self,
        wanted: &mut BTreeSet<(usize, Host)>,
        hosts: &[Host],
        libraries: &[String],
    ) -> Result<(), PickError> {
        let position = |test: &dyn Fn(&Package) -> bool| self.packages.iter().position(test);
        for library in libraries {
            let first = position(&|package| package.libraries.contains(library)).ok_or_else(|| {
                let known: BTreeSet<&String> =
                    self.packages.iter().flat_map(|package| &package.libraries).collect();
                PickError::UnknownLibrary {
                    release: self.release,
                    name: library.clone(),
                    known: known.into_iter().cloned().collect(),
                }
            })?;
            let mut open = vec![first];
            let mut seen = BTreeSet::new();
            while let Some(index) = open.pop() {
                if seen.insert(index) {
                    wanted.extend(hosts.iter().map(|host| (index, *host)));
                    let needs = &self.packages[index].needs;
                    open.extend(needs.iter().filter_map(|need| position(&|package| package.name == *need)));
                }
            }
        }
        Ok(())
    }

    fn archives(&self, wanted: BTreeSet<(usize, Host)>) -> Result<Vec<Pick<'_>>, PickError> {
        let pick = |(index, host): (usize, Host)| {
            let package = &self.packages[index];
            Pick::of(package, host).ok_or_else(|| PickError::NoArchive {
                of: self.title(),
                package: package.name.clone(),
                host,
            })
        };
        wanted.into_iter().map(pick).collect()
    }

    /// As people call it: `CUDA 13.0`.
    pub fn title(&self) -> String {
        format!("CUDA {}", self.release)
    }
}

/// The package that nvcc comes in.
fn nvcc(source: &Source) -> &'static str {
    match source {
        Source::Index(_) => NVCC,
        Source::Mirror { .. } => DEBIAN_NVCC,
    }
}

/// As `cuferry toolchain lock` writes it: the same packages give the same text.
impl fmt::Display for ReleaseFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let (release, nvcc) = (self.release, self.nvcc_version());
        match self.source {
            Source::Index(_) => {
                writeln!(text, "# CUDA {release}, nvcc {nvcc}, as wheels that NVIDIA publishes.")?;
                writeln!(text, "# Written by `cuferry toolchain lock {release}`; not edited by hand.")?;
            }
            Source::Mirror { .. } => {
                writeln!(text, "# CUDA {release}, nvcc {nvcc}, as packages that Debian publishes.")?;
                write!(text, "{}", toml_file::mirror_comment(&release.to_string()))?;
            }
        }
        writeln!(text, "\nrelease = {}", quoted(&release.to_string()))?;
        writeln!(text, "version = {}", quoted(&self.version))?;
        if !self.default {
            writeln!(text, "default = false")?;
        }
        toml_file::write_source(&mut text, &self.source);
        toml_file::write_rules(&mut text, &self.rules);
        toml_file::write_packages(&mut text, &self.packages);
        formatter.write_str(&text)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    release: CudaRelease,
    version: Spanned<String>,
    #[serde(default = "yes")]
    default: bool,
    index: Option<Spanned<String>>,
    #[serde(default)]
    mirrors: Vec<Spanned<String>>,
    suite: Option<Spanned<String>>,
    #[serde(default)]
    places: RawTable,
    #[serde(default)]
    links: RawTable,
    #[serde(default)]
    texts: RawTable,
    #[serde(default)]
    package: Vec<RawPackage>,
}

fn yes() -> bool {
    true
}

impl RawFile {
    fn check(self) -> Result<ReleaseFile, Misplaced> {
        let source = toml_file::source(self.index, self.mirrors, self.suite)?;
        let is_version = match source {
            Source::Index(_) => is_version,
            Source::Mirror { .. } => is_debian_version,
        };
        let version = plain("version", self.version, is_version)?;
        let wanted = nvcc(&source);
        if !self.package.iter().any(|raw| raw.name.get_ref() == wanted) {
            return Err((Problem::NoCompiler { wanted }, 0..0));
        }
        let rules = RawRules { places: self.places, links: self.links, texts: self.texts }.check()?;
        let packages = toml_file::packages(self.package, &source)?;
        Ok(ReleaseFile { release: self.release, version, default: self.default, source, rules, packages })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: &str = r#"
release = "13.0"
version = "13.0.3"
index = "https://index.example/simple/"

[[package]]
name = "nvidia-cuda-nvcc"
version = "13.0.88"
licence = "L"
role = "compiler"
[package.archives.x86_64]
file = "nvcc-x86_64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[[package]]
name = "nvidia-cuda-runtime"
version = "13.0.96"
licence = "L"
role = "base"
[package.archives.x86_64]
file = "runtime-x86_64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
[package.archives.aarch64]
file = "runtime-aarch64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[[package]]
name = "nvidia-cublas"
version = "13.1.1.3"
licence = "L"
role = "library"
libraries = ["cublas", "cublasLt"]
needs = ["nvidia-cuda-nvcc"]
[package.archives.x86_64]
file = "cublas-x86_64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"#;

    fn small() -> ReleaseFile {
        ReleaseFile::parse("small.toml", SMALL).unwrap()
    }

    /// The first `from` in [`SMALL`] becomes `to`; the error and the text that it underlines.
    #[track_caller]
    fn check(from: &str, to: &str, problem: &str, underlined: &str) {
        assert!(SMALL.contains(from), "`{from}` is not in the sample");
        let text = SMALL.replacen(from, to, 1);
        let error = ReleaseFile::parse("small.toml", &text).unwrap_err();
        let start = error.span.offset();
        assert_eq!(
            (error.problem.to_string().as_str(), &text[start..start + error.span.len()]),
            (problem, underlined)
        );
    }

    #[test]
    fn mistakes_are_placed() {
        check(
            "13.0\"",
            "13\"",
            "`13` is not a CUDA release: `MAJOR.MINOR` expected, such as `13.0`",
            "\"13\"",
        );
        check(
            "https:",
            "ftp:",
            "`ftp://index.example/simple/` is not a package index",
            "\"ftp://index.example/simple/\"",
        );
        check("nvidia-cuda-nvcc", "../nvcc", "no package `nvidia-cuda-nvcc`", "");
        check("nvidia-cublas", "../cublas", "`../cublas` is not a package name", "\"../cublas\"");
        check(
            "nvidia-cublas",
            "nvidia-cuda-runtime",
            "`nvidia-cuda-runtime` is there twice",
            "\"nvidia-cuda-runtime\"",
        );
        check("cublasLt", "cublas", "`cublas` is there twice", "\"cublas\"");
        check("\"cublasLt\"", "\"a/b\"", "`a/b` is not a library name", "\"a/b\"");
        check("13.1.1.3", "13.1rc1", "`13.1rc1` is not a version", "\"13.1rc1\"");
        check("nvcc-x86_64.whl", "../x.whl", "`../x.whl` is not a wheel's file name", "\"../x.whl\"");
        check("size = 1", "size = 0", "0 bytes is no size of a package", "0");
        check(
            "needs = [\"nvidia-cuda-nvcc\"]",
            "needs = [\"x\"]",
            "`nvidia-cublas` needs `x`, which is not in this file",
            "\"x\"",
        );
        check(
            "licence",
            "license",
            "unknown field `license`, expected one of `name`, `version`, `licence`, `role`, `libraries`, `needs`, `only`, `except`, `archives`",
            "license",
        );
        check(
            "\"library\"",
            "\"toy\"",
            "unknown variant `toy`, expected one of `compiler`, `base`, `library`",
            "\"toy\"",
        );
    }

    #[test]
    fn writing_and_reading_round_trips() {
        for file in known().iter().chain([&small()]) {
            let text = file.to_string();
            assert_eq!(&ReleaseFile::parse("written.toml", &text).unwrap(), file);
        }
    }

    #[test]
    fn the_files_compiled_in_are_as_lock_writes_them() {
        let texts = [
            include_str!("../../../toolchains/cuda-11.8.toml"),
            include_str!("../../../toolchains/cuda-13.0.toml"),
            include_str!("../../../toolchains/cuda-13.5.toml"),
        ];
        assert_eq!(known().iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
        assert!(known().is_sorted_by_key(|file| file.release));
        for file in known() {
            for host in Host::ALL {
                let picks = file.pick_toolkit(host, &Host::ALL, &["cusolver".to_owned()]);
                assert!(picks.is_ok(), "CUDA {} on {host}: {picks:?}", file.release);
            }
            let release = file.release.to_string();
            assert!(file.nvcc_version().starts_with(&release), "{} of {release}", file.nvcc_version());
        }
    }

    #[test]
    fn the_default_is_the_oldest_of_those_that_may_be() {
        assert_eq!(default_release().unwrap().release.to_string(), "13.0");
        let last: Vec<String> = known().iter().filter(|file| !file.default).map(ReleaseFile::title).collect();
        assert_eq!(last, ["CUDA 11.8"]);
    }

    /// Of the packages that Debian keeps apart, only what every program needs is fetched unasked.
    #[test]
    fn the_base_of_a_debian_release_has_no_math_libraries() {
        let file = known_release("11.8".parse().unwrap()).unwrap();
        let names = |libraries: &[&str]| {
            let libraries: Vec<String> = libraries.iter().map(ToString::to_string).collect();
            let picks = file.pick_toolkit(Host::X86_64, &[Host::X86_64], &libraries).unwrap();
            picks.iter().map(|pick| pick.package.name.clone()).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(names(&[]), @"libcu++-dev libcub-dev libcudart11.0 libnvidia-ml-dev libnvtoolsext1 libnvvm4 libthrust-dev nvidia-cuda-dev nvidia-cuda-toolkit");
        assert!(names(&["cublas"]).contains("libcublas11 libcublaslt11"));
        // The static libraries come in one package with the headers, which is fetched once.
        assert!(names(&["cublas_static"]).contains("nvidia-cuda-dev nvidia-cuda-dev-static"));
        let error = file.pick_libraries(&[Host::Aarch64], &["cufile".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "`libcufile-dev` of CUDA 11.8 is not published for aarch64");
    }

    fn picked(picks: &[Pick<'_>]) -> Vec<String> {
        picks.iter().map(|pick| pick.archive.file.clone()).collect()
    }

    #[test]
    fn picks_tools_for_the_machine_and_the_rest_for_the_hosts() {
        let file = small();
        let pick = |hosts: &[Host], libraries: &[&str]| {
            let libraries: Vec<String> = libraries.iter().map(ToString::to_string).collect();
            file.pick_toolkit(Host::X86_64, hosts, &libraries).map(|picks| picked(&picks))
        };
        assert_eq!(pick(&[Host::Aarch64], &[]).unwrap(), ["nvcc-x86_64.whl", "runtime-aarch64.whl"]);
        assert_eq!(
            pick(&[Host::X86_64, Host::X86_64], &["cublasLt"]).unwrap(),
            ["cublas-x86_64.whl", "nvcc-x86_64.whl", "runtime-x86_64.whl"]
        );
        let error = pick(&[Host::Aarch64], &["cublas"]).unwrap_err();
        assert_eq!(error.to_string(), "`nvidia-cublas` of CUDA 13.0 is not published for aarch64");
        let error = pick(&[Host::X86_64], &["CUBLAS"]).unwrap_err();
        assert_eq!(error.help().unwrap().to_string(), "did you mean cublas, cublasLt?");
        assert_eq!(
            picked(&file.pick_libraries(&[Host::X86_64], &["cublas".to_owned()]).unwrap()),
            ["cublas-x86_64.whl", "nvcc-x86_64.whl"]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            _ = ReleaseFile::parse("any.toml", &text);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0..SMALL.len(), text in "[\\[\\]\"=a.\n]{0,4}") {
            let damaged = format!("{}{text}{}", &SMALL[..at], &SMALL[(at + 1).min(SMALL.len())..]);
            _ = ReleaseFile::parse("any.toml", &damaged);
        }

        #[test]
        fn licences_of_any_text_survive(licence in "\\PC{0,40}|[\"\\\\\n\t]{0,5}") {
            let mut file = small();
            file.packages[0].licence = licence;
            prop_assert_eq!(ReleaseFile::parse("any.toml", &file.to_string()).unwrap(), file);
        }
    }

    #[test]
    fn libraries_are_found_by_their_sonames() {
        #[track_caller]
        fn find(sonames: &[&str], host: Host, expected: &[(&str, &[&str])], missing: &[&str]) {
            let sonames: Vec<String> = sonames.iter().map(ToString::to_string).collect();
            let found = sources(known(), &sonames, host);
            let releases =
                found.releases.iter().map(|(file, libraries)| (file.release.to_string(), libraries.clone()));
            let expected = expected.iter().map(|(release, libraries)| {
                (release.to_string(), libraries.iter().map(ToString::to_string).collect::<Vec<_>>())
            });
            assert_eq!(releases.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{sonames:?}");
            assert_eq!(found.missing, missing, "{sonames:?}");
        }
        let arm = Host::Aarch64;
        find(&["libcudart.so.13"], arm, &[("13.5", &["cudart"])], &[]);
        let of_13: &[&str] = &["cublas", "cudart", "nvrtc"];
        find(&["libcudart.so.13", "libcublas.so.13", "libnvrtc.so.13"], arm, &[("13.5", of_13)], &[]);
        // cuRAND has had one number since CUDA 10: it is taken from where the rest comes from.
        let of_11: &[&str] = &["cudart", "curand"];
        find(&["libcurand.so.10", "libcudart.so.11.0"], arm, &[("11.8", of_11)], &[]);
        find(&["libcurand.so.10"], arm, &[("13.5", &["curand"])], &[]);
        let both: &[(&str, &[&str])] = &[("11.8", &["cudart"]), ("13.5", &["cublas"])];
        find(&["libcudart.so.11.0", "libcublas.so.13"], arm, both, &[]);
        // No release of CUDA 12 is pinned, the driver comes with no release, and others' libraries are not NVIDIA's.
        let none = ["libc.so.6", "libcublas.so.12", "libcuda.so.1", "../libcudart.so.13", ""];
        let mut sorted = none;
        sorted.sort_unstable();
        find(&none, arm, &[], &sorted);
        find(&[], arm, &[], &[]);
    }
}
