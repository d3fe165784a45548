//! Release files (`toolchains/cuda-13.0.toml`): which packages make up a CUDA release, pinned to the byte.
//!
//! Read strictly, written deterministically, and asked which wheels a toolkit needs. Fetches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Digest;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

/// The package whose version is the compiler's.
pub const NVCC: &str = "nvidia-cuda-nvcc";

/// No wheel of NVIDIA's comes near; a larger size in a release file is a mistake.
const LARGEST_WHEEL: u64 = 8 << 30;

/// One CUDA release as packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Which release.
    pub release: CudaRelease,
    /// The release with its patch level, as NVIDIA's metapackage numbers it: `13.0.3.0`.
    pub version: String,
    /// The package index (PEP 503 or PEP 691) that serves the wheels, without a slash at its end.
    pub index: String,
    /// Sorted by name.
    pub packages: Vec<Package>,
}

/// One package of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// As the index knows it: `nvidia-cublas`.
    pub name: String,
    /// `13.1.1.3`.
    pub version: String,
    /// What its METADATA states, an SPDX expression or a name.
    pub licence: String,
    /// What it is for.
    pub role: Role,
    /// The libraries inside, by the name that `-l` takes: `cublas`, `cublasLt`.
    pub libraries: Vec<String>,
    /// Packages of this file that its libraries load.
    pub needs: Vec<String>,
    /// For which hosts it exists.
    pub wheels: BTreeMap<Host, Wheel>,
}

/// What a package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Tools that run on the machine that builds. Part of every toolkit.
    Compiler,
    /// Headers and libraries that every CUDA program needs, for each host that is built for. Part of every toolkit.
    Base,
    /// Installed where asked for.
    Library,
}

/// One file of the index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Its name, without a folder.
    pub file: String,
    /// In bytes.
    pub size: u64,
    /// Of the file.
    pub sha256: Digest,
}

/// A package for one host: what is fetched and unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick<'a> {
    /// The package.
    pub package: &'a Package,
    /// The host that its wheel is for.
    pub host: Host,
    /// The wheel.
    pub wheel: &'a Wheel,
}

/// A mistake in a release file.
#[derive(Clone, Debug, Error, Diagnostic)]
#[error("`{}` is not a release file: {problem}", source_code.name())]
#[diagnostic(code(toolchain::release_file), help("`cuferry toolchain lock` writes such files"))]
pub struct ReleaseFileError {
    /// What is wrong.
    pub problem: Problem,
    /// The file's name and text.
    #[source_code]
    pub source_code: NamedSource<Arc<str>>,
    /// Where.
    #[label("here")]
    pub span: SourceSpan,
}

/// What is wrong in a release file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Not TOML, or not this TOML.
    #[error("{message}")]
    Toml {
        /// The parser's words.
        message: String,
    },
    /// A text with characters that have no place in it; it would end up in a path or an address.
    #[error("`{text}` is not a {what}")]
    Text {
        /// `package name`, `version`, …
        what: &'static str,
        /// The text.
        text: String,
    },
    /// Two packages, or two libraries, of one name.
    #[error("`{name}` is there twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// `needs` names nothing in this file.
    #[error("`{package}` needs `{needed}`, which is not in this file")]
    UnknownNeed {
        /// Who needs.
        package: String,
        /// What.
        needed: String,
    },
    /// No wheel at all.
    #[error("`{package}` has no wheel")]
    NoWheel {
        /// Which.
        package: String,
    },
    /// Zero, or beyond reason.
    #[error("{size} bytes is no size of a wheel")]
    Size {
        /// What it says.
        size: u64,
    },
    /// Nothing to compile with.
    #[error("no package `{NVCC}`")]
    NoCompiler,
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
    #[error("`{package}` of CUDA {release} is not published for {host}")]
    #[diagnostic(
        code(toolchain::no_wheel),
        help("build without it for {host}, or use a toolkit on the machine that has it")
    )]
    NoWheel {
        /// Which release.
        release: CudaRelease,
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

impl ReleaseFile {
    /// Reads a release file; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<ReleaseFileError>> {
        let fail = |problem: Problem, span: Range<usize>| {
            Box::new(ReleaseFileError {
                problem,
                source_code: NamedSource::new(name, Arc::from(text)).with_language("TOML"),
                span: span.into(),
            })
        };
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            let problem = Problem::Toml { message: error.message().to_owned() };
            fail(problem, error.span().unwrap_or(0..0))
        })?;
        raw.check().map_err(|(problem, span)| fail(problem, span))
    }

    /// The compiler's version: `13.0.88`.
    pub fn nvcc_version(&self) -> &str {
        self.package(NVCC).map_or("", |package| &package.version)
    }

    /// A package by its name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The package that holds a library.
    pub fn package_with(&self, library: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.libraries.iter().any(|name| name == library))
    }

    /// What a toolkit is made of: the tools for `machine`, and for each of `hosts` the base and `libraries` with all
    /// that they need. Each wheel once, in a fixed order.
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
        self.wheels(wanted)
    }

    /// `libraries` for each of `hosts` with all that they need, and nothing else: for a toolkit that lacks them.
    pub fn pick_libraries(&self, hosts: &[Host], libraries: &[String]) -> Result<Vec<Pick<'_>>, PickError> {
        let mut wanted = BTreeSet::new();
        self.add_libraries(&mut wanted, hosts, libraries)?;
        self.wheels(wanted)
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

    fn wheels(&self, wanted: BTreeSet<(usize, Host)>) -> Result<Vec<Pick<'_>>, PickError> {
        wanted
            .into_iter()
            .map(|(index, host)| {
                let package = &self.packages[index];
                let wheel = package.wheels.get(&host).ok_or_else(|| PickError::NoWheel {
                    release: self.release,
                    package: package.name.clone(),
                    host,
                })?;
                Ok(Pick { package, host, wheel })
            })
            .collect()
    }
}

