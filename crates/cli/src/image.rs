//! From finished programs to an image: which files, which libraries, which settings.

pub(crate) mod hybrid;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, DeviceCode, Host};
use cuferry_oci::{
    AssembleError, Base, BaseError, Closure, ClosureError, ClosureRequest, Compression, Destination, Entry,
    ImageConfig, ImageName, ImagePath, ImagePlan, LayerCache, NONROOT, Origin, Root, SearchFolder,
    WriteImageError, WrittenImage, assemble, nvidia, read_closure, write_image,
};
use cuferry_plan::{Plan, Product};
use cuferry_project::project::{self, ImageSpec, TargetKind};
use serde_json::{Value, json};

use crate::commands::rebuild::create;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::interrupt::Interrupts;
use crate::project::Loaded;
use crate::select::Selected;

/// Where programs go in an image.
const PROGRAMS: &str = "/app/bin";
/// Where the project's shared libraries go.
const LIBRARIES: &str = "/app/lib";

/// An image, written.
pub(crate) struct Image {
    pub(crate) written: WrittenImage,
    pub(crate) notes: Vec<String>,
    name: String,
    archive: bool,
    host: Host,
}

/// What goes into an image, whoever built it.
pub(crate) struct Contents<'a> {
    /// What everything is compiled for.
    pub(crate) host: Host,
    /// The project's name and version, for the labels.
    pub(crate) title: &'a str,
    pub(crate) version: Option<&'a str>,
    /// `acme/edge-camera:1.0`.
    pub(crate) name: String,
    /// What the user asks of the image beyond that.
    pub(crate) spec: &'a ImageSpec,
    /// An image to build upon.
    pub(crate) base: Option<Utf8PathBuf>,
    /// Programs and shared libraries: what they need comes in by itself.
    pub(crate) binaries: Vec<Binary>,
    /// Everything else.
    pub(crate) entries: Vec<Entry>,
    /// Where libraries are looked for, in this order.
    pub(crate) folders: Vec<SearchFolder>,
    /// The command that starts.
    pub(crate) entrypoint: Vec<String>,
    /// The toolkit that compiled it, and the device code inside.
    pub(crate) release: CudaRelease,
    pub(crate) code: &'a DeviceCode,
}

/// A program or a shared library.
pub(crate) struct Binary {
    /// On this machine.
    pub(crate) source: Utf8PathBuf,
    /// In the image.
    pub(crate) place: ImagePath,
}

/// Writes an image, and nothing else in its place before it is whole.
pub(crate) fn write(
    context: &Context,
    contents: Contents<'_>,
    destination: &Destination,
    interrupts: &Interrupts,
) -> Result<Image, Failure> {
    if let Some(folder) = destination.path().parent() {
        create(folder)?;
    }
    let host = contents.host;
    let base = contents.base.as_ref().map(|path| Base::read(path, host)).transpose();
    let base = base.map_err(base_failure)?;
    let config = config(&contents);
    let Contents { name: text, spec, binaries, mut entries, folders, .. } = contents;
    let roots = binaries
        .iter()
        .map(|binary| Root { source: binary.source.clone(), destination: binary.place.clone() })
        .collect();
    let closure = read_closure(&ClosureRequest { host, roots, folders }).map_err(closure_failure)?;
    entries.extend(binaries.into_iter().map(|binary| Entry::file(binary.place, binary.source, true)));
    let assembly = assemble(&closure, entries, base.as_ref()).map_err(|error| match error {
        AssembleError::BaseTooOld { .. } => Failure::new(Fault::Usage, error),
    })?;
    let name: ImageName =
        text.parse().map_err(|error: cuferry_oci::ImageNameError| Failure::new(Fault::Usage, error))?;
    let image = ImagePlan {
        host,
        name: Some(name),
        base,
        layers: assembly.layers,
        config,
        epoch: context.epoch(),
        compression: compression(spec, destination),
    };
    interrupts.writes_image(destination.path());
    // The cache saves time only: without it the image is the same.
    let cache = LayerCache::open(&context.cache_dir().join("layers")).ok();
    let written = write_image(&image, destination, cache.as_ref()).map_err(write_failure)?;
    let archive = matches!(destination, Destination::Archive(_));
    Ok(Image { written, notes: notes(&closure), name: text, archive, host })
}

/// An archive where the name says so, otherwise a layout.
pub(crate) fn destination(path: Utf8PathBuf) -> Destination {
    if path.extension() == Some("tar") { Destination::Archive(path) } else { Destination::Layout(path) }
}

