//! The shared libraries that programs need, found by reading ELF files and never by running them.
//!
//! The order of the search is that of glibc's loader (ld.so(8)), with the caller's folders in the place of
//! `/etc/ld.so.cache` and the default folders.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs::{self, File};
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_binfmt::{ElfClass, ElfError, ElfInfo, ElfKind, SymbolVersion};
use cuferry_digest::Digest;
use miette::Diagnostic;
use thiserror::Error;

use crate::file::FileError;
use crate::libraries::{self, Companion};
use crate::path::{ImagePath, ImagePathError};

/// What to start from, and where to look.
#[derive(Clone, Debug)]
pub struct ClosureRequest {
    /// What everything must be compiled for.
    pub host: Host,
    /// Programs and shared libraries that are in the image anyway.
    pub roots: Vec<Root>,
    /// Where libraries are looked for, in this order, after the folders that an ELF file names itself.
    pub folders: Vec<SearchFolder>,
}

/// A program or a shared library that is in the image anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it lies on this machine.
    pub source: Utf8PathBuf,
    /// Where it will lie in the image.
    pub destination: ImagePath,
}

/// A folder with libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFolder {
    /// Where it is. It need not exist.
    pub path: Utf8PathBuf,
    /// Whose libraries it holds.
    pub origin: Origin,
}

/// Whose libraries a folder holds: this decides where in the image they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The operating system's, or a cross compiler's: to `/usr/lib/<triple>`.
    System,
    /// The CUDA toolkit's: to `/usr/local/cuda/lib64`.
    Cuda,
    /// The project's own: to `/app/lib`.
    Project,
    /// Anybody else's: to `/app/lib`.
    Other,
}

/// Which layer a library belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The loader, glibc, and the compilers' own libraries.
    Runtime,
    /// CUDA's.
    Cuda,
    /// Others that the project did not build.
    ThirdParty,
    /// Built by the project.
    Project,
}

/// All that programs need.
#[derive(Clone, Debug)]
pub struct Closure {
    /// What everything is compiled for.
    pub host: Host,
    /// What it started from.
    pub roots: Vec<RootFile>,
    /// What has to be in the image besides, sorted by place there. Each is one file under its SONAME: that is the name
    /// that programs ask for, and the longer names that packages link it to are asked for by nobody at run time.
    pub libraries: Vec<Library>,
    /// What the container engine has to bring in from the host, sorted by name.
    pub driver_libraries: Vec<DriverLibrary>,
    /// Files of a right name that are no library for this host, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// A root, read.
#[derive(Clone, Debug)]
pub struct RootFile {
    /// Where it lies, and will lie.
    pub root: Root,
    /// What it says of itself.
    pub elf: Rc<ElfInfo>,
}

/// A library that has to be in the image.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its SONAME; the name that it is asked for by if it has none. The loader's is its file name.
    pub name: String,
    /// Other names that it is asked for by: symbolic links in the image.
    pub aliases: BTreeSet<String>,
    /// Where it lies, symbolic links resolved.
    pub source: Utf8PathBuf,
    /// Where it will lie.
    pub destination: ImagePath,
    /// Which layer it belongs to.
    pub group: Group,
    /// Who asks for it: file names.
    pub needed_by: BTreeSet<String>,
    /// Why it is there, if nobody asks for it in its ELF file.
    pub reason: Option<&'static str>,
    /// What it says of itself.
    pub elf: Rc<ElfInfo>,
}

/// A part of NVIDIA's driver that a program is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverLibrary {
    /// `libcuda.so.1`.
    pub name: String,
    /// Who asks for it: file names.
    pub needed_by: BTreeSet<String>,
}

/// A file that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file is no library for this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Zero bytes.
    Empty,
    /// No ELF file, or a damaged one.
    Unreadable(String),
    /// For another CPU: its `e_machine`.
    Machine(u16),
    /// A 32-bit one.
    Elf32,
    /// An ELF file, but no shared library.
    NoLibrary,
}

/// The highest version of a library that something needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Which.
    pub version: SymbolVersion,
    /// What needs it: a file name.
    pub by: String,
}

