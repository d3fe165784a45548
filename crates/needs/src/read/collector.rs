//! Gathers what single files say, and makes one answer of it.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::tegra::TegraLibrary;

use super::reach::Reach;
use super::text::Text;
use crate::build::Build;
use crate::library::CudaLibrary;
use crate::needs::{Needs, Tegra, Use, Used};
use crate::package::Package;
use crate::place::When;
use crate::tegra::TegraHeader;
use crate::{library, package, tegra};

/// What is known so far.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) needs: Needs,
    pub(crate) builds: Vec<Candidate>,
    /// Headers of others, until all of the project's own are known.
    includes: BTreeMap<String, Used<Owner>>,
    /// What is linked by a bare name, until all of the project's own targets are known.
    links: BTreeMap<String, Used<Owner>>,
    /// Targets of CMake's `add_library`.
    pub(crate) targets: BTreeSet<String>,
    /// Names of CUDA's that the project defines itself, as sources do that are for many releases.
    pub(crate) defined: BTreeSet<String>,
    /// Folders with CUDA sources.
    pub(crate) cuda_folders: BTreeSet<Utf8PathBuf>,
    /// Folders with CMake files that say something about CUDA.
    pub(crate) cuda_cmake: BTreeSet<Utf8PathBuf>,
    /// Folders with makefiles that say something about CUDA.
    pub(crate) cuda_make: BTreeSet<Utf8PathBuf>,
    /// What the build comes to.
    pub(crate) reach: Reach,
    /// The files that include each header of NVIDIA's libraries.
    users: BTreeMap<String, BTreeSet<Utf8PathBuf>>,
}

/// A build file that may be the one to start.
pub(crate) struct Candidate {
    pub(crate) build: Build,
    /// It leads into other folders.
    pub(crate) descends: bool,
    /// It builds something, as far as can be seen.
    pub(crate) useful: bool,
}

/// Whom a name belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    Cuda(&'static CudaLibrary),
    Other(&'static Package),
    TegraHeader(&'static TegraHeader),
    TegraLibrary(&'static TegraLibrary),
}

impl Owner {
    pub(crate) fn of_header(header: &str) -> Option<Self> {
        let tegra = || tegra::of_header(header).map(Self::TegraHeader);
        let cuda = || library::library_of_header(header).map(Self::Cuda);
        tegra().or_else(cuda).or_else(|| package::of_header(header).map(Self::Other))
    }

    pub(crate) fn of_link(name: &str) -> Option<Self> {
        let cuda = || library::library_of_link(name).map(Self::Cuda);
        let tegra = || tegra::of_link(name).map(Self::TegraLibrary);
        cuda().or_else(|| package::of_library(name).map(Self::Other)).or_else(tegra)
    }

    pub(crate) fn of_cmake(name: &str) -> Option<Self> {
        let cuda = || library::library_of_cmake(name).map(Self::Cuda);
        cuda().or_else(|| package::of_cmake(name).map(Self::Other))
    }
}

impl<T> Used<T> {
    fn new(what: T) -> Self {
        Self { what, places: Vec::new(), count: 0 }
    }

    fn add(&mut self, used: Use) {
        self.count += 1;
        self.places.push(used);
        if self.places.len() > 8 * Self::PLACES {
            self.settle();
        }
    }

    /// The same places are kept in whatever order they came.
    fn settle(&mut self) {
        self.places.sort();
        self.places.truncate(Self::PLACES);
    }

    fn join<U>(&mut self, other: Used<U>) {
        self.count += other.count;
        self.places.extend(other.places);
        self.settle();
    }
}

impl Collector {
    /// A use at an offset; none where the build never comes there.
    pub(crate) fn used(text: &Text<'_>, offset: usize, words: String) -> Option<Use> {
        Some(Use { when: text.when(offset)?, place: text.place(offset), words })
    }

    pub(crate) fn include(&mut self, header: &str, used: Use) {
        if let Some(owner) = Owner::of_header(header) {
            if matches!(owner, Owner::Cuda(_)) {
                let users = self.users.entry(header.to_owned()).or_default();
                users.insert(used.place.path.clone());
            }
            self.includes.entry(header.to_owned()).or_insert_with(|| Used::new(owner)).add(used);
        }
    }

    /// A library by the name that `-l` or `target_link_libraries` gives it.
    pub(crate) fn link(&mut self, name: &str, used: Use) {
        if let Some(owner) = Owner::of_link(name) {
            self.links.entry(name.to_owned()).or_insert_with(|| Used::new(owner)).add(used);
        }
    }

    /// A use of something whose owner is sure.
    pub(crate) fn owned(&mut self, owner: Owner, name: &str, used: Use) {
        let mut one = Used::new(owner);
        one.add(used);
        self.take(name, one);
    }

    pub(crate) fn header(&mut self, path: &Utf8Path) {
        if let Some(name) = path.file_name() {
            self.needs.own_headers.entry(name.to_owned()).or_default().push(path.to_owned());
        }
    }

    /// All files were read.
    pub(crate) fn finish(mut self) -> Needs {
        let built = std::mem::take(&mut self.reach).built();
        let users = std::mem::take(&mut self.users);
        for (header, used) in std::mem::take(&mut self.includes) {
            // A library that only sources ask for which nothing builds is a gigabyte for nothing.
            let idle =
                built.as_ref().zip(users.get(&header)).is_some_and(|(built, users)| built.is_disjoint(users));
            // A copy among the sources is what the compiler finds first.
            if !idle && !self.needs.has_header(&header) {
                self.take(&header, used);
            }
        }
        for (name, used) in std::mem::take(&mut self.links) {
            if !self.targets.contains(&name) {
                self.take(&name, used);
            }
        }
        self.rank_builds();
        let defined = std::mem::take(&mut self.defined);
        self.needs.hints.retain(|hint| !defined.contains(&hint.words));
        let needs = &mut self.needs;
        for paths in needs.own_headers.values_mut() {
            paths.sort();
        }
        needs.archs.sort();
        needs.archs.dedup();
        needs.hints.sort();
        needs.hints.dedup();
        needs.notes.sort();
        needs.notes.dedup();
        needs.pointers.sort();
        needs.prebuilt.sort();
        needs.paths.values_mut().for_each(|places| {
            places.sort();
            places.dedup();
        });
        needs.prefixes.values_mut().for_each(|places| {
            places.sort();
            places.dedup();
        });
        self.needs
    }

    fn take(&mut self, name: &str, used: Used<Owner>) {
        match used.what {
            Owner::Cuda(library) => {
                let entry = self.needs.libraries.entry(&library.name);
                entry.or_insert_with(|| Used::new(library)).join(used);
            }
            Owner::Other(package) => {
                let entry = self.needs.packages.entry(&package.name);
                entry.or_insert_with(|| Used::new(package)).join(used);
            }
            Owner::TegraHeader(header) => self.tegra(name, Tegra::from(header), used),
            Owner::TegraLibrary(library) => {
                let (what, answer) = (library.what.as_str(), library.answer.as_str());
                self.tegra(name, Tegra { what, answer, status: library.status }, used);
            }
        }
    }

    fn tegra(&mut self, name: &str, what: Tegra, used: Used<Owner>) {
        self.needs.tegra.entry(name.to_owned()).or_insert_with(|| Used::new(what)).join(used);
    }
}

/// The rarer of the two.
pub(crate) fn at_most(when: When, limit: When) -> When {
    when.max(limit)
}
