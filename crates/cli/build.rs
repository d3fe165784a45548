//! Compiles the software device, an x86_64 `libcuda.so.1`, for the command to carry inside: nobody installs a second file.
#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the library is made of: the crates of this workspace below it.
const SOURCES: &[&str] = &["softgpu", "simt", "ptx", "driver", "binfmt", "arch", "digest"];

fn main() {
    let crates = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", crates.join(source).display());
    }
    println!("cargo::rerun-if-changed={}", crates.join("../Cargo.lock").display());
    let target = target_folder(Path::new(&variable("OUT_DIR"))).join("software-device");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--package",
            "cuferry-softgpu",
            "--manifest-path",
        ])
        .arg(crates.join("softgpu/Cargo.toml"))
        // Not the folder of the cargo that is at work: it is locked.
        .arg("--target-dir")
        .arg(&target);
    // A check by clippy is no reason to check this, too; and its compiler makes other files.
    for name in
        ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTDOCFLAGS"]
    {
        cargo.env_remove(name);
    }
    let status = cargo.status().unwrap_or_else(|error| panic!("cannot start cargo: {error}"));
    assert!(status.success(), "the software device does not compile: cargo's words stand above");
    let library = target.join("release/libcuferry_softgpu.so");
    println!("cargo::rustc-env=CUFERRY_SOFTWARE_DEVICE={}", library.display());
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}

/// `TARGET` of `TARGET/PROFILE/build/PACKAGE/out`, with which all profiles share one library.
fn target_folder(out: &Path) -> &Path {
    out.ancestors().nth(4).expect("cargo's folders are that deep")
}
