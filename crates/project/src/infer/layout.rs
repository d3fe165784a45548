//! Which files of a folder make up the program: what is left out, and where its headers are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use camino::{Utf8Path, Utf8PathBuf};

use super::library;
use super::note::{Note, Place};
use super::source::{Facts, Include, facts};
use super::{InferError, Read};
use crate::files::FileTree;
use crate::project::Language;

/// Folders whose sources are not the program.
const SIDE_FOLDERS: [&str; 5] = ["build", "example", "examples", "test", "tests"];

/// Folders whose build files speak of other projects.
const FOREIGN_FOLDERS: [&str; 6] = ["3rdparty", "deps", "external", "submodules", "third_party", "vendor"];

/// What the name of a file for ARM ends in.
const ARM_ENDINGS: [&str; 5] = ["_aarch64", "_arm", "_arm64", "_armv8", "_neon"];

/// What the names of files for x86 or for any processor end in.
const OTHER_ENDINGS: [&str; 13] = [
    "", "_amd64", "_avx", "_avx2", "_c", "_cpu", "_generic", "_ref", "_scalar", "_sse", "_x64", "_x86",
    "_x86_64",
];

/// Folders where headers are usually kept, the best first.
const HEADER_FOLDERS: [&str; 3] = ["include", "inc", "src"];

/// The folder of `path` whose name says that it is not the program.
pub(super) fn side_folder(path: &Utf8Path) -> Option<&str> {
    let mut folders = path.parent()?.components().map(|folder| folder.as_str());
    folders.find(|folder| SIDE_FOLDERS.iter().any(|side| folder.eq_ignore_ascii_case(side)))
}

/// Whether a build file speaks of this program.
pub(super) fn is_own_build_file(path: &Utf8Path) -> bool {
    let foreign = |folder: &Utf8Path| folder.file_name().is_some_and(|name| FOREIGN_FOLDERS.contains(&name));
    side_folder(path).is_none() && !path.ancestors().skip(1).any(foreign)
}

/// The sources that may make up the program; a note for each that does not. `main` stays, wherever it is.
pub(super) fn candidates<'t>(
    tree: &'t FileTree,
    main: Option<&Utf8Path>,
    notes: &mut Vec<Note>,
) -> Vec<&'t Utf8Path> {
    let sources = tree.paths().iter().map(Utf8PathBuf::as_path).filter(|path| Language::of(path).is_some());
    let mut candidates = Vec::new();
    for path in sources {
        if main == Some(path) {
            candidates.push(path);
        } else if let Some(folder) = side_folder(path) {
            notes.push(Note::SideFolder { path: path.to_owned(), folder: folder.to_owned() });
        } else if let Some(instead) = instead_of_arm(path, tree) {
            notes.push(Note::ArmVariant { path: path.to_owned(), instead });
        } else {
            candidates.push(path);
        }
    }
    candidates
}

/// For a file that is made for ARM: the one beside it that is made for x86 or for any processor.
fn instead_of_arm(path: &Utf8Path, tree: &FileTree) -> Option<Utf8PathBuf> {
    let stem = path.file_stem()?;
    let plain =
        ARM_ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)).filter(|plain| !plain.is_empty())?;
    let extensions = ["cpp", "cc", "cxx", "C", "c", "cu"];
    let names = OTHER_ENDINGS.iter().flat_map(|ending| {
        extensions.iter().map(move |extension| path.with_file_name(format!("{plain}{ending}.{extension}")))
    });
    names.into_iter().find(|name| tree.contains(name))
}

/// Sources, the headers that they include, and the folders where those lie.
#[derive(Default)]
pub(super) struct Closure {
    /// What each file says.
    pub(super) files: BTreeMap<Utf8PathBuf, Facts>,
    /// Which files of the project each file includes.
    pub(super) includes: BTreeMap<Utf8PathBuf, Vec<(Utf8PathBuf, usize)>>,
    /// Headers of others that are included: by name, the first place.
    pub(super) foreign: BTreeMap<String, Place>,
    /// Folders to search, in the order in which they were needed.
    pub(super) folders: Vec<Utf8PathBuf>,
}

impl Closure {
    /// Follows every `#include` of the sources whose facts are given.
    pub(super) fn read(
        sources: BTreeMap<Utf8PathBuf, Facts>,
        tree: &FileTree,
        read: &Read<'_>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, InferError> {
        let mut by_name: BTreeMap<&str, Vec<&Utf8Path>> = BTreeMap::new();
        for path in tree.paths() {
            by_name.entry(path.file_name().unwrap_or_default()).or_default().push(path);
        }
        let mut queue: VecDeque<Utf8PathBuf> = sources.keys().cloned().collect();
        let mut closure = Self { files: sources, ..Self::default() };
        while let Some(path) = queue.pop_front() {
            let includes = closure.files[&path].includes.clone();
            let mut found = Vec::new();
            for include in includes {
                match closure.find(&path, &include, tree, &by_name, notes) {
                    Some(header) => {
                        if !closure.files.contains_key(&header) {
                            closure.files.insert(header.clone(), facts(&read_file(&header, read)?));
                            queue.push_back(header.clone());
                        }
                        found.push((header, include.line));
                    }
                    None => closure.note_foreign(&path, &include, notes),
                }
            }
            closure.includes.insert(path, found);
        }
        Ok(closure)
    }

