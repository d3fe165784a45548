//! Packages: what is fetched, from where, for which host, pinned to the byte. Wheels and Debian packages alike.

use std::collections::BTreeMap;

use cuferry_arch::Host;
use cuferry_digest::{Digest, Hasher};
use serde::Deserialize;

use crate::rules::Rules;

/// Where packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A package index (PEP 503 or PEP 691) that serves wheels; without a slash at its end.
    Index(String),
    /// A Debian archive.
    Mirror {
        /// Servers with the same files, without a slash at their ends: the next is asked for what one lacks. Debian
        /// moves old releases to another server.
        urls: Vec<String>,
        /// The release's code name: `bookworm`.
        suite: String,
    },
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// As the index knows it: `nvidia-cublas`. Unique in its file.
    pub name: String,
    /// `13.1.1.3`, `11.3.0-12`.
    pub version: String,
    /// What it states of itself, an SPDX expression or a name.
    pub licence: String,
    /// What it is for.
    pub role: Role,
    /// The libraries inside, by the name that `-l` takes: `cublas`, `cublasLt`.
    pub libraries: Vec<String>,
    /// Packages of the same file that its libraries load.
    pub needs: Vec<String>,
    /// What its files' paths begin with, of those that are wanted; empty: all. A Debian package may be named twice in a
    /// file, under two names with different parts.
    pub only: Vec<String>,
    /// What the paths of those begin with that are not wanted after all.
    pub except: Vec<String>,
    /// For which hosts it exists.
    pub archives: BTreeMap<Host, Archive>,
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

/// One file of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// A wheel's name; a Debian package's path below the mirror: `pool/main/g/gcc-11/g++-11_11.3.0-12_amd64.deb`.
    pub file: String,
    /// In bytes.
    pub size: u64,
    /// Of the file.
    pub sha256: Digest,
}

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveKind {
    /// A Python wheel (packaging.python.org, "Binary distribution format"): a zip.
    Wheel,
    /// A Debian package (deb(5)): an `ar` archive of two tars.
    Deb,
}

/// A package for one host: what is fetched and unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick<'a> {
    /// The package.
    pub package: &'a Package,
    /// The host that its archive is for.
    pub host: Host,
    /// The archive.
    pub archive: &'a Archive,
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

impl Archive {
    /// Its name, without a folder.
    pub fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// By the end of its name.
    pub fn kind(&self) -> ArchiveKind {
        match self.file.rsplit_once('.') {
            Some((_, "deb")) => ArchiveKind::Deb,
            _ => ArchiveKind::Wheel,
        }
    }
}

impl ArchiveKind {
    /// The end of such a file's name, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wheel => "whl",
            Self::Deb => "deb",
        }
    }
}

impl Package {
    /// The name inside the archive: a Debian package whose parts have names of their own is still one package.
    pub fn archive_name(&self) -> &str {
        let archive = self.archives.values().next().filter(|archive| archive.kind() == ArchiveKind::Deb);
        archive.and_then(|archive| archive.name().split('_').next()).unwrap_or(&self.name)
    }

    /// Whether a file of the archive is wanted.
    pub fn takes(&self, host: Host, path: &str) -> bool {
        let begins = |start: &String| path.starts_with(&self.fill(host, start));
        (self.only.is_empty() || self.only.iter().any(begins)) && !self.except.iter().any(begins)
    }

    /// A text of a toolchain file with this package's and host's own names in it.
    pub(crate) fn fill(&self, host: Host, text: &str) -> String {
        text.replace("{triple}", host.gnu_triple()).replace("{package}", self.archive_name())
    }
}

impl<'a> Pick<'a> {
    /// A package for `host`, where there is one.
    pub fn of(package: &'a Package, host: Host) -> Option<Self> {
        Some(Self { package, host, archive: package.archives.get(&host)? })
    }

    /// What names the files that come out of the archive: its digest, and for a Debian package what is taken of it.
    pub fn unpacked(&self, rules: &Rules) -> Digest {
        if self.archive.kind() == ArchiveKind::Wheel {
            return self.archive.sha256;
        }
        let mut hasher = Hasher::default();
        hasher.update(self.archive.sha256.as_bytes());
        hasher.field(self.host.as_str());
        hasher.update(&(self.package.only.len() as u64).to_le_bytes());
        self.package.only.iter().for_each(|start| hasher.field(start));
        rules.hash_places(&mut hasher);
        // Not counted first: what was unpacked before there was such a list keeps its name.
        self.package.except.iter().for_each(|start| hasher.field(start));
        hasher.finish()
    }
}
