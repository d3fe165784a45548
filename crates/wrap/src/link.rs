//! Shims and links on disk: each appears at once or not at all, whoever else prepares the same session.
//!
//! A shim is a hard link of cuferry's executable. So `/proc/self/exe` of a shim is the shim's own path, whatever the
//! environment and the first word of its command are, and nobody who follows links arrives elsewhere.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{At as _, WrapError};

/// Keeps a copy of the executable in `folder`, which is on one file system with its sessions; answers its path.
///
/// It is a copy, since an ordinary user may not link to root's files, and installing a new cuferry may write into the old.
pub(crate) fn keep(exe: &Path, folder: &Utf8Path) -> Result<Utf8PathBuf, WrapError> {
    let named = Utf8PathBuf::from(exe.to_string_lossy().into_owned());
    let metadata = fs::metadata(exe).at("read", &named)?;
    let stamp = format!("exe-{:x}-{:x}.{:x}", metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    let kept = folder.join(stamp);
    if fs::metadata(&kept).is_ok_and(|kept| kept.len() == metadata.len()) {
        return Ok(kept);
    }
    copy(exe, &kept)?;
    drop_unused(folder, &kept);
    Ok(kept)
}

fn copy(exe: &Path, kept: &Utf8Path) -> Result<(), WrapError> {
    let folder = kept.parent().unwrap_or(Utf8Path::new("/"));
    fs::create_dir_all(folder).at("create", folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).at("write", kept)?;
    let mut source = File::open(exe).at("read", kept)?;
    io::copy(&mut source, file.as_file_mut()).at("write", kept)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755)).at("write", kept)?;
    // Closed before it can be executed: what is open for writing is "text file busy".
    let path = file.into_temp_path();
    path.persist(kept).map_err(|error| error.error).at("write", kept)
}

/// How much older than the newest an executable must be to go: a young one may be about to be linked to.
const DAY: i64 = 24 * 60 * 60;

/// Executables of earlier versions that no session links to any more.
fn drop_unused(folder: &Utf8Path, kept: &Utf8Path) {
    let Ok(newest) = fs::metadata(kept) else { return };
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let unused = |old: Metadata| {
            old.is_file() && old.nlink() == 1 && newest.mtime().saturating_sub(old.mtime()) > DAY
        };
        if entry.file_name().starts_with("exe-") && entry.path() != kept && entry.metadata().is_ok_and(unused)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes `at` a shim: one more name of `exe`.
pub(crate) fn shim(exe: &Utf8Path, at: &Utf8Path) -> Result<(), WrapError> {
    let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    let source = fs::metadata(exe).at("read", exe)?;
    if fs::symlink_metadata(at).is_ok_and(|old| same(&old, &source) || is_copy(&old, &source)) {
        return Ok(());
    }
    aside(at, |new| match fs::hard_link(exe, new) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file has 65,000 names at most, and some file systems know but one.
        Err(_) => fs::copy(exe, new).map(|_| ()),
        Ok(()) => Ok(()),
    })
}

/// Whether `old` is a copy that was made because no link could be.
fn is_copy(old: &Metadata, source: &Metadata) -> bool {
    old.is_file()
        && old.nlink() == 1
        && old.len() == source.len()
        && old.mtime() >= source.mtime()
        && old.permissions().mode() & 0o111 != 0
}

/// Makes `at` a symbolic link to `target`.
pub(crate) fn link(target: &Utf8Path, at: &Utf8Path) -> Result<(), WrapError> {
    if fs::read_link(at).is_ok_and(|old| old == target.as_std_path()) {
        return Ok(());
    }
    aside(at, |new| std::os::unix::fs::symlink(target, new))
}

/// Makes something under a name of its own, and renames it to `at`.
fn aside(at: &Utf8Path, make: impl Fn(&Path) -> io::Result<()>) -> Result<(), WrapError> {
    let folder = at.parent().unwrap_or(Utf8Path::new("/"));
    let new = tempfile::Builder::new().prefix(".new-").make_in(folder, |path| make(path)).at("create", at)?;
    if fs::symlink_metadata(at).is_ok_and(|old| old.is_dir()) {
        fs::remove_dir_all(at).at("replace", at)?;
    }
    // Dropping the guard removes the new name where it is left: renaming one name of a file to another does nothing.
    fs::rename(new.path(), at).at("create", at)
}

/// Makes `at` a folder, and nothing else.
pub(crate) fn folder(at: &Utf8Path) -> Result<(), WrapError> {
    if fs::symlink_metadata(at).is_ok_and(|old| !old.is_dir()) {
        fs::remove_file(at).at("replace", at)?;
    }
    fs::create_dir_all(at).at("create", at)
}

/// Removes what `folder` holds beside `wanted`.
pub(crate) fn only(folder: &Utf8Path, wanted: impl Fn(&str) -> bool) -> Result<(), WrapError> {
    for entry in folder.read_dir_utf8().at("read", folder)?.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if !wanted(name) && !name.starts_with(".new-") {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).at("remove", path);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_is_one_more_name_of_the_executable() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        fs::write(scratch.join("cuferry"), "1").unwrap();
        let kept = keep(scratch.join("cuferry").as_std_path(), &scratch.join("wrap")).unwrap();
        assert_eq!(keep(scratch.join("cuferry").as_std_path(), &scratch.join("wrap")).unwrap(), kept);
        let at = scratch.join("gcc");
        fs::write(&at, "old").unwrap();
        shim(&kept, &at).unwrap();
        shim(&kept, &at).unwrap();
        let (one, other) = (fs::metadata(&kept).unwrap(), fs::metadata(&at).unwrap());
        assert_eq!((one.ino(), one.nlink(), other.mode() & 0o777), (other.ino(), 2, 0o755));

        fs::write(scratch.join("cuferry"), "22").unwrap();
        let newer = keep(scratch.join("cuferry").as_std_path(), &scratch.join("wrap")).unwrap();
        shim(&newer, &at).unwrap();
        assert_eq!(fs::read_to_string(&at).unwrap(), "22");
        fs::write(scratch.join("cuferry"), "333").unwrap();
        File::open(&kept).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        keep(scratch.join("cuferry").as_std_path(), &scratch.join("wrap")).unwrap();
        assert!(!kept.exists(), "an executable that nothing links to stays");
        assert!(newer.exists());
        let names: Vec<_> =
            scratch.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }

    #[test]
    fn links_and_folders_replace_what_is_there() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let at = scratch.join("cuda");
        folder(&at.join("bin")).unwrap();
        link("/usr".into(), &at).unwrap();
        link("/opt".into(), &at).unwrap();
        assert_eq!(fs::read_link(&at).unwrap(), Path::new("/opt"));
        folder(&at).unwrap();
        link("/opt".into(), &at.join("a")).unwrap();
        fs::write(at.join("b"), "").unwrap();
        only(&at, |name| name == "b").unwrap();
        assert!(at.join("b").exists() && fs::symlink_metadata(at.join("a")).is_err());
    }
}
