//! Writes a release file: asks the index what a CUDA release consists of, and pins all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Seek};

use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Hasher;
use cuferry_toolchain::package::{Archive, Package, Role, Source};
use cuferry_toolchain::release_file::{NVCC, ReleaseFile};
use cuferry_toolchain::rules::Rules;
use cuferry_toolchain::toml_file::{is_version, is_wheel};
use zip::ZipArchive;

use crate::client::{Client, Failure, passing};
use crate::error::{At, InstallError};
use crate::index::IndexFile;
use crate::options::{Options, Report};
use crate::parallel;
use crate::remote::Remote;
use crate::unpack::broken;

/// The package whose METADATA lists those of a release.
const METAPACKAGE: &str = "cuda-toolkit";

/// Tools that every build runs.
const COMPILER: [&str; 4] =
    ["nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm"];

/// What nvcc's output needs, or is so small and so often included that asking for it would be a nuisance.
const BASE: [&str; 7] = [
    "nvidia-cuda-cccl",
    "nvidia-cuda-crt",
    "nvidia-cuda-culibos",
    "nvidia-cuda-profiler-api",
    "nvidia-cuda-runtime",
    "nvidia-nvml-dev",
    "nvidia-nvtx",
];

/// Parts of the toolkit that no build needs: OpenCL's loader (which distributions have), and developers' tools.
const LEFT_OUT: [&str; 4] =
    ["nvidia-cuda-cuxxfilt", "nvidia-cuda-opencl", "nvidia-cuda-sanitizer-api", "nvidia-cuda-tileiras"];

/// No METADATA comes near.
const LARGEST_METADATA: u64 = 4 << 20;

/// A version as its numbers (PEP 440, final releases only).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(Vec<u64>);

/// Which versions a requirement allows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    /// `==13.0.88.*` or `==13.0.88`: those that begin so, the newest of them.
    Prefix(Version),
    /// `<14,>=13.0.88`: the oldest at or above, which is the one that the release came with.
    AtLeast(Version),
    /// None: the newest.
    Any,
}

/// A wheel, looked into.
struct Contents {
    size: u64,
    sha256: cuferry_digest::Digest,
    metadata: String,
    libraries: BTreeSet<String>,
}

/// The release file for the newest patch of `release` on the index, with the newest cuDNN and NCCL for it. `index` is
/// what the file will name; the options may send the questions elsewhere. Same answers, same file.
pub fn lock(
    release: CudaRelease,
    index: &str,
    options: &Options,
    report: &Report<'_>,
) -> Result<ReleaseFile, InstallError> {
    let source = Source::Index(index.trim_end_matches('/').to_owned());
    let client = Client::of(&source, options, report)?.remove(0);
    let (version, mut requirements) = release_contents(&client, release)?;
    if !requirements.contains_key(NVCC) {
        return Err(InstallError::NoCompiler { index: client.index().to_owned(), release });
    }
    for name in ["cudnn", "nccl"] {
        requirements.insert(format!("nvidia-{name}-cu{}", release.major), Requirement::Any);
    }
    requirements.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
    let wanted: Vec<(String, Requirement)> = requirements.into_iter().collect();
    let mut packages =
        parallel::map(options.jobs, &wanted, |(name, requirement)| package(&client, name, requirement))?;
    let names: BTreeSet<String> = packages.iter().map(|package| package.name.clone()).collect();
    for package in &mut packages {
        package.needs.retain(|need| names.contains(need));
    }
    let file = ReleaseFile { release, version, default: true, source, rules: Rules::default(), packages };
    // What is written must be read again: names from the index pass the same checks as those in a file.
    ReleaseFile::parse(&format!("cuda-{release}.toml"), &file.to_string()).map_err(InstallError::Locked)
}

