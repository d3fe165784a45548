//! `cuferry toolchain list`: what is here, what can be fetched, and which compilers there are.

use std::fmt::Write as _;

use camino::Utf8Path;
use cuferry_arch::{Host, table};
use cuferry_install::{installed, installed_companion};
use cuferry_machine::{compiler, toolkit as found};
use cuferry_toolchain::companion::{self, Companion};
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::package::Pick;
use cuferry_toolchain::release_file::{self, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};
use serde_json::{Value, json};

use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use crate::progress::bytes;
use crate::words::print;

pub(crate) fn list(context: &Context, format: Format) -> Result<(), Failure> {
    let data = context.data_dir();
    let mut here = found::find(&context.environment);
    here.extend(installed(&data));
    let compilers: Vec<_> = Host::ALL
        .iter()
        .flat_map(|host| compiler::find(&context.environment, *host, None, &Family::ALL))
        .collect();
    match format {
        Format::Json => print(&format!("{:#}\n", as_json(&data, &here, &compilers))),
        Format::Text => print(&as_text(&data, &here, &compilers)),
    }
}

fn as_json(data: &Utf8Path, here: &[Toolkit], compilers: &[HostCompiler]) -> Value {
    let here = here.iter().map(|toolkit| {
        json!({ "release": toolkit.release.to_string(), "root": toolkit.root, "origin": origin(&toolkit.origin), "identity": toolkit.identity })
    });
    let known = release_file::known().iter().map(|file| {
        json!({ "release": file.release.to_string(), "nvcc": file.nvcc_version(), "default": file.default, "bytes": base_size(file) })
    });
    let companions = companion::known().iter().map(|companion| {
        json!({
            "name": companion.name,
            "version": companion.version,
            "about": companion.about,
            "bytes": companion_size(companion),
            "root": installed_companion(data, companion),
        })
    });
    let compilers = compilers.iter().map(|compiler| {
        json!({ "family": compiler.family.to_string(), "version": compiler.version.to_string(), "path": compiler.path, "host": compiler.host.as_str() })
    });
    json!({
        "schema": 1,
        "here": here.collect::<Vec<_>>(),
        "can_be_fetched": known.collect::<Vec<_>>(),
        "companions": companions.collect::<Vec<_>>(),
        "compilers": compilers.collect::<Vec<_>>(),
    })
}

fn as_text(data: &Utf8Path, here: &[Toolkit], compilers: &[HostCompiler]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "On this machine:");
    for toolkit in here {
        let _ = writeln!(out, "  CUDA {:<5} {} ({})", toolkit.release, toolkit.root, origin(&toolkit.origin));
    }
    if here.is_empty() {
        let _ = writeln!(out, "  none");
    }
    let _ =
        writeln!(out, "Can be fetched (`cuferry toolchain install RELEASE`; `rebuild` does it by itself):");
    for file in release_file::known() {
        let limits = table::toolkit(file.release)
            .map(|row| format!("g++ up to {}, clang++ up to {}, driver {}", row.gcc, row.clang, row.driver));
        let size = base_size(file).map(|size| format!("; {}", bytes(size))).unwrap_or_default();
        let when = if file.default { "" } else { "; only where it is asked for, or no other fits" };
        let (limits, nvcc) = (limits.unwrap_or_default(), file.nvcc_version());
        let _ = writeln!(out, "  CUDA {:<5} nvcc {nvcc}; {limits}{size}{when}", file.release);
    }
    let _ = writeln!(out, "Companions (`cuferry toolchain install NAME`):");
    for companion in companion::known() {
        let size = companion_size(companion).map(|size| format!("; {}", bytes(size))).unwrap_or_default();
        let place =
            installed_companion(data, companion).map(|root| format!("; in {root}")).unwrap_or_default();
        let Companion { name, version, about, .. } = companion;
        let _ = writeln!(out, "  {name:<10} {version}; {about}{size}{place}");
    }
    let _ = writeln!(out, "C++ compilers:");
    for compiler in compilers {
        let (family, version) = (compiler.family, compiler.version);
        let _ = writeln!(out, "  {family} {version} for {} ({})", compiler.host, compiler.path);
    }
    if compilers.is_empty() {
        let _ = writeln!(out, "  none");
    }
    out
}

/// What it takes to fetch a release without further libraries, for programs that run here; in bytes.
fn base_size(file: &ReleaseFile) -> Option<u64> {
    let host = Host::of_this_program();
    Some(size(&file.pick_toolkit(host, &[host], &[]).ok()?))
}

/// The same of a companion.
fn companion_size(companion: &Companion) -> Option<u64> {
    Some(size(&companion.pick(companion.host_on(Host::of_this_program())).ok()?))
}

fn size(picks: &[Pick<'_>]) -> u64 {
    picks.iter().map(|pick| pick.archive.size).sum()
}

fn origin(origin: &ToolkitOrigin) -> String {
    match origin {
        ToolkitOrigin::Installed => "installed by cuferry".to_owned(),
        ToolkitOrigin::Variable(name) => format!("named by {name}"),
        ToolkitOrigin::Path => "on PATH".to_owned(),
        ToolkitOrigin::Folder => "in a usual folder".to_owned(),
    }
}
