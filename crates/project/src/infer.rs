//! A folder without a manifest, understood: one program from its sources, with a note for every guess.
//!
//! Heuristics, and meant to be read: `cuferry init` writes them into a manifest, and there they are the user's.

mod build_file;
mod layout;
mod lexer;
mod library;
mod note;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::select::GpuRequest;
use miette::Diagnostic;
use thiserror::Error;

pub use note::{Note, Place};

use crate::files::FileTree;
use crate::names;
use crate::project::{BuildTarget, ImageSpec, Language, Project, Source, TargetKind};
use build_file::{BuildFacts, Dialect};
use layout::{Closure, read_file};
use library::Wanted;
use source::Facts;

/// Gives the bytes of a file of the project.
pub type Read<'a> = dyn Fn(&Utf8Path) -> io::Result<Vec<u8>> + 'a;

/// A project that nobody wrote down, and the guesses behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// The project.
    pub project: Project,
    /// Every guess, in the order of the manifest's keys as they come up.
    pub notes: Vec<Note>,
}

/// Why a folder cannot be understood.
#[derive(Debug, Error, Diagnostic)]
pub enum InferError {
    /// Nothing to compile.
    #[error("`{folder}` holds no sources{}", left_out_text(left_out))]
    #[diagnostic(help(
        "sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; write `cuferry.toml` if they are kept otherwise"
    ))]
    NoSources {
        /// The folder's name.
        folder: String,
        /// Sources that were left out.
        left_out: Vec<Utf8PathBuf>,
    },
    /// Nothing for the GPU.
    #[error("`{folder}` holds no CUDA source{}: {}", left_out_text(left_out), paths_text(sources))]
    #[diagnostic(help("a file that holds kernels ends in `.cu`: rename it, or write `cuferry.toml`"))]
    NoCuda {
        /// The folder's name.
        folder: String,
        /// What there is instead.
        sources: Vec<Utf8PathBuf>,
        /// Sources that were left out.
        left_out: Vec<Utf8PathBuf>,
    },
    /// Nothing to start.
    #[error("no source of `{folder}` defines `main`{}: {}", left_out_text(left_out), paths_text(sources))]
    #[diagnostic(help(
        "a macro may hide it: name its file with `cuferry init --main FILE`; a library alone needs a program that uses it"
    ))]
    NoMain {
        /// The folder's name.
        folder: String,
        /// What was read.
        sources: Vec<Utf8PathBuf>,
        /// Sources that were left out.
        left_out: Vec<Utf8PathBuf>,
    },
    /// More than one program.
    #[error("`{folder}` holds {} programs: `main` is defined at {}", mains.len(), places_text(mains))]
    #[diagnostic(help(
        "name the one to build with `cuferry init --main {}`, and edit the `cuferry.toml` that it writes: a `[[program]]` for each",
        mains[0].path
    ))]
    SeveralMains {
        /// The folder's name.
        folder: String,
        /// Each definition.
        mains: Vec<Place>,
    },
    /// The file that was named is no source of the project.
    #[error("`{path}` is not a source of this project")]
    #[diagnostic(help(
        "name a file that ends in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`, relative to the project's folder"
    ))]
    NotASource {
        /// As it was named.
        path: Utf8PathBuf,
    },
    /// A file that matters cannot be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(help("make it readable, or write a `cuferry.toml` that does without it"))]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Understands the folder named `folder`: exactly one of its sources defines `main`.
pub fn infer(folder: &str, tree: &FileTree, read: &Read<'_>) -> Result<Inferred, InferError> {
    infer_program(folder, tree, read, None)
}

/// The same, for a folder of several programs: the one that starts in `main` is meant.
pub fn infer_from_main(
    folder: &str,
    tree: &FileTree,
    read: &Read<'_>,
    main: &Utf8Path,
) -> Result<Inferred, InferError> {
    if !tree.contains(main) || Language::of(main).is_none() {
        return Err(InferError::NotASource { path: main.to_owned() });
    }
    infer_program(folder, tree, read, Some(main))
}