/// The newest patch of `release`, and what it requires.
fn release_contents(
    client: &Client<'_>,
    release: CudaRelease,
) -> Result<(String, BTreeMap<String, Requirement>), InstallError> {
    let page = client.page(METAPACKAGE)?;
    let mut wheels: Vec<(Version, &IndexFile)> = page
        .iter()
        .filter(|file| !file.yanked && is_wheel(&file.name))
        .filter_map(|file| Some((version_of(&file.name)?, file)))
        .collect();
    wheels.sort_by(|left, right| left.0.cmp(&right.0));
    let prefix = Version(vec![release.major.into(), release.minor.into()]);
    let Some((version, file)) = wheels.iter().rev().find(|(version, _)| version.begins_with(&prefix)) else {
        let newest: BTreeSet<Version> =
            wheels.into_iter().map(|(version, _)| Version(version.0.into_iter().take(2).collect())).collect();
        return Err(InstallError::NoRelease {
            index: client.page_url(METAPACKAGE).to_string(),
            release,
            newest: newest.iter().map(ToString::to_string).collect(),
        });
    };
    let contents = look_into(client, file)?;
    let mut requirements = BTreeMap::new();
    for text in fields(&contents.metadata, "Requires-Dist") {
        let (name, requirement) = requirement(text).ok_or_else(|| InstallError::Requirement {
            package: METAPACKAGE.to_owned(),
            text: text.to_owned(),
        })?;
        requirements.insert(name, requirement);
    }
    Ok((version.to_string(), requirements))
}

fn package(client: &Client<'_>, name: &str, requirement: &Requirement) -> Result<Package, InstallError> {
    let page = client.page(name)?;
    let mut versions: BTreeMap<Version, BTreeMap<Host, &IndexFile>> = BTreeMap::new();
    for file in page.iter().filter(|file| !file.yanked && is_wheel(&file.name)) {
        let Some((version, host)) = version_of(&file.name).zip(host_of(&file.name)) else { continue };
        // Of several for one host the last by name: the newest platform tag.
        let slot = versions.entry(version).or_default().entry(host).or_insert(file);
        if file.name > slot.name {
            *slot = file;
        }
    }
    let mut fitting = versions.iter().filter(|(version, _)| requirement.allows(version));
    let chosen = match requirement {
        Requirement::AtLeast(_) => fitting.next(),
        Requirement::Prefix(_) | Requirement::Any => fitting.next_back(),
    };
    let (version, files) = chosen.ok_or_else(|| InstallError::NoVersion {
        package: name.to_owned(),
        requirement: requirement.to_string(),
        index: client.page_url(name).to_string(),
    })?;
    let role = if COMPILER.contains(&name) {
        Role::Compiler
    } else if BASE.contains(&name) {
        Role::Base
    } else {
        Role::Library
    };
    let mut package = Package {
        name: name.to_owned(),
        version: version.to_string(),
        licence: String::new(),
        role,
        libraries: Vec::new(),
        needs: Vec::new(),
        only: Vec::new(),
        except: Vec::new(),
        archives: BTreeMap::new(),
    };
    let mut libraries = BTreeSet::new();
    let mut needs = BTreeSet::new();
    for (host, file) in files {
        let contents = look_into(client, file)?;
        if package.licence.is_empty() {
            licence(&contents.metadata).clone_into(&mut package.licence);
        }
        let required = fields(&contents.metadata, "Requires-Dist").filter(|text| !text.contains("extra"));
        needs.extend(required.filter_map(requirement_name));
        libraries.extend(contents.libraries);
        package
            .archives
            .insert(*host, Archive { file: file.name.clone(), size: contents.size, sha256: contents.sha256 });
    }
    package.libraries = libraries.into_iter().collect();
    package.needs = needs.into_iter().collect();
    Ok(package)
}

