//! NVIDIA's shared libraries that an ARM program loads, and that neither its root nor its own folders have: fetched.

use std::collections::BTreeSet;
use std::fs::{self, File};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{Host, library};
use cuferry_binfmt::elf::ElfInfo;
use cuferry_inspect::inventory::{HostPart, Machine};
use cuferry_inspect::resolve::{Folders, Place, ld_so_conf, resolve};
use cuferry_run::emulation::SEARCH_PATH;

use super::words;
use crate::commands::toolchain::fetch_shared_libraries;
use crate::context::Context;
use crate::failure::Failure;

/// Folders for the program's library path.
pub(crate) fn folders(
    context: &Context,
    program: &Utf8Path,
    root: &Utf8Path,
    offline: bool,
) -> Result<Vec<Utf8PathBuf>, Failure> {
    let search = context.environment.get(SEARCH_PATH).unwrap_or_default();
    let folders = Folders {
        environment: search.split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect(),
        configured: configured(root),
    };
    let wanted: Vec<String> = missing(program, root, &folders)
        .into_iter()
        .filter(|name| library::by_soname(name).is_some_and(|row| !row.driver))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found = fetch_shared_libraries(context, &wanted, Host::Aarch64, offline)?;
    match found.missing.as_slice() {
        [] => Ok(found.folders),
        missing => Err(words::libraries_missing(program, missing)),
    }
}

/// The names of what the program, or a library that it loads, needs and that is nowhere.
fn missing(program: &Utf8Path, root: &Utf8Path, folders: &Folders) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut files = vec![program.to_string()];
    while let Some(path) = files.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Some(host) = File::open(inside(root, &path)).ok().and_then(host_of) else { continue };
        for needed in resolve(&host, &path, folders, |path| inside(root, path).is_file()) {
            match needed.place {
                Place::At(path) => files.push(path),
                Place::Missing => drop(missing.insert(needed.name)),
                Place::Driver | Place::System => {}
            }
        }
    }
    missing
}

/// Paths are looked for in the root first, and then outside: as qemu does.
fn inside(root: &Utf8Path, path: &str) -> Utf8PathBuf {
    let there = root.join(path.trim_start_matches('/'));
    if there.exists() { there } else { path.into() }
}

fn host_of(file: File) -> Option<HostPart> {
    let elf = ElfInfo::read(file).ok()?;
    // DT_RUNPATH replaces DT_RPATH (ld.so(8)).
    let search = elf.runpath.or(elf.rpath).unwrap_or_default();
    Some(HostPart {
        machine: Machine::Host(Host::Aarch64),
        needed: elf.needed,
        search: search.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned).collect(),
        ..HostPart::default()
    })
}

/// What the root's `/etc/ld.so.conf` and the files that it includes name.
fn configured(root: &Utf8Path) -> Vec<String> {
    let text = |path: &Utf8Path| fs::read_to_string(path).unwrap_or_default();
    let etc = root.join("etc");
    let (mut folders, includes) = ld_so_conf(&text(&etc.join("ld.so.conf")));
    for include in includes {
        // The pattern is one folder's `*.conf` in all distributions.
        let folder = Utf8Path::new(&include).parent().unwrap_or(Utf8Path::new(""));
        let folder = match folder.strip_prefix("/") {
            Ok(absolute) => root.join(absolute),
            Err(_) => etc.join(folder),
        };
        let Ok(entries) = folder.read_dir_utf8() else { continue };
        let mut files: Vec<Utf8PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.into_path())).collect();
        files.sort();
        let files = files.iter().filter(|file| file.extension() == Some("conf"));
        folders.extend(files.flat_map(|file| ld_so_conf(&text(file)).0));
    }
    folders
}