fn infer_program(
    folder: &str,
    tree: &FileTree,
    read: &Read<'_>,
    main: Option<&Utf8Path>,
) -> Result<Inferred, InferError> {
    let mut notes = Vec::new();
    let mut sources = BTreeMap::new();
    for path in candidates(folder, tree, main, &mut notes)? {
        sources.insert(path.to_owned(), source::facts(&read_file(path, read)?));
    }
    let main = match main {
        Some(main) => main.to_owned(),
        None => only_main(folder, &sources, &mut notes)?,
    };
    keep_program(&main, &mut sources, &mut notes);
    let paths: Vec<Utf8PathBuf> = sources.keys().cloned().collect();
    let closure = Closure::read(sources, tree, read, &mut notes)?;
    let paths = without_included(paths, &main, &closure, &mut notes);

    let mut build = BuildFacts::default();
    for path in tree.paths().iter().filter(|path| layout::is_own_build_file(path)) {
        if let Some(dialect) = Dialect::of(path) {
            build.read(path, &String::from_utf8_lossy(&read_file(path, read)?), dialect);
        }
    }
    let std = standard(&closure, &build, &mut notes);
    let relocatable_device_code = device_link(&paths, &closure, &build, &mut notes);
    let libraries = Libraries::wanted(&closure, &build, &mut notes);
    let device_flags = arm_architectures(&build, &mut notes);
    notes.push(Note::Optimised);

    let target = BuildTarget {
        name: program_name(folder, &main),
        kind: TargetKind::Program,
        sources: paths.into_iter().filter_map(source_at).collect(),
        include: closure.folders,
        defines: Vec::new(),
        std,
        host_flags: vec!["-O2".to_owned()],
        device_flags,
        link_flags: Vec::new(),
        relocatable_device_code,
        uses: Vec::new(),
        cuda_libraries: libraries.cuda,
        pkg_config: libraries.pkg_config,
        link: libraries.system,
        link_dirs: Vec::new(),
    };
    let project = Project {
        name: names::name_from(folder).unwrap_or_else(|| target.name.clone()),
        version: None,
        toolkit: None,
        host_compiler: None,
        gpu: None,
        embed_ptx: true,
        targets: vec![target],
        install: Vec::new(),
        image: ImageSpec::default(),
    };
    Ok(Inferred { project, notes })
}

fn source_at(path: Utf8PathBuf) -> Option<Source> {
    Language::of(&path).map(|language| Source { path, language })
}

/// The folder's name where it can be a program's, else that of the file with `main`.
fn program_name(folder: &str, main: &Utf8Path) -> String {
    let usable = |name: &String| names::reserved(name).is_none();
    let folder = names::name_from(folder).filter(usable);
    let stem = || main.file_stem().and_then(names::name_from).filter(usable);
    folder.or_else(stem).unwrap_or_else(|| "app".to_owned())
}

fn candidates<'t>(
    folder: &str,
    tree: &'t FileTree,
    main: Option<&Utf8Path>,
    notes: &mut Vec<Note>,
) -> Result<Vec<&'t Utf8Path>, InferError> {
    let candidates = layout::candidates(tree, main, notes);
    let folder = folder.to_owned();
    if candidates.is_empty() {
        return Err(InferError::NoSources { folder, left_out: left_out(notes) });
    }
    if !candidates.iter().any(|path| Language::of(path) == Some(Language::Cuda)) {
        let sources = candidates.into_iter().map(Utf8Path::to_owned).collect();
        return Err(InferError::NoCuda { folder, sources, left_out: left_out(notes) });
    }
    Ok(candidates)
}

/// The file with the one `main` that is not switched off.
fn only_main(
    folder: &str,
    sources: &BTreeMap<Utf8PathBuf, Facts>,
    notes: &mut Vec<Note>,
) -> Result<Utf8PathBuf, InferError> {
    let mains: Vec<_> =
        sources.iter().filter_map(|(path, facts)| Some((path, facts.main.as_ref()?))).collect();
    // `#ifndef NO_MAIN` is switched on where nobody defines it; most other conditions are not.
    let switched_on = |guard: &Option<String>| guard.as_ref().is_none_or(|guard| guard.starts_with("ifndef"));
    let mut plain = mains.iter().filter(|(_, main)| switched_on(&main.guard));
    match (mains.as_slice(), plain.next(), plain.next()) {
        ([], ..) => Err(InferError::NoMain {
            folder: folder.to_owned(),
            sources: sources.keys().cloned().collect(),
            left_out: left_out(notes),
        }),
        ([(only, _)], ..) => Ok((*only).clone()),
        (_, Some((chosen, _)), None) => {
            for (path, main) in mains.iter().filter(|(path, _)| path != chosen) {
                let guard = main.guard.clone().unwrap_or_default();
                notes.push(Note::GuardedMain { place: Place::new(path, main.line), guard });
            }
            Ok((*chosen).clone())
        }
        _ => {
            let mains = mains.iter().map(|(path, main)| Place::new(path, main.line)).collect();
            Err(InferError::SeveralMains { folder: folder.to_owned(), mains })
        }
    }
}