/// Plain layers load fastest into an engine on this machine; a layout is for pushing, where size counts.
fn compression(spec: &ImageSpec, destination: &Destination) -> Compression {
    match (spec.compression, destination) {
        (Some(project::Compression::None), _) | (None, Destination::Archive(_)) => Compression::None,
        (Some(project::Compression::Gzip), _) | (None, Destination::Layout(_)) => Compression::Gzip,
        (Some(project::Compression::Zstd), _) => Compression::Zstd,
    }
}

/// A path in an image, from text.
pub(crate) fn image_path(path: &Utf8Path) -> Result<ImagePath, Failure> {
    path.as_str().parse().map_err(|error: cuferry_oci::ImagePathError| {
        Failure::say(
            Fault::Usage,
            "image::path",
            error.to_string(),
            "correct `to` of the `[[install]]` in cuferry.toml",
        )
    })
}

/// Where a program or a shared library goes that nobody gave a place.
pub(crate) fn usual_place(program: bool, file_name: &str) -> Result<ImagePath, Failure> {
    image_path(&Utf8Path::new(if program { PROGRAMS } else { LIBRARIES }).join(file_name))
}

/// The image of a project that cuferry built by its manifest, unless it has no program to start.
pub(crate) fn write_project(
    context: &Context,
    loaded: &Loaded,
    selected: &Selected,
    plan: &Plan,
    path: Option<&Utf8Path>,
    interrupts: &Interrupts,
) -> Result<Option<Image>, Failure> {
    let shipped: Vec<&Product> =
        plan.products.iter().filter(|product| product.kind != TargetKind::StaticLibrary).collect();
    if !shipped.iter().any(|product| product.kind == TargetKind::Program) {
        eprintln!("no image: the project has no program that one could start");
        return Ok(None);
    }
    let project = &loaded.project;
    let default = || {
        let file = format!("{}-{}.tar", project.name, selected.settings.host);
        loaded.root.join("target/cuferry").join(file)
    };
    let destination = destination(path.map_or_else(default, |path| context.absolute(path)));
    let binary =
        |product: &&Product| Ok(Binary { source: loaded.root.join(&product.path), place: place(product)? });
    let contents = Contents {
        host: selected.settings.host,
        title: &project.name,
        version: project.version.as_deref(),
        name: project.image_name(),
        spec: &project.image,
        base: project.image.base.as_ref().map(|path| loaded.root.join(path)),
        binaries: shipped.iter().map(binary).collect::<Result<_, Failure>>()?,
        entries: installed(loaded)?,
        folders: folders(loaded, selected),
        entrypoint: entrypoint(loaded, plan)?,
        release: selected.settings.toolchain.toolkit.release,
        code: &selected.settings.code,
    };
    write(context, contents, &destination, interrupts).map(Some)
}

/// Where a product goes in the image.
fn place(product: &Product) -> Result<ImagePath, Failure> {
    usual_place(product.kind == TargetKind::Program, product.path.file_name().unwrap_or(&product.name))
}

fn folders(loaded: &Loaded, selected: &Selected) -> Vec<SearchFolder> {
    let settings = &selected.settings;
    let host = settings.host;
    let folder = |path: Utf8PathBuf, origin| SearchFolder { path, origin };
    let mut folders = vec![folder(loaded.root.join(&settings.bin_dir), Origin::Project)];
    let link_dirs = loaded.project.targets.iter().flat_map(|target| &target.link_dirs);
    folders.extend(link_dirs.map(|path| folder(loaded.root.join(path), Origin::Project)));
    let asked = settings.pkg_config.values().flat_map(|flags| &flags.libs);
    let asked = asked.filter_map(|flag| flag.strip_prefix("-L"));
    folders.push(folder(settings.toolchain.toolkit.lib(host), Origin::Cuda));
    folders.extend(settings.toolchain.library_dirs.iter().map(|path| folder(path.clone(), Origin::Cuda)));
    folders.extend(selected.library_folders.iter().map(|path| folder(path.clone(), Origin::System)));
    folders.extend(SearchFolder::of_system(host, Host::of_this_program()));
    folders.extend(asked.map(|path| folder(path.into(), Origin::Other)));
    folders
}

fn installed(loaded: &Loaded) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for file in &loaded.project.install {
        let source = loaded.root.join(&file.from);
        let executable = source.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
        entries.push(Entry::file(image_path(&file.to)?, source, executable));
    }
    Ok(entries)
}

fn entrypoint(loaded: &Loaded, plan: &Plan) -> Result<Vec<String>, Failure> {
    let project = &loaded.project;
    let program = |name: &str| {
        let product =
            plan.products.iter().find(|product| product.kind == TargetKind::Program && product.name == name);
        product.map_or_else(|| Ok(name.to_owned()), |product| Ok(place(product)?.to_string()))
    };
    match project.image.entrypoint.split_first() {
        Some((first, rest)) => std::iter::once(program(first)).chain(rest.iter().cloned().map(Ok)).collect(),
        None => project.programs().take(1).map(|target| program(&target.name)).collect(),
    }
}

