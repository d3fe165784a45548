//! An arm64 image as an x86_64 one: its own files as they are, and beside them qemu, the plugin, the guest's library and,
//! where the user allows it, the software device. The entry point is qemu's; what it starts is the image's own.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_artifact::{Artifact, ImageInfo, Tree};
use cuferry_oci::{
    Base, Compression, Destination, Entry, ImageConfig, ImageName, ImagePlan, Layer, LayerCache,
    WrittenImage, write_image,
};
use cuferry_run::emulation::SEARCH_PATH;
use cuferry_run::forwarding::{PLUGIN, STARTER};
use cuferry_run::{Emulation, Qemu, Trace};

use super::{base_failure, image_path, write_failure};
use crate::commands::run::software_device;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::inspect::configured;
use crate::interrupt::Interrupts;
use crate::run::arm::{Bundle, bundle};

/// Where everything of cuferry's lies in the image.
const PLACE: &str = "/opt/cuferry";
/// Below it, the C library of qemu's.
const C_LIBRARY: &str = "glibc";
/// What a container engine mounts the driver to: NVIDIA's on Debian's kind of system, on others, and as older ones did.
const DRIVER_FOLDERS: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"];

/// What is wanted.
pub(crate) struct Request<'a> {
    /// The arm64 image: a layout or an archive.
    pub(crate) path: &'a Utf8Path,
    /// The same, opened.
    pub(crate) artifact: &'a Artifact,
    /// What engines are to call the new one; none: as they call the old one.
    pub(crate) name: Option<ImageName>,
    /// Whether the software device comes along, for where there is no GPU.
    pub(crate) soft: bool,
    /// Fetch nothing.
    pub(crate) offline: bool,
}

/// Writes the x86_64 image, and nothing else in its place before it is whole.
pub(crate) fn write(
    context: &Context,
    request: &Request<'_>,
    destination: &Destination,
    interrupts: &Interrupts,
) -> Result<WrittenImage, Failure> {
    let (tree, image) = the_image(request)?;
    let base = Base::read(request.path, Host::Aarch64).map_err(base_failure)?;
    let bundle = bundle(context, request.offline)?;
    let emulation = emulation(&bundle, request.soft);
    let plan = ImagePlan {
        host: Host::X86_64,
        name: request.name.clone(),
        base: Some(base),
        layers: vec![Layer {
            name: "what runs ARM".to_owned(),
            entries: entries(context, &bundle, request.soft)?,
            changing: false,
        }],
        config: config(&emulation, tree, image),
        epoch: context.epoch(),
        compression: match destination {
            Destination::Archive(_) => Compression::None,
            Destination::Layout(_) => Compression::Gzip,
        },
    };
    interrupts.writes_image(destination.path());
    // The cache saves time only: without it the image is the same.
    let cache = LayerCache::open(&context.cache_dir().join("layers")).ok();
    write_image(&plan, destination, cache.as_ref()).map_err(write_failure)
}

/// The one arm64 image of the artifact.
fn the_image<'a>(request: &Request<'a>) -> Result<(&'a Tree, &'a ImageInfo), Failure> {
    let images = request.artifact.trees.iter().filter_map(|tree| Some((tree, tree.image.as_ref()?)));
    let arm: Vec<_> =
        images.filter(|(_, image)| image.architecture == Host::Aarch64.oci_architecture()).collect();
    match arm.as_slice() {
        [one] => Ok(*one),
        several => {
            let message = format!("`{}` holds {} images for linux/arm64", request.path, several.len());
            let help = "give an archive or a layout with one; an x86_64 image needs no such thing: `cuferry run IMAGE`";
            Err(Failure::say(Fault::Usage, "image::no_arm", message, help))
        }
    }
}

/// How qemu is started inside the image.
fn emulation(bundle: &Bundle, soft: bool) -> Emulation {
    let place = |name: &str| Utf8PathBuf::from(format!("{PLACE}/{name}"));
    let mut folders = vec![place(C_LIBRARY), place("lib")];
    folders.extend(DRIVER_FOLDERS.map(Utf8PathBuf::from));
    let loader = place(C_LIBRARY).join(bundle.loader.file_name().unwrap_or_default());
    Emulation {
        qemu: Qemu { program: place("qemu-aarch64"), loader: Some((loader, folders)) },
        root: "/".into(),
        plugin: place(PLUGIN),
        drivers: vec!["libcuda.so.1".to_owned()],
        fallback: soft.then(|| place("soft/libcuda.so.1")),
        libraries: vec![place("guest")],
        trace: Trace::default(),
    }
}

fn entries(context: &Context, bundle: &Bundle, soft: bool) -> Result<Vec<Entry>, Failure> {
    let mut files = vec![
        ("qemu-aarch64".to_owned(), bundle.program.clone()),
        (PLUGIN.to_owned(), bundle.forwarding.plugin.clone()),
        ("guest/libcuda.so.1".to_owned(), bundle.forwarding.guest.join("libcuda.so.1")),
        (STARTER.to_owned(), bundle.forwarding.starter.clone()),
    ];
    if soft {
        files.push(("soft/libcuda.so.1".to_owned(), software_device(context)?.library()));
    }
    let inside = |folder: &str, path: &Utf8PathBuf| {
        (format!("{folder}/{}", path.file_name().unwrap_or_default()), path.clone())
    };
    files.extend(bundle.c_library.iter().map(|path| inside(C_LIBRARY, path)));
    files.extend(bundle.libraries.iter().map(|path| inside("lib", path)));
    files.extend(bundle.licences.iter().cloned().map(|(name, path)| (format!("licences/{name}"), path)));
    // qemu itself looks whether what it is to run may be run.
    let executable = [&bundle.program, &bundle.loader, &bundle.forwarding.starter];
    files
        .into_iter()
        .map(|(name, source)| {
            let runs = executable.contains(&&source);
            Ok(Entry::file(image_path(&Utf8Path::new(PLACE).join(name))?, source, runs))
        })
        .collect()
}

fn config(emulation: &Emulation, tree: &Tree, image: &ImageInfo) -> ImageConfig {
    let mut entrypoint = emulation.words();
    entrypoint.push(format!("{PLACE}/{STARTER}"));
    entrypoint.extend(image.entrypoint.iter().cloned());
    let mut folders: Vec<String> = emulation.libraries.iter().map(ToString::to_string).collect();
    folders.extend(image.variable(SEARCH_PATH).filter(|path| !path.is_empty()).map(str::to_owned));
    // An engine that mounts the driver writes the loader's cache anew, with x86_64 libraries alone.
    folders.extend(configured(tree));
    let mut env = BTreeMap::from([(SEARCH_PATH.to_owned(), folders.join(":"))]);
    for (name, value) in
        [("NVIDIA_VISIBLE_DEVICES", "all"), ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility")]
    {
        if image.variable(name).is_none() {
            env.insert(name.to_owned(), value.to_owned());
        }
    }
    ImageConfig { entrypoint, cmd: image.cmd.clone(), env, ..ImageConfig::default() }
}
