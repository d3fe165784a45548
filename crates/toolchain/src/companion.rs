//! Companions of toolkits (`toolchains/gcc-11.toml`, `toolchains/qemu.toml`): host compilers and headers that builds need
//! beside CUDA where the machine lacks them, and what programs for ARM need to run, as Debian packages pinned to the byte.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, Host, ParseHostError, table};
use cuferry_digest::{Digest, Hasher};
use serde::Deserialize;
use toml::Spanned;

use crate::compiler::{CompilerVersion, Family};
use crate::package::{Package, Pick, Source};
use crate::path::is_plain;
use crate::release_file::PickError;
use crate::rules::Rules;
use crate::toml_file::{
    self, Misplaced, Problem, RawPackage, RawRules, RawTable, ReleaseFileError, is_debian_name,
    is_debian_version, plain, quoted,
};

/// Part of a companion's identity: raised whenever the same packages would be laid out differently.
const LAYOUT: u64 = 1;

/// One companion as packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// `gcc-11`, `qemu`: what `cuferry toolchain install` takes.
    pub name: String,
    /// Its own version: `11.3.0`.
    pub version: String,
    /// The package whose version that is, where it is neither the first nor called as the companion is.
    pub versioned: Option<String>,
    /// What it is for, in some words.
    pub about: String,
    /// What it is.
    pub kind: CompanionKind,
    /// Where its packages come from.
    pub source: Source,
    /// Where their files go.
    pub rules: Rules,
    /// Sorted by name.
    pub packages: Vec<Package>,
}

/// What a companion is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompanionKind {
    /// A host compiler, which runs on the host that it compiles for.
    Compiler {
        /// g++ or clang++.
        family: Family,
        /// As the compiler says it of itself.
        version: CompilerVersion,
        /// The C++ driver's path in the tree.
        driver: Utf8PathBuf,
    },
    /// Headers alone.
    Headers {
        /// The path in the tree that belongs behind `-I`.
        include: Utf8PathBuf,
    },
    /// An emulator of programs for AArch64, with each library that it needs, down to the C library: it is started by the
    /// loader, as `LOADER --library-path C_LIBRARY:LIBRARIES --argv0 NAME PROGRAM`, and so runs on any system. The C
    /// library lies beside the loader, apart from the others: where the system's own is newer, that one is to be used.
    Emulator {
        /// Its path in the tree.
        program: Utf8PathBuf,
        /// The dynamic loader's, beside the C library.
        loader: Utf8PathBuf,
        /// The folder's with the libraries.
        libraries: Utf8PathBuf,
    },
    /// The root of a system for programs of one host, whatever host it lies on: the libraries that they load.
    Root {
        /// Whose programs.
        host: Host,
    },
}

static KNOWN: LazyLock<Vec<Companion>> = LazyLock::new(|| {
    [
        ("arm-root.toml", include_str!("../../../toolchains/arm-root.toml")),
        ("gcc-11.toml", include_str!("../../../toolchains/gcc-11.toml")),
        ("qemu.toml", include_str!("../../../toolchains/qemu.toml")),
        ("simde.toml", include_str!("../../../toolchains/simde.toml")),
    ]
    .map(|(name, text)| Companion::parse(name, text).expect("a test parses each file of toolchains/"))
    .into()
});

/// The companions that are compiled in, by name.
pub fn known() -> &'static [Companion] {
    &KNOWN
}

/// A companion by its name.
pub fn named(name: &str) -> Option<&'static Companion> {
    known().iter().find(|companion| companion.name == name)
}

/// The newest compiler that can be fetched, runs on and compiles for `host`, and that CUDA `release` takes.
pub fn compiler_for(release: CudaRelease, host: Host) -> Option<&'static Companion> {
    let row = table::toolkit(release)?;
    let fitting = known().iter().filter_map(|companion| {
        let CompanionKind::Compiler { family, version, .. } = &companion.kind else { return None };
        let limit = match family {
            Family::Gcc => row.gcc,
            Family::Clang => row.clang,
        };
        (version.major <= limit && companion.pick(host).is_ok()).then_some((version, companion))
    });
    fitting.max_by_key(|(version, _)| **version).map(|(_, companion)| companion)
}

impl Companion {
    /// Reads a companion's file; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<ReleaseFileError>> {
        toml_file::parse("companion file", name, text, RawFile::check)
    }

    /// The host that its packages are for on the machine `machine`: a root's are for the programs in it.
    pub fn host_on(&self, machine: Host) -> Host {
        match self.kind {
            CompanionKind::Root { host } => host,
            CompanionKind::Compiler { .. }
            | CompanionKind::Headers { .. }
            | CompanionKind::Emulator { .. } => machine,
        }
    }

    /// All its packages, for one host.
    pub fn pick(&self, host: Host) -> Result<Vec<Pick<'_>>, PickError> {
        let pick = |package| Pick::of(package, host).ok_or_else(|| self.lacks(package, host));
        self.packages.iter().map(pick).collect()
    }

    fn lacks(&self, package: &Package, host: Host) -> PickError {
        PickError::NoArchive { of: self.title(), package: package.name.clone(), host }
    }

    /// As people call it: `gcc-11 11.3.0`.
    pub fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// What names it on one host: the archives, and the way they are laid out.
    pub fn identity(&self, host: Host, picks: &[Pick<'_>]) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(&LAYOUT.to_le_bytes());
        hasher.field(&self.name);
        hasher.field(host.as_str());
        for pick in picks {
            hasher.field(&pick.package.name);
            hasher.update(pick.unpacked(&self.rules).as_bytes());
        }
        self.rules.hash_additions(&mut hasher);
        hasher.finish()
    }
}

