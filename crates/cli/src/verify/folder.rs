//! The folders that the two programs work in: copied, looked at, and taken away, whatever the programs left there.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_exec::CancelFlag;
use cuferry_verify::{Entry, Tree};
use miette::Diagnostic;
use thiserror::Error;
use walkdir::WalkDir;

/// Why there is no copy, or no look.
#[derive(Debug, Error, Diagnostic)]
pub(crate) enum FolderError {
    /// Neither a file, a folder nor a link.
    #[error("`{path}` is a pipe, a socket or a device, which has no copy")]
    #[diagnostic(
        code(verify::special),
        help("name a folder without it with `--in`, and hand such things over with the arguments")
    )]
    Special {
        /// Where.
        path: Utf8PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} `{path}`")]
    #[diagnostic(
        code(verify::io),
        help(
            "both programs work in copies below TMPDIR, or the folder that `--keep` names: it needs room, and has to be writable"
        )
    )]
    Io {
        /// `copy`, `read`.
        action: &'static str,
        /// What.
        path: Utf8PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// It was called off.
    #[error("interrupted")]
    #[diagnostic(code(verify::interrupted), help("nothing of the two runs was left"))]
    Interrupted,
}

/// Everything in a folder, and what shows that a file was written to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) tree: Tree,
    stamps: BTreeMap<PathBuf, Stamp>,
}

/// What no writing leaves as it is: writing sets the times, and replacing a file brings another inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a run did to its folder: how many files and links of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) written: usize,
    pub(crate) changed: usize,
    pub(crate) removed: usize,
    pub(crate) untouched: usize,
}

/// Copies all below the folder `from` into `to`, which is made: times and permissions included, links as they are.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path, cancel: &CancelFlag) -> Result<(), FolderError> {
    let mut folders: Vec<(PathBuf, Metadata)> = Vec::new();
    for entry in WalkDir::new(from) {
        if cancel.is_cancelled() {
            return Err(FolderError::Interrupted);
        }
        let entry = entry.map_err(|error| walking("copy", from, error))?;
        let below = entry.path().strip_prefix(from).unwrap_or(Path::new(""));
        let at = to.as_std_path().join(below);
        let failed = |source| failed("copy", entry.path(), source);
        let metadata = entry.metadata().map_err(|error| walking("copy", from, error))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            fs::create_dir(&at).map_err(failed)?;
            folders.push((at, metadata));
        } else if kind.is_symlink() {
            fs::read_link(entry.path()).and_then(|says| symlink(says, &at)).map_err(failed)?;
        } else if kind.is_file() {
            copy_file(entry.path(), &at, &metadata).map_err(failed)?;
        } else {
            return Err(FolderError::Special { path: lossy(entry.path()) });
        }
    }
    // Last, the innermost first: nothing can be put into a folder that is not writable.
    for (at, metadata) in folders.iter().rev() {
        let permissions = metadata.permissions();
        fs::set_permissions(at, permissions).map_err(|source| failed("copy", at, source))?;
    }
    Ok(())
}

fn copy_file(from: &Path, at: &Path, metadata: &Metadata) -> io::Result<()> {
    // The system's own copy: it shares blocks where the file system can.
    fs::copy(from, at)?;
    // One that is not writable is opened nevertheless: its times are the owner's to set.
    File::open(at)?.set_times(FileTimes::new().set_modified(metadata.modified()?))
}

impl Look {
    pub(crate) fn at(folder: &Utf8Path, cancel: &CancelFlag) -> Result<Self, FolderError> {
        let mut look = Self::default();
        for entry in WalkDir::new(folder).min_depth(1) {
            if cancel.is_cancelled() {
                return Err(FolderError::Interrupted);
            }
            let entry = entry.map_err(|error| walking("read", folder, error))?;
            let metadata = entry.metadata().map_err(|error| walking("read", folder, error))?;
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
            let kind = metadata.file_type();
            let what = if kind.is_dir() {
                Entry::Folder
            } else if kind.is_symlink() {
                let says = fs::read_link(entry.path());
                Entry::Link(says.map_err(|source| failed("read", entry.path(), source))?)
            } else if kind.is_file() {
                Entry::File
            } else {
                Entry::Other
            };
            if what != Entry::Folder {
                look.stamps.insert(path.clone(), Stamp::of(&metadata));
            }
            look.tree.insert(path, what);
        }
        Ok(look)
    }

    /// Whether a file is as it was, as far as its inode tells.
    pub(crate) fn left_untouched(&self, before: &Self, path: &Path) -> bool {
        self.stamps.get(path).is_some_and(|stamp| before.stamps.get(path) == Some(stamp))
    }

