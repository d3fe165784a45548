//! NVIDIA's tools, where a machine has them: in the toolkits that `cuferry toolchain install` unpacks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cuferry_arch::{CudaRelease, Host};
use tempfile::TempDir;

/// A toolkit on this machine.
pub(crate) struct Toolkit {
    root: PathBuf,
}

/// The toolkit of a release: of 13.5 with the libraries of both hosts, which the tests of the command want as well.
#[track_caller]
pub(crate) fn toolkit(release: &str) -> Option<Toolkit> {
    let release = release.parse().unwrap();
    let root = if release == CudaRelease::new(13, 5) {
        cuferry_testkit::toolkit(release, &Host::ALL, &["cublas"])
    } else {
        cuferry_testkit::toolkit(release, &[Host::X86_64], &[])
    };
    root.map(|root| Toolkit { root: root.into() })
}

impl Toolkit {
    /// Runs one of its programs in `folder`, and gives what it prints.
    #[track_caller]
    pub(crate) fn run<I: AsRef<str>>(
        &self,
        program: &str,
        folder: &Path,
        args: impl IntoIterator<Item = I>,
    ) -> String {
        let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = Command::new(self.root.join("bin").join(program))
            .args(&args)
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}\n{text}{errors}");
        text
    }

    /// `cuobjdump`, which not every toolkit here has: the newest one reads what older ones wrote.
    #[track_caller]
    pub(crate) fn cuobjdump(folder: &Path, args: &[&str]) -> String {
        toolkit("13.5").map(|newest| newest.run("cuobjdump", folder, args)).unwrap_or_default()
    }

    /// A library for this host: `x86_64-linux` or `sbsa-linux`.
    pub(crate) fn library(&self, host: &str, name: &str) -> PathBuf {
        self.root.join("targets").join(host).join("lib").join(name)
    }
}

/// A folder that holds the sources of these tests.
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("k.cu"), include_str!("k.cu")).unwrap();
    folder
}

/// Splits words at blanks.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