/// As `cuferry toolchain lock` writes it.
impl fmt::Display for Companion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        writeln!(text, "# {}, as packages that Debian publishes.", self.title())?;
        writeln!(text, "{}", toml_file::mirror_comment(&self.name))?;
        writeln!(text, "name = {}", quoted(&self.name))?;
        writeln!(text, "version = {}", quoted(&self.version))?;
        writeln!(text, "about = {}", quoted(&self.about))?;
        if let Some(package) = &self.versioned {
            writeln!(text, "versioned = {}", quoted(package))?;
        }
        match &self.kind {
            CompanionKind::Compiler { family, driver, .. } => {
                let family = match family {
                    Family::Gcc => "gcc",
                    Family::Clang => "clang",
                };
                writeln!(text, "compiler = {}", quoted(family))?;
                writeln!(text, "driver = {}", quoted(driver.as_str()))?;
            }
            CompanionKind::Headers { include } => {
                writeln!(text, "include = {}", quoted(include.as_str()))?;
            }
            CompanionKind::Emulator { program, loader, libraries } => {
                writeln!(text, "emulator = {}", quoted(program.as_str()))?;
                writeln!(text, "loader = {}", quoted(loader.as_str()))?;
                writeln!(text, "libraries = {}", quoted(libraries.as_str()))?;
            }
            CompanionKind::Root { host } => writeln!(text, "root = {}", quoted(host.as_str()))?,
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
    name: Spanned<String>,
    version: Spanned<String>,
    about: Spanned<String>,
    versioned: Option<Spanned<String>>,
    compiler: Option<RawFamily>,
    driver: Option<Spanned<String>>,
    include: Option<Spanned<String>>,
    emulator: Option<Spanned<String>>,
    loader: Option<Spanned<String>>,
    libraries: Option<Spanned<String>>,
    root: Option<Spanned<String>>,
    mirrors: Vec<Spanned<String>>,
    suite: Option<Spanned<String>>,
    #[serde(default)]
    places: RawTable,
    #[serde(default)]
    links: RawTable,
    #[serde(default)]
    texts: RawTable,
    package: Vec<RawPackage>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFamily {
    Gcc,
    Clang,
}

impl RawFile {
    fn check(self) -> Result<Companion, Misplaced> {
        let span = self.name.span();
        let version_span = self.version.span();
        let name = plain("companion's name", self.name, is_debian_name)?;
        let version = plain("version", self.version, is_debian_version)?;
        let emulator = (self.emulator, self.loader, self.libraries);
        let in_tree = |path| Ok(Utf8PathBuf::from(plain("path in a tree", path, is_plain)?));
        let kind = match (self.compiler, self.driver, self.include, emulator, self.root) {
            (Some(family), Some(driver), None, (None, None, None), None) => CompanionKind::Compiler {
                family: match family {
                    RawFamily::Gcc => Family::Gcc,
                    RawFamily::Clang => Family::Clang,
                },
                version: compiler_version(&version).ok_or_else(|| {
                    let problem = Problem::Text { what: "compiler's version", text: version.clone() };
                    (problem, version_span)
                })?,
                driver: in_tree(driver)?,
            },
            (None, None, Some(include), (None, None, None), None) => {
                CompanionKind::Headers { include: in_tree(include)? }
            }
            (None, None, None, (Some(program), Some(loader), Some(libraries)), None) => {
                CompanionKind::Emulator {
                    program: in_tree(program)?,
                    loader: in_tree(loader)?,
                    libraries: in_tree(libraries)?,
                }
            }
            (None, None, None, (None, None, None), Some(host)) => {
                CompanionKind::Root { host: host_of(host)? }
            }
            _ => return Err((Problem::NoKind, span)),
        };
        let about = plain("line of text", self.about, |text| !text.chars().any(char::is_control))?;
        let source = toml_file::source(None, self.mirrors, self.suite)?;
        let rules = RawRules { places: self.places, links: self.links, texts: self.texts }.check()?;
        let packages = toml_file::packages(self.package, &source)?;
        let versioned = self.versioned.map(|package| {
            let span = package.span();
            let package = package.into_inner();
            let known = packages.iter().any(|other| other.name == package);
            if known { Ok(package) } else { Err((Problem::UnknownVersioned { package }, span)) }
        });
        let versioned = versioned.transpose()?;
        Ok(Companion { name, version, versioned, about, kind, source, rules, packages })
    }
}

fn host_of(text: Spanned<String>) -> Result<Host, Misplaced> {
    let span = text.span();
    text.into_inner()
        .parse()
        .map_err(|error: ParseHostError| (Problem::Text { what: "host", text: error.text }, span))
}

/// `11.3.0`.
fn compiler_version(text: &str) -> Option<CompilerVersion> {
    let parts = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u16>>>()?;
    let [major, minor, patch] = *parts else { return None };
    Some(CompilerVersion { major, minor, patch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_compiled_in_are_as_lock_writes_them() {
        let texts = [
            include_str!("../../../toolchains/arm-root.toml"),
            include_str!("../../../toolchains/gcc-11.toml"),
            include_str!("../../../toolchains/qemu.toml"),
            include_str!("../../../toolchains/simde.toml"),
        ];
        assert_eq!(known().iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    }

    /// Compilers and headers serve both hosts, the emulator runs on x86_64 alone, and the root is for ARM programs wherever
    /// it is.
    #[test]
    fn each_companion_is_there_for_its_machines() {
        let fits = |name: &str| {
            let companion = named(name).expect("it is compiled in");
            Host::ALL.map(|machine| {
                let host = companion.host_on(machine);
                companion.pick(host).is_ok().then_some(host)
            })
        };
        let (x86_64, aarch64) = (Some(Host::X86_64), Some(Host::Aarch64));
        assert_eq!(Host::ALL.map(Some), [x86_64, aarch64]);
        assert_eq!(fits("gcc-11"), [x86_64, aarch64]);
        assert_eq!(fits("simde"), [x86_64, aarch64]);
        assert_eq!(fits("qemu"), [x86_64, None]);
        assert_eq!(fits("arm-root"), [aarch64, aarch64]);
    }

    #[test]
    fn compilers_fit_what_the_table_says() {
        let name = |release: &str| {
            let companion = compiler_for(release.parse().unwrap(), Host::of_this_program());
            companion.map_or("none", |companion| &companion.name)
        };
        assert_eq!([name("11.8"), name("13.0")], ["gcc-11", "gcc-11"]);
        // CUDA 10.2 takes g++ up to 8, and nobody knows what 99.0 will take.
        assert_eq!([name("10.2"), name("99.0")], ["none", "none"]);
    }

    #[test]
    fn mistakes_are_placed() {
        let text = include_str!("../../../toolchains/simde.toml");
        let problem = |from: &str, to: &str| {
            assert!(text.contains(from), "`{from}` is not in the sample");
            Companion::parse("x.toml", &text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        insta::assert_snapshot!(problem("include = \"include\"", ""), @"`x.toml` is not a companion file: either `compiler` and `driver`, or `include`, or `emulator`, `loader` and `libraries`, or `root`, has to say what it is");
        insta::assert_snapshot!(problem("include = \"include\"", "include = \"../x\""), @"`x.toml` is not a companion file: `../x` is not a path in a tree");
        insta::assert_snapshot!(problem("include = \"include\"", "compiler = \"gcc\"\ndriver = \"g++\""), @"`x.toml` is not a companion file: `0.7.4~rc2` is not a compiler's version");
        insta::assert_snapshot!(problem("suite = \"bookworm\"", ""), @"`x.toml` is not a companion file: either `index`, or `mirrors` and `suite`, has to say where the packages are");
        insta::assert_snapshot!(problem("\"usr/include/\" = \"include/\"", "\"usr/include/\" = \"/include/\""), @"`x.toml` is not a companion file: `/include/` is not a place in a tree");
        insta::assert_snapshot!(problem("include = \"include\"", "emulator = \"bin/qemu\""), @"`x.toml` is not a companion file: either `compiler` and `driver`, or `include`, or `emulator`, `loader` and `libraries`, or `root`, has to say what it is");
        insta::assert_snapshot!(problem("include = \"include\"", "emulator = \"bin/q\"\nloader = \"lib/../ld.so\"\nlibraries = \"lib\""), @"`x.toml` is not a companion file: `lib/../ld.so` is not a path in a tree");
        insta::assert_snapshot!(problem("include = \"include\"", "include = \"include\"\nroot = \"aarch64\""), @"`x.toml` is not a companion file: either `compiler` and `driver`, or `include`, or `emulator`, `loader` and `libraries`, or `root`, has to say what it is");
        insta::assert_snapshot!(problem("include = \"include\"", "root = \"riscv64\""), @"`x.toml` is not a companion file: `riscv64` is not a host");
        insta::assert_snapshot!(problem("include = \"include\"", "versioned = \"simde\"\ninclude = \"include\""), @"`x.toml` is not a companion file: `versioned` says `simde`, which is not in this file");
        insta::assert_snapshot!(problem("role = \"base\"", "role = \"base\"\nexcept = [\"/usr\"]"), @"`x.toml` is not a companion file: `/usr` is not a place in a package");
        insta::assert_snapshot!(problem("_all.deb", "_all.whl"), @"`x.toml` is not a companion file: `pool/main/s/simde/libsimde-dev_0.7.4~rc2-2_all.whl` is not a Debian package's path");
        insta::assert_snapshot!(problem("pool/main", "pool/../main"), @"`x.toml` is not a companion file: `pool/../main/s/simde/libsimde-dev_0.7.4~rc2-2_all.deb` is not a Debian package's path");
    }
}
