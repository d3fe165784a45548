//! The data folder: where what, the lock, and what a crash may leave behind.

use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use cuferry_toolchain::package::{Archive, Pick};
use cuferry_toolchain::rules::Rules;
use tempfile::TempDir;

use crate::error::{At, InstallError};
use crate::options::{Progress, Report};

/// What begins with this is not finished, and belongs to whoever holds the lock.
const TEMPORARY: &str = ".tmp-";

/// Where toolkits and what they are made of lie.
///
/// ```text
/// .lock                                              held by whoever changes anything below
/// downloads/<sha256>.whl  <sha256>.deb               packages as they come, verified
/// packages/nvidia-cublas-13.1.1.3-x86_64-<sha12>/    one package, or what is wanted of it, unpacked; never changed
/// toolkits/cuda-13.0-<digest12>/                     a toolkit: hard links into packages/, and fix-ups; never changed
/// │   toolkit.json                                   what is in it
/// │   bin/ nvvm/ targets/ …                          as `cuferry_toolchain::layout::Tree` says
/// toolkits/libraries-13.0-<digest12>/                libraries alone, for a toolkit that lacks them
/// toolkits/gcc-11-<digest12>/                        a companion: a compiler, headers, qemu, …
/// */.tmp-…                                           unfinished; removed by the next run
/// ```
/// Each folder appears by a rename, after all of it has reached the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'a> {
    root: &'a Utf8Path,
}

impl<'a> Data<'a> {
    pub(crate) fn new(root: &'a Utf8Path) -> Self {
        Self { root }
    }

    pub(crate) fn downloads(self) -> Utf8PathBuf {
        self.root.join("downloads")
    }

    pub(crate) fn packages(self) -> Utf8PathBuf {
        self.root.join("packages")
    }

    pub(crate) fn toolkits(self) -> Utf8PathBuf {
        self.root.join("toolkits")
    }

    /// Where an archive is kept.
    pub(crate) fn download(self, archive: &Archive) -> Utf8PathBuf {
        self.downloads().join(format!("{}.{}", archive.sha256, archive.kind().extension()))
    }

    /// Where a package is unpacked.
    pub(crate) fn package(self, pick: &Pick<'_>, rules: &Rules) -> Utf8PathBuf {
        let (package, digest) = (pick.package, pick.unpacked(rules).short());
        self.packages().join(format!("{}-{}-{}-{digest}", package.name, package.version, pick.host))
    }

    /// Where a toolkit (`cuda-13.0`), a set of libraries (`libraries-13.0`) or a companion (`gcc-11`) lies.
    pub(crate) fn tree(self, name: &str, identity: &Digest) -> Utf8PathBuf {
        self.toolkits().join(format!("{name}-{}", identity.short()))
    }

    /// Creates what is missing, waits for whoever holds the lock, and removes what a crash left. The lock lasts as long
    /// as the file that is returned.
    pub(crate) fn lock(self, report: &Report<'_>) -> Result<File, InstallError> {
        for folder in [self.downloads(), self.packages(), self.toolkits()] {
            fs::create_dir_all(&folder).at("create", &folder)?;
        }
        let path = self.root.join(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                report(Progress::Waiting { lock: &path });
                file.lock().at("lock", &path)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
        for folder in [self.downloads(), self.packages(), self.toolkits()] {
            remove_temporary(&folder)?;
        }
        Ok(file)
    }
}

/// A folder to work in, with the rights that folders usually get, beside what it will become. Gone again unless renamed.
pub(crate) fn temporary(beside: &Utf8Path) -> Result<(TempDir, Utf8PathBuf), InstallError> {
    let folder = beside.parent().unwrap_or(beside);
    let temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(folder)
        .at("create a folder in", folder)?;
    let name = temporary.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let path = folder.join(name);
    Ok((temporary, path))
}

/// A file to write to, beside what it will become.
pub(crate) fn temporary_file(beside: &Utf8Path) -> Result<tempfile::NamedTempFile, InstallError> {
    let folder = beside.parent().unwrap_or(beside);
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .at("create a file in", folder)
}

/// Puts a finished folder in its place. `sync` must have come before.
pub(crate) fn settle(temporary: TempDir, at: &Utf8Path) -> Result<(), InstallError> {
    fs::rename(temporary.path(), at).at("create", at)?;
    // It has moved: there is nothing left to remove.
    _ = temporary.keep();
    Ok(())
}

/// Waits until all that was written to the file system of `folder` is on the disk: one call for thousands of files.
pub(crate) fn sync(folder: &Utf8Path) -> Result<(), InstallError> {
    let file = File::open(folder).at("open", folder)?;
    rustix::fs::syncfs(&file).map_err(std::io::Error::from).at("sync", folder)
}

fn remove_temporary(folder: &Utf8Path) -> Result<(), InstallError> {
    for entry in folder.read_dir_utf8().at("read", folder)? {
        let entry = entry.at("read", folder)?;
        if entry.file_name().starts_with(TEMPORARY) {
            let path = entry.path();
            let is_folder = entry.file_type().at("read", path)?.is_dir();
            if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) }.at("remove", path)?;
        }
    }
    Ok(())
}