/// Reads a wheel's METADATA and table of contents: by ranges where the index states the digest and the server can, else
/// by fetching all of it.
fn look_into(client: &Client<'_>, file: &IndexFile) -> Result<Contents, InstallError> {
    if let Some(sha256) = file.sha256
        && let Some(remote) = Remote::open(client, &file.url)?
    {
        let size = remote.length();
        let (metadata, libraries) = read_wheel(remote, &file.name)?;
        return Ok(Contents { size, sha256, metadata, libraries });
    }
    let (sha256, size, whole) = client.retry(&file.url, || {
        let place = camino::Utf8Path::new("a temporary file");
        let mut whole = tempfile::tempfile().at("create", place)?;
        let response = client.get(&file.url, &[("accept-encoding", "identity")])?;
        let mut body = response.into_body().into_reader();
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = body.read(&mut buffer).map_err(|error| passing(&error))?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            std::io::Write::write_all(&mut whole, &buffer[..count]).at("write", place)?;
        }
        let size = hasher.length();
        Ok::<_, Failure>((hasher.finish(), size, whole))
    })?;
    let (metadata, libraries) = read_wheel(whole, &file.name)?;
    Ok(Contents { size, sha256, metadata, libraries })
}

fn read_wheel(reader: impl Read + Seek, name: &str) -> Result<(String, BTreeSet<String>), InstallError> {
    let broken = |error: &zip::result::ZipError| broken(name, error);
    let mut zip = ZipArchive::new(reader).map_err(|error| broken(&error))?;
    let names: Vec<String> = zip.file_names().filter_map(Result::ok).map(Into::into).collect();
    let libraries = names.iter().filter_map(|name| library(name)).map(str::to_owned).collect();
    let metadata = names.iter().position(|name| name.ends_with(".dist-info/METADATA")).ok_or_else(|| {
        InstallError::BrokenArchive { archive: name.to_owned(), problem: "it has no METADATA".to_owned() }
    })?;
    let mut bytes = Vec::new();
    let entry = zip.by_index(metadata).map_err(|error| broken(&error))?;
    entry.take(LARGEST_METADATA).read_to_end(&mut bytes).map_err(|error| broken(&error.into()))?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), libraries))
}