    pub(crate) fn changes_since(&self, before: &Self) -> Changes {
        let mut changes = Changes::default();
        for (path, stamp) in &self.stamps {
            match before.stamps.get(path) {
                None => changes.written += 1,
                Some(old) if old == stamp => changes.untouched += 1,
                Some(_) => changes.changed += 1,
            }
        }
        changes.removed = before.stamps.keys().filter(|path| !self.stamps.contains_key(*path)).count();
        changes
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Takes a file away, or a folder with all in it, folders that a program made unwritable included.
pub(crate) fn remove(folder: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(folder),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            for entry in WalkDir::new(folder).into_iter().filter_map(Result::ok) {
                if entry.file_type().is_dir() {
                    // Where this is refused, the removal says so.
                    let _ = fs::set_permissions(entry.path(), Permissions::from_mode(0o700));
                }
            }
            fs::remove_dir_all(folder)
        }
        done => done,
    }
}

fn walking(action: &'static str, folder: &Utf8Path, error: walkdir::Error) -> FolderError {
    let path = error.path().map_or_else(|| folder.to_owned(), lossy);
    let source = error.into_io_error().unwrap_or_else(|| io::Error::other("it leads into itself"));
    FolderError::Io { action, path, source }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { action, path: lossy(path), source }
}

fn lossy(path: &Path) -> Utf8PathBuf {
    path.to_string_lossy().into_owned().into()
}

#[cfg(test)]
mod tests {
    use cuferry_testkit::scratch;

    use super::*;

    fn flag() -> CancelFlag {
        CancelFlag::new().unwrap()
    }

    fn sample(folder: &Utf8Path) {
        fs::create_dir_all(folder.join("a/b")).unwrap();
        fs::create_dir(folder.join("empty")).unwrap();
        fs::write(folder.join("a/one"), "one").unwrap();
        fs::write(folder.join("a/b/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(folder.join("a/b/run"), Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(folder.join("a/b"), Permissions::from_mode(0o555)).unwrap();
        symlink("../a/one", folder.join("a/link")).unwrap();
        symlink("nowhere", folder.join("lost")).unwrap();
    }

    #[test]
    fn a_copy_is_the_same_and_a_run_changes_it() {
        let (_guard, folder) = scratch();
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir(&from).unwrap();
        sample(&from);
        copy(&from, &to, &flag()).unwrap();
        let before = Look::at(&to, &flag()).unwrap();
        assert_eq!(before.tree, Look::at(&from, &flag()).unwrap().tree);
        assert_eq!(fs::read(to.join("a/one")).unwrap(), b"one");
        let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a/b/run"), mode("a/b")), (0o555, 0o555));
        let modified = |folder: &Utf8Path| fs::metadata(folder.join("a/one")).unwrap().modified().unwrap();
        assert_eq!(modified(&from), modified(&to));
        let untouched = Changes { untouched: 4, ..Changes::default() };
        assert_eq!(Look::at(&to, &flag()).unwrap().changes_since(&before), untouched);

        fs::write(to.join("a/one"), "two").unwrap();
        fs::write(to.join("new"), "").unwrap();
        fs::remove_file(to.join("lost")).unwrap();
        let after = Look::at(&to, &flag()).unwrap();
        let expected = Changes { written: 1, changed: 1, removed: 1, untouched: 2 };
        assert_eq!(after.changes_since(&before), expected);
        assert!(after.left_untouched(&before, Path::new("a/b/run")));
        for path in ["a/one", "new", "lost", "empty"] {
            assert!(!after.left_untouched(&before, Path::new(path)), "{path}");
        }
        remove(&folder.join("to")).unwrap();
        remove(&folder.join("from")).unwrap();
        assert_eq!(folder.read_dir_utf8().unwrap().count(), 0);
    }

    #[test]
    fn a_pipe_has_no_copy() {
        let (_guard, folder) = scratch();
        let from = folder.join("from");
        fs::create_dir(&from).unwrap();
        std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        let error = copy(&from, &folder.join("to"), &flag()).unwrap_err();
        assert!(matches!(&error, FolderError::Special { path } if path.ends_with("socket")), "{error}");
    }

    #[test]
    fn it_can_be_called_off() {
        let (_guard, folder) = scratch();
        let cancel = flag();
        cancel.cancel();
        let copied = copy(&folder, &folder.join("to"), &cancel);
        assert!(matches!(copied, Err(FolderError::Interrupted)));
        fs::write(folder.join("file"), "").unwrap();
        assert!(matches!(Look::at(&folder, &cancel), Err(FolderError::Interrupted)));
    }
}
