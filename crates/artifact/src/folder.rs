//! Folders on this machine's disk: what is in them, found without leaving them.
//!
//! No symbolic link is followed, neither while walking nor while a file is opened later: a folder that was swapped for a
//! link in between is an error. What the user may not read is counted and left out.

mod file_system;

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use camino::Utf8Path;
use rustix::fs::{
    Access, AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, accessat, fstat, openat, openat2,
    readlinkat, statat,
};
use rustix::io::Errno;

use self::file_system::FileSystem;
use crate::draft::{Draft, ItemKind, ROOT};
use crate::error::ArtifactError;
use crate::limits::MAX_PATH;
use crate::node::Content;
use crate::origin::Origin;
use crate::problem::ProblemKind;

/// A folder that is open.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// `NONBLOCK`: a pipe that took a file's place must not hang us.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

impl Folder {
    pub(crate) fn open(path: &Utf8Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path.as_std_path(), FOLDER, Mode::empty())?))
    }

    /// A regular file in it, by a path that passes no links.
    pub(crate) fn open_file(&self, path: &OsStr) -> io::Result<File> {
        let file = self.open_inside(path, FILE)?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file any more"));
        }
        Ok(file.into())
    }

    fn open_inside(&self, path: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        let resolve =
            ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);
        match openat2(&self.0, path, flags, Mode::empty(), resolve) {
            // Before Linux 5.6, and in containers whose filter of system calls is older.
            Err(Errno::NOSYS | Errno::PERM) => self.open_by_steps(path, flags),
            result => Ok(result?),
        }
    }

    /// The same, one folder after another.
    fn open_by_steps(&self, path: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        let mut folder = None;
        let mut components = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(component) = components.next() {
            let place = folder.as_ref().map_or(self.0.as_fd(), OwnedFd::as_fd);
            let last = components.peek().is_none();
            let flags = if last { flags } else { FOLDER };
            if component == b".." || component.is_empty() && !last {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let component = if component.is_empty() { b"." } else { component };
            let opened =
                openat(place, OsStr::from_bytes(component), flags | OFlags::NOFOLLOW, Mode::empty())?;
            if last {
                return Ok(opened);
            }
            folder = Some(opened);
        }
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn has(&self, path: &str, wanted: FileType) -> bool {
        // Links are followed here, even out of the folder: whether something is there says nothing of what it says.
        let found = statat(&self.0, path, AtFlags::empty());
        found.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == wanted)
            || statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
    }

    /// Whether this is the root of a Linux system, running or unpacked.
    pub(crate) fn is_root(&self) -> bool {
        let releases = ["etc/os-release", "usr/lib/os-release"];
        let loaders = [
            "lib64/ld-linux-x86-64.so.2",
            "lib/ld-linux-aarch64.so.1",
            "lib/ld-musl-x86_64.so.1",
            "lib/ld-musl-aarch64.so.1",
            "lib/ld-linux-armhf.so.3",
            "usr/lib64/ld-linux-x86-64.so.2",
            "usr/lib/ld-linux-aarch64.so.1",
        ];
        self.has("etc", FileType::Directory)
            && self.has("usr", FileType::Directory)
            && releases.iter().chain(&loaders).any(|path| self.has(path, FileType::RegularFile))
    }

    /// Refuses what the kernel makes up as it is read: `/proc`, `/sys`.
    pub(crate) fn check_real(&self, origin: &Origin) -> Result<(), ArtifactError> {
        match FileSystem::of(&self.0) {
            Ok(FileSystem::Kernel(name)) => {
                Err(ArtifactError::KernelFolder { path: origin.path.clone(), file_system: name })
            }
            _ => Ok(()),
        }
    }

    /// Puts all that is in the folder into a draft. `root`: it is a machine's, and what is mounted there from elsewhere
    /// is none of its own.
    pub(crate) fn read(&self, origin: &Origin, root: bool, draft: &mut Draft) -> Result<(), ArtifactError> {
        let start = fstat(&self.0).map_err(|error| unreadable(origin, OsStr::new("."), error))?;
        let mut walk = Walk {
            folder: self,
            origin,
            root,
            privileged: rustix::process::geteuid().is_root(),
            draft,
            todo: vec![Pending { index: ROOT, path: OsString::new(), device: start.st_dev }],
        };
        while let Some(pending) = walk.todo.pop() {
            walk.folder(&pending)?;
        }
        Ok(())
    }
}

fn unreadable(origin: &Origin, path: &OsStr, error: Errno) -> ArtifactError {
    ArtifactError::Unreadable {
        path: origin.path.clone(),
        part: path.to_string_lossy().into_owned(),
        source: error.into(),
    }
}

/// A folder that is still to be read.
struct Pending {
    /// In the draft.
    index: usize,
    /// Below the folder that is read.
    path: OsString,
    /// That its parent lies on.
    device: u64,
}

struct Walk<'a> {
    folder: &'a Folder,
    origin: &'a Origin,
    root: bool,
    privileged: bool,
    draft: &'a mut Draft,
    todo: Vec<Pending>,
}

