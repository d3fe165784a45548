//! The folders and files that a scan was pointed at, and how its findings name what lies in them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;

use crate::failure::{Failure, Fault};
use crate::words::visible;

/// What is scanned.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The folder that paths are relative to: where cuferry was started if all lies below it, so that patches and reports
    /// fit there; otherwise the folder that was named, or the innermost that holds all that was named.
    pub(crate) base: PathBuf,
    /// Whether that is where cuferry was started.
    pub(crate) is_here: bool,
    /// Absolute, sorted, none inside another.
    pub(crate) roots: Vec<PathBuf>,
    /// As given.
    pub(crate) named: Vec<String>,
}

impl Tree {
    /// Finds what was named, from the folder in which cuferry was started.
    pub(crate) fn locate(here: &Path, paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut roots = paths.iter().map(|path| resolve(here, path)).collect::<Result<Vec<_>, _>>()?;
        roots.sort();
        roots.dedup();
        let mut outer: Vec<PathBuf> = Vec::new();
        for root in roots {
            // Sorted by components, a folder comes right before what lies in it.
            if !outer.last().is_some_and(|last| root.starts_with(last)) {
                outer.push(root);
            }
        }
        let here = here.canonicalize().unwrap_or_else(|_| here.to_owned());
        let is_here = outer.iter().all(|root| root.starts_with(&here));
        let base = if is_here { here } else { common(&outer) };
        let named = paths.iter().map(|path| visible(&path.to_string_lossy())).collect();
        Ok(Self { base, is_here, roots: outer, named })
    }

    /// How findings name a file: relative to [`Self::base`], with what is no UTF-8 replaced.
    pub(crate) fn name(&self, path: &Path) -> Utf8PathBuf {
        Utf8PathBuf::from(self.relative(path).to_string_lossy().into_owned())
    }

    /// How rules see a file: from the folder that was named on, so that a project called `jetson-nano` has not all its
    /// files taken for ARM's, and findings do not depend on where the user stands.
    pub(crate) fn inner_name(&self, path: &Path) -> Utf8PathBuf {
        let root = self.roots.iter().find(|root| path.starts_with(root) && *root != path);
        let inner = root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or_else(|| self.relative(path));
        Utf8PathBuf::from(inner.to_string_lossy().into_owned())
    }

    /// As [`Self::name`], with every byte.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.base).unwrap_or(path)
    }
}

/// An absolute path without links above the last name: a link that was named stays what it is called.
fn resolve(here: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let absolute = here.join(path);
    let found = match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) if is_file_link(&absolute) => {
            parent.canonicalize().map(|parent| parent.join(name))
        }
        _ => absolute.canonicalize(),
    };
    found.map_err(|error| {
        let path = visible(&path.to_string_lossy());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::say(
                Fault::Usage,
                "scan::no_such_path",
                format!("`{path}` is not there"),
                "name a folder or a file of the project",
            ),
            _ => Failure::say(
                Fault::Machine,
                "scan::unreadable",
                format!("cannot read `{path}`: {error}"),
                "check its permissions, and those of the folders above it",
            ),
        }
    })
}

fn is_file_link(path: &Path) -> bool {
    path.is_symlink() && path.is_file()
}

/// The innermost folder that holds all of them.
fn common(roots: &[PathBuf]) -> PathBuf {
    let folder = |root: &PathBuf| -> PathBuf {
        let parent = root.parent().map(Path::to_owned);
        if root.is_dir() { root.clone() } else { parent.unwrap_or_else(|| root.clone()) }
    };
    let mut folders = roots.iter().map(folder);
    let mut base = folders.next().unwrap_or_else(|| OsStr::new("/").into());
    for folder in folders {
        while !folder.starts_with(&base) && base.pop() {}
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let guard = tempfile::tempdir().expect("the system has a folder for temporary files");
        let path = guard.path().canonicalize().expect("it was made just now");
        for folder in ["a/b", "c"] {
            std::fs::create_dir_all(path.join(folder)).expect("it is writable");
        }
        std::fs::write(path.join("a/b/x.cu"), "").expect("it is writable");
        std::os::unix::fs::symlink("a/b/x.cu", path.join("link.cu")).expect("it is writable");
        (guard, path)
    }

    #[track_caller]
    fn check(here: &str, paths: &[&str], base: &str, roots: &[&str]) {
        let (_guard, folder) = tree();
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let found = Tree::locate(&folder.join(here), &paths).expect("all is there");
        assert_eq!(found.base, folder.join(base).components().collect::<PathBuf>(), "{paths:?}");
        let names: Vec<_> = found.roots.iter().map(|root| found.name(root)).collect();
        assert_eq!(names, roots, "{paths:?}");
    }

    #[test]
    fn names_are_relative_to_where_the_user_stands_or_to_what_was_named() {
        check("", &["."], "", &[""]);
        check("", &["a"], "", &["a"]);
        check("", &["c", "a/b"], "", &["a/b", "c"]);
        check("c", &["../a"], "a", &[""]);
        check("c", &["../a/b/x.cu"], "a/b", &["x.cu"]);
        check("c", &["../a/b", "."], "", &["a/b", "c"]);
        check("", &["link.cu"], "", &["link.cu"]);
    }

    #[test]
    fn nothing_is_scanned_twice() {
        check("", &[".", "a", "a/b/x.cu"], "", &[""]);
        check("", &["a", "a/b/../b", "c"], "", &["a", "c"]);
    }

    #[test]
    fn what_is_not_there_is_wrong_use() {
        let (_guard, folder) = tree();
        for path in ["no", "a/b/x.cu/y", "no/../a"] {
            let failure = Tree::locate(&folder, &[path.into()]).expect_err(path);
            assert_eq!(failure.fault, Fault::Usage, "{path}");
        }
    }
}
