//! A closure and the project's files to layers, from stable to changing; what a base image has already is left out.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_arch::Host;
use cuferry_binfmt::{ElfInfo, ElfKind, SymbolVersion};
use miette::Diagnostic;
use thiserror::Error;

use crate::base::Base;
use crate::base::tree::BaseLibrary;
use crate::closure::{Closure, Group, Library};
use crate::entry::{Entry, Layer};
use crate::ldcache::{self, CacheEntry};
use crate::libraries;
use crate::path::ImagePath;

/// The user and group that programs run as where nothing else is asked for: `65532`, as in distroless images.
pub const NONROOT: u32 = 65532;

/// The layers of an image, and what was left out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// From stable to changing; none is empty.
    pub layers: Vec<Layer>,
    /// Libraries that the base image brings.
    pub from_base: Vec<String>,
}

/// A base image that doesn't fit the programs.
#[derive(Debug, Error, Diagnostic)]
pub enum AssembleError {
    /// Its glibc is too old, or lacks a part.
    #[error("`{by}` needs `{version}` of `{library}`, and the base image `{base}` has {}", has(*.found))]
    #[diagnostic(
        code(oci::base_too_old),
        help(
            "take a newer base, build on an older system, or use no base: then the system's own glibc goes into the image"
        )
    )]
    BaseTooOld {
        /// Which base.
        base: Utf8PathBuf,
        /// `libc.so.6`.
        library: String,
        /// `GLIBC_2.38`, or the library itself.
        version: String,
        /// What needs it: a file name.
        by: String,
        /// The highest that the base offers, if it has the library at all.
        found: Option<SymbolVersion>,
    },
}

fn has(found: Option<SymbolVersion>) -> String {
    found.map_or_else(|| "none".to_owned(), |version| format!("{version} at most"))
}

/// Sorts everything into layers: base files with glibc and the compilers' libraries; CUDA's; other libraries; the project's.
///
/// `files` are the programs, the libraries that were roots of the closure, and whatever else is to be installed.
pub fn assemble(
    closure: &Closure,
    files: Vec<Entry>,
    base: Option<&Base>,
) -> Result<Assembly, AssembleError> {
    let mut from_base = Vec::new();
    let mut shipped = Vec::new();
    // The libraries of a base without glibc, such as Alpine's, are for another libc: none of them will do.
    let glibc_base = base.filter(|base| brings_glibc(base, closure.host));
    for library in &closure.libraries {
        match glibc_base.filter(|base| is_in_base(library, base, closure)) {
            Some(_) => from_base.push(library.name.clone()),
            None => shipped.push(library),
        }
    }
    if let Some(base) = glibc_base {
        check_glibc(closure, &shipped, base)?;
        // A part that the base's glibc comes without, and nobody is linked to, is one that it doesn't need.
        shipped.retain(|library| !libraries::is_glibc(&library.name));
    }

    let group = |group: Group| shipped.iter().filter(move |library| library.group == group);
    let entries =
        |wanted: Group| group(wanted).flat_map(|library| library_entries(library)).collect::<Vec<_>>();
    let mut runtime: Vec<Entry> = base_files()
        .into_iter()
        .filter(|entry| !base.is_some_and(|base| base.tree.contains(entry.path.relative())))
        .collect();
    runtime.extend(entries(Group::Runtime));
    let mut program = files;
    program.extend(entries(Group::Project));
    program.extend(loader_files(closure, &shipped, base));

    let layer = |name: &str, entries, changing| Layer { name: name.to_owned(), entries, changing };
    let mut layers = vec![
        layer("runtime", runtime, false),
        layer("cuda", entries(Group::Cuda), false),
        layer("libraries", entries(Group::ThirdParty), false),
        layer("program", program, true),
    ];
    layers.retain(|layer| !layer.entries.is_empty());
    Ok(Assembly { layers, from_base })
}

/// Whether the base image makes it needless to ship the library.
fn is_in_base(library: &Library, base: &Base, closure: &Closure) -> bool {
    let Some(existing) = base.tree.library(closure.host, &library.name) else { return false };
    if libraries::is_glibc(&library.name) {
        return true;
    }
    // Compilers' libraries only ever gain symbols, and say so in their versions; of others only the same one will do.
    existing.digest == library_digest(library)
        || (library.group == Group::Runtime && unmet(closure.files(), &library.name, &existing).is_none())
}

/// The digest of the file to ship; of one that can't be read none, which the writing of its layer will tell.
fn library_digest(library: &Library) -> cuferry_digest::Digest {
    let digest = std::fs::File::open(&library.source).and_then(cuferry_digest::Digest::of_reader);
    digest.map_or_else(|_| cuferry_digest::Digest::of(""), |(digest, _)| digest)
}

fn brings_glibc(base: &Base, host: Host) -> bool {
    base.tree.contains(host.loader().trim_start_matches('/'))
        && base.tree.library(host, "libc.so.6").is_some()
}