impl Walk<'_> {
    fn problem(&mut self, kind: ProblemKind, path: &OsStr) {
        self.draft.problems.add(kind, path.to_string_lossy());
    }

    fn folder(&mut self, pending: &Pending) -> Result<(), ArtifactError> {
        let path = &pending.path;
        let name = if path.is_empty() { OsStr::new(".") } else { path };
        let opened = self.folder.open_inside(name, FOLDER);
        let opened = opened.and_then(|folder| Ok((fstat(&folder)?.st_dev, folder)));
        let (device, folder) = match opened {
            Ok(opened) => opened,
            Err(error) if path.is_empty() => {
                let (path, part) = (self.origin.path.clone(), ".".to_owned());
                return Err(ArtifactError::Unreadable { path, part, source: error });
            }
            Err(_) => {
                self.problem(ProblemKind::Unreadable, path);
                return Ok(());
            }
        };
        if device != pending.device
            && let Some(kind) = self.foreign(&folder, path)
        {
            self.problem(kind, path);
            return Ok(());
        }
        let Ok(entries) = Dir::new(folder) else {
            self.problem(ProblemKind::Unreadable, path);
            return Ok(());
        };
        self.entries(entries, pending.index, path, device)
    }

    /// Why a folder on another file system than its parent is left out, if it is.
    fn foreign(&self, folder: &OwnedFd, path: &OsStr) -> Option<ProblemKind> {
        let usual = ["proc", "sys", "dev", "run"];
        match FileSystem::of(folder) {
            Ok(FileSystem::Kernel(_)) => Some(ProblemKind::KernelFileSystem),
            // In containers `/dev` and `/run` are plain memory, filled by the engine.
            Ok(_) if self.root && usual.iter().any(|name| path == OsStr::new(name)) => {
                Some(ProblemKind::KernelFileSystem)
            }
            Ok(FileSystem::Elsewhere) if self.root => Some(ProblemKind::OtherFileSystem),
            Ok(FileSystem::Elsewhere | FileSystem::Usual) => None,
            Err(_) => Some(ProblemKind::Unreadable),
        }
    }

    fn entries(
        &mut self,
        mut entries: Dir,
        index: usize,
        path: &OsStr,
        device: u64,
    ) -> Result<(), ArtifactError> {
        // The stream owns the folder that names are looked up in.
        let mut names = Vec::new();
        for entry in entries.by_ref() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => names.push(entry.file_name().to_owned()),
                Err(_) => {
                    self.problem(ProblemKind::Unreadable, path);
                    break;
                }
            }
        }
        let Ok(folder) = entries.fd() else {
            self.problem(ProblemKind::Unreadable, path);
            return Ok(());
        };
        for name in names {
            let mut inner = path.as_bytes().to_vec();
            if !inner.is_empty() {
                inner.push(b'/');
            }
            inner.extend(name.as_bytes());
            let inner = OsString::from_vec(inner);
            // No call takes a longer path, its final NUL included.
            if inner.len() >= MAX_PATH {
                self.problem(ProblemKind::TooLong, &inner);
                continue;
            }
            match statat(folder, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.entry(folder, &name, &stat, index, inner, device)?,
                // It went away between the two calls: a running machine does that.
                Err(Errno::NOENT) => {}
                Err(_) => self.problem(ProblemKind::Unreadable, &inner),
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: impl AsFd,
        name: &CStr,
        stat: &Stat,
        parent: usize,
        path: OsString,
        device: u64,
    ) -> Result<(), ArtifactError> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => ItemKind::directory(),
            FileType::Symlink => match readlinkat(&folder, name, Vec::new()) {
                Ok(target) => ItemKind::Symlink(target.to_string_lossy().into()),
                Err(_) => ItemKind::Other,
            },
            FileType::RegularFile if !self.may_read(&folder, name, stat) => {
                self.problem(ProblemKind::Unreadable, &path);
                ItemKind::Other
            }
            FileType::RegularFile => {
                let raw = path.to_str().is_none().then(|| path.clone().into_boxed_os_str());
                let content = Content::Disk { device: stat.st_dev, inode: stat.st_ino, raw };
                ItemKind::File { size: u64::try_from(stat.st_size).unwrap_or(0), content }
            }
            _ => {
                self.problem(ProblemKind::Special, &path);
                ItemKind::Other
            }
        };
        let descend = matches!(kind, ItemKind::Directory(_));
        let index = self.draft.child(self.origin, parent, &name.to_string_lossy(), kind, None)?;
        if descend {
            self.todo.push(Pending { index, path, device });
        }
        Ok(())
    }

    /// Asks the system only about files that not everybody may read.
    fn may_read(&self, folder: impl AsFd, name: &CStr, stat: &Stat) -> bool {
        self.privileged
            || stat.st_mode & 0o444 == 0o444
            || accessat(folder, name, Access::READ_OK, AtFlags::EACCESS).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Old kernels take the steps, new ones the single call: both give and refuse the same.
    #[test]
    fn both_ways_to_open_agree() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        fs::create_dir_all(root.join("in/a/b")).unwrap();
        fs::write(root.join("in/a/b/file"), "content").unwrap();
        fs::write(root.join("outside"), "secret").unwrap();
        symlink("a", root.join("in/link")).unwrap();
        symlink("a/b/file", root.join("in/file")).unwrap();
        symlink("../outside", root.join("in/up")).unwrap();
        let folder = Folder::open(&root.join("in")).unwrap();
        let check = |path: &str, flags, good: bool| {
            let path = OsStr::new(path);
            for opened in [folder.open_inside(path, flags), folder.open_by_steps(path, flags)] {
                assert_eq!(opened.is_ok(), good, "{path:?}");
            }
        };
        check("a/b/file", FILE, true);
        check("a/b", FOLDER, true);
        check(".", FOLDER, true);
        for path in [
            "link/b/file",
            "file",
            "up",
            "../outside",
            "a/../../outside",
            "/etc/passwd",
            "a/none",
            "a/b/file/x",
        ] {
            check(path, FILE, false);
        }
        let mut content = String::new();
        File::from(folder.open_by_steps("a/b/file".as_ref(), FILE).unwrap())
            .read_to_string(&mut content)
            .unwrap();
        assert_eq!(content, "content");
    }
}
