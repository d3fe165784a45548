//! The folder that stands for `/`: the real one, or one that a test filled.

use std::fs::File;
use std::io::Read as _;

use camino::Utf8PathBuf;

/// How much of a file is read. What the kernel and distributions write about a machine is far shorter.
const LONGEST: u64 = 4 << 20;

/// Where files of the system are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(Utf8PathBuf);

impl Default for Root {
    /// The machine's own.
    fn default() -> Self {
        Self("/".into())
    }
}

impl Root {
    /// A folder that is laid out as a machine's root is.
    pub fn at(folder: impl Into<Utf8PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Where an absolute path of the machine really lies.
    pub fn join(&self, path: &str) -> Utf8PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Whether there is something.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.join(path).exists()
    }

    /// A file's text; none where it cannot be read. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        File::open(self.join(path)).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a folder, sorted; none where it cannot be read.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = self.join(path).read_dir_utf8().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// The last name of what a link leads to: `nvidia` of `…/driver -> ../../bus/pci/drivers/nvidia`.
    pub(crate) fn link_name(&self, path: &str) -> Option<String> {
        let target = self.join(path).read_link_utf8().ok()?;
        target.file_name().map(str::to_owned)
    }
}
