//! The search itself: from each root breadth first, as the loader goes through the libraries of one process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_binfmt::{ElfClass, ElfInfo, ElfKind};
use cuferry_digest::Digest;

use super::{
    ClosureError, ClosureRequest, Group, Library, MissingLibrary, Origin, Root, RootFile, SkipReason, Skipped,
};
use crate::file::FileError;
use crate::libraries::{self, Companion};
use crate::path::ImagePath;

/// A loaded file, and what the search for its libraries depends on.
struct Object {
    name: String,
    elf: Rc<ElfInfo>,
    /// `$ORIGIN`.
    folder: Utf8PathBuf,
    /// `DT_RPATH` of it and of those that loaded it, nearest first; a `DT_RUNPATH` of its own suspends them.
    rpaths: Vec<Utf8PathBuf>,
}

/// A file of the right name and host.
struct Found {
    /// As it was found: not resolved.
    path: Utf8PathBuf,
    elf: Rc<ElfInfo>,
}

pub(super) struct Walk<'a> {
    request: &'a ClosureRequest,
    /// The folders that exist, resolved, in order.
    folders: Vec<(Utf8PathBuf, Origin)>,
    /// Names that the roots answer to.
    pub(super) own: BTreeSet<String>,
    pub(super) libraries: BTreeMap<ImagePath, Library>,
    pub(super) driver: BTreeMap<String, BTreeSet<String>>,
    pub(super) skipped: BTreeMap<Utf8PathBuf, SkipReason>,
    pub(super) missing: Vec<MissingLibrary>,
    /// What was read already, by the path as found.
    read: BTreeMap<Utf8PathBuf, Result<Rc<ElfInfo>, SkipReason>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(request: &'a ClosureRequest) -> Self {
        let folders = request.folders.iter();
        let folders = folders
            .filter_map(|folder| Some((folder.path.canonicalize_utf8().ok()?, folder.origin)))
            .collect();
        Self {
            request,
            folders,
            own: BTreeSet::new(),
            libraries: BTreeMap::new(),
            driver: BTreeMap::new(),
            skipped: BTreeMap::new(),
            missing: Vec::new(),
            read: BTreeMap::new(),
        }
    }

    pub(super) fn read_root(&self, root: &Root) -> Result<RootFile, ClosureError> {
        let path = &root.source;
        let file = File::open(path).map_err(FileError::when("read", path))?;
        let elf = ElfInfo::read(file).map_err(|source| ClosureError::Elf { path: path.clone(), source })?;
        if elf.machine != self.request.host.elf_machine() || elf.class != ElfClass::Elf64 {
            return Err(ClosureError::WrongHost {
                path: path.clone(),
                host: self.request.host,
                machine: elf.machine,
            });
        }
        Ok(RootFile { root: root.clone(), elf: Rc::new(elf) })
    }

    /// Walks as the loader does for one process: breadth first, each name once.
    pub(super) fn walk(&mut self, file: &RootFile) -> Result<(), ClosureError> {
        let source =
            file.root.source.canonicalize_utf8().map_err(FileError::when("read", &file.root.source))?;
        let folder = source.parent().unwrap_or(&source).to_owned();
        let name = file.root.destination.name().to_owned();
        let object = self.object(name.clone(), Rc::clone(&file.elf), folder, &[]);
        let loader = file.elf.interpreter.as_deref().unwrap_or(self.request.host.loader()).to_owned();
        if file.elf.interpreter.is_some() {
            self.add_loader(&loader, &object)?;
        }
        let mut seen = BTreeMap::<String, Option<ImagePath>>::new();
        let mut queue = VecDeque::from([object]);
        while let Some(object) = queue.pop_front() {
            for needed in object.elf.needed.clone() {
                if libraries::is_driver_library(&needed) {
                    self.driver.entry(needed).or_default().insert(object.name.clone());
                    continue;
                }
                if let Some(destination) = seen.get(&needed) {
                    let library = destination.as_ref().and_then(|place| self.libraries.get_mut(place));
                    if let Some(library) = library {
                        library.needed_by.insert(object.name.clone());
                    }
                    continue;
                }
                let destination = self.need(&needed, &object, &loader, &mut queue)?;
                seen.insert(needed, destination);
            }
        }
        Ok(())
    }

    /// Sees to one `DT_NEEDED`; says where the library will lie, if the image holds it.
    fn need(
        &mut self,
        needed: &str,
        object: &Object,
        loader: &str,
        queue: &mut VecDeque<Object>,
    ) -> Result<Option<ImagePath>, ClosureError> {
        if needed.contains('/') {
            return Err(ClosureError::NeededByPath { by: object.name.clone(), needed: needed.to_owned() });
        }
        if self.own.contains(needed) {
            return Ok(None);
        }
        if loader.rsplit('/').next() == Some(needed) {
            return self.add_loader(loader, object).map(Some);
        }
        let mut searched = Vec::new();
        let Some(found) = self.find(needed, object, &mut searched) else {
            let skipped = searched.iter().filter_map(|folder: &Utf8PathBuf| {
                let path = folder.join(needed);
                let reason = self.skipped.get(&path)?.clone();
                Some(Skipped { path, reason })
            });
            let skipped = skipped.collect();
            let (name, needed_by) = (needed.to_owned(), object.name.clone());
            let missing = MissingLibrary { name, needed_by, searched, skipped };
            // Several roots may come upon the same gap.
            if !self.missing.contains(&missing) {
                self.missing.push(missing);
            }
            return Ok(None);
        };
        let destination = self.add(needed, &found, Some(object), None)?;
        self.follow(needed, &found, object, queue)?;
        Ok(Some(destination))
    }

    /// Queues a library, with what it opens by name.
    fn follow(
        &mut self,
        name: &str,
        found: &Found,
        parent: &Object,
        queue: &mut VecDeque<Object>,
    ) -> Result<(), ClosureError> {
        let folder = found.path.parent().unwrap_or(&found.path).to_owned();
        let object = self.object(name.to_owned(), Rc::clone(&found.elf), folder.clone(), &parent.rpaths);
        for companion in libraries::companions_of(name) {
            let matching = self.companions(companion, name, &folder)?;
            if matching.is_empty() && companion.required {
                return Err(ClosureError::CompanionMissing {
                    parent: name.to_owned(),
                    folder,
                    companion: companion.libraries.join("`, `"),
                    reason: &companion.reason,
                });
            }
            for found in matching {
                let name = found.path.file_name().expect("it was listed in a folder").to_owned();
                self.add(&name, &found, None, Some(&companion.reason))?;
                queue.push_back(self.object(name, Rc::clone(&found.elf), folder.clone(), &object.rpaths));
            }
        }
        queue.push_back(object);
        Ok(())
    }

    /// The companions that lie beside their parent: each file once, under its SONAME if that name is there.
    fn companions(
        &mut self,
        companion: &'static Companion,
        parent: &str,
        folder: &Utf8Path,
    ) -> Result<Vec<Found>, ClosureError> {
        let entries = folder.read_dir_utf8().map_err(FileError::when("read", folder))?;
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_owned())
            .filter(|name| companion.matches(parent, name))
            .collect();
        names.sort();
        let found = names.iter().filter_map(|name| self.accept(&folder.join(name))).collect::<Vec<_>>();
        Ok(found
            .into_iter()
            .filter(|found| {
                let soname = found.elf.soname.as_deref();
                // `libx.so.1.2.3` beside the link `libx.so.1` to it.
                soname.is_none_or(|soname| {
                    found.path.file_name() == Some(soname) || !names.iter().any(|name| name == soname)
                })
            })
            .collect())
    }

    fn object(
        &self,
        name: String,
        elf: Rc<ElfInfo>,
        folder: Utf8PathBuf,
        inherited: &[Utf8PathBuf],
    ) -> Object {
        let own = match (&elf.rpath, &elf.runpath) {
            (Some(rpath), None) => expand(rpath, &folder, self.request.host),
            _ => Vec::new(),
        };
        let rpaths = own.into_iter().chain(inherited.iter().cloned()).collect();
        Object { name, elf, folder, rpaths }
    }

    fn find(&mut self, needed: &str, object: &Object, searched: &mut Vec<Utf8PathBuf>) -> Option<Found> {
        let named = match &object.elf.runpath {
            Some(runpath) => expand(runpath, &object.folder, self.request.host),
            None => object.rpaths.clone(),
        };
        let usual = self.request.folders.iter().map(|folder| folder.path.clone());
        for folder in named.into_iter().chain(usual) {
            if searched.contains(&folder) {
                continue;
            }
            let found = self.accept(&folder.join(needed));
            searched.push(folder);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The file, if it is a library for this host.
    fn accept(&mut self, path: &Utf8Path) -> Option<Found> {
        let host = self.request.host;
        let elf = if let Some(elf) = self.read.get(path) {
            elf.clone()
        } else {
            let elf = read_library(path, host)?;
            self.read.insert(path.to_owned(), elf.clone());
            elf
        };
        match elf {
            Ok(elf) => Some(Found { path: path.to_owned(), elf }),
            Err(reason) => {
                self.skipped.insert(path.to_owned(), reason);
                None
            }
        }
    }

    fn add_loader(&mut self, loader: &str, object: &Object) -> Result<ImagePath, ClosureError> {
        let bad = |source| ClosureError::BadName { path: Utf8PathBuf::from(&object.name), source };
        let destination: ImagePath = loader.parse().map_err(bad)?;
        if let Some(library) = self.libraries.get_mut(&destination) {
            library.needed_by.insert(object.name.clone());
            return Ok(destination);
        }
        let name = destination.name().to_owned();
        let folders: Vec<Utf8PathBuf> =
            self.request.folders.iter().map(|folder| folder.path.clone()).collect();
        let candidates = folders.iter().map(|folder| folder.join(&name)).chain([Utf8PathBuf::from(loader)]);
        let Some(found) = candidates.into_iter().find_map(|path| self.accept(&path)) else {
            let missing = MissingLibrary {
                name,
                needed_by: object.name.clone(),
                searched: folders,
                skipped: Vec::new(),
            };
            return Err(ClosureError::Missing { host: self.request.host, missing: vec![missing] });
        };
        let source = resolve(&found.path)?;
        let library = Library {
            name,
            aliases: BTreeSet::new(),
            source,
            destination: destination.clone(),
            group: Group::Runtime,
            needed_by: BTreeSet::from([object.name.clone()]),
            reason: None,
            elf: found.elf,
        };
        self.libraries.insert(destination.clone(), library);
        Ok(destination)
    }

    /// Puts a library into the image, or notes one more name and one more user of it.
    fn add(
        &mut self,
        needed: &str,
        found: &Found,
        by: Option<&Object>,
        reason: Option<&'static str>,
    ) -> Result<ImagePath, ClosureError> {
        let source = resolve(&found.path)?;
        let soname = found.elf.soname.as_deref().filter(|soname| !soname.is_empty() && !soname.contains('/'));
        let name = soname.unwrap_or(needed);
        let origin = self.origin_of(&found.path, &source);
        let bad = |source| ClosureError::BadName { path: found.path.clone(), source };
        let destination: ImagePath =
            format!("{}/{name}", origin.folder(self.request.host)).parse().map_err(bad)?;
        let library = self.libraries.entry(destination.clone()).or_insert_with(|| Library {
            name: name.to_owned(),
            aliases: BTreeSet::new(),
            source: source.clone(),
            destination: destination.clone(),
            group: origin.group(name),
            needed_by: BTreeSet::new(),
            reason,
            elf: Rc::clone(&found.elf),
        });
        if library.source != source && !same_content(&library.source, &source)? {
            return Err(ClosureError::Conflict {
                destination,
                first: library.source.clone(),
                second: source,
            });
        }
        if needed != name {
            let alias = format!("{}/{needed}", origin.folder(self.request.host));
            alias.parse::<ImagePath>().map_err(bad)?;
            library.aliases.insert(needed.to_owned());
        }
        if let Some(object) = by {
            library.needed_by.insert(object.name.clone());
            library.reason = None;
        }
        Ok(destination)
    }

    /// Whose library it is: decided by the folder it was found in, else by the one that it really lies in.
    fn origin_of(&self, path: &Utf8Path, source: &Utf8Path) -> Origin {
        let found_in = path.parent().and_then(|folder| folder.canonicalize_utf8().ok());
        let exact = |(folder, _): &&(Utf8PathBuf, Origin)| Some(folder) == found_in.as_ref();
        let below = |(folder, _): &&(Utf8PathBuf, Origin)| source.starts_with(folder);
        let row = self.folders.iter().find(exact).or_else(|| self.folders.iter().find(below));
        row.map_or(Origin::Other, |(_, origin)| *origin)
    }
}

/// What a file says of itself if it is a library for this host; nothing if there is no file.
fn read_library(path: &Utf8Path, host: Host) -> Option<Result<Rc<ElfInfo>, SkipReason>> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    if metadata.len() == 0 {
        return Some(Err(SkipReason::Empty));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Some(Err(SkipReason::Unreadable(error.to_string()))),
    };
    Some(match ElfInfo::read(file) {
        Err(error) => Err(SkipReason::Unreadable(error.to_string())),
        Ok(elf) if elf.machine != host.elf_machine() => Err(SkipReason::Machine(elf.machine)),
        Ok(elf) if elf.class != ElfClass::Elf64 => Err(SkipReason::Elf32),
        Ok(elf) if elf.kind != ElfKind::Dynamic => Err(SkipReason::NoLibrary),
        Ok(elf) => Ok(Rc::new(elf)),
    })
}

