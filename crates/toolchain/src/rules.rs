//! Where the files of Debian packages go in a tree of cuferry's, and what such a tree has that no package brings: data of
//! a toolchain file, applied. Moves nothing itself.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_digest::Hasher;

use crate::package::Package;

/// What happens to the files of a set of Debian packages. Wheels have none: their own layout is a toolkit's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What a path in a package begins with → what it begins with in the tree. The longest decides; what none matches
    /// goes nowhere. `{triple}` is the host's (`x86_64-linux-gnu`), in every
    /// path here; `{package}` the package's name.
    pub places: BTreeMap<String, String>,
    /// Path in the tree → what the symbolic link there says, relative to its folder.
    pub links: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Path in the tree → the text of the file there. One that begins with `#!` is executable.
    pub texts: BTreeMap<Utf8PathBuf, String>,
}

impl Rules {
    /// Where a file of `package` goes, if anywhere. Paths on both sides are relative and without `.` and `..`.
    pub fn place(&self, package: &Package, host: Host, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let path = path.as_str();
        if !package.takes(host, path) {
            return None;
        }
        self.move_path(package, host, path)
    }

    /// Where a file of `package` would go, whether it is wanted or not: what links point to.
    pub fn move_path(&self, package: &Package, host: Host, path: &str) -> Option<Utf8PathBuf> {
        let matching = self.places.iter().filter_map(|(from, to)| {
            let from = package.fill(host, from);
            Some((from.len(), to, path.strip_prefix(from.as_str())?))
        });
        let (_, to, rest) = matching.max_by_key(|(length, ..)| *length)?;
        let moved = format!("{}{rest}", package.fill(host, to));
        crate::path::is_plain(&moved).then(|| moved.into())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.links.is_empty() && self.texts.is_empty()
    }

    /// What decides which files of a package come where, for an identity.
    pub(crate) fn hash_places(&self, hasher: &mut Hasher) {
        hasher.update(&(self.places.len() as u64).to_le_bytes());
        for (from, to) in &self.places {
            hasher.field(from);
            hasher.field(to);
        }
    }

    /// What no package brings, for an identity.
    pub(crate) fn hash_additions(&self, hasher: &mut Hasher) {
        hasher.update(&(self.links.len() as u64).to_le_bytes());
        for (at, to) in &self.links {
            hasher.field(at.as_str());
            hasher.field(to.as_str());
        }
        hasher.update(&(self.texts.len() as u64).to_le_bytes());
        for (at, text) in &self.texts {
            hasher.field(at.as_str());
            hasher.field(text);
        }
    }
}
