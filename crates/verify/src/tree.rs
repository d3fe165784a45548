//! What two runs left in their folders: names, kinds, and where links lead. What is in the files is another question.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::difference::Side;

/// Everything below a folder, by its path in it.
pub type Tree = BTreeMap<PathBuf, Entry>;

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A file with content.
    File,
    /// A symbolic link, and what it says.
    Link(PathBuf),
    /// Something else: a pipe, a socket, a device.
    Other,
}

/// A path at which two trees differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeDifference {
    /// Only one run left something there.
    Only {
        /// Where.
        path: PathBuf,
        /// Which run.
        side: Side,
        /// What.
        entry: Entry,
    },
    /// Things of two kinds, or links that lead to two places.
    Kind {
        /// Where.
        path: PathBuf,
        /// What the rebuilt program left.
        rebuilt: Entry,
        /// What the original left.
        original: Entry,
    },
}

/// Each path at which the two differ, sorted; and the files that both have, whose contents are still to be compared. What
/// lies in a folder that only one has is not named beside the folder.
pub fn compare_trees(rebuilt: &Tree, original: &Tree) -> (Vec<TreeDifference>, Vec<PathBuf>) {
    let mut differences: Vec<TreeDifference> = Vec::new();
    let mut files = Vec::new();
    let mut alone: Option<&PathBuf> = None;
    let paths: BTreeSet<&PathBuf> = rebuilt.keys().chain(original.keys()).collect();
    for path in paths {
        let (side, entry) = match (rebuilt.get(path), original.get(path)) {
            (Some(Entry::File), Some(Entry::File)) => {
                files.push(path.clone());
                continue;
            }
            (Some(left), Some(right)) => {
                if left != right {
                    let (rebuilt, original) = (left.clone(), right.clone());
                    differences.push(TreeDifference::Kind { path: path.clone(), rebuilt, original });
                }
                continue;
            }
            (Some(entry), None) => (Side::Rebuilt, entry),
            (None, Some(entry)) => (Side::Original, entry),
            (None, None) => continue,
        };
        if alone.is_some_and(|folder| path.starts_with(folder)) {
            continue;
        }
        alone = Some(path);
        differences.push(TreeDifference::Only { path: path.clone(), side, entry: entry.clone() });
    }
    (differences, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, Entry)]) -> Tree {
        entries.iter().map(|(path, entry)| (path.into(), entry.clone())).collect()
    }

    #[test]
    fn each_path_is_named_once() {
        let link = |to: &str| Entry::Link(to.into());
        let rebuilt = tree(&[
            ("a", Entry::Folder),
            ("a/one", Entry::File),
            ("b", Entry::File),
            ("b-c", Entry::Folder),
            ("b-c/d", Entry::File),
            ("latest", link("a/one")),
            ("only", Entry::Folder),
            ("only/in", Entry::Folder),
            ("only/in/here", Entry::File),
            ("only-2", Entry::File),
        ]);
        let original = tree(&[
            ("a", Entry::Folder),
            ("a/one", Entry::File),
            ("b", Entry::Folder),
            ("b/x", Entry::File),
            ("b-c", Entry::Folder),
            ("b-c/d", Entry::File),
            ("latest", link("a/two")),
            ("log", Entry::Other),
        ]);
        let (differences, files) = compare_trees(&rebuilt, &original);
        assert_eq!(files, [PathBuf::from("a/one"), "b-c/d".into()]);
        let only = |path: &str, side, entry| TreeDifference::Only { path: path.into(), side, entry };
        let kind =
            |path: &str, rebuilt, original| TreeDifference::Kind { path: path.into(), rebuilt, original };
        assert_eq!(
            differences,
            [
                kind("b", Entry::File, Entry::Folder),
                only("b/x", Side::Original, Entry::File),
                kind("latest", link("a/one"), link("a/two")),
                only("log", Side::Original, Entry::Other),
                only("only", Side::Rebuilt, Entry::Folder),
                only("only-2", Side::Rebuilt, Entry::File),
            ]
        );
        assert_eq!(compare_trees(&rebuilt, &rebuilt).0, []);
    }
}
