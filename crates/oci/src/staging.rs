//! A folder beside the destination where things are made before one rename puts them in place.
//!
//! It is locked while in use: what a killed run left behind is found by its name, seen to be unlocked, and removed.

use std::fs::{self, File};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, RenameFlags, flock};

use crate::file::{FileError, parent_of, sync_folder};

/// Removed, with all that is still in it, when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    path: Utf8PathBuf,
    /// Holds the lock.
    _folder: File,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Staging {
    /// A fresh folder beside `destination`, on the same file system. Folders above are made where they lack.
    pub(crate) fn beside(destination: &Utf8Path) -> Result<Self, FileError> {
        let parent = parent_of(destination);
        fs::create_dir_all(parent).map_err(FileError::when("create", parent))?;
        let prefix = prefix(destination);
        sweep(parent, &prefix);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{prefix}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                result => result.map_err(FileError::when("create", &path))?,
            }
            // Between these two steps another run may take the folder for a left-over: then make a new one.
            if let Some(folder) = lock(&path) {
                return Ok(Self { path, _folder: folder });
            }
        }
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What can't be removed now is swept by a later run.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Locks a folder, if nobody else does and it still lies at its path.
fn lock(path: &Utf8Path) -> Option<File> {
    use std::os::unix::fs::MetadataExt as _;
    let folder = File::open(path).ok()?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok()?;
    let (opened, named) = (folder.metadata().ok()?, fs::metadata(path).ok()?);
    ((opened.dev(), opened.ino()) == (named.dev(), named.ino())).then_some(folder)
}

/// Removes what killed runs left behind. Failures don't matter: it is only tidying.
fn sweep(parent: &Utf8Path, prefix: &str) {
    let Ok(entries) = parent.read_dir_utf8() else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(prefix)) {
        if let Some(_lock) = lock(entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes what this process has made so far for an image at `destination`: for a process that is about to end while
/// another of its threads writes there. The image that was there before stays.
pub fn abandon(destination: &Utf8Path) {
    let Ok(entries) = parent_of(destination).read_dir_utf8() else { return };
    let prefix = format!("{}{}-", prefix(destination), std::process::id());
    for entry in entries.flatten().filter(|entry| entry.file_name().starts_with(&prefix)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// What the names of all staging folders for `destination` begin with; a process id follows.
fn prefix(destination: &Utf8Path) -> String {
    format!(".{}.cuferry-", destination.file_name().unwrap_or("image"))
}

/// Puts a file in the place of whatever file was there, in one step.
pub(crate) fn replace_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::when("replace", to))?;
    sync_folder(parent_of(to))
}

/// Puts a folder in the place of another one or of nothing, in one step where the file system can exchange two names;
/// elsewhere there is an instant when the older folder has its name with `.old` only. What was there ends up at `from`.
///
/// Others may do the same at the same time: what is there is known only from how the step itself ends.
pub(crate) fn replace_folder(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    use rustix::fs::{CWD, renameat_with};
    use rustix::io::Errno;
    let rename = |flags| renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), flags);
    let replaced = loop {
        match rename(RenameFlags::EXCHANGE) {
            Err(Errno::NOENT) => match rename(RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {} // Another run put its folder there in between.
                Err(Errno::INVAL | Errno::NOSYS) => break fs::rename(from, to),
                result => break result.map_err(io::Error::from),
            },
            Err(Errno::INVAL | Errno::NOSYS) => {
                let old = Utf8PathBuf::from(format!("{to}.old"));
                break fs::rename(to, &old)
                    .and_then(|()| fs::rename(from, to))
                    .and_then(|()| fs::rename(&old, from));
            }
            result => break result.map_err(io::Error::from),
        }
    };
    replaced.map_err(FileError::when("replace", to))?;
    sync_folder(parent_of(to))
}

#[cfg(test)]
mod tests {
    use cuferry_testkit::scratch;

    use super::*;

    fn names(folder: &Utf8Path) -> Vec<String> {
        let mut names: Vec<String> =
            folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// Each round begins with nothing at the place, where the first step of both is the one that can fail.
    #[test]
    fn two_folders_are_put_in_the_place_of_nothing_at_once() {
        let (_folder, path) = scratch();
        let place = path.join("place");
        for round in 0..200 {
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                for side in ["a", "b"] {
                    let from = path.join(format!("{side}{round}"));
                    fs::create_dir(&from).unwrap();
                    fs::write(from.join(side), "").unwrap();
                    let (start, place) = (&start, &place);
                    scope.spawn(move || {
                        start.wait();
                        replace_folder(&from, place).unwrap();
                    });
                }
            });
            assert_eq!(names(&place).len(), 1, "one of them, whole");
            fs::remove_dir_all(&place).unwrap();
        }
    }

    #[test]
    fn what_this_process_makes_can_be_abandoned() {
        let (_folder, path) = scratch();
        let staging = Staging::beside(&path.join("image.tar")).unwrap();
        fs::write(staging.path().join("half"), "half").unwrap();
        fs::create_dir(path.join(".image.tar.cuferry-0-0")).unwrap();
        abandon(&path.join("image.tar"));
        assert_eq!(names(&path), [".image.tar.cuferry-0-0"], "another process's stays");
    }

    #[test]
    fn left_overs_go_and_living_ones_stay() {
        let (_guard, folder) = scratch();
        let destination = folder.join("image.tar");
        fs::create_dir_all(folder.join(".image.tar.cuferry-1-1/blobs")).unwrap();
        let first = Staging::beside(&destination).unwrap();
        let second = Staging::beside(&destination).unwrap();
        assert_eq!(names(&folder).len(), 2, "the left-over is gone, the living stay");
        drop(first);
        drop(second);
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn folders_are_exchanged() {
        let (_guard, folder) = scratch();
        let (new, place) = (folder.join("new"), folder.join("place"));
        for round in 0..2 {
            fs::create_dir_all(&new).unwrap();
            fs::write(new.join(format!("{round}")), "").unwrap();
            replace_folder(&new, &place).unwrap();
            assert_eq!(names(&place), [format!("{round}")]);
        }
        assert_eq!(names(&new), ["0"]);
    }
}