/// Leaves out the sources that have a `main` of their own which is not switched off.
fn keep_program(main: &Utf8Path, sources: &mut BTreeMap<Utf8PathBuf, Facts>, notes: &mut Vec<Note>) {
    let line = sources.get(main).and_then(|facts| facts.main.as_ref()).map_or(1, |main| main.line);
    let place = Place::new(main, line);
    notes.push(Note::Main { place });
    sources.retain(|path, facts| match &facts.main {
        Some(other)
            if path != main && other.guard.as_ref().is_none_or(|guard| guard.starts_with("ifndef")) =>
        {
            notes.push(Note::OtherMain { place: Place::new(path, other.line) });
            false
        }
        _ => true,
    });
}

/// Sources that no other one includes: `#include "kernel.cu"` compiles that file already.
fn without_included(
    mut paths: Vec<Utf8PathBuf>,
    main: &Utf8Path,
    closure: &Closure,
    notes: &mut Vec<Note>,
) -> Vec<Utf8PathBuf> {
    let mut includers = BTreeMap::new();
    for (from, included) in &closure.includes {
        for (path, line) in included.iter().filter(|(path, _)| path != from) {
            includers.entry(path.as_path()).or_insert_with(|| Place::new(from, *line));
        }
    }
    paths.retain(|path| match includers.get(path.as_path()) {
        Some(place) if path != main => {
            notes.push(Note::IncludedSource { path: path.clone(), place: place.clone() });
            false
        }
        _ => true,
    });
    paths
}

/// The newest standard that is asked for, where compilers do not take it by default anyway.
fn standard(closure: &Closure, build: &BuildFacts, notes: &mut Vec<Note>) -> Option<String> {
    let headers =
        closure.foreign.iter().filter_map(|(header, place)| Some((library::standard_of(header)?, place)));
    let asked = build.standards.iter().map(|(standard, place)| (*standard, place)).chain(headers);
    // Of several places that ask for the same, the first.
    let (number, place) = asked.rev().max_by_key(|(standard, _)| *standard)?;
    let (standard, place) = (format!("c++{number}"), place.clone());
    if number < 17 {
        notes.push(Note::OldStandard { standard, place });
        return None;
    }
    notes.push(Note::Standard { standard: standard.clone(), place });
    Some(standard)
}

/// Whether one file's device code needs another's: it declares a function that only another defines, or a variable
/// `extern`; or the build files say so. What macros hide, and kernels that launch kernels, are not seen.
fn device_link(paths: &[Utf8PathBuf], closure: &Closure, build: &BuildFacts, notes: &mut Vec<Note>) -> bool {
    if let Some(place) = &build.device_link {
        notes.push(Note::DeviceLinkFlag { place: place.clone() });
        return true;
    }
    let cuda = paths.iter().filter(|path| Language::of(path) == Some(Language::Cuda));
    let units: Vec<(&Utf8PathBuf, BTreeSet<&Utf8Path>)> =
        cuda.map(|path| (path, closure.unit(path))).collect();
    let mut definitions: BTreeMap<&str, Vec<(&Utf8PathBuf, Place)>> = BTreeMap::new();
    for (source, unit) in &units {
        for path in unit {
            for (name, line) in &closure.files[*path].device_defined {
                definitions.entry(name).or_default().push((source, Place::new(path, *line)));
            }
        }
    }
    for (source, unit) in &units {
        for path in unit {
            let facts = &closure.files[*path];
            if let Some((name, line)) = &facts.device_extern {
                let (name, declared) = (name.clone(), Place::new(path, *line));
                notes.push(Note::DeviceLink { name, declared, defined: None });
                return true;
            }
            for (name, line) in &facts.device_declared {
                let defined = definitions.get(name.as_str()).map_or(&[][..], Vec::as_slice);
                if let (false, Some((_, elsewhere))) =
                    (defined.iter().any(|(definer, _)| definer == source), defined.first())
                {
                    let (name, declared) = (name.clone(), Place::new(path, *line));
                    notes.push(Note::DeviceLink { name, declared, defined: Some(elsewhere.clone()) });
                    return true;
                }
            }
        }
    }
    false
}

