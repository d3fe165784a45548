//! System packages: what a bare Debian or Ubuntu machine lacks, installed with apt; elsewhere named.

use anyhow::{Result, bail};

use crate::process::{answers, call};

/// A program that is needed, the package that brings it, and what it is for.
struct Need {
    program: &'static str,
    package: &'static str,
}

const COMPILER: &[Need] = &[Need { program: "g++", package: "g++" }];

const TESTS: &[Need] = &[
    Need { program: "g++", package: "g++" },
    Need { program: "make", package: "make" },
    Need { program: "aarch64-linux-gnu-g++", package: "g++-aarch64-linux-gnu" },
    Need { program: "qemu-aarch64-static", package: "qemu-user-static" },
    Need { program: "pkg-config", package: "pkg-config" },
    Need { program: "skopeo", package: "skopeo" },
    Need { program: "podman", package: "podman" },
    Need { program: "cmake", package: "cmake" },
    Need { program: "clang++", package: "clang" },
    Need { program: "chromium", package: "chromium" },
    Need { program: "patch", package: "patch" },
    Need { program: "ccache", package: "ccache" },
    Need { program: "sccache", package: "sccache" },
];

/// What building any project needs.
pub(crate) fn ensure_compiler() -> Result<()> {
    ensure(COMPILER)
}

/// What building and testing everything here needs.
pub(crate) fn setup(_: &[String]) -> Result<()> {
    ensure(TESTS)
}

fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> =
        needs.iter().filter(|need| !answers(need.program, "--version")).map(|need| need.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !answers("apt-get", "--version") {
        bail!("these Debian packages, or your system's counterparts, are needed: {list}");
    }
    println!("xtask: installing with apt-get: {list}");
    let mut install = vec![
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
    ];
    install.extend(&missing);
    if answers("sudo", "--version") && !is_root() {
        call("sudo", &["apt-get", "update", "--quiet"])?;
        call("sudo", &install)
    } else {
        call("apt-get", &["update", "--quiet"])?;
        call(install[0], &install[1..])
    }
}

/// Only root can write to `/usr`: the one fact that decides whether apt-get needs sudo.
fn is_root() -> bool {
    std::process::Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