fn config(contents: &Contents<'_>) -> ImageConfig {
    let spec = contents.spec;
    // Machine code runs on any driver of its CUDA's major release (NVIDIA's minor-version compatibility); PTX needs a
    // driver as new as the toolkit that wrote it.
    let release = contents.release;
    let oldest_driver =
        if contents.code.real.is_empty() { release } else { CudaRelease::new(release.major, 0) };
    let mut env = nvidia::environment(oldest_driver, contents.code.lowest());
    env.insert(
        "PATH".to_owned(),
        format!("{PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    env.extend(spec.env.clone());
    let mut labels =
        BTreeMap::from([("org.opencontainers.image.title".to_owned(), contents.title.to_owned())]);
    let version = contents.version.map(str::to_owned);
    labels.extend(version.map(|version| ("org.opencontainers.image.version".to_owned(), version)));
    labels.extend(spec.labels.clone());
    ImageConfig {
        entrypoint: contents.entrypoint.clone(),
        cmd: spec.cmd.clone(),
        env,
        user: Some(spec.user.clone().unwrap_or_else(|| format!("{NONROOT}:{NONROOT}"))),
        working_dir: Some(spec.working_dir.as_ref().map_or_else(|| "/app".to_owned(), ToString::to_string)),
        labels,
    }
}

fn notes(closure: &Closure) -> Vec<String> {
    let mut notes = Vec::new();
    let driver: Vec<&str> = closure.driver_libraries.iter().map(|library| library.name.as_str()).collect();
    if !driver.is_empty() {
        notes.push(format!("from the host's driver, not in the image: {}", driver.join(", ")));
    }
    for skipped in &closure.skipped {
        notes.push(format!("passed over: {} ({})", skipped.path, skipped.reason));
    }
    notes
}

impl Image {
    /// What to type next.
    pub(crate) fn next_steps(&self) -> Vec<String> {
        let path = shell_words::quote(self.written.path.as_str());
        let platform = if self.host == Host::of_this_program() { "" } else { " --platform linux/arm64" };
        if self.archive {
            vec![format!(
                "run it:   docker load -i {path} && docker run --rm --gpus all{platform} {}",
                self.name
            )]
        } else {
            vec![format!("push it:  skopeo copy oci:{path} docker://REGISTRY/{}", self.name)]
        }
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.written.path
    }

    /// For people: `12.3 MiB, sha256:…`.
    pub(crate) fn summary(&self) -> String {
        format!("{}, sha256:{}", crate::progress::bytes(self.written.size), self.written.digest)
    }

    pub(crate) fn json(&self) -> Value {
        let layers = self.written.layers.iter().map(|layer| {
            json!({
                "name": layer.name,
                "digest": format!("sha256:{}", layer.digest),
                "diff_id": format!("sha256:{}", layer.diff_id),
                "size": layer.size,
                "uncompressed_size": layer.uncompressed_size,
                "files": layer.files,
            })
        });
        json!({
            "path": self.written.path,
            "name": self.name,
            "digest": format!("sha256:{}", self.written.digest),
            "config_digest": format!("sha256:{}", self.written.config_digest),
            "size": self.written.size,
            "layers": layers.collect::<Vec<_>>(),
        })
    }
}

fn base_failure(error: BaseError) -> Failure {
    let fault = match &error {
        BaseError::File(_) => Fault::Machine,
        _ => Fault::Usage,
    };
    Failure::new(fault, error)
}

fn closure_failure(error: ClosureError) -> Failure {
    let fault = match &error {
        ClosureError::Missing { .. } | ClosureError::CompanionMissing { .. } | ClosureError::File(_) => {
            Fault::Machine
        }
        ClosureError::NeededByPath { .. } | ClosureError::Conflict { .. } | ClosureError::BadName { .. } => {
            Fault::Usage
        }
        ClosureError::Elf { .. } | ClosureError::WrongHost { .. } => Fault::Cuferry,
    };
    Failure::new(fault, error)
}

fn write_failure(error: WriteImageError) -> Failure {
    let fault = match &error {
        WriteImageError::InTheWay { .. }
        | WriteImageError::Epoch { .. }
        | WriteImageError::Links { .. }
        | WriteImageError::Entry(_) => Fault::Usage,
        WriteImageError::DiskFull { .. }
        | WriteImageError::NotWritable { .. }
        | WriteImageError::Damaged { .. }
        | WriteImageError::File(_) => Fault::Machine,
    };
    Failure::new(fault, error)
}