/// `cublas` for `nvidia/cu13/lib/libcublas.so.13`: what `-l` takes.
fn library(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    let ("nvidia", _, "lib", name, None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    let name = name.strip_prefix("lib")?;
    let end = name
        .find(".so.")
        .or_else(|| Some(name.strip_suffix(".so").or_else(|| name.strip_suffix(".a"))?.len()))?;
    Some(&name[..end])
}

/// The values of a field of METADATA (core metadata: RFC 822 headers, then an empty line).
fn fields<'a>(metadata: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let headers = metadata.lines().take_while(|line| !line.trim().is_empty());
    headers.filter_map(move |line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

fn licence(metadata: &str) -> &str {
    let mut candidates = fields(metadata, "License-Expression").chain(fields(metadata, "License"));
    candidates.find(|text| !text.is_empty()).unwrap_or("unknown")
}

/// The normalized name (PEP 503) that a requirement begins with.
fn requirement_name(text: &str) -> Option<String> {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name = &text[..text.find(|letter| !inner(letter)).unwrap_or(text.len())];
    (!name.is_empty()).then(|| name.to_ascii_lowercase().replace(['_', '.'], "-"))
}

/// `nvidia-cublas==13.1.1.3.*; marker`. Markers name platforms and extras, and all of both are wanted.
fn requirement(text: &str) -> Option<(String, Requirement)> {
    let name = requirement_name(text)?;
    let specification = text[name.len()..].split(';').next()?.trim();
    let version = |text: &str| is_version(text).then(|| Version::from(text));
    let requirement = if specification.is_empty() {
        Requirement::Any
    } else if let Some(exact) = specification.strip_prefix("==") {
        Requirement::Prefix(version(exact.trim().trim_end_matches(".*"))?)
    } else {
        let least = specification.split(',').find_map(|part| part.trim().strip_prefix(">="))?;
        Requirement::AtLeast(version(least.trim())?)
    };
    Some((name, requirement))
}

/// The version in `name-version-python-abi-platform.whl`, if it is a final release.
fn version_of(wheel: &str) -> Option<Version> {
    let version = wheel.split('-').nth(1)?;
    is_version(version).then(|| Version::from(version))
}

/// The host in a wheel's platform tags: `manylinux_2_27_x86_64`, `manylinux1_x86_64.manylinux_2_5_x86_64`.
fn host_of(wheel: &str) -> Option<Host> {
    let (_, tags) = wheel.strip_suffix(".whl")?.rsplit_once('-')?;
    let tag = tags.split('.').find(|tag| tag.starts_with("manylinux") || tag.starts_with("linux_"))?;
    Host::ALL.into_iter().find(|host| tag.ends_with(host.as_str()))
}

impl Requirement {
    fn allows(&self, version: &Version) -> bool {
        match self {
            Self::Prefix(prefix) => version.begins_with(prefix),
            Self::AtLeast(least) => version >= least,
            Self::Any => true,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(version) => write!(formatter, "{version}.*"),
            Self::AtLeast(version) => write!(formatter, "{version} or newer"),
            Self::Any => write!(formatter, "in any version"),
        }
    }
}

impl Version {
    fn begins_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }
}

/// Of a text that [`is_version`] has accepted; a number beyond 64 bits counts as the largest.
impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self(text.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(&parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_requirements() {
        for (text, expected) in [
            (
                "nvidia-cublas==13.1.1.3.*; sys_platform == 'linux' and extra == 'all'",
                "nvidia-cublas 13.1.1.3.*",
            ),
            ("nvidia-nvjitlink<14,>=13.0.88; extra == 'all'", "nvidia-nvjitlink 13.0.88 or newer"),
            ("Nvidia_NVVM", "nvidia-nvvm in any version"),
            ("x[y]==1", "none"),
            ("x!=1", "none"),
            ("==1", "none"),
        ] {
            let found = requirement(text).map(|(name, requirement)| format!("{name} {requirement}"));
            assert_eq!(found.as_deref().unwrap_or("none"), expected, "{text}");
        }
    }

    #[test]
    fn versions_order_by_number() {
        let version = |text: &str| Version::from(text);
        assert!(version("13.10.0.20") > version("13.8.2.12"));
        assert!(version("13.0.3.0") > version("13.0.2"));
        assert!(
            version("13.10").begins_with(&version("13")) && !version("13.10").begins_with(&version("13.1"))
        );
    }

    #[test]
    fn reads_names_of_wheels() {
        for (name, host) in [
            (
                "nvidia_cublas-13.10.0.20-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
                Some(Host::X86_64),
            ),
            ("nvidia_cuda_nvcc-13.5.37-py3-none-manylinux_2_27_aarch64.whl", Some(Host::Aarch64)),
            ("nvidia_cuda_nvcc-13.5.37-py3-none-win_arm64.whl", None),
            ("cuda_toolkit-13.5.0-py2.py3-none-any.whl", None),
        ] {
            assert_eq!(host_of(name), host, "{name}");
        }
        assert_eq!(version_of("nvidia_nvvm-13.4.46rc1-py3-none-any.whl"), None);
    }

    #[test]
    fn reads_names_of_libraries() {
        for (path, expected) in [
            ("nvidia/cu13/lib/libcublas.so.13", Some("cublas")),
            ("nvidia/cu13/lib/libnvrtc-builtins.so.13.5", Some("nvrtc-builtins")),
            ("nvidia/cu13/lib/libnvrtc.alt.so.13", Some("nvrtc.alt")),
            ("nvidia/cu13/lib/libcheckpoint.so", Some("checkpoint")),
            ("nvidia/cu13/lib/libcudart_static.a", Some("cudart_static")),
            ("nvidia/nccl/lib/libnccl_device.bc", None),
            ("nvidia/cu13/lib/cmake/libx.so", None),
            ("nvidia/cu13/bin/libx.so", None),
        ] {
            assert_eq!(library(path), expected, "{path}");
        }
    }

    #[test]
    fn fields_end_with_the_headers() {
        let metadata = "Name: a\nLicense: \nLicense-Expression: L\nRequires-Dist: b\n\nRequires-Dist: c\n";
        assert_eq!(fields(metadata, "Requires-Dist").collect::<Vec<_>>(), ["b"]);
        assert_eq!(licence(metadata), "L");
        assert_eq!(licence("License: \n"), "unknown");
    }
}
