//! An image, started by the container engine that is here, with the GPU or the software device handed in.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_artifact::{Artifact, ImageInfo, Tree};
use cuferry_digest::Digest;
use cuferry_inspect::inventory::Inventory;
use cuferry_machine::engine::{Answer as EngineAnswer, Engine, engines};
use cuferry_oci::Destination;
use cuferry_run::start::Start;
use cuferry_run::{Device, choose};
use tempfile::TempDir;

use super::{note, words};
use crate::args::run::Run;
use crate::commands::run::{inventories, software_device};
use crate::context::Context;
use crate::failure::{Answer, Failure, Fault};
use crate::image::hybrid;
use crate::inspect::here;
use crate::interrupt::Interrupts;

/// Where a container finds the software device.
const PLACE: &str = "/run/cuferry/software-device";

pub(crate) fn run(
    context: &Context,
    args: &Run,
    path: &Utf8Path,
    artifact: &Artifact,
    rest: &[OsString],
) -> Result<Answer, Failure> {
    if args.trace.is_some() || args.summary || args.root.is_some() {
        let help =
            "leave them out, or run the program itself: an image has its own root, and its calls stay inside";
        let message = "`--root`, `--trace` and `--summary` are for programs, not for images";
        return Err(Failure::say(Fault::Usage, "run::image_options", message, help));
    }
    let image = image(path, artifact)?;
    let engine = engine(context)?;
    if engine.name == "docker" && path.is_dir() {
        let help = "have it written as an archive, `--image FILE.tar`, or install podman";
        let message = format!("`{path}` is an OCI layout, which docker does not load");
        return Err(Failure::say(Fault::Machine, "run::layout", message, help));
    }
    let files = inventories(artifact);
    let choice = choose(entry(image, &files), &here(), args.ask())
        .map_err(|refusal| words::refused(path, &refusal))?;
    if !args.quiet {
        words::announce(&choice);
    }
    // An ARM image is made one that runs here, which the engine keeps, and this command does not.
    let arm = choice.host != Host::of_this_program();
    let id = if arm {
        let made = made_to_run(context, args, path, artifact, choice.device)?;
        load(&engine, &made.archive)?;
        made.id
    } else {
        load(&engine, path)?;
        image.config_digest
    };
    let mut words: Vec<OsString> = ["run", "--rm", "--interactive"].map(OsString::from).into();
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        words.push("--tty".into());
    }
    words.extend(settings(context).map(|name| OsString::from(format!("--env={name}"))));
    match choice.device {
        // It is inside.
        Device::Soft if arm => {}
        Device::Soft => {
            let device = software_device(context)?;
            let search = image.env.iter().find_map(|line| line.strip_prefix("LD_LIBRARY_PATH="));
            let search = search.filter(|search| !search.is_empty());
            let search = search.map_or(PLACE.to_owned(), |search| format!("{PLACE}:{search}"));
            words.push(format!("--volume={}:{PLACE}:ro", device.folder).into());
            words.push(format!("--env=LD_LIBRARY_PATH={search}").into());
        }
        Device::Gpu if engine.name == "podman" => words.push("--device=nvidia.com/gpu=all".into()),
        Device::Gpu => words.push("--gpus=all".into()),
    }
    words.push(format!("sha256:{id}").into());
    words.extend(rest.iter().cloned());
    let start = Start { program: engine.path.clone(), args: words, environment: Vec::new() };
    Err(words::cannot_start(&engine.path, &note::begin(args, &choice, &start)))
}

/// An image that runs on this machine what an ARM image holds.
struct Made {
    /// Removed with this value.
    _folder: TempDir,
    archive: Utf8PathBuf,
    /// What engines call it.
    id: Digest,
}

fn made_to_run(
    context: &Context,
    args: &Run,
    path: &Utf8Path,
    artifact: &Artifact,
    device: Device,
) -> Result<Made, Failure> {
    let root = context.temporary_dir();
    let folder = root.map_or_else(TempDir::new, TempDir::new_in).map_err(|error| {
        let help = "name a folder that is yours and on a disk with room: `TMPDIR=FOLDER`";
        Failure::say(Fault::Machine, "run::temporary", format!("no room for an image: {error}"), help)
    })?;
    let archive = Utf8Path::from_path(folder.path()).unwrap_or(Utf8Path::new("/tmp")).join("image.tar");
    let interrupts = Interrupts::watch()?;
    let request =
        hybrid::Request { path, artifact, name: None, soft: device == Device::Soft, offline: args.offline };
    let written = hybrid::write(context, &request, &Destination::Archive(archive.clone()), &interrupts)?;
    Ok(Made { _folder: folder, archive, id: written.config_digest })
}

/// The one image for this machine.
fn image<'a>(path: &Utf8Path, artifact: &'a Artifact) -> Result<&'a ImageInfo, Failure> {
    let images: Vec<&ImageInfo> =
        artifact.trees.iter().filter_map(|tree: &Tree| tree.image.as_ref()).collect();
    match images.as_slice() {
        [image] => Ok(image),
        several => {
            let help = "give an archive or a layout with one image";
            let message = format!("`{path}` holds {} images", several.len());
            Err(Failure::say(Fault::Usage, "run::images", message, help))
        }
    }
}

/// What the image starts.
fn entry<'a>(image: &ImageInfo, files: &'a [(String, Inventory)]) -> Option<&'a Inventory> {
    let first = image.entrypoint.first().or(image.cmd.first())?;
    let name = first.trim_start_matches('/');
    let by_path = files.iter().find(|(path, _)| path.trim_start_matches('/') == name);
    let by_name = || files.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
    by_path.or_else(by_name).map(|(_, inventory)| inventory)
}

/// The software device's settings that are set here: the container is to have them, too.
fn settings(context: &Context) -> impl Iterator<Item = String> {
    let names = context.variables.keys().filter_map(|name| name.to_str());
    names.filter(|name| name.starts_with("CUFERRY_SOFT_")).map(str::to_owned)
}

fn engine(context: &Context) -> Result<Engine, Failure> {
    let found = engines(&context.environment);
    let ready = found.iter().find(|engine| {
        ["docker", "podman"].contains(&engine.name) && matches!(engine.answer, EngineAnswer::Ready(_))
    });
    ready.cloned().ok_or_else(|| {
        let help =
            "install one, `apt install podman`, or start its daemon; `cuferry doctor` says what each answers";
        Failure::say(Fault::Machine, "run::engine", "no container engine that works is here", help)
    })
}

/// Hands the image to the engine. What the engine has already, it keeps.
fn load(engine: &Engine, path: &Utf8Path) -> Result<(), Failure> {
    let help = "try the same by hand: it is the engine that refuses";
    let failed = |why: String| {
        let message = format!("`{} load --input {path}` failed: {why}", engine.name);
        Failure::say(Fault::Machine, "run::load", message, help)
    };
    let output = Command::new(&engine.path)
        .args(["load", "--input", path.as_str()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
