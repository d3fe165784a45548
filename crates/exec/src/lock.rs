//! One build at a time in one folder: the second is refused at once, with the first one's process id.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic;
use thiserror::Error;

/// Held until dropped, or until this process ends in whatever way: the kernel gives it back.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    /// Another process has it.
    #[error("another build{} is at work in `{folder}`", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    #[diagnostic(
        code(exec::folder_in_use),
        help("wait for it to end, or build into another folder; the lock is freed when that process ends")
    )]
    Held {
        /// The folder that was to be locked.
        folder: Utf8PathBuf,
        /// Who holds it; none if it was about to write its process id.
        pid: Option<u32>,
    },
    /// The file system did not let us.
    #[error("cannot lock `{path}`")]
    #[diagnostic(code(exec::lock), help("the folder must be writable and lie on a file system with locks"))]
    Io {
        /// The lock file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Lock {
    /// Locks `folder`, created if need be, through the file `lock` in it.
    ///
    /// The file stays behind: were it deleted, a third process could lock a new one beside a second that still waits
    /// with the old one open.
    ///
    /// # Errors
    /// At once if another process holds it.
    pub fn acquire(folder: &Utf8Path) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let failed = |source| LockError::Io { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { folder: folder.to_owned(), pid: read_pid(&file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn read_pid(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_build_is_refused_with_the_first_ones_pid() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let first = Lock::acquire(folder).unwrap();
        let error = Lock::acquire(folder).unwrap_err();
        assert!(matches!(error, LockError::Held { pid, .. } if pid == Some(std::process::id())));
        assert_eq!(
            error.to_string(),
            format!("another build (process {}) is at work in `{folder}`", std::process::id())
        );
        drop(first);
        Lock::acquire(folder).unwrap();
    }

    #[test]
    fn a_missing_folder_is_created_where_that_is_possible() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        Lock::acquire(&folder.join("missing/below")).unwrap();
        let below_a_file = folder.join("missing/below/lock/below");
        let error = Lock::acquire(&below_a_file).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot lock `{below_a_file}/lock`"));
    }
}
