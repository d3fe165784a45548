//! The toolkit of CUDA 13.5 with the libraries of both hosts, its programs, and the command that is compared with them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use cuferry_testkit::{lacking, variable};
use tempfile::TempDir;

use crate::real::SURROUNDINGS;

/// Where the toolkit is.
pub(super) struct Nvidia {
    root: PathBuf,
}

/// The toolkit; none where it is not here and cannot be had.
#[track_caller]
pub(super) fn nvidia() -> Option<&'static Nvidia> {
    static NVIDIA: OnceLock<Option<Nvidia>> = OnceLock::new();
    NVIDIA.get_or_init(install).as_ref()
}

fn install() -> Option<Nvidia> {
    let args = ["toolchain", "install", "13.5", "--host", "x86_64,aarch64", "--with", "cublas"];
    let output = cuferry(args, Path::new("/"));
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) && words.contains("install::network") {
        lacking("CUDA 13.5 is not here and cannot be fetched");
        return None;
    }
    assert!(output.status.success(), "{words}");
    let root = String::from_utf8(output.stdout).expect("a path of UTF-8");
    Some(Nvidia { root: PathBuf::from(root.trim()) })
}

impl Nvidia {
    /// One of its programs, started in a folder.
    pub(super) fn program(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.root.join("bin").join(name));
        command.current_dir(folder);
        command
    }

    /// A library for a host: `x86_64-linux`, `sbsa-linux`.
    pub(super) fn library(&self, target: &str, name: &str) -> PathBuf {
        self.libraries(target).join(name)
    }

    pub(super) fn libraries(&self, target: &str) -> PathBuf {
        self.root.join("targets").join(target).join("lib")
    }

    /// What cuobjdump prints of a file. It ends with another code than 0 where it finds nothing.
    #[track_caller]
    pub(super) fn cuobjdump(&self, args: &[&str], file: &Path) -> Output {
        self.cuobjdump_in(args, file, Path::new("/"))
    }

    #[track_caller]
    pub(super) fn cuobjdump_in(&self, args: &[&str], file: &Path, folder: &Path) -> Output {
        let output = self.program("cuobjdump", folder).args(args).arg(file).output();
        output.expect("the toolkit has it")
    }
}

/// cuferry as a user would start it.
pub(super) fn cuferry(args: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Output {
    command(args, folder).output().expect("the command was built with these tests")
}

pub(super) fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.args(args).current_dir(folder).env_clear();
    command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
    command
}

/// `cuferry inspect` of one file.
pub(super) fn inspect(file: &Path, args: &[&str]) -> Output {
    let words = [OsStr::new("inspect"), file.as_os_str()];
    cuferry(words.into_iter().chain(args.iter().map(OsStr::new)), Path::new("/"))
}

/// A folder that is gone with the value. Not in /tmp, which may be memory.
pub(super) fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder")
}

/// Standard output as text.
#[track_caller]
pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it prints UTF-8")
}

/// Standard error as text.
pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