    /// The file of the project that an `#include` means, with its folder noted where it must be searched.
    fn find(
        &mut self,
        from: &Utf8Path,
        include: &Include,
        tree: &FileTree,
        by_name: &BTreeMap<&str, Vec<&Utf8Path>>,
        notes: &mut Vec<Note>,
    ) -> Option<Utf8PathBuf> {
        let beside = from.parent().unwrap_or(Utf8Path::new(""));
        if let Some(path) = joined(beside, &include.name).filter(|path| include.quoted && tree.contains(path))
        {
            return Some(path);
        }
        let searched = self.folders.iter().filter_map(|folder| joined(folder, &include.name));
        if let Some(path) = searched.into_iter().find(|path| tree.contains(path)) {
            return Some(path);
        }
        let name = Utf8Path::new(&include.name);
        let folder_of = |path: &Utf8Path| {
            let depth = name.components().count();
            let folder = path.ends_with(name).then(|| path.ancestors().nth(depth)).flatten()?;
            Some(if folder == "" { Utf8PathBuf::from(".") } else { folder.to_owned() })
        };
        let candidates = by_name.get(name.file_name()?)?.iter().filter(|path| side_folder(path).is_none());
        let rank = |folder: &Utf8PathBuf| {
            let usual = HEADER_FOLDERS.iter().position(|usual| folder.file_name() == Some(usual));
            (usual.unwrap_or(HEADER_FOLDERS.len()), folder.components().count(), folder.clone())
        };
        let mut folders: Vec<_> = candidates.filter_map(|path| folder_of(path)).collect();
        // `<math.h>` is not the project's file of that name, unless it is kept where headers are.
        folders.retain(|folder| include.quoted || include.name.contains('/') || rank(folder).0 < 2);
        folders.retain(|_| include.quoted || !library::is_standard_header(&include.name));
        let folder = folders.into_iter().min_by_key(rank)?;
        let place = Place::new(from, include.line);
        notes.push(Note::IncludeFolder { folder: folder.clone(), header: include.name.clone(), place });
        let path = joined(&folder, &include.name)?;
        self.folders.push(folder);
        Some(path)
    }

    fn note_foreign(&mut self, from: &Utf8Path, include: &Include, notes: &mut Vec<Note>) {
        if self.foreign.contains_key(&include.name) {
            return;
        }
        let place = Place::new(from, include.line);
        if include.quoted && !library::is_known_header(&include.name) {
            notes.push(Note::MissingHeader { header: include.name.clone(), place: place.clone() });
        }
        self.foreign.insert(include.name.clone(), place);
    }

    /// Everything that `source` includes, however far away, and itself.
    pub(super) fn unit(&self, source: &Utf8Path) -> BTreeSet<&Utf8Path> {
        let mut unit = BTreeSet::new();
        let mut queue = vec![source];
        while let Some(path) = queue.pop() {
            if let Some((path, _)) = self.files.get_key_value(path)
                && unit.insert(path.as_path())
            {
                queue.extend(self.includes[path].iter().map(|(path, _)| path.as_path()));
            }
        }
        unit
    }
}

/// Reads one file.
pub(super) fn read_file(path: &Utf8Path, read: &Read<'_>) -> Result<Vec<u8>, InferError> {
    read(path).map_err(|source| InferError::Unreadable { path: path.to_owned(), source })
}

/// `folder` and `name` as one path, with `..` resolved; `None` where it leads out of the project.
fn joined(folder: &Utf8Path, name: &str) -> Option<Utf8PathBuf> {
    if name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.as_str().split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(Utf8PathBuf::from(parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_variants_give_way_to_what_is_beside_them() {
        let tree = FileTree::new(
            [
                "a_neon.cpp",
                "a.cpp",
                "b_arm.cc",
                "b_x86.cc",
                "c_neon.cpp",
                "d/e_aarch64.c",
                "d/e_generic.cpp",
                "_neon.c",
            ]
            .map(Utf8PathBuf::from),
        );
        for (path, expected) in [
            ("a_neon.cpp", Some("a.cpp")),
            ("b_arm.cc", Some("b_x86.cc")),
            ("c_neon.cpp", None),
            ("d/e_aarch64.c", Some("d/e_generic.cpp")),
            ("a.cpp", None),
            ("_neon.c", None),
        ] {
            assert_eq!(
                instead_of_arm(path.into(), &tree).as_deref(),
                expected.map(Utf8Path::new),
                "`{path}`"
            );
        }
    }

    #[test]
    fn paths_join_inside_the_project() {
        for (folder, name, expected) in [
            ("a/b", "../c.h", Some("a/c.h")),
            (".", "c.h", Some("c.h")),
            ("", "./c.h", Some("c.h")),
            ("a", "../../c.h", None),
            ("a", "/c.h", None),
        ] {
            assert_eq!(
                joined(folder.into(), name).as_deref(),
                expected.map(Utf8Path::new),
                "`{folder}` `{name}`"
            );
        }
    }

    #[test]
    fn side_folders_are_known_by_name() {
        assert_eq!(side_folder("Tests/a.cu".into()), Some("Tests"));
        assert_eq!(side_folder("a/examples/b/c.cu".into()), Some("examples"));
        assert_eq!(side_folder("test.cu".into()), None);
        assert!(
            is_own_build_file("Makefile".into()) && !is_own_build_file("third_party/x/CMakeLists.txt".into())
        );
    }
}
