//! An image of what a project's own build made: of the folder that it was installed into, or of what it linked.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_inspect::inventory::Form;
use cuferry_oci::{Content, Entry, ImagePath, Origin, SearchFolder};
use cuferry_project::project::{ImageSpec, image_name};
use cuferry_toolchain::toolkit::Toolkit;
use walkdir::WalkDir;

use super::outcome::{Artefact, Outcome};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::image::{self, Binary, Contents, Image, image_path, usual_place};
use crate::interrupt::Interrupts;

/// What an image is made of, and by what.
pub(crate) struct Shipment<'a> {
    /// The project's name.
    pub(crate) name: &'a str,
    /// Where the image goes.
    pub(crate) path: Utf8PathBuf,
    /// `--program`.
    pub(crate) program: Option<&'a str>,
    /// What was built.
    pub(crate) outcome: &'a Outcome,
    /// Where it was installed: the root of a file system. None: as it was linked.
    pub(crate) staged: Option<&'a Utf8Path>,
    /// What compiled it.
    pub(crate) toolkit: &'a Toolkit,
    /// Where its compiler looks for libraries.
    pub(crate) library_folders: &'a [Utf8PathBuf],
}

/// Writes the image. The second value says which program it starts, where there were several to choose from.
pub(crate) fn write(
    context: &Context,
    shipment: &Shipment<'_>,
    interrupts: &Interrupts,
) -> Result<(Image, Option<String>), Failure> {
    let host = Host::X86_64;
    let mut binaries = Vec::new();
    let mut places = BTreeMap::new();
    for artefact in shipped(shipment)? {
        let place = place(shipment, artefact)?;
        if let Some(other) = places.insert(place.to_string(), artefact) {
            return Err(same_name(other, artefact));
        }
        binaries.push(Binary { source: artefact.path.clone(), place });
    }
    let known: BTreeSet<&Utf8Path> = binaries.iter().map(|binary| binary.source.as_path()).collect();
    let entries = match shipment.staged {
        Some(root) => other_files(root, &known)?,
        None => Vec::new(),
    };
    let (program, note) = start(shipment)?;
    let folders = folders(shipment, host);
    let spec = ImageSpec::default();
    let code = shipment.outcome.code();
    let contents = Contents {
        host,
        title: shipment.name,
        version: None,
        name: image_name(shipment.name, None),
        spec: &spec,
        base: None,
        binaries,
        entries,
        folders,
        entrypoint: vec![place(shipment, program)?.to_string()],
        release: shipment.toolkit.release,
        code: &code,
    };
    let destination = image::destination(shipment.path.clone());
    Ok((image::write(context, contents, &destination, interrupts)?, note))
}

/// Programs and shared libraries: those that were installed, where any were.
fn shipped<'a>(shipment: &Shipment<'a>) -> Result<Vec<&'a Artefact>, Failure> {
    let dynamic = |artefact: &&Artefact| matches!(artefact.form(), Form::Program | Form::SharedLibrary);
    let inside = |artefact: &&Artefact| shipment.staged.is_none_or(|root| artefact.path.starts_with(root));
    let found: Vec<&Artefact> = shipment.outcome.artefacts.iter().filter(dynamic).filter(inside).collect();
    if found.iter().any(|artefact| artefact.form() == Form::Program) {
        Ok(found)
    } else {
        let help = "an image starts a program: this build makes libraries alone; leave `--image` out";
        Err(Failure::say(Fault::Project, "image::no_program", "no image: the build made no program", help))
    }
}

fn place(shipment: &Shipment<'_>, artefact: &Artefact) -> Result<ImagePath, Failure> {
    match shipment.staged.and_then(|root| artefact.path.strip_prefix(root).ok()) {
        Some(inside) => image_path(&Utf8Path::new("/").join(inside)),
        None => usual_place(artefact.form() == Form::Program, artefact.name()),
    }
}

/// The program that the image starts: the one named, the only one, the project's namesake, or the first by its path.
fn start<'a>(shipment: &Shipment<'a>) -> Result<(&'a Artefact, Option<String>), Failure> {
    let programs: Vec<&Artefact> =
        shipped(shipment)?.into_iter().filter(|artefact| artefact.form() == Form::Program).collect();
    let names = || programs.iter().map(|program| program.name()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = shipment.program {
        let found = programs.iter().find(|program| program.name() == wanted);
        return found.map(|program| (*program, None)).ok_or_else(|| {
            let help = format!("name one of: {}", names());
            Failure::say(
                Fault::Usage,
                "image::program",
                format!("the build made no program `{wanted}`"),
                help,
            )
        });
    }
    let namesake = programs.iter().find(|program| program.name() == shipment.name);
    let program = *namesake.unwrap_or(&programs[0]);
    let note = (programs.len() > 1).then(|| {
        format!("the image starts `{}`; with `--program` any of these: {}", program.name(), names())
    });
    Ok((program, note))
}

/// What was installed beside programs and libraries, without what only a compiler would read.
fn other_files(root: &Utf8Path, known: &BTreeSet<&Utf8Path>) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().flatten() {
        let Some(path) = Utf8Path::from_path(entry.path()) else { continue };
        let Ok(inside) = path.strip_prefix(root) else { continue };
        if entry.file_type().is_dir() || known.contains(path) || for_compilers(inside) {
            continue;
        }
        let place = image_path(&Utf8Path::new("/").join(inside))?;
        if entry.file_type().is_symlink() {
            let Some(target) = path.read_link_utf8().ok().filter(|target| target.is_relative()) else {
                continue;
            };
            entries.push(Entry { path: place, content: Content::Symlink { target: target.into_string() } });
        } else {
            let executable = entry.metadata().is_ok_and(|metadata| {
                std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
            });
            entries.push(Entry::file(place, path.to_owned(), executable));
        }
    }
    Ok(entries)
}

/// Headers, static libraries, and what CMake and pkg-config read.
fn for_compilers(inside: &Utf8Path) -> bool {
    let folder = |name: &str| inside.components().any(|part| part.as_str() == name);
    matches!(inside.extension(), Some("a" | "h" | "hpp" | "cuh" | "cmake" | "pc" | "la"))
        || folder("include")
        || folder("pkgconfig")
}

fn folders(shipment: &Shipment<'_>, host: Host) -> Vec<SearchFolder> {
    let folder = |path: Utf8PathBuf, origin| SearchFolder { path, origin };
    let parents: BTreeSet<&Utf8Path> =
        shipment.outcome.artefacts.iter().filter_map(|artefact| artefact.path.parent()).collect();
    let mut folders: Vec<SearchFolder> =
        parents.into_iter().map(|path| folder(path.to_owned(), Origin::Project)).collect();
    folders.push(folder(shipment.toolkit.lib(host), Origin::Cuda));
    folders.extend(shipment.library_folders.iter().map(|path| folder(path.clone(), Origin::System)));
    folders.extend(SearchFolder::of_system(host, Host::of_this_program()));
    folders
}

fn same_name(first: &Artefact, second: &Artefact) -> Failure {
    let message = format!("no image: `{}` and `{}` have one name", first.path, second.path);
    let help = "give the build an install step, which gives each its place, or build one of them alone";
    Failure::say(Fault::Project, "image::same_name", message, help)
}
