//! The examples that are written for ARM, compiled for aarch64 (and run under qemu) and for x86_64 with the headers and
//! the flags that the command gives: what they compute is the same.

mod jetson;
mod semantics;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_testkit::{lacking, scratch, toolkit};

const ARM_COMPILER: &str = "aarch64-linux-gnu-g++";
const QEMU: &str = "qemu-aarch64-static";

/// Where cross compilers of Debian have ARM's loader and libraries.
const ARM_ROOT: &str = "/usr/aarch64-linux-gnu";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An example's folder.
fn example(name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(repository().join("examples").join(name))
        .expect("the repository's path is UTF-8")
}

/// A folder for results, and a toolkit for both hosts; none where something is lacking.
struct Bench {
    _guard: tempfile::TempDir,
    folder: Utf8PathBuf,
    toolkit: Utf8PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        for needed in [ARM_COMPILER, QEMU, "g++", "clang++"] {
            if Command::new(needed).arg("--version").output().is_err() {
                lacking(&format!("there is no {needed}"));
                return None;
            }
        }
        let toolkit = toolkit("13.0".parse().expect("it is a release"), &[Host::X86_64, Host::Aarch64], &[])?;
        let (guard, folder) = scratch();
        Some(Self { _guard: guard, folder, toolkit })
    }

    /// Calls nvcc in the folder. It must succeed.
    #[track_caller]
    fn nvcc(&self, args: &[&str]) {
        self.call(self.toolkit.join("bin/nvcc").as_str(), args);
    }

    #[track_caller]
    fn call(&self, program: &str, args: &[&str]) {
        let output =
            Command::new(program).args(args).current_dir(&self.folder).output().expect("it is there");
        assert!(output.status.success(), "{program} {args:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a program of the folder.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(self.folder.join(program)).args(args).output().expect("it was made before")
    }

    /// What a program of the folder prints that is made for ARM.
    #[track_caller]
    fn run_arm(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(QEMU);
        command.args(["-L", ARM_ROOT]).arg(self.folder.join(program)).args(args);
        printed(&command.output().expect("qemu answered before"))
    }
}

/// What a program printed that ended well.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("it prints ASCII")
}

/// The options by which the headers of this crate are found.
fn header_options(simde: &Utf8Path) -> [String; 2] {
    [format!("-I{}", repository().join("crates/compat/headers/arm").display()), format!("-I{simde}/include")]
}