/// Libraries by name, each once.
#[derive(Default)]
struct Libraries {
    cuda: Vec<String>,
    system: Vec<String>,
    pkg_config: Vec<String>,
}

impl Libraries {
    fn wanted(closure: &Closure, build: &BuildFacts, notes: &mut Vec<Note>) -> Self {
        let mut libraries = Self::default();
        // Headers do not say which of NPP's many libraries are called; a build file that names any, names them all.
        let names_npp = build.libraries.iter().any(|(_, name, _)| name.starts_with("npp"));
        for (header, place) in &closure.foreign {
            for wanted in library::of_header(header) {
                match wanted {
                    Wanted::Cuda(name) if names_npp && name.starts_with("npp") => {}
                    Wanted::Cuda(name) => libraries.add_cuda(name, place, notes),
                    Wanted::System(name) => libraries.add_system(name, place, notes),
                    Wanted::PkgConfig(module) => {
                        if !libraries.pkg_config.iter().any(|known| known == module) {
                            libraries.pkg_config.push((*module).to_owned());
                            notes
                                .push(Note::PkgConfig { module: (*module).to_owned(), place: place.clone() });
                        }
                    }
                }
            }
        }
        let calls = closure
            .files
            .iter()
            .filter_map(|(path, facts)| facts.driver_call.as_ref().map(|(_, line)| Place::new(path, *line)));
        if let (true, Some(place)) = (closure.foreign.contains_key("cuda.h"), calls.into_iter().next()) {
            libraries.add_system("cuda", &place, notes);
        }
        for (is_cuda, name, place) in &build.libraries {
            if *is_cuda {
                libraries.add_cuda(name, place, notes);
            } else {
                libraries.add_system(name, place, notes);
            }
        }
        libraries
    }

    fn add_cuda(&mut self, name: &str, place: &Place, notes: &mut Vec<Note>) {
        if !self.cuda.iter().any(|known| known == name) {
            self.cuda.push(name.to_owned());
            notes.push(Note::CudaLibrary { name: name.to_owned(), place: place.clone() });
        }
    }

    fn add_system(&mut self, name: &str, place: &Place, notes: &mut Vec<Note>) {
        if !self.system.iter().any(|known| known == name) {
            self.system.push(name.to_owned());
            notes.push(Note::Library { name: name.to_owned(), place: place.clone() });
        }
    }
}

/// nvcc's flags for what the ARM build compiles for.
fn arm_architectures(build: &BuildFacts, notes: &mut Vec<Note>) -> Vec<String> {
    let mut flags = Vec::new();
    for (request, place) in &build.archs {
        let (arch, code) = match request {
            GpuRequest::Real(arch) => (arch, arch.real()),
            GpuRequest::Virtual(arch) => (arch, arch.virtual_()),
        };
        flags.extend(["-gencode".to_owned(), format!("arch={},code={code}", arch.virtual_())]);
        notes.push(Note::ArmArchitecture { arch: code, place: place.clone() });
    }
    for (text, place) in &build.unknown_archs {
        notes.push(Note::UnknownArchitecture { text: text.clone(), place: place.clone() });
    }
    flags
}

fn left_out(notes: &[Note]) -> Vec<Utf8PathBuf> {
    let path = |note: &Note| match note {
        Note::SideFolder { path, .. } | Note::ArmVariant { path, .. } => Some(path.clone()),
        _ => None,
    };
    notes.iter().filter_map(path).collect()
}

/// How many names a message lists.
const MOST_LISTED: usize = 8;

fn left_out_text(paths: &[Utf8PathBuf]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    format!(" outside of folders for tests, examples and builds ({} left out)", paths_text(paths))
}

fn paths_text(paths: &[Utf8PathBuf]) -> String {
    listed(paths.iter().map(|path| format!("`{path}`")))
}

fn places_text(places: &[Place]) -> String {
    listed(places.iter().map(Place::to_string))
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MOST_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.take(MOST_LISTED).collect::<Vec<_>>().join(", ") + &more
}
