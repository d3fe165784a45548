//! Companions of toolkits in the data folder: a host compiler, headers, an emulator, or the libraries of programs for ARM.
//! What is there is used, what is missing is fetched.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_digest::Digest;
use cuferry_toolchain::companion::{self, Companion, CompanionKind};
use cuferry_toolchain::compiler::HostCompiler;
use cuferry_toolchain::layout;

use crate::data::Data;
use crate::error::InstallError;
use crate::manifest;
use crate::options::{Options, Report};
use crate::tree::Plan;

/// Headers of a companion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The tree: an absolute path if the data folder's is.
    pub root: Utf8PathBuf,
    /// The folder that belongs behind `-I`.
    pub include: Utf8PathBuf,
    /// What names exactly these.
    pub identity: String,
}

/// An emulator of programs for AArch64, with the libraries that it runs with. It is started by its own loader, which looks
/// into these folders before the system's: `LOADER --library-path C_LIBRARY:LIBRARIES --argv0 NAME PROGRAM`. What is built
/// on this machine and loaded into it (a plugin) may want a newer C library: then the system's loader does the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulator {
    /// The tree: an absolute path if the data folder's is.
    pub root: Utf8PathBuf,
    /// The dynamic loader, a program. The C library of the same version lies beside it.
    pub loader: Utf8PathBuf,
    /// The folder with every other library that the emulator, and a plugin in it, may need of a system: for `--library-path`.
    pub libraries: Utf8PathBuf,
    /// The emulator itself, which the loader starts.
    pub program: Utf8PathBuf,
    /// Its own version: `7.2+dfsg`.
    pub version: String,
    /// What names exactly this.
    pub identity: String,
}

/// The root of a system for programs of one host: what qemu's `-L` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The tree: an absolute path if the data folder's is.
    pub path: Utf8PathBuf,
    /// Whose programs.
    pub host: Host,
    /// What names exactly this.
    pub identity: String,
}

/// The compilers of companions that are in the data folder, and run on this machine, by the companions' names.
pub fn installed_compilers(data: &Utf8Path) -> Vec<HostCompiler> {
    let compilers = companion::known()
        .iter()
        .filter_map(|companion| compiler(companion, &present(data, companion)?.0, Host::of_this_program()));
    compilers.collect()
}

/// The emulator in the data folder; none if it is not there.
pub fn installed_emulator(data: &Utf8Path) -> Option<Emulator> {
    companion::known().iter().find_map(|companion| {
        let (root, identity) = present(data, companion)?;
        emulator(companion, root, &identity)
    })
}

/// The root for programs of `host` in the data folder; none if it is not there.
pub fn installed_root(data: &Utf8Path, host: Host) -> Option<Root> {
    companion::known().iter().find_map(|companion| {
        let (path, identity) = present(data, companion)?;
        root(companion, path, &identity).filter(|root| root.host == host)
    })
}

/// The tree of a companion in the data folder, for this machine; none if it is not there.
pub fn installed_companion(data: &Utf8Path, companion: &Companion) -> Option<Utf8PathBuf> {
    Some(present(data, companion)?.0)
}

/// A companion, whatever it is, installed into the data folder if it is not there yet: the root of its tree. It is for
/// machines such as this program runs on. `data` is an absolute path.
pub fn ensure_companion(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<Utf8PathBuf, InstallError> {
    Ok(ensure(data, companion, options, report)?.0)
}

/// A companion that is a host compiler, which compiles for the host that this program runs on. It needs the machine's
/// assembler, linker and C library, with its headers. Installed as by [`ensure_companion`].
pub fn ensure_compiler(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<HostCompiler, InstallError> {
    let other = || InstallError::OtherKind { name: companion.name.clone(), wanted: "a compiler" };
    if !matches!(companion.kind, CompanionKind::Compiler { .. }) {
        return Err(other());
    }
    let (root, _) = ensure(data, companion, options, report)?;
    compiler(companion, &root, Host::of_this_program()).ok_or_else(other)
}

/// A companion that is headers. Installed as by [`ensure_companion`].
pub fn ensure_headers(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<Headers, InstallError> {
    let CompanionKind::Headers { include } = &companion.kind else {
        return Err(InstallError::OtherKind { name: companion.name.clone(), wanted: "headers" });
    };
    let (root, identity) = ensure(data, companion, options, report)?;
    Ok(Headers { include: root.join(include), root, identity: identity.to_string() })
}

/// A companion that is an emulator. Installed as by [`ensure_companion`]; there is none for machines that run the programs
/// themselves, which is an [`InstallError::Pick`].
pub fn ensure_emulator(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<Emulator, InstallError> {
    let other = || InstallError::OtherKind { name: companion.name.clone(), wanted: "an emulator" };
    if !matches!(companion.kind, CompanionKind::Emulator { .. }) {
        return Err(other());
    }
    let (root, identity) = ensure(data, companion, options, report)?;
    emulator(companion, root, &identity).ok_or_else(other)
}

/// A companion that is a root. Installed as by [`ensure_companion`].
pub fn ensure_root(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<Root, InstallError> {
    let other = || InstallError::OtherKind { name: companion.name.clone(), wanted: "a root" };
    if !matches!(companion.kind, CompanionKind::Root { .. }) {
        return Err(other());
    }
    let (path, identity) = ensure(data, companion, options, report)?;
    root(companion, path, &identity).ok_or_else(other)
}

fn ensure(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<(Utf8PathBuf, Digest), InstallError> {
    let host = companion.host_on(Host::of_this_program());
    let picks = companion.pick(host)?;
    let identity = companion.identity(host, &picks);
    let plan = Plan {
        data: Data::new(data),
        of: companion.title(),
        source: &companion.source,
        rules: &companion.rules,
        root: Data::new(data).tree(&companion.name, &identity),
        manifest: (manifest::COMPANION, manifest::companion(companion, identity, host, &picks)),
        picks,
    };
    plan.carry_out(options, report, |parts| layout::companion(parts, &companion.rules, host))?;
    Ok((plan.root, identity))
}

/// The tree of a companion, where it is there, and what names it.
fn present(data: &Utf8Path, companion: &Companion) -> Option<(Utf8PathBuf, Digest)> {
    let host = companion.host_on(Host::of_this_program());
    let identity = companion.identity(host, &companion.pick(host).ok()?);
    let root = Data::new(data).tree(&companion.name, &identity);
    root.exists().then_some((root, identity))
}

fn compiler(companion: &Companion, root: &Utf8Path, host: Host) -> Option<HostCompiler> {
    let CompanionKind::Compiler { family, version, driver } = &companion.kind else { return None };
    Some(HostCompiler { family: *family, path: root.join(driver), version: *version, host })
}

fn emulator(companion: &Companion, root: Utf8PathBuf, identity: &Digest) -> Option<Emulator> {
    let CompanionKind::Emulator { program, loader, libraries } = &companion.kind else { return None };
    Some(Emulator {
        loader: root.join(loader),
        libraries: root.join(libraries),
        program: root.join(program),
        root,
        version: companion.version.clone(),
        identity: identity.to_string(),
    })
}

fn root(companion: &Companion, path: Utf8PathBuf, identity: &Digest) -> Option<Root> {
    let CompanionKind::Root { host } = companion.kind else { return None };
    Some(Root { path, host, identity: identity.to_string() })
}
