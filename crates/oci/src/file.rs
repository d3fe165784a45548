//! Files on this machine: errors that name the path, and reads that notice when the file changes underneath.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::{Digest, Hasher};
use thiserror::Error;

/// How much is read at a time, in bytes.
pub(crate) const BUFFER: usize = 256 * 1024;

/// An operation on a file that failed.
#[derive(Debug, Error)]
#[error("can't {action} `{path}`")]
pub struct FileError {
    /// What was tried: `read`, `write`.
    pub action: &'static str,
    /// On which file or folder.
    pub path: Utf8PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`.
    pub(crate) fn when(action: &'static str, path: impl Into<Utf8PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { action, path, source }
    }

    /// Whether the disk, or the user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether the user may not write there.
    pub fn is_denied(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    }
}

/// One state of one file: any write to it, and its replacement, changes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Seconds and nanoseconds.
    pub changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Of a regular file; a symbolic link is followed.
    pub(crate) fn read(path: &Utf8Path) -> Result<Self, FileError> {
        let metadata = fs::metadata(path).map_err(FileError::when("read", path))?;
        if !metadata.is_file() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
            return Err(FileError::when("read", path)(error));
        }
        Ok(Self::of(&metadata))
    }
}

/// Hands all of `path` to `sink`, and fails if the file is, or becomes, another than `stamp` says.
pub(crate) fn read_unchanged(
    path: &Utf8Path,
    stamp: &Stamp,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), FileError> {
    let error = || FileError::when("read", path);
    let changed = || io::Error::other("the file changed while it was read");
    let mut file = File::open(path).map_err(error())?;
    let now = |file: &File| file.metadata().map(|metadata| Stamp::of(&metadata));
    let mut left = stamp.size;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(error()(source)),
        };
        left = left.checked_sub(count as u64).ok_or_else(|| error()(changed()))?;
        sink(&buffer[..count]).map_err(error())?;
    }
    if left != 0 || now(&file).map_err(error())? != *stamp {
        return Err(error()(changed()));
    }
    Ok(())
}

/// The digest of `path`'s content, for the state that `stamp` says.
pub(crate) fn content_digest(path: &Utf8Path, stamp: &Stamp) -> Result<Digest, FileError> {
    let mut hasher = Hasher::default();
    read_unchanged(path, stamp, |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// Writes a new file, syncs it, and fails if there is one.
pub(crate) fn write_new(path: &Utf8Path, bytes: &[u8]) -> Result<(), FileError> {
    use std::io::Write as _;
    let mut file = File::create_new(path).map_err(FileError::when("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(FileError::when("write", path))
}

/// Syncs a folder: what was created, renamed or removed in it stays so.
pub(crate) fn sync_folder(path: &Utf8Path) -> Result<(), FileError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(FileError::when("sync", path))
}

/// The folder that `path` lies in; `.` for a bare name.
pub(crate) fn parent_of(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        Some(_) => Utf8Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("file");
        fs::write(&path, "one").unwrap();
        let stamp = Stamp::read(&path).unwrap();
        assert_eq!(content_digest(&path, &stamp).unwrap(), Digest::of("one"));
        for content in ["on", "ones", ""] {
            fs::write(&path, content).unwrap();
            let error = content_digest(&path, &stamp).unwrap_err();
            assert!(error.source.to_string().contains("changed"), "{error:?}");
        }
        // Same size, another file.
        fs::write(path.with_extension("new"), "two").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert!(content_digest(&path, &stamp).is_err());
        assert!(Stamp::read(Utf8Path::new("/dev/zero")).is_err());
    }
}