/// As `cuferry toolchain lock` writes it: the same packages give the same text.
impl fmt::Display for ReleaseFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        writeln!(
            text,
            "# CUDA {}, nvcc {}, as wheels that NVIDIA publishes.",
            self.release,
            self.nvcc_version()
        )?;
        writeln!(text, "# Written by `cuferry toolchain lock {}`; not edited by hand.", self.release)?;
        writeln!(text, "\nrelease = {}", quoted(&self.release.to_string()))?;
        writeln!(text, "version = {}", quoted(&self.version))?;
        writeln!(text, "index = {}", quoted(&self.index))?;
        for package in &self.packages {
            writeln!(text, "\n[[package]]")?;
            writeln!(text, "name = {}", quoted(&package.name))?;
            writeln!(text, "version = {}", quoted(&package.version))?;
            writeln!(text, "licence = {}", quoted(&package.licence))?;
            writeln!(text, "role = {}", quoted(package.role.as_str()))?;
            for (key, names) in [("libraries", &package.libraries), ("needs", &package.needs)] {
                if !names.is_empty() {
                    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
                    writeln!(text, "{key} = [{}]", names.join(", "))?;
                }
            }
            for (host, wheel) in &package.wheels {
                writeln!(text, "\n[package.wheels.{host}]")?;
                writeln!(text, "file = {}", quoted(&wheel.file))?;
                writeln!(text, "size = {}", wheel.size)?;
                writeln!(text, "sha256 = {}", quoted(&wheel.sha256.to_string()))?;
            }
        }
        formatter.write_str(&text)
    }
}

