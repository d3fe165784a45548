//! `cuferry run`: a program, a project or an image, the best way that works here.

use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_artifact::{Artifact, ArtifactKind};
use cuferry_inspect::Question;
use cuferry_inspect::inventory::Inventory;
use cuferry_inspect::read::Effort;
use cuferry_run::emulation::SEARCH_PATH;
use cuferry_run::start::Start;
use cuferry_run::{Choice, Device, SoftwareDevice, choose};

use crate::args::run::Run;
use crate::commands::image::open;
use crate::commands::rebuild;
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::inspect::{collect, here};
use crate::run::arm::emulation;
use crate::run::{container, note, words};
use crate::words::print;

pub(crate) fn run(context: &Context, args: &Run) -> Result<Answer, Failure> {
    if args.library_folder {
        print(&format!("{}\n", software_device(context)?.folder))?;
        return Ok(Answer::Good);
    }
    let (what, rest) = args.command.split_first().ok_or_else(nothing_named)?;
    let path = find(context, args.root.as_deref(), what)?;
    if path.is_dir() && !path.join("oci-layout").exists() {
        return project(context, args, &path, rest);
    }
    let artifact = open(context, &path)?;
    match artifact.kind {
        ArtifactKind::File => program(context, args, &path, &artifact, rest, &[]),
        ArtifactKind::OciLayout | ArtifactKind::OciArchive | ArtifactKind::DockerArchive => {
            container::run(context, args, &path, &artifact, rest)
        }
        _ => Err(words::not_runnable(&path, artifact.kind.name())),
    }
}

/// Decides, says so, and becomes the program.
fn program(
    context: &Context,
    args: &Run,
    path: &Utf8Path,
    artifact: &Artifact,
    rest: &[OsString],
    libraries: &[Utf8PathBuf],
) -> Result<Answer, Failure> {
    let gpus = here();
    let choice = decide(path, &inventories(artifact), &gpus, args)?;
    if !args.quiet {
        words::announce(&choice);
    }
    let before = context.environment.get(SEARCH_PATH);
    if choice.host != Host::of_this_program() {
        let start = emulation(context, args, path, choice.device)?.start(path, rest, before);
        return Err(words::cannot_start(path, &note::begin(args, &choice, &start)));
    }
    let mut folders: Vec<String> = Vec::new();
    if choice.device == Device::Soft {
        folders.push(software_device(context)?.folder.to_string());
    }
    folders.extend(libraries.iter().map(ToString::to_string));
    let mut environment = Vec::new();
    if !folders.is_empty() {
        folders.extend(before.filter(|before| !before.is_empty()).map(str::to_owned));
        environment.push((SEARCH_PATH.to_owned(), folders.join(":")));
    }
    let start = Start { program: path.to_owned(), args: rest.to_vec(), environment };
    Err(words::cannot_start(path, &note::begin(args, &choice, &start)))
}

/// Builds the project, and runs its program.
fn project(context: &Context, args: &Run, folder: &Utf8Path, rest: &[OsString]) -> Result<Answer, Failure> {
    let soft = args.ask().device == Some(Device::Soft) || here().is_empty();
    let built = rebuild::for_a_run(context, folder, soft)?;
    let Some(built) = built else { return Err(words::own_build(folder)) };
    let path = built.program(args.program.as_deref())?;
    let artifact = open(context, &path)?;
    program(context, args, &path, &artifact, rest, &built.libraries)
}

/// What the programs and libraries of an artifact hold, each at its path.
pub(crate) fn inventories(artifact: &Artifact) -> Vec<(String, Inventory)> {
    let report = collect(std::slice::from_ref(artifact), crate::inspect::about(&[]), Effort::Sample);
    let files = report.artifacts.into_iter().flat_map(|artifact| artifact.trees).flat_map(|tree| tree.files);
    files.map(|file| (file.path, file.inventory)).collect()
}

fn decide(
    path: &Utf8Path,
    inventories: &[(String, Inventory)],
    gpus: &[Question],
    args: &Run,
) -> Result<Choice, Failure> {
    let inventory = inventories.first().map(|(_, inventory)| inventory);
    choose(inventory, gpus, args.ask()).map_err(|refusal| words::refused(path, &refusal))
}

/// The software device of this very cuferry, laid out in its data folder.
pub(crate) fn software_device(context: &Context) -> Result<SoftwareDevice, Failure> {
    SoftwareDevice::ensure(&context.data_dir(), crate::run::LIBRARY)
        .map_err(|error| Failure::new(Fault::Machine, error))
}

/// A path that is there, in the root first if there is one; or a command on `PATH`.
pub(crate) fn find(
    context: &Context,
    root: Option<&Utf8Path>,
    what: &OsString,
) -> Result<Utf8PathBuf, Failure> {
    let text = what.to_str().ok_or_else(|| words::not_found(&what.to_string_lossy()))?;
    if let (Some(root), Some(inside)) = (root, text.strip_prefix('/')) {
        let path = context.absolute(root).join(inside);
        if path.exists() {
            return Ok(path);
        }
    }
    let path = context.absolute(Utf8Path::new(text));
    if path.exists() {
        return Ok(path);
    }
    let on_path = (!text.contains('/')).then(|| context.environment.find(text)).flatten();
    on_path.ok_or_else(|| words::not_found(text))
}

fn nothing_named() -> Failure {
    let help = "name what to run: `cuferry run ./detector`, `cuferry run ~/robot`, `cuferry run robot.tar`";
    Failure::say(Fault::Usage, "run::nothing", "nothing to run was named", help)
}
