//! Files under the project's folder, looked at and hashed.
//!
//! A [`Stamp`] is what a `stat` tells of a file's content without reading it; when it may stand for a digest is
//! decided here, and remembered elsewhere.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps};

/// What changes when a file's content does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970; users and tools can set it.
    pub(crate) modified: i64,
    /// Nanoseconds since 1970; only the kernel sets it.
    pub(crate) changed: i64,
}

/// A file's content, and the stamp that it had all the while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) stamp: Stamp,
    pub(crate) digest: Digest,
}

/// An output just written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) content: Content,
    /// Whether whatever writes the file from now on gives it another stamp.
    pub(crate) pinned: bool,
}

/// The folder that relative paths start from, held open: a `stat` then looks up the short relative path only.
#[derive(Debug)]
pub(crate) struct Root {
    path: Utf8PathBuf,
    folder: OwnedFd,
}

impl Root {
    pub(crate) fn open(path: &Utf8Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path.as_str(), flags, Mode::empty())?;
        Ok(Self { path: path.to_owned(), folder })
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The one spelling of a path that the state knows: relative to the root where it lies below it, and without
    /// `.`, doubled and final slashes. `..` stays: behind a symbolic link it leads elsewhere than it seems.
    pub(crate) fn shortest<'path>(&self, path: &'path Utf8Path) -> Cow<'path, str> {
        // Nearly all paths of a graph are short already; taking each apart would double the time of an empty build.
        if path.as_str().split('/').all(|part| !part.is_empty() && part != ".") {
            return path.as_str().into();
        }
        let path = path.strip_prefix(&self.path).unwrap_or(path);
        let parts = path.components().filter(|component| component.as_str() != ".");
        parts.collect::<Utf8PathBuf>().into_string().into()
    }

    /// The file's stamp, without reading it; none if it does not exist.
    pub(crate) fn stamp(&self, path: &str) -> io::Result<Option<Stamp>> {
        match rustix::fs::statat(&self.folder, path, AtFlags::empty()) {
            Ok(stat) => Ok(Some(stamp_of(&stat))),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads and hashes the file; none if it does not exist.
    ///
    /// A device (`g++ -include /dev/null` lists it) has a fixed digest and is not read: a terminal would never end.
    pub(crate) fn read(&self, path: &str) -> io::Result<Option<Content>> {
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
            let file = match rustix::fs::openat(&self.folder, path, flags, Mode::empty()) {
                Ok(file) => File::from(file),
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let stat = rustix::fs::fstat(&file)?;
            let stamp = stamp_of(&stat);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Directory => return Err(io::ErrorKind::IsADirectory.into()),
                _ => return Ok(Some(Content { stamp, digest: Digest::of("not a regular file") })),
            }
            let (digest, _) = Digest::of_reader(&file)?;
            if stamp_of(&rustix::fs::fstat(&file)?) == stamp {
                return Ok(Some(Content { stamp, digest }));
            }
        }
        Err(io::Error::other("the file is written to while it is read"))
    }

    /// Reads an output whose writer has ended, and pins its stamp; none if it does not exist.
    ///
    /// The kernel's file times move on only every few milliseconds. A file written just now and once more at once would keep
    /// its stamp and change its content, so the stamp of a new file cannot be trusted, and the next build would have to
    /// read every output again. But outputs are ours: setting the modification time back by a nanosecond, which no
    /// writer's clock does, makes the stamp one that any later writing must change.
    pub(crate) fn read_written(&self, path: &str) -> io::Result<Option<Written>> {
        let pinned_at = self.pin(path)?;
        let content = self.read(path)?;
        Ok(content.map(|content| Written { content, pinned: pinned_at == Some(content.stamp.modified) }))
    }

    /// The modification time that was set; none where it would change another file's as well (links).
    fn pin(&self, path: &str) -> io::Result<Option<i64>> {
        let stat = match rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            return Ok(None);
        }
        let modified = stamp_of(&stat).modified - 1;
        let time =
            Timespec { tv_sec: modified.div_euclid(NANOSECONDS), tv_nsec: modified.rem_euclid(NANOSECONDS) };
        let keep = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
        let times = Timestamps { last_access: keep, last_modification: time };
        // A file system that refuses, or rounds, costs the next build a reading, no more.
        let set = rustix::fs::utimensat(&self.folder, path, &times, AtFlags::SYMLINK_NOFOLLOW);
        Ok(set.ok().map(|()| modified))
    }
}