/// As TOML writes a text, whatever it holds.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Role {
    /// As in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compiler => "compiler",
            Self::Base => "base",
            Self::Library => "library",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    release: CudaRelease,
    version: Spanned<String>,
    index: Spanned<String>,
    #[serde(default)]
    package: Vec<RawPackage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    name: Spanned<String>,
    version: Spanned<String>,
    licence: String,
    role: Role,
    #[serde(default)]
    libraries: Vec<Spanned<String>>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
    #[serde(default)]
    wheels: RawWheels,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWheels {
    x86_64: Option<RawWheel>,
    aarch64: Option<RawWheel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWheel {
    file: Spanned<String>,
    size: Spanned<u64>,
    sha256: Digest,
}

type Misplaced = (Problem, Range<usize>);

impl RawFile {
    fn check(self) -> Result<ReleaseFile, Misplaced> {
        let version = plain("version", self.version, is_version)?;
        let index = plain("package index", self.index, is_index)?.trim_end_matches('/').to_owned();
        let names: BTreeSet<String> = self.package.iter().map(|raw| raw.name.get_ref().clone()).collect();
        if !names.contains(NVCC) {
            return Err((Problem::NoCompiler, 0..0));
        }
        let mut seen = BTreeSet::new();
        let mut packages = Vec::with_capacity(self.package.len());
        for raw in self.package {
            packages.push(raw.check(&names, &mut seen)?);
        }
        packages.sort_by(|left: &Package, right| left.name.cmp(&right.name));
        Ok(ReleaseFile { release: self.release, version, index, packages })
    }
}

impl RawPackage {
    /// `seen` holds the packages' names and, with `-l` before them, the libraries'.
    fn check(self, names: &BTreeSet<String>, seen: &mut BTreeSet<String>) -> Result<Package, Misplaced> {
        let span = self.name.span();
        let name = plain("package name", self.name, is_package_name)?;
        let version = plain("version", self.version, is_version)?;
        if !seen.insert(name.clone()) {
            return Err((Problem::Twice { name }, span));
        }
        let mut libraries = Vec::with_capacity(self.libraries.len());
        for library in self.libraries {
            let span = library.span();
            let library = plain("library name", library, is_library)?;
            if !seen.insert(format!("-l{library}")) {
                return Err((Problem::Twice { name: library }, span));
            }
            libraries.push(library);
        }
        let mut needs = Vec::with_capacity(self.needs.len());
        for need in self.needs {
            if !names.contains(need.get_ref()) {
                let span = need.span();
                return Err((Problem::UnknownNeed { package: name, needed: need.into_inner() }, span));
            }
            needs.push(need.into_inner());
        }
        let mut wheels = BTreeMap::new();
        for (host, raw) in [(Host::X86_64, self.wheels.x86_64), (Host::Aarch64, self.wheels.aarch64)] {
            if let Some(raw) = raw {
                wheels.insert(host, raw.check()?);
            }
        }
        if wheels.is_empty() {
            return Err((Problem::NoWheel { package: name }, span));
        }
        Ok(Package { name, version, licence: self.licence, role: self.role, libraries, needs, wheels })
    }
}

impl RawWheel {
    fn check(self) -> Result<Wheel, Misplaced> {
        let size = *self.size.get_ref();
        if size == 0 || size > LARGEST_WHEEL {
            return Err((Problem::Size { size }, self.size.span()));
        }
        Ok(Wheel { file: plain("wheel's file name", self.file, is_wheel)?, size, sha256: self.sha256 })
    }
}

fn plain(what: &'static str, text: Spanned<String>, is_plain: fn(&str) -> bool) -> Result<String, Misplaced> {
    let span = text.span();
    let text = text.into_inner();
    if is_plain(&text) { Ok(text) } else { Err((Problem::Text { what, text }, span)) }
}

/// A normalized name (PEP 503).
pub fn is_package_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 100
        && text.bytes().all(inner)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// A final release (PEP 440): numbers and dots.
pub fn is_version(text: &str) -> bool {
    text.len() <= 100
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A name that is safe as one component of a path and of an address, and ends as a wheel's does.
pub fn is_wheel(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte);
    text.len() <= 250
        && !text.starts_with('.')
        && text.bytes().all(inner)
        && text.rsplit_once('.').is_some_and(|(_, extension)| extension == "whl")
}

fn is_library(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !text.is_empty() && text.len() <= 100 && !text.starts_with(['.', '-']) && text.bytes().all(inner)
}

fn is_index(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains(['@', '?', '#'])
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    })
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
[package.wheels.x86_64]
file = "nvcc-x86_64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

[[package]]
name = "nvidia-cuda-runtime"
version = "13.0.96"
licence = "L"
role = "base"
[package.wheels.x86_64]
file = "runtime-x86_64.whl"
size = 1
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
[package.wheels.aarch64]
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
[package.wheels.x86_64]
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
        check("size = 1", "size = 0", "0 bytes is no size of a wheel", "0");
        check(
            "needs = [\"nvidia-cuda-nvcc\"]",
            "needs = [\"x\"]",
            "`nvidia-cublas` needs `x`, which is not in this file",
            "\"x\"",
        );
        check(
            "licence",
            "license",
            "unknown field `license`, expected one of `name`, `version`, `licence`, `role`, `libraries`, `needs`, `wheels`",
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
        assert_eq!(known()[0].to_string(), include_str!("../../../toolchains/cuda-13.0.toml"));
        assert_eq!(known()[1].to_string(), include_str!("../../../toolchains/cuda-13.5.toml"));
        assert!(known().is_sorted_by_key(|file| file.release));
        for file in known() {
            for host in Host::ALL {
                let picks = file.pick_toolkit(host, &Host::ALL, &["cusolver".to_owned(), "cudnn".to_owned()]);
                assert!(picks.is_ok(), "CUDA {} on {host}: {picks:?}", file.release);
            }
            assert_eq!(file.nvcc_version().split('.').next(), Some("13"));
        }
    }

    fn picked(picks: &[Pick<'_>]) -> Vec<String> {
        picks.iter().map(|pick| pick.wheel.file.clone()).collect()
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
}
