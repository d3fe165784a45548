//! The files of a project as a value: their paths, sorted. Whoever reads the disk makes it; nothing here does.

use camino::{Utf8Path, Utf8PathBuf};

/// Folders that hold no sources of a project, by name.
pub const SKIPPED_FOLDERS: &[&str] =
    &[".git", ".hg", ".jj", ".svn", ".venv", "CMakeFiles", "__pycache__", "node_modules"];

/// Files that mark the folder which holds them as some tool's output.
pub const BUILD_FOLDER_MARKS: &[&str] = &["CACHEDIR.TAG", "CMakeCache.txt", ".ninja_log"];

/// Whether a walk over a project should leave out the folder at `path`, relative to the project's own; `holds` answers
/// whether it holds a file of that name. The project's own folder is never left out: an in-source CMake build marks it.
pub fn is_skipped_folder(path: &Utf8Path, holds: impl Fn(&str) -> bool) -> bool {
    let Some(name) = path.file_name() else { return false };
    SKIPPED_FOLDERS.contains(&name)
        || path == "target" // cuferry's own output; a folder of that name deeper down may be the user's
        || BUILD_FOLDER_MARKS.iter().any(|mark| holds(mark))
}

/// Paths of files, relative to the project's folder, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTree {
    paths: Vec<Utf8PathBuf>,
}

impl FileTree {
    /// From paths in any order.
    pub fn new(paths: impl IntoIterator<Item = Utf8PathBuf>) -> Self {
        let mut paths: Vec<_> = paths.into_iter().collect();
        paths.sort();
        paths.dedup();
        Self { paths }
    }

    /// All of them, sorted.
    pub fn paths(&self) -> &[Utf8PathBuf] {
        &self.paths
    }

    /// Whether `path` is one of them.
    pub fn contains(&self, path: &Utf8Path) -> bool {
        self.paths.binary_search_by(|known| known.as_path().cmp(path)).is_ok()
    }

    /// Whether a file lies in the folder `path` or below it; `.` is the project's own.
    pub fn has_folder(&self, path: &Utf8Path) -> bool {
        if path == "." {
            return true;
        }
        // Paths are compared component by component, so what lies below a folder follows it at once.
        let first = self.paths.partition_point(|known| known.as_path() <= path);
        self.paths.get(first).is_some_and(|known| known.starts_with(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_known_by_what_lies_in_them() {
        let tree = FileTree::new(["src/b/c.cu", "src.d/x", "src/a.cu", "a"].map(Utf8PathBuf::from));
        for (folder, expected) in
            [("src", true), ("src/b", true), (".", true), ("sr", false), ("a", false), ("z", false)]
        {
            assert_eq!(tree.has_folder(folder.into()), expected, "`{folder}`");
        }
        assert!(tree.contains("src/a.cu".into()) && !tree.contains("src".into()));
    }

    #[test]
    fn outputs_and_histories_are_skipped() {
        let skipped =
            |path: &str, holds: &[&str]| is_skipped_folder(path.into(), |name| holds.contains(&name));
        assert!(skipped(".git", &[]) && skipped("a/.git", &[]) && skipped("target", &[]));
        assert!(skipped("out/arm", &["CMakeCache.txt"]));
        assert!(!skipped("", &["CMakeCache.txt"]) && !skipped("src/target", &[]) && !skipped("build", &[]));
    }
}