/// Fails if the base's glibc can't serve the roots and what is shipped with them.
fn check_glibc(closure: &Closure, shipped: &[&Library], base: &Base) -> Result<(), AssembleError> {
    let roots = closure.roots.iter().map(|file| (file.root.destination.name(), &*file.elf));
    let others = shipped.iter().filter(|library| !libraries::is_glibc(&library.name));
    let others = others.map(|library| (library.name.as_str(), &*library.elf));
    let users: Vec<(&str, &ElfInfo)> = roots.chain(others).collect();
    for library in closure.libraries.iter().filter(|library| libraries::is_glibc(&library.name)) {
        let too_old = |version: String, by: &str, found| AssembleError::BaseTooOld {
            base: base.path.clone(),
            library: library.name.clone(),
            version,
            by: by.to_owned(),
            found,
        };
        let user = users.iter().find(|(_, elf)| elf.needed.contains(&library.name));
        match base.tree.library(closure.host, &library.name) {
            None => {
                if let Some((by, _)) = user {
                    return Err(too_old(library.name.clone(), by, None));
                }
            }
            Some(existing) => {
                if let Some((version, by)) = unmet(users.iter().copied(), &library.name, &existing) {
                    let found = existing.elf.as_ref().and_then(|elf| elf.highest_definition("GLIBC"));
                    return Err(too_old(version, by, found));
                }
            }
        }
    }
    Ok(())
}

/// The highest symbol version that somebody wants of the library and that it doesn't offer, with who wants it.
fn unmet<'a>(
    users: impl Iterator<Item = (&'a str, &'a ElfInfo)>,
    name: &str,
    existing: &BaseLibrary,
) -> Option<(String, &'a str)> {
    let offered = existing.elf.as_ref().map(|elf| elf.defines.as_slice()).unwrap_or_default();
    let wanted = users.flat_map(|(by, elf)| elf.needs.iter().map(move |need| (need, by)));
    let unmet = wanted.filter(|(need, _)| need.file == name && !offered.contains(&need.name));
    let number = |version: &str| {
        let prefix = version.split('_').next().unwrap_or_default();
        SymbolVersion::parse(version, prefix)
    };
    unmet.map(|(need, by)| (need.name.clone(), by)).max_by_key(|(version, _)| number(version))
}

fn library_entries(library: &Library) -> Vec<Entry> {
    // The kernel starts the loader as a program.
    let executable = library.elf.interpreter.is_some() || library.name.starts_with("ld-");
    let mut entries = vec![Entry::file(library.destination.clone(), &library.source, executable)];
    for alias in &library.aliases {
        let path = format!("{}/{alias}", folder_of(&library.destination));
        entries.push(Entry::symlink(fixed(&path), library.name.clone()));
    }
    entries
}

/// The loader's cache, and the list of folders that a container runtime makes it anew from.
fn loader_files(closure: &Closure, shipped: &[&Library], base: Option<&Base>) -> Vec<Entry> {
    let mut own = BTreeMap::<String, String>::new();
    for library in shipped {
        for name in library.aliases.iter().chain([&library.name]) {
            own.insert(name.clone(), format!("{}/{}", folder_of(&library.destination), library.name));
        }
        // The loader is the one that need not lie where others do.
        own.insert(library.name.clone(), library.destination.to_string());
    }
    let roots = closure.roots.iter().filter(|file| file.elf.kind == ElfKind::Dynamic);
    for file in roots.filter(|file| file.elf.interpreter.is_none()) {
        let destination = &file.root.destination;
        let name = file.elf.soname.clone().unwrap_or_else(|| destination.name().to_owned());
        own.insert(name, destination.to_string());
    }
    if own.is_empty() {
        return Vec::new();
    }
    let inherited = base.map(|base| base.tree.loader_cache(closure.host)).unwrap_or_default();
    let inherited = inherited.into_iter().filter(|entry| !own.contains_key(&entry.name));
    let entries: Vec<CacheEntry> = own
        .iter()
        .map(|(name, path)| CacheEntry { name: name.clone(), path: path.clone() })
        .chain(inherited)
        .collect();

    let mut folders: Vec<&str> = own.values().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    folders.sort_unstable();
    folders.dedup();
    let mut files = vec![
        Entry::bytes(fixed("/etc/ld.so.cache"), ldcache::write(closure.host, &entries)),
        Entry::bytes(fixed("/etc/ld.so.conf.d/cuferry.conf"), format!("{}\n", folders.join("\n"))),
    ];
    if !base.is_some_and(|base| base.tree.contains("etc/ld.so.conf")) {
        files.push(Entry::bytes(fixed("/etc/ld.so.conf"), "include /etc/ld.so.conf.d/*.conf\n"));
    }
    files
}

/// What programs and engines expect of any system.
fn base_files() -> Vec<Entry> {
    // The home is a folder that everybody may write to: CUDA keeps the code that it compiles in `~/.nv`.
    let passwd = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{NONROOT}:{NONROOT}:nonroot:/tmp:/sbin/nologin\n"
    );
    let group = format!("root:x:0:\nnonroot:x:{NONROOT}:\n");
    vec![
        Entry::bytes(fixed("/etc/group"), group),
        Entry::bytes(fixed("/etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n"),
        Entry::bytes(fixed("/etc/passwd"), passwd),
        Entry::directory(fixed("/tmp"), 0o1777),
    ]
}

fn folder_of(path: &ImagePath) -> String {
    let text = path.to_string();
    text.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}

fn fixed(path: &str) -> ImagePath {
    path.parse().expect("written here, or a checked path's folder and a checked name")
}
