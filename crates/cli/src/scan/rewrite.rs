//! Writes fixed files and reports: aside and renamed, so that a crash leaves the old file or the new one, whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use tempfile::NamedTempFile;

/// What became of a file that was to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Done,
    /// It no longer holds what was read, and was left alone.
    Changed,
}

/// Gives a file new contents, if it still has the old ones. Mode and owner stay.
pub(crate) fn replace(path: &Path, was: &[u8], now: &[u8]) -> io::Result<Replaced> {
    // A link stays one: what it leads to is replaced.
    let path = path.canonicalize()?;
    let old = fs::metadata(&path)?;
    if old.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let aside = aside(&path, now)?;
    aside.as_file().set_permissions(old.permissions())?;
    let new = aside.as_file().metadata()?;
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        // Only root may give files away; to others the file is theirs already, up to its group.
        let _ = chown(aside.path(), Some(old.uid()), Some(old.gid()));
    }
    aside.as_file().sync_all()?;
    if fs::read(&path)? != was {
        return Ok(Replaced::Changed);
    }
    aside.persist(&path)?;
    Ok(Replaced::Done)
}

/// Writes a report, whatever stands there. What is no regular file, such as a pipe, is written to directly.
pub(crate) fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(old) if !old.is_file() => {
            let mut file = File::options().write(true).open(path)?;
            file.write_all(contents)
        }
        Ok(old) => {
            let path = path.canonicalize()?;
            let aside = aside(&path, contents)?;
            aside.as_file().set_permissions(old.permissions())?;
            put(aside, &path)
        }
        Err(_) => put(aside(path, contents)?, path),
    }
}

fn put(aside: NamedTempFile, path: &Path) -> io::Result<()> {
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    Ok(())
}

fn aside(path: &Path, contents: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    // As any new file: the user's mask takes away what it will.
    let mode = fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(".cuferry-").permissions(mode).tempfile_in(folder)?;
    file.write_all(contents)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(contents: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
        let path = folder.path().join("a.sh");
        fs::write(&path, contents).expect("it is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        (folder, path)
    }

    #[test]
    fn a_file_keeps_its_mode() {
        let (folder, path) = file("old", 0o750);
        assert_eq!(replace(&path, b"old", b"new").expect("it is writable"), Replaced::Done);
        assert_eq!(fs::read(&path).expect("it is there"), b"new");
        assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o750);
        assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let (folder, path) = file("newer", 0o644);
        assert_eq!(replace(&path, b"old", b"new").expect("it is readable"), Replaced::Changed);
        assert_eq!(fs::read(&path).expect("it is there"), b"newer");
        assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_file_that_is_not_to_be_written_is_left_alone() {
        let (_folder, path) = file("old", 0o444);
        let error = replace(&path, b"old", b"new").expect_err("its mode says so, even to root");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn what_a_link_leads_to_is_replaced() {
        let (folder, path) = file("old", 0o644);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("a.sh", &link).expect("it is writable");
        replace(&link, b"old", b"new").expect("it is writable");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&path).expect("it is there"), b"new");
        write(&link, b"report").expect("it is writable");
        assert!(link.is_symlink());
        assert_eq!(fs::read(&path).expect("it is there"), b"report");
    }
}