/// A closure that can't be computed.
#[derive(Debug, Error, Diagnostic)]
pub enum ClosureError {
    /// Libraries that lie nowhere.
    #[error("{}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    #[diagnostic(
        code(oci::library_missing),
        help(
            "install the package that holds it for {host}, or add its folder to the folders that the project links from"
        )
    )]
    Missing {
        /// For which host.
        host: Host,
        /// All of them.
        missing: Vec<MissingLibrary>,
    },
    /// A companion that its parent is of no use without.
    #[error("`{parent}` opens `{companion}` at run time, and `{folder}` has none that fits")]
    #[diagnostic(
        code(oci::companion_missing),
        help("install the whole package that `{parent}` is from: {reason}")
    )]
    CompanionMissing {
        /// The library that opens it.
        parent: String,
        /// Where it was looked for.
        folder: Utf8PathBuf,
        /// What was looked for, without its version.
        companion: String,
        /// Why it is needed.
        reason: &'static str,
    },
    /// `DT_NEEDED` with a slash: the path of the machine that linked it.
    #[error("`{by}` asks for the library `{needed}` by its path")]
    #[diagnostic(
        code(oci::needed_by_path),
        help(
            "such a path exists on the building machine only: link the library with `-Wl,-soname,NAME`, or name it with `-l`"
        )
    )]
    NeededByPath {
        /// Who.
        by: String,
        /// `DT_NEEDED`, as it stands there.
        needed: String,
    },
    /// Two libraries want to lie at one place.
    #[error("`{destination}` would have to be both `{first}` and `{second}`")]
    #[diagnostic(
        code(oci::library_conflict),
        help("build the programs against one of the two, or put them into images of their own")
    )]
    Conflict {
        /// In the image.
        destination: ImagePath,
        /// On this machine.
        first: Utf8PathBuf,
        /// On this machine.
        second: Utf8PathBuf,
    },
    /// A root that is no ELF file, or a damaged one.
    #[error("`{path}` can't be read as ELF")]
    #[diagnostic(
        code(oci::not_elf),
        help("only programs and shared libraries have a closure: list other files among those to install")
    )]
    Elf {
        /// Which.
        path: Utf8PathBuf,
        /// Where it is wrong.
        #[source]
        source: ElfError,
    },
    /// A root for another host.
    #[error("`{path}` is not a program for {host}: its machine number is {machine}")]
    #[diagnostic(
        code(oci::wrong_host),
        help("build it for {host}, or write an image for the host that it is for")
    )]
    WrongHost {
        /// Which.
        path: Utf8PathBuf,
        /// What the image is for.
        host: Host,
        /// `e_machine`.
        machine: u16,
    },
    /// A loader's path, or a SONAME, that no image can have.
    #[error("`{path}` names a place that no image can have")]
    #[diagnostic(code(oci::bad_name))]
    BadName {
        /// The file that names it.
        path: Utf8PathBuf,
        /// What it names.
        #[source]
        source: ImagePathError,
    },
    /// A file that can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A library that lies nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingLibrary {
    /// Its name.
    pub name: String,
    /// Who asks for it: a file name.
    pub needed_by: String,
    /// Where it was looked for, in order.
    pub searched: Vec<Utf8PathBuf>,
    /// Files of that name that are no library for this host.
    pub skipped: Vec<Skipped>,
}

impl SearchFolder {
    /// The usual folders of a system for programs of `host`, as seen on a `machine`: its own, or a cross compiler's.
    pub fn of_system(host: Host, machine: Host) -> Vec<Self> {
        let triple = host.gnu_triple();
        let paths = if host == machine {
            vec![
                format!("/lib/{triple}"),
                format!("/usr/lib/{triple}"),
                "/lib64".to_owned(),
                "/usr/lib64".to_owned(),
                "/lib".to_owned(),
                "/usr/lib".to_owned(),
                format!("/usr/local/lib/{triple}"),
                "/usr/local/lib64".to_owned(),
                "/usr/local/lib".to_owned(),
            ]
        } else {
            vec![
                // Debian's and Ubuntu's cross compilers, then their multiarch packages, then Fedora's sysroot.
                format!("/usr/{triple}/lib"),
                format!("/usr/{triple}/lib64"),
                format!("/lib/{triple}"),
                format!("/usr/lib/{triple}"),
                format!("/usr/{triple}/sys-root/lib64"),
                format!("/usr/{triple}/sys-root/usr/lib64"),
            ]
        };
        paths.into_iter().map(|path| Self { path: path.into(), origin: Origin::System }).collect()
    }
}

impl Closure {
    /// The highest version of glibc that anything needs.
    pub fn glibc(&self) -> Option<Demand> {
        self.highest("GLIBC")
    }

    /// The highest version of libstdc++ that anything needs.
    pub fn libstdcxx(&self) -> Option<Demand> {
        self.highest("GLIBCXX")
    }

