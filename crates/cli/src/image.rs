//! From finished programs to an image: which files, which libraries, which settings.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_oci::{
    AssembleError, Base, BaseError, Closure, ClosureError, ClosureRequest, Compression, Destination, Entry,
    ImageConfig, ImageName, ImagePath, ImagePlan, LayerCache, NONROOT, Origin, Root, SearchFolder,
    WriteImageError, WrittenImage, assemble, nvidia, read_closure, write_image,
};
use cuferry_plan::{Plan, Product};
use cuferry_project::project::{self, TargetKind};
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

/// Writes the image, unless the project has no program to start.
pub(crate) fn write(
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
    let destination = destination(context, loaded, selected, path);
    if let Some(folder) = destination.path().parent() {
        create(folder)?;
    }
    let host = selected.settings.host;
    let base = loaded.project.image.base.as_ref().map(|path| Base::read(&loaded.root.join(path), host));
    let base = base.transpose().map_err(base_failure)?;
    let request = closure_request(loaded, selected, &shipped)?;
    let closure = read_closure(&request).map_err(closure_failure)?;
    let files = files(loaded, &shipped)?;
    let assembly = assemble(&closure, files, base.as_ref()).map_err(|error| match error {
        AssembleError::BaseTooOld { .. } => Failure::new(Fault::Usage, error),
    })?;
    let text = loaded.project.image_name();
    let name: ImageName =
        text.parse().map_err(|error: cuferry_oci::ImageNameError| Failure::new(Fault::Usage, error))?;
    let image = ImagePlan {
        host,
        name: Some(name),
        base,
        layers: assembly.layers,
        config: config(loaded, selected, plan),
        epoch: context.epoch(),
        compression: compression(loaded, &destination),
    };
    interrupts.writes_image(destination.path());
    // The cache saves time only: without it the image is the same.
    let cache = LayerCache::open(&context.cache_dir().join("layers")).ok();
    let written = write_image(&image, &destination, cache.as_ref()).map_err(write_failure)?;
    let archive = matches!(destination, Destination::Archive(_));
    Ok(Some(Image { written, notes: notes(&closure), name: text, archive, host }))
}

fn destination(
    context: &Context,
    loaded: &Loaded,
    selected: &Selected,
    path: Option<&Utf8Path>,
) -> Destination {
    let default = || {
        let file = format!("{}-{}.tar", loaded.project.name, selected.settings.host);
        loaded.root.join("target/cuferry").join(file)
    };
    let path = path.map_or_else(default, |path| context.absolute(path));
    if path.extension() == Some("tar") { Destination::Archive(path) } else { Destination::Layout(path) }
}

/// Plain layers load fastest into an engine on this machine; a layout is for pushing, where size counts.
fn compression(loaded: &Loaded, destination: &Destination) -> Compression {
    match (loaded.project.image.compression, destination) {
        (Some(project::Compression::None), _) | (None, Destination::Archive(_)) => Compression::None,
        (Some(project::Compression::Gzip), _) | (None, Destination::Layout(_)) => Compression::Gzip,
        (Some(project::Compression::Zstd), _) => Compression::Zstd,
    }
}

/// Where a product goes in the image.
fn place(product: &Product) -> Utf8PathBuf {
    let folder = if product.kind == TargetKind::Program { PROGRAMS } else { LIBRARIES };
    Utf8Path::new(folder).join(product.path.file_name().unwrap_or(&product.name))
}

fn image_path(path: &Utf8Path) -> Result<ImagePath, Failure> {
    path.as_str().parse().map_err(|error: cuferry_oci::ImagePathError| {
        Failure::say(
            Fault::Usage,
            "image::path",
            error.to_string(),
            "correct `to` of the `[[install]]` in cuferry.toml",
        )
    })
}

fn closure_request(
    loaded: &Loaded,
    selected: &Selected,
    shipped: &[&Product],
) -> Result<ClosureRequest, Failure> {
    let settings = &selected.settings;
    let host = settings.host;
    let root = |product: &&Product| {
        Ok(Root { source: loaded.root.join(&product.path), destination: image_path(&place(product))? })
    };
    let folder = |path: Utf8PathBuf, origin| SearchFolder { path, origin };
    let mut folders = vec![folder(loaded.root.join(&settings.bin_dir), Origin::Project)];
    let link_dirs = loaded.project.targets.iter().flat_map(|target| &target.link_dirs);
    folders.extend(link_dirs.map(|path| folder(loaded.root.join(path), Origin::Project)));
    let asked = settings.pkg_config.values().flat_map(|flags| &flags.libs);
    let asked: Vec<&str> = asked.filter_map(|flag| flag.strip_prefix("-L")).collect();
    folders.push(folder(settings.toolchain.toolkit.lib(host), Origin::Cuda));
    folders.extend(settings.toolchain.library_dirs.iter().map(|path| folder(path.clone(), Origin::Cuda)));
    folders.extend(selected.library_folders.iter().map(|path| folder(path.clone(), Origin::System)));
    folders.extend(SearchFolder::of_system(host, Host::of_this_program()));
    folders.extend(asked.into_iter().map(|path| folder(path.into(), Origin::Other)));
    Ok(ClosureRequest { host, roots: shipped.iter().map(root).collect::<Result<_, Failure>>()?, folders })
}

fn files(loaded: &Loaded, shipped: &[&Product]) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for product in shipped {
        entries.push(Entry::file(image_path(&place(product))?, loaded.root.join(&product.path), true));
    }
    for file in &loaded.project.install {
        let source = loaded.root.join(&file.from);
        let executable = source.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
        entries.push(Entry::file(image_path(&file.to)?, source, executable));
    }
    Ok(entries)
}

fn config(loaded: &Loaded, selected: &Selected, plan: &Plan) -> ImageConfig {
    let project = &loaded.project;
    let program = |name: &str| {
        let product =
            plan.products.iter().find(|product| product.kind == TargetKind::Program && product.name == name);
        product.map_or_else(|| name.to_owned(), |product| place(product).to_string())
    };
    let entrypoint = match project.image.entrypoint.split_first() {
        Some((first, rest)) => std::iter::once(program(first)).chain(rest.iter().cloned()).collect(),
        None => project.programs().take(1).map(|target| program(&target.name)).collect(),
    };
    let code = &selected.settings.code;
    let release = selected.settings.toolchain.toolkit.release;
    // Machine code runs on any driver of its CUDA's major release (NVIDIA's minor-version compatibility); PTX needs a
    // driver as new as the toolkit that wrote it.
    let oldest_driver = if code.real.is_empty() { release } else { CudaRelease::new(release.major, 0) };
    let mut env = nvidia::environment(oldest_driver, code.lowest());
    env.insert(
        "PATH".to_owned(),
        format!("{PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    );
    env.extend(project.image.env.clone());
    let mut labels = BTreeMap::from([("org.opencontainers.image.title".to_owned(), project.name.clone())]);
    labels.extend(
        project
            .version
            .iter()
            .map(|version| ("org.opencontainers.image.version".to_owned(), version.clone())),
    );
    labels.extend(project.image.labels.clone());
    ImageConfig {
        entrypoint,
        cmd: project.image.cmd.clone(),
        env,
        user: Some(project.image.user.clone().unwrap_or_else(|| format!("{NONROOT}:{NONROOT}"))),
        working_dir: Some(
            project.image.working_dir.as_ref().map_or_else(|| "/app".to_owned(), ToString::to_string),
        ),
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
        let path = &self.written.path;
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
