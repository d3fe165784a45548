//! Compiles what the command carries inside, so that nobody installs a second file: the software device, an x86_64
//! `libcuda.so.1`; and the plugin for qemu that carries an ARM program's driver calls.
#![expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the libraries are made of: they, and the crates of this workspace below them.
const SOURCES: &[&str] = &["softgpu", "thunk", "guest", "simt", "ptx", "driver", "binfmt", "arch", "digest"];

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
            "--package",
            "cuferry-thunk",
            "--manifest-path",
        ])
        .arg(crates.join("../Cargo.toml"))
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
    assert!(status.success(), "the libraries do not compile: cargo's words stand above");
    for (variable, library) in [("CUFERRY_SOFTWARE_DEVICE", "softgpu"), ("CUFERRY_THUNK", "thunk")] {
        let file = target.join(format!("release/libcuferry_{library}.so"));
        println!("cargo::rustc-env={variable}={}", file.display());
    }
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}

/// `TARGET` of `TARGET/PROFILE/build/PACKAGE/out`, with which all profiles share one library.
fn target_folder(out: &Path) -> &Path {
    out.ancestors().nth(4).expect("cargo's folders are that deep")
}
