//! What an ARM program runs in: qemu and a root, found here or fetched; the guest's library and the plugin, laid out.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_binfmt::elf::ElfInfo;
use cuferry_install::{Emulator, installed_emulator, installed_root};
use cuferry_machine::{emulator, host, loaded};
use cuferry_run::{Device, Emulation, Forwarding, Qemu, Trace};

use super::library;
use crate::args::run::Run;
use crate::commands::run::software_device;
use crate::commands::toolchain::{fetch_emulator, fetch_root};
use crate::context::Context;
use crate::failure::{Failure, Fault};

/// What the loader finds the driver by, where nothing better is known.
const DRIVER: &str = "libcuda.so.1";

/// What a program for ARM runs in, with that device.
pub(crate) fn emulation(
    context: &Context,
    args: &Run,
    program: &Utf8Path,
    device: Device,
) -> Result<Emulation, Failure> {
    let forwarding = forwarding(context)?;
    let driver = match device {
        Device::Gpu => loaded::library("libcuda.so").map_or(DRIVER.to_owned(), |path| path.to_string()),
        Device::Soft => software_device(context)?.library().to_string(),
    };
    let root = match &args.root {
        Some(root) => root_of(context, root)?,
        None => minimal_root(context, args.offline)?,
    };
    let mut libraries = vec![forwarding.guest];
    libraries.extend(library::folders(context, program, &root, args.offline)?);
    Ok(Emulation {
        qemu: qemu(context, args.offline)?,
        root,
        plugin: forwarding.plugin,
        drivers: vec![driver],
        fallback: None,
        libraries,
        trace: Trace { file: args.trace.clone(), summary: args.summary },
    })
}

/// The plugin and the guest's library of this very cuferry.
fn forwarding(context: &Context) -> Result<Forwarding, Failure> {
    let (guest, starter) = (cuferry_guest::library(), cuferry_guest::starter());
    Forwarding::ensure(&context.data_dir(), &guest, super::PLUGIN, &starter)
        .map_err(|error| Failure::new(Fault::Machine, error))
}

/// The folder that the user names.
fn root_of(context: &Context, root: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let path = context.absolute(root);
    if path.is_dir() {
        return Ok(path);
    }
    let help = "name the folder that holds the ARM system's `lib` and `usr`: an unpacked image, or a sysroot";
    Err(Failure::say(Fault::Usage, "run::root", format!("`{path}` is no folder"), help))
}

/// The loader and the libraries that nearly every program wants.
fn minimal_root(context: &Context, offline: bool) -> Result<Utf8PathBuf, Failure> {
    match installed_root(&context.data_dir(), Host::Aarch64) {
        Some(root) => Ok(root.path),
        None => Ok(fetch_root(context, offline)?.path),
    }
}

/// A qemu that loads plugins: cuferry's own, the system's, or one that is fetched.
fn qemu(context: &Context, offline: bool) -> Result<Qemu, Failure> {
    if let Some(own) = installed_emulator(&context.data_dir()) {
        return Ok(with_loader(&own));
    }
    let found = emulator::qemu(&context.environment);
    if let Some(system) = found.into_iter().find(|qemu| qemu.plugins && !qemu.is_static) {
        return Ok(Qemu { program: system.path, loader: None });
    }
    fetch_emulator(context, offline).map(|own| with_loader(&own))
}

/// Everything that runs ARM programs, to be taken elsewhere.
pub(crate) struct Bundle {
    /// qemu.
    pub(crate) program: Utf8PathBuf,
    /// The loader that starts it: one of [`c_library`](Self::c_library).
    pub(crate) loader: Utf8PathBuf,
    /// The files of the C library.
    pub(crate) c_library: Vec<Utf8PathBuf>,
    /// The files of all other libraries.
    pub(crate) libraries: Vec<Utf8PathBuf>,
    /// Licences, each under a name of its own.
    pub(crate) licences: Vec<(String, Utf8PathBuf)>,
    /// The plugin, and the guest's library.
    pub(crate) forwarding: Forwarding,
}

/// cuferry's own qemu, which is the same everywhere, with all that it needs.
pub(crate) fn bundle(context: &Context, offline: bool) -> Result<Bundle, Failure> {
    let own = match installed_emulator(&context.data_dir()) {
        Some(own) => own,
        None => fetch_emulator(context, offline)?,
    };
    let (loader, c_library) = match newer_system_loader(&own) {
        Some(loader) => {
            let folder = loaded::library("libc.so.6").and_then(|path| path.parent().map(Utf8Path::to_owned));
            let files = C_LIBRARY.iter().filter_map(|name| Some(folder.as_ref()?.join(name)));
            let mut files: Vec<_> = files.filter(|path| path.exists()).collect();
            files.push(loader.clone());
            (loader, files)
        }
        None => (own.loader.clone(), files(own.loader.parent().unwrap_or(&own.root))?),
    };
    let mut licences = Vec::new();
    for folder in files(&own.root.join("licences"))? {
        let name = folder.file_name().unwrap_or_default().to_owned();
        licences.extend(
            files(&folder)?
                .into_iter()
                .map(|file| (format!("{name}/{}", file.file_name().unwrap_or_default()), file)),
        );
    }
    Ok(Bundle {
        loader,
        c_library,
        libraries: files(&own.libraries)?,
        licences,
        program: own.program,
        forwarding: forwarding(context)?,
    })
}

/// The parts of the C library that qemu, a plugin or a driver may load.
const C_LIBRARY: [&str; 7] = [
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libresolv.so.2",
    "libutil.so.1",
];

/// What lies in a folder, sorted.
fn files(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    let entries =
        folder.read_dir_utf8().and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| {
            let help = "remove the folder, and cuferry installs it anew";
            Failure::say(Fault::Machine, "run::qemu", format!("cannot read `{folder}`: {error}"), help)
        })?;
    let mut paths: Vec<_> = entries.into_iter().map(camino::Utf8DirEntry::into_path).collect();
    paths.sort();
    Ok(paths)
}

/// Its own libraries, and of its own C library and the system's the newer one: the plugin was built for the system's.
fn with_loader(own: &Emulator) -> Qemu {
    let loader = if let Some(loader) = newer_system_loader(own) {
        (loader, vec![own.libraries.clone()])
    } else {
        let c_library = own.loader.parent().map(Utf8Path::to_owned).unwrap_or_default();
        (own.loader.clone(), vec![c_library, own.libraries.clone()])
    };
    Qemu { program: own.program.clone(), loader: Some(loader) }
}

/// The loader that has started this very process, if its C library is newer than the one that came with qemu.
fn newer_system_loader(own: &Emulator) -> Option<Utf8PathBuf> {
    let own = host::glibc_of(&own.loader.with_file_name("libc.so.6"));
    if host::glibc_of(&loaded::library("libc.so.6")?) <= own {
        return None;
    }
    let file = std::fs::File::open("/proc/self/exe").ok()?;
    ElfInfo::read(file).ok()?.interpreter.map(Utf8PathBuf::from)
}
