//! What all files of `toolchains/` share: sources, packages and rules, read strictly and written deterministically.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use camino::Utf8PathBuf;
use cuferry_arch::Host;
use cuferry_digest::Digest;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::Spanned;

use crate::package::{Archive, Package, Role, Source};
use crate::path::is_plain;
use crate::rules::Rules;

/// No package known comes near; a larger size in a file is a mistake.
const LARGEST_ARCHIVE: u64 = 8 << 30;

/// A mistake in a file of `toolchains/`.
#[derive(Clone, Debug, Error, Diagnostic)]
#[error("`{}` is not a {what}: {problem}", source_code.name())]
#[diagnostic(code(toolchain::release_file), help("`cuferry toolchain lock` writes such files"))]
pub struct ReleaseFileError {
    /// `release file`, `companion file`.
    pub what: &'static str,
    /// What is wrong.
    pub problem: Problem,
    /// The file's name and text.
    #[source_code]
    pub source_code: NamedSource<Arc<str>>,
    /// Where.
    #[label("here")]
    pub span: SourceSpan,
}

/// What is wrong in a file of `toolchains/`.
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
    /// Nothing to fetch at all.
    #[error("`{package}` has no archive")]
    NoArchive {
        /// Which.
        package: String,
    },
    /// Zero, or beyond reason.
    #[error("{size} bytes is no size of a package")]
    Size {
        /// What it says.
        size: u64,
    },
    /// Nothing to compile with.
    #[error("no package `{wanted}`")]
    NoCompiler {
        /// The package that nvcc comes in.
        wanted: &'static str,
    },
    /// Neither an index nor mirrors, or both.
    #[error("either `index`, or `mirrors` and `suite`, has to say where the packages are")]
    NoSource,
    /// None of the kinds of companions, half of one, or two.
    #[error(
        "either `compiler` and `driver`, or `include`, or `emulator`, `loader` and `libraries`, or `root`, has to say what it is"
    )]
    NoKind,
    /// `versioned` names nothing in this file.
    #[error("`versioned` says `{package}`, which is not in this file")]
    UnknownVersioned {
        /// What it says.
        package: String,
    },
}

/// A mistake and the bytes of the file that it is about.
pub(crate) type Misplaced = (Problem, Range<usize>);

/// Reads TOML and checks it; `name` is the file's, `what` is what it should be.
pub(crate) fn parse<Raw: DeserializeOwned, T>(
    what: &'static str,
    name: &str,
    text: &str,
    check: impl FnOnce(Raw) -> Result<T, Misplaced>,
) -> Result<T, Box<ReleaseFileError>> {
    let fail = |problem: Problem, span: Range<usize>| {
        Box::new(ReleaseFileError {
            what,
            problem,
            source_code: NamedSource::new(name, Arc::from(text)).with_language("TOML"),
            span: span.into(),
        })
    };
    let raw: Raw = toml::from_str(text).map_err(|error| {
        let problem = Problem::Toml { message: error.message().to_owned() };
        fail(problem, error.span().unwrap_or(0..0))
    })?;
    check(raw).map_err(|(problem, span)| fail(problem, span))
}

/// `index`, or `mirrors` and `suite`.
pub(crate) fn source(
    index: Option<Spanned<String>>,
    mirrors: Vec<Spanned<String>>,
    suite: Option<Spanned<String>>,
) -> Result<Source, Misplaced> {
    let address = |what, text| Ok(plain(what, text, is_address)?.trim_end_matches('/').to_owned());
    match (index, suite) {
        (Some(index), None) if mirrors.is_empty() => Ok(Source::Index(address("package index", index)?)),
        (None, Some(suite)) if !mirrors.is_empty() => {
            let urls = mirrors.into_iter().map(|url| address("mirror", url)).collect::<Result<_, _>>()?;
            Ok(Source::Mirror { urls, suite: plain("suite", suite, is_suite)? })
        }
        (index, suite) => {
            Err((Problem::NoSource, index.or(suite).map(|text| text.span()).unwrap_or_default()))
        }
    }
}

/// The second part of the comment that a file of Debian packages begins with.
pub(crate) fn mirror_comment(name: &str) -> String {
    format!(
        "# `cuferry toolchain lock {name}` writes it again with the versions, sizes and digests that the mirror has now;\n\
         # which packages there are, what they are for and where their files go is decided here, by hand.\n"
    )
}

/// Writes what [`source`] reads.
pub(crate) fn write_source(text: &mut String, source: &Source) {
    let result = match source {
        Source::Index(url) => writeln!(text, "index = {}", quoted(url)),
        Source::Mirror { urls, suite } => {
            writeln!(text, "mirrors = {}\nsuite = {}", quoted_list(urls), quoted(suite))
        }
    };
    result.expect("a String takes all that is written");
}

