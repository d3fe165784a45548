//! Where an image on disk keeps its parts: in the files of a folder, or inside one tar.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom, Take};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_binfmt::tar::{TarKind, TarReader};

use super::BaseError;
use crate::compress::Compression;
use crate::file::FileError;

/// The largest manifest or configuration read, in bytes (distribution-spec: 4 MiB).
const MAX_JSON: u64 = 4 << 20;
/// The most members of an archive: an image has at most a few hundred layers.
const MAX_MEMBERS: usize = 100_000;

/// An image on disk.
#[derive(Clone, Debug)]
pub(crate) enum Bundle {
    Folder(Utf8PathBuf),
    Archive { path: Utf8PathBuf, members: BTreeMap<String, Member> },
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub path: Utf8PathBuf,
    /// In bytes.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

impl Bundle {
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, BaseError> {
        let metadata = path.metadata().map_err(FileError::when("read", path))?;
        if metadata.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let mut file = File::open(path).map_err(FileError::when("read", path))?;
        let mut start = [0; 4];
        let count = file.read(&mut start).map_err(FileError::when("read", path))?;
        if Compression::of_bytes(&start[..count]) != Compression::None {
            return Err(BaseError::CompressedArchive { path: path.to_owned() });
        }
        file.seek(SeekFrom::Start(0)).map_err(FileError::when("read", path))?;
        Ok(Self::Archive { path: path.to_owned(), members: members(path, file)? })
    }

    /// The part of this name, which is relative to the bundle.
    pub(crate) fn member(&self, name: &str) -> Result<Member, BaseError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let size = path.metadata().map_err(FileError::when("read", &path))?.len();
                Ok(Member { path, offset: 0, size })
            }
            Self::Archive { path, members } => members
                .get(name)
                .cloned()
                .ok_or_else(|| BaseError::PartMissing { path: path.clone(), part: name.to_owned() }),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Archive { members, .. } => members.contains_key(name),
        }
    }

    /// A small part, whole.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, BaseError> {
        let member = self.member(name)?;
        if member.size > MAX_JSON {
            return Err(BaseError::Malformed {
                path: member.path,
                part: name.to_owned(),
                why: "it is too large".to_owned(),
            });
        }
        let mut bytes = Vec::new();
        member.open()?.read_to_end(&mut bytes).map_err(FileError::when("read", &member.path))?;
        Ok(bytes)
    }
}

impl Member {
    pub(crate) fn open(&self) -> Result<Take<BufReader<File>>, FileError> {
        let mut file = File::open(&self.path).map_err(FileError::when("read", &self.path))?;
        file.seek(SeekFrom::Start(self.offset)).map_err(FileError::when("read", &self.path))?;
        Ok(BufReader::with_capacity(crate::file::BUFFER, file).take(self.size))
    }
}

/// Where each file of a tar lies in it. `docker save` of old links equal layers to one another.
fn members(path: &Utf8Path, file: File) -> Result<BTreeMap<String, Member>, BaseError> {
    let fail = |source| BaseError::Tar { path: path.to_owned(), source };
    let mut reader = TarReader::new(BufReader::with_capacity(crate::file::BUFFER, file));
    let mut members = BTreeMap::new();
    let mut links = Vec::new();
    while let Some(entry) = reader.next().map_err(fail)? {
        let name = entry.path.trim_start_matches("./").to_owned();
        match entry.kind {
            TarKind::File => {
                members
                    .insert(name, Member { path: path.to_owned(), offset: entry.offset, size: entry.size });
            }
            TarKind::Symlink(target) => {
                let target = target.trim_start_matches("../").to_owned();
                links.push((name, target));
            }
            TarKind::Hardlink(target) => links.push((name, target)),
            TarKind::Directory | TarKind::Sparse | TarKind::Other => {}
        }
        if members.len() + links.len() > MAX_MEMBERS {
            let why = "it has too many parts for an image".to_owned();
            return Err(BaseError::Malformed { path: path.to_owned(), part: "the archive".to_owned(), why });
        }
    }
    for (name, target) in links {
        if let Some(member) = members.get(&target).cloned() {
            members.insert(name, member);
        }
    }
    Ok(members)
}
