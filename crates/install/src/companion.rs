//! Companions of toolkits in the data folder: a host compiler, or headers. What is there is used, what is missing is
//! fetched.

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

/// The compilers of companions that are in the data folder, and run on this machine, by the companions' names.
pub fn installed_compilers(data: &Utf8Path) -> Vec<HostCompiler> {
    let compilers = companion::known().iter().filter_map(|companion| {
        compiler(companion, &installed_companion(data, companion)?, Host::of_this_program())
    });
    compilers.collect()
}

/// The tree of a companion in the data folder, for this machine; none if it is not there.
pub fn installed_companion(data: &Utf8Path, companion: &Companion) -> Option<Utf8PathBuf> {
    let host = Host::of_this_program();
    let picks = companion.pick(host).ok()?;
    let root = Data::new(data).tree(&companion.name, &companion.identity(host, &picks));
    root.exists().then_some(root)
}

/// A companion, whatever it is, installed into the data folder if it is not there yet: the root of its tree. It runs on
/// the host that this program runs on. `data` is an absolute path.
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

fn ensure(
    data: &Utf8Path,
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<(Utf8PathBuf, Digest), InstallError> {
    let host = Host::of_this_program();
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

fn compiler(companion: &Companion, root: &Utf8Path, host: Host) -> Option<HostCompiler> {
    let CompanionKind::Compiler { family, version, driver } = &companion.kind else { return None };
    Some(HostCompiler { family: *family, path: root.join(driver), version: *version, host })
}
