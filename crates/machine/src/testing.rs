//! A root for tests: files under a temporary folder, and programs that are shell scripts.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::{Environment, Root};

pub(crate) struct FakeRoot {
    folder: TempDir,
}

impl FakeRoot {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("the temporary folder is writable") }
    }

    fn at(&self, path: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).expect("temporary folders have plain names");
        let path = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("it lies in the root")).expect("it is writable");
        path
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        std::fs::write(self.at(path), text).expect("it is writable");
        self
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        std::fs::create_dir_all(self.at(path)).expect("it is writable");
        self
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.at(path)).expect("it is new");
        self
    }

    /// A program of that name on `PATH`.
    pub(crate) fn program(self, name: &str, script: &str) -> Self {
        // Written by another process: a script that this one still had open for writing could not be started by a command
        // that another test forks at that moment.
        let path = self.at(&format!("/bin/{name}"));
        let text = format!("#!/bin/sh\n{script}\n");
        let write = Command::new("/bin/sh")
            .args(["-c", "printf %s \"$1\" > \"$2\"", "sh", &text, path.as_str()])
            .status();
        assert!(write.expect("there is a shell").success());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it was written");
        self
    }

    pub(crate) fn root(&self) -> Root {
        Root::at(Utf8Path::from_path(self.folder.path()).expect("temporary folders have plain names"))
    }

    /// With `PATH` at the programs above, and nothing else.
    pub(crate) fn environment(&self) -> Environment {
        Environment::new([("PATH".into(), self.at("/bin").as_str().into())])
    }
}