/// `[places]`, `[links]` and `[texts]`.
#[derive(Default)]
pub(crate) struct RawRules {
    pub(crate) places: RawTable,
    pub(crate) links: RawTable,
    pub(crate) texts: RawTable,
}

/// A table of texts.
pub(crate) type RawTable = BTreeMap<String, Spanned<String>>;

impl RawRules {
    pub(crate) fn check(self) -> Result<Rules, Misplaced> {
        let mut rules = Rules::default();
        for (from, to) in self.places {
            let from = at("place in a package", from, &to, is_start)?;
            rules.places.insert(from, plain("place in a tree", to, is_start)?);
        }
        for (path, to) in self.links {
            let path = at("path in a tree", path, &to, is_plain)?;
            let to = plain("link", to, |text| is_plain(text.trim_start_matches("../")))?;
            rules.links.insert(path.into(), to.into());
        }
        for (path, text) in self.texts {
            let path: Utf8PathBuf = at("path in a tree", path, &text, is_plain)?.into();
            rules.texts.insert(path, text.into_inner());
        }
        Ok(rules)
    }
}

/// Writes what [`RawRules`] reads.
pub(crate) fn write_rules(text: &mut String, rules: &Rules) {
    let links = rules.links.iter().map(|(path, to)| (path.as_str(), to.as_str()));
    let texts = rules.texts.iter().map(|(path, content)| (path.as_str(), content.as_str()));
    let places = rules.places.iter().map(|(from, to)| (from.as_str(), to.as_str()));
    let sections: [(&str, Vec<(&str, &str)>); 3] =
        [("places", places.collect()), ("links", links.collect()), ("texts", texts.collect())];
    let mut write = || {
        for (name, entries) in sections.iter().filter(|(_, entries)| !entries.is_empty()) {
            writeln!(text, "\n[{name}]")?;
            for (key, value) in entries {
                writeln!(text, "{} = {}", quoted(key), quoted_text(value))?;
            }
        }
        Ok::<_, std::fmt::Error>(())
    };
    write().expect("a String takes all that is written");
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPackage {
    pub(crate) name: Spanned<String>,
    version: Spanned<String>,
    licence: String,
    role: Role,
    #[serde(default)]
    libraries: Vec<Spanned<String>>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
    #[serde(default)]
    only: Vec<Spanned<String>>,
    #[serde(default)]
    except: Vec<Spanned<String>>,
    #[serde(default)]
    archives: RawArchives,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArchives {
    x86_64: Option<RawArchive>,
    aarch64: Option<RawArchive>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawArchive {
    file: Spanned<String>,
    size: Spanned<u64>,
    sha256: Digest,
}

/// All packages of a file, sorted by name.
pub(crate) fn packages(raw: Vec<RawPackage>, source: &Source) -> Result<Vec<Package>, Misplaced> {
    let names: BTreeSet<String> = raw.iter().map(|raw| raw.name.get_ref().clone()).collect();
    let mut seen = BTreeSet::new();
    let mut packages = Vec::with_capacity(raw.len());
    for raw in raw {
        packages.push(raw.check(source, &names, &mut seen)?);
    }
    packages.sort_by(|left: &Package, right| left.name.cmp(&right.name));
    Ok(packages)
}

impl RawPackage {
    /// `seen` holds the packages' names and, with `-l` before them, the libraries'.
    fn check(
        self,
        source: &Source,
        names: &BTreeSet<String>,
        seen: &mut BTreeSet<String>,
    ) -> Result<Package, Misplaced> {
        let span = self.name.span();
        let debian = matches!(source, Source::Mirror { .. });
        let name = plain("package name", self.name, if debian { is_debian_name } else { is_package_name })?;
        let version = plain("version", self.version, if debian { is_debian_version } else { is_version })?;
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
        let starts = |starts: Vec<Spanned<String>>| {
            let starts = starts.into_iter().map(|start| plain("place in a package", start, is_start));
            starts.collect::<Result<Vec<_>, _>>()
        };
        let (only, except) = (starts(self.only)?, starts(self.except)?);
        let mut archives = BTreeMap::new();
        for (host, raw) in [(Host::X86_64, self.archives.x86_64), (Host::Aarch64, self.archives.aarch64)] {
            if let Some(raw) = raw {
                archives.insert(host, raw.check(debian)?);
            }
        }
        if archives.is_empty() {
            return Err((Problem::NoArchive { package: name }, span));
        }
        let (licence, role) = (self.licence, self.role);
        Ok(Package { name, version, licence, role, libraries, needs, only, except, archives })
    }
}

impl RawArchive {
    fn check(self, debian: bool) -> Result<Archive, Misplaced> {
        let size = *self.size.get_ref();
        if size == 0 || size > LARGEST_ARCHIVE {
            return Err((Problem::Size { size }, self.size.span()));
        }
        let file = if debian {
            plain("Debian package's path", self.file, is_deb)?
        } else {
            plain("wheel's file name", self.file, is_wheel)?
        };
        Ok(Archive { file, size, sha256: self.sha256 })
    }
}

/// Writes what [`packages`] reads.
pub(crate) fn write_packages(text: &mut String, packages: &[Package]) {
    let mut write = || {
        for package in packages {
            writeln!(text, "\n[[package]]")?;
            writeln!(text, "name = {}", quoted(&package.name))?;
            writeln!(text, "version = {}", quoted(&package.version))?;
            writeln!(text, "licence = {}", quoted(&package.licence))?;
            writeln!(text, "role = {}", quoted(package.role.as_str()))?;
            let lists = [
                ("libraries", &package.libraries),
                ("needs", &package.needs),
                ("only", &package.only),
                ("except", &package.except),
            ];
            for (key, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
                writeln!(text, "{key} = {}", quoted_list(names))?;
            }
            for (host, archive) in &package.archives {
                writeln!(text, "\n[package.archives.{host}]")?;
                writeln!(text, "file = {}", quoted(&archive.file))?;
                writeln!(text, "size = {}", archive.size)?;
                writeln!(text, "sha256 = {}", quoted(&archive.sha256.to_string()))?;
            }
        }
        Ok::<_, std::fmt::Error>(())
    };
    write().expect("a String takes all that is written");
}

/// As TOML writes a text, whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn quoted_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// Lines as lines, where that is exact.
fn quoted_text(text: &str) -> String {
    let literal = |letter: char| letter == '\n' || letter == '\t' || !letter.is_control();
    if text.contains('\n') && !text.contains("'''") && !text.ends_with('\'') && text.chars().all(literal) {
        format!("'''\n{text}'''")
    } else {
        quoted(text)
    }
}

pub(crate) fn plain(
    what: &'static str,
    text: Spanned<String>,
    is_plain: fn(&str) -> bool,
) -> Result<String, Misplaced> {
    let span = text.span();
    let text = text.into_inner();
    if is_plain(&text) { Ok(text) } else { Err((Problem::Text { what, text }, span)) }
}

/// As [`plain`], for a key: TOML gives no place for it, but one for its value.
fn at<T>(
    what: &'static str,
    key: String,
    value: &Spanned<T>,
    is_plain: fn(&str) -> bool,
) -> Result<String, Misplaced> {
    if is_plain(&key) { Ok(key) } else { Err((Problem::Text { what, text: key }, value.span())) }
}

/// A normalized name (PEP 503).
pub fn is_package_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 100
        && text.bytes().all(inner)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// A name of a Debian package (Debian policy, 5.6.7).
pub fn is_debian_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (2..=100).contains(&text.len())
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(|byte| first(byte) || b"+-.".contains(&byte))
}

/// A final release (PEP 440): numbers and dots.
pub fn is_version(text: &str) -> bool {
    text.len() <= 100
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A version of a Debian package (Debian policy, 5.6.12).
pub fn is_debian_version(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte))
}

/// A name that is safe as one component of a path and of an address, and ends as a wheel's does.
pub fn is_wheel(text: &str) -> bool {
    is_file_name(text) && text.rsplit_once('.').is_some_and(|(_, extension)| extension == "whl")
}

/// A path below a mirror, each part of which is safe in a path and in an address, and which ends as a Debian package does.
pub fn is_deb(text: &str) -> bool {
    text.len() <= 500
        && text.split('/').all(is_file_name)
        && text.rsplit_once('.').is_some_and(|(_, extension)| extension == "deb")
}

fn is_file_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!~".contains(&byte);
    !text.is_empty() && text.len() <= 250 && !text.starts_with('.') && text.bytes().all(inner)
}

fn is_library(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    !text.is_empty() && text.len() <= 100 && !text.starts_with(['.', '-']) && text.bytes().all(inner)
}

fn is_suite(text: &str) -> bool {
    !text.is_empty() && text.len() <= 50 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What a path begins with: plain, but the last part may be cut anywhere, and nothing at all is a beginning as well.
fn is_start(text: &str) -> bool {
    text.is_empty() || is_plain(&format!("{text}x"))
}

fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.contains(['@', '?', '#'])
            && rest.bytes().all(|byte| byte.is_ascii_graphic())
    })
}