    /// Every file of the image that is ELF, with its name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &ElfInfo)> {
        let roots = self.roots.iter().map(|file| (file.root.destination.name(), &*file.elf));
        roots.chain(self.libraries.iter().map(|library| (library.name.as_str(), &*library.elf)))
    }

    fn highest(&self, prefix: &str) -> Option<Demand> {
        let demands = self.files().filter_map(|(by, elf)| Some((elf.highest_need(prefix)?, by)));
        // Of several the first: roots come before libraries.
        let highest = demands.reduce(|best, next| if next.0 > best.0 { next } else { best });
        highest.map(|(version, by)| Demand { version, by: by.to_owned() })
    }
}

impl Origin {
    /// The folder in the image.
    fn folder(self, host: Host) -> String {
        match self {
            Self::System => format!("/usr/lib/{}", host.gnu_triple()),
            Self::Cuda => "/usr/local/cuda/lib64".to_owned(),
            Self::Project | Self::Other => "/app/lib".to_owned(),
        }
    }

    fn group(self, name: &str) -> Group {
        match self {
            Self::System if libraries::is_glibc(name) || libraries::is_compiler_runtime(name) => {
                Group::Runtime
            }
            Self::System | Self::Other => Group::ThirdParty,
            Self::Cuda => Group::Cuda,
            Self::Project => Group::Project,
        }
    }
}

/// Reads the roots and, from them, all that they need.
pub fn read_closure(request: &ClosureRequest) -> Result<Closure, ClosureError> {
    let mut walk = Walk::new(request);
    let roots = request.roots.iter().map(|root| walk.read_root(root)).collect::<Result<Vec<_>, _>>()?;
    for file in &roots {
        for name in [Some(file.root.destination.name()), file.elf.soname.as_deref()].into_iter().flatten() {
            walk.own.insert(name.to_owned());
        }
    }
    for file in &roots {
        walk.walk(file)?;
    }
    if !walk.missing.is_empty() {
        return Err(ClosureError::Missing { host: request.host, missing: walk.missing });
    }
    let driver_libraries =
        walk.driver.into_iter().map(|(name, needed_by)| DriverLibrary { name, needed_by }).collect();
    let skipped = walk.skipped.into_iter().map(|(path, reason)| Skipped { path, reason }).collect();
    Ok(Closure {
        host: request.host,
        roots,
        libraries: walk.libraries.into_values().collect(),
        driver_libraries,
        skipped,
    })
}

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

struct Walk<'a> {
    request: &'a ClosureRequest,
    /// The folders that exist, resolved, in order.
    folders: Vec<(Utf8PathBuf, Origin)>,
    /// Names that the roots answer to.
    own: BTreeSet<String>,
    libraries: BTreeMap<ImagePath, Library>,
    driver: BTreeMap<String, BTreeSet<String>>,
    skipped: BTreeMap<Utf8PathBuf, SkipReason>,
    missing: Vec<MissingLibrary>,
    /// What was read already, by the path as found.
    read: BTreeMap<Utf8PathBuf, Result<Rc<ElfInfo>, SkipReason>>,
}

impl<'a> Walk<'a> {
    fn new(request: &'a ClosureRequest) -> Self {
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

    fn read_root(&self, root: &Root) -> Result<RootFile, ClosureError> {
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
    fn walk(&mut self, file: &RootFile) -> Result<(), ClosureError> {
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

impl fmt::Display for MissingLibrary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no `{}`, which `{}` needs", self.name, self.needed_by)?;
        for (index, folder) in self.searched.iter().enumerate() {
            write!(formatter, "{} `{folder}`", if index == 0 { "; searched" } else { "," })?;
        }
        for skipped in &self.skipped {
            write!(formatter, "; {skipped}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` was skipped: {}", self.path, self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(formatter, "it is empty"),
            Self::Unreadable(why) => write!(formatter, "{why}"),
            Self::Machine(machine) => {
                let host = Host::ALL.into_iter().find(|host| host.elf_machine() == *machine);
                match host {
                    Some(host) => write!(formatter, "it is for {host}"),
                    None => write!(formatter, "it is for another machine, number {machine}"),
                }
            }
            Self::Elf32 => write!(formatter, "it is a 32-bit library"),
            Self::NoLibrary => write!(formatter, "it is no shared library"),
        }
    }
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

    #[test]
    fn origins_decide_layers() {
        assert_eq!(Origin::System.group("libstdc++.so.6"), Group::Runtime);
        assert_eq!(Origin::System.group("libopencv_core.so.406"), Group::ThirdParty);
        assert_eq!(Origin::Other.group("libstdc++.so.6"), Group::ThirdParty);
        assert_eq!(Origin::Cuda.group("libcublas.so.13"), Group::Cuda);
    }
}