const NANOSECONDS: i64 = 1_000_000_000;

/// The file system's own clock: the time that a file gets when it is changed now. Compared with files' times it needs no
/// agreement between this machine's clock and a file server's.
///
/// Asked twice: since Linux 6.13 a file that is changed again after somebody looked gets a time later than that of
/// any change before, and not that of the last tick, which files changed just before share.
pub(crate) fn file_system_time(any_file_of_ours: &File) -> io::Result<i64> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let mut time = 0;
    for _ in 0..2 {
        rustix::fs::futimens(any_file_of_ours, &Timestamps { last_access: now, last_modification: now })?;
        time = stamp_of(&rustix::fs::fstat(any_file_of_ours)?).changed;
    }
    Ok(time)
}

#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "stamps are only compared; the kernel's types for one field differ between architectures"
)]
fn stamp_of(stat: &Stat) -> Stamp {
    let nanoseconds =
        |seconds: i64, rest: u64| seconds.saturating_mul(NANOSECONDS).saturating_add(rest as i64);
    Stamp {
        device: stat.st_dev,
        inode: stat.st_ino,
        size: stat.st_size as u64,
        modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        (folder, root)
    }

    #[test]
    fn paths_have_one_spelling() {
        let (_folder, root) = root();
        let check = |path: &str, expected: &str| {
            assert_eq!(root.shortest(Utf8Path::new(path)), expected, "spelling `{path}`");
        };
        check("a.c", "a.c");
        check("./a.c", "a.c");
        check("b//./a.c", "b/a.c");
        check("../a.c", "../a.c");
        check("b/../a.c", "b/../a.c");
        check("/usr//include/a.h", "/usr/include/a.h");
        check(root.path().join("b/a.c").as_str(), "b/a.c");
    }

    #[test]
    fn a_pinned_stamp_does_not_outlive_a_rewrite_in_the_same_instant() {
        let (_folder, root) = root();
        for round in 0..200 {
            fs::write(root.path().join("out"), "one").unwrap();
            let before = root.stamp("out").unwrap().unwrap();
            let written = root.read_written("out").unwrap().unwrap();
            assert!(written.pinned);
            // Newer kernels would change the time of a file that was looked at without our help; older ones do not.
            assert_eq!(written.content.stamp.modified, before.modified - 1);
            fs::write(root.path().join("out"), "two").unwrap();
            assert_ne!(root.stamp("out").unwrap(), Some(written.content.stamp), "round {round}");
        }
    }

    #[test]
    fn links_are_read_but_not_pinned() {
        let (_folder, root) = root();
        fs::write(root.path().join("source"), "text").unwrap();
        let before = root.stamp("source").unwrap();
        std::os::unix::fs::symlink("source", root.path().join("link")).unwrap();
        let written = root.read_written("link").unwrap().unwrap();
        assert!(!written.pinned);
        assert_eq!(written.content.digest, Digest::of("text"));
        assert_eq!(root.stamp("source").unwrap(), before);
        fs::hard_link(root.path().join("source"), root.path().join("hard")).unwrap();
        assert!(!root.read_written("hard").unwrap().unwrap().pinned);
    }

    #[test]
    fn missing_special_and_wrong_files() {
        let (_folder, root) = root();
        assert_eq!(root.read("missing").unwrap(), None);
        assert_eq!(root.read_written("missing/below").unwrap().map(|_| ()), None);
        assert!(root.read("/dev/zero").unwrap().is_some());
        fs::create_dir(root.path().join("folder")).unwrap();
        assert_eq!(root.read("folder").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
