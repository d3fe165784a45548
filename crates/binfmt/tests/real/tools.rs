//! NVIDIA's tools, where a machine has them: in the toolkits that `cuferry toolchain install` unpacks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A toolkit on this machine.
pub(crate) struct Toolkit {
    root: PathBuf,
}

/// The newest toolkit whose release starts with `release`. Without one the test is skipped; in CI it fails.
#[track_caller]
pub(crate) fn toolkit(release: &str) -> Option<Toolkit> {
    let data = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/share")));
    let folder = data.map(|data| data.join("cuferry/toolkits"));
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    let prefix = format!("cuda-{release}");
    let mut roots: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
        .filter(|path| path.join("bin/nvcc").exists())
        .collect();
    roots.sort();
    let root = roots.pop();
    if root.is_none() {
        assert!(variable("CI").is_none(), "in CI nothing is skipped, but CUDA {release} is not installed");
        println!("skipped: CUDA {release} is not installed");
    }
    root.map(|root| Toolkit { root })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own surroundings: CI or not, and where toolkits are"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
