//! What a layer holds, before and after it is laid out as a tree.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use miette::Diagnostic;
use thiserror::Error;

use crate::file::{FileError, Stamp};
use crate::path::ImagePath;

/// One file, link or folder of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the image.
    pub path: ImagePath,
    /// What it is.
    pub content: Content,
}

/// What an entry is. Everything belongs to root; files get mode 0644, or 0755 if they can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file on this machine; symbolic links to it are followed.
    File {
        /// Where it lies.
        source: Utf8PathBuf,
        /// Whether it can be executed.
        executable: bool,
    },
    /// A small file that exists nowhere yet.
    Bytes(Vec<u8>),
    /// A symbolic link.
    Symlink {
        /// As it is to be stored.
        target: String,
    },
    /// A folder. Only those that need another mode than 0755, or are empty, have to be named.
    Directory {
        /// Permission bits.
        mode: u32,
    },
}

/// One layer of an image, from the caller's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// For reports and for the image's history.
    pub name: String,
    /// In any order; parents need not be listed.
    pub entries: Vec<Entry>,
    /// Whether it is another one after each build: then keeping it in a cache would only fill the disk.
    pub changing: bool,
}

/// Entries that can't lie in one image together.
#[derive(Debug, Error, Diagnostic)]
pub enum EntryError {
    /// Two entries of one layer have the same path.
    #[error("`{path}` is in the image twice")]
    #[diagnostic(code(oci::duplicate), help("give one of the two files another place in the image"))]
    Duplicate {
        /// In the image.
        path: ImagePath,
    },
    /// An entry lies below another one that is no folder.
    #[error("`{path}` can't be in the image: `/{parent}` is not a folder there")]
    #[diagnostic(code(oci::not_a_folder), help("give one of the two files another place in the image"))]
    NotAFolder {
        /// In the image.
        path: ImagePath,
        /// In the image, without the leading slash.
        parent: String,
    },
    /// A source can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Permission bits and owner of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

impl Folder {
    pub(crate) const PLAIN: Self = Self::with_mode(0o755);

    pub(crate) const fn with_mode(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }
}

/// What lies at one path of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File { source: Utf8PathBuf, stamp: Stamp, executable: bool },
    Bytes(Vec<u8>),
    Symlink(String),
    Folder(Folder),
}

/// A layer, laid out: paths without leading slash, in the order of their bytes, so that a folder comes before its content.
pub(crate) type Tree = BTreeMap<String, Node>;

/// Lays entries out. `folders` knows the folders that are more than 0755 and root's, from this image or its base;
/// what it doesn't know is plain.
pub(crate) fn tree(entries: &[Entry], folders: &BTreeMap<String, Folder>) -> Result<Tree, EntryError> {
    let mut tree = Tree::new();
    for entry in entries {
        let node = match &entry.content {
            Content::File { source, executable } => {
                Node::File { source: source.clone(), stamp: Stamp::read(source)?, executable: *executable }
            }
            Content::Bytes(bytes) => Node::Bytes(bytes.clone()),
            Content::Symlink { target } => Node::Symlink(target.clone()),
            Content::Directory { mode } => Node::Folder(Folder::with_mode(*mode)),
        };
        if tree.insert(entry.path.relative().to_owned(), node).is_some() {
            return Err(EntryError::Duplicate { path: entry.path.clone() });
        }
    }
    for entry in entries {
        for parent in entry.path.ancestors() {
            let folder = folders.get(parent).copied().unwrap_or(Folder::PLAIN);
            let node = tree.entry(parent.to_owned()).or_insert(Node::Folder(folder));
            if !matches!(node, Node::Folder(_)) {
                return Err(EntryError::NotAFolder { path: entry.path.clone(), parent: parent.to_owned() });
            }
        }
    }
    Ok(tree)
}

/// Every folder that the layers name, with its mode: a later layer that passes through it must not reset it.
pub(crate) fn named_folders(layers: &[Layer]) -> BTreeMap<String, Folder> {
    let entries = layers.iter().flat_map(|layer| &layer.entries);
    entries
        .filter_map(|entry| match entry.content {
            Content::Directory { mode } => Some((entry.path.relative().to_owned(), Folder::with_mode(mode))),
            _ => None,
        })
        .collect()
}

impl Entry {
    /// A file on this machine.
    pub fn file(path: ImagePath, source: impl Into<Utf8PathBuf>, executable: bool) -> Self {
        Self { path, content: Content::File { source: source.into(), executable } }
    }

    /// A small file that exists nowhere yet.
    pub fn bytes(path: ImagePath, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path, content: Content::Bytes(bytes.into()) }
    }

    /// A symbolic link.
    pub fn symlink(path: ImagePath, target: impl Into<String>) -> Self {
        Self { path, content: Content::Symlink { target: target.into() } }
    }

    /// A folder.
    pub fn directory(path: ImagePath, mode: u32) -> Self {
        Self { path, content: Content::Directory { mode } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Entry {
        Entry::bytes(path.parse().unwrap(), "x")
    }

    #[track_caller]
    fn check(entries: &[Entry], expected: Result<&[&str], &str>) {
        let folders = BTreeMap::from([("tmp".to_owned(), Folder::with_mode(0o1777))]);
        let result = tree(entries, &folders);
        match expected {
            Ok(paths) => assert_eq!(result.unwrap().keys().collect::<Vec<_>>(), paths),
            Err(message) => assert_eq!(result.unwrap_err().to_string(), message),
        }
    }

    #[test]
    fn parents_come_once_and_first() {
        check(&[at("/b/x"), at("/b-c"), at("/b/a/y")], Ok(&["b", "b-c", "b/a", "b/a/y", "b/x"]));
        check(&[at("/a"), at("/a")], Err("`/a` is in the image twice"));
        check(&[at("/a"), at("/a/b")], Err("`/a/b` can't be in the image: `/a` is not a folder there"));
    }

    #[test]
    fn a_known_folder_keeps_its_mode() {
        let folders = named_folders(&[Layer {
            name: "base".to_owned(),
            entries: vec![Entry::directory("/tmp".parse().unwrap(), 0o1777)],
            changing: false,
        }]);
        let tree = tree(&[at("/tmp/x"), at("/y/z")], &folders).unwrap();
        assert_eq!(tree["tmp"], Node::Folder(Folder::with_mode(0o1777)));
        assert_eq!(tree["y"], Node::Folder(Folder::PLAIN));
    }
}
