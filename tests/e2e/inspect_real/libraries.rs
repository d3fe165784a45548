//! The libraries that NVIDIA publishes, for both hosts: thousands of cubins and functions of many toolkits.

use std::path::Path;
use std::sync::Mutex;

use super::compare::{check_extracted, check_list, check_resources, check_whole_list, printed, same};
use super::nvidia::{Nvidia, nvidia, stdout};

/// cuobjdump takes 2 GB for one of these: one at a time.
static ONE: Mutex<()> = Mutex::new(());

#[track_caller]
fn with_library(target: &str, name: &str, check: impl FnOnce(&Nvidia, &Path)) {
    let Some(nvidia) = nvidia() else { return };
    let library = nvidia.library(target, name);
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    check(nvidia, &library);
}

/// Everything: 2,500 cubins and 50,000 functions.
#[track_caller]
fn check_cublas(target: &str) {
    with_library(target, "libcublas.so.13", |nvidia, library| {
        check_list(nvidia, library);
        check_whole_list(nvidia, library);
        check_resources(nvidia, library);
        check_extracted(nvidia, library, &[], &[]);
    });
}

#[test]
fn cublas_for_aarch64() {
    check_cublas("sbsa-linux");
}

#[test]
fn cublas_for_x86_64() {
    check_cublas("x86_64-linux");
}

/// The list, and what is in `.cask_resource`, of which cuobjdump knows nothing.
#[track_caller]
fn check_cublas_lt(target: &str, more: usize) {
    with_library(target, "libcublasLt.so.13", |nvidia, library| {
        let theirs = stdout(&nvidia.cuobjdump(&["-lelf", "-lptx"], library));
        same(&theirs, &printed(library, &["--list"]), library, "--list");
        let ours = printed(library, &["--list", "--all"]);
        let (known, rest) = ours.split_at_checked(theirs.len()).expect("it lists more");
        same(&theirs, known, library, "the begin of --list --all");
        assert!(rest.lines().all(|line| line.starts_with("ELF file ")), "{rest}");
        assert_eq!(rest.lines().count(), more, "cubins in `.cask_resource` of {}", library.display());
    });
}

#[test]
fn cublas_lt_for_aarch64() {
    check_cublas_lt("sbsa-linux", 556);
}

#[test]
fn cublas_lt_for_x86_64() {
    check_cublas_lt("x86_64-linux", 299);
}