fn resolve(path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    path.canonicalize_utf8().map_err(FileError::when("read", path))
}

fn same_content(first: &Utf8Path, second: &Utf8Path) -> Result<bool, FileError> {
    let digest = |path: &Utf8Path| {
        let file = File::open(path).map_err(FileError::when("read", path))?;
        Digest::of_reader(file).map_err(FileError::when("read", path))
    };
    Ok(digest(first)? == digest(second)?)
}

/// The folders of a `DT_RPATH` or `DT_RUNPATH`. Those relative to wherever the program is started are left out.
fn expand(list: &str, origin: &Utf8Path, host: Host) -> Vec<Utf8PathBuf> {
    let libs = [format!("lib/{}", host.gnu_triple()), "lib64".to_owned(), "lib".to_owned()];
    let folders = list.split(':').flat_map(|folder| {
        let folder = replace(&replace(folder, "ORIGIN", origin.as_str()), "PLATFORM", host.as_str());
        // What `$LIB` stands for is compiled into the loader: Debian's and Fedora's differ.
        let count = if folder.contains("$LIB") || folder.contains("${LIB}") { libs.len() } else { 1 };
        libs.iter()
            .take(count)
            .map(move |lib| Utf8PathBuf::from(replace(&folder, "LIB", lib)))
            .collect::<Vec<_>>()
    });
    folders.filter(|folder| folder.is_absolute()).collect()
}

fn replace(text: &str, token: &str, value: &str) -> String {
    text.replace(&format!("${{{token}}}"), value).replace(&format!("${token}"), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        assert_eq!(expand(list, Utf8Path::new("/opt/x/bin"), Host::X86_64), expected, "expanding `{list}`");
    }

    #[test]
    fn run_paths_are_expanded() {
        check("$ORIGIN/../lib", &["/opt/x/bin/../lib"]);
        check("${ORIGIN}:/a", &["/opt/x/bin", "/a"]);
        check("/usr/$LIB", &["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"]);
        check("/p/$PLATFORM/${LIB}", &["/p/x86_64/lib/x86_64-linux-gnu", "/p/x86_64/lib64", "/p/x86_64/lib"]);
        check("", &[]);
        check(".:lib:", &[]);
    }
}
