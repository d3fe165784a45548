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
    let data = context.data_dir();
    let forwarding = Forwarding::ensure(&data, &cuferry_guest::library(), super::PLUGIN)
        .map_err(|error| Failure::new(Fault::Machine, error))?;
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

/// Its own libraries, and of its own C library and the system's the newer one: the plugin was built for the system's.
fn with_loader(own: &Emulator) -> Qemu {
    let own_folder = own.loader.parent().map(Utf8Path::to_owned).unwrap_or_default();
    let system = loaded::library("libc.so.6").and_then(|path| host::glibc_of(&path));
    let newer = host::glibc_of(&own_folder.join("libc.so.6")) < system;
    let loader = match system_loader().filter(|_| newer) {
        Some(loader) => (loader, vec![own.libraries.clone()]),
        None => (own.loader.clone(), vec![own_folder, own.libraries.clone()]),
    };
    Qemu { program: own.program.clone(), loader: Some(loader) }
}

/// The loader that has started this very process.
fn system_loader() -> Option<Utf8PathBuf> {
    let file = std::fs::File::open("/proc/self/exe").ok()?;
    ElfInfo::read(file).ok()?.interpreter.map(Utf8PathBuf::from)
}
