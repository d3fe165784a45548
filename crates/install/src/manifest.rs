//! What a tree says of itself: of which release or companion it is, and which packages with which licences it holds.

use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Digest;
use cuferry_toolchain::companion::Companion;
use cuferry_toolchain::package::Pick;
use serde::{Deserialize, Serialize};

/// The file of a toolkit or of libraries.
pub(crate) const TOOLKIT: &str = "toolkit.json";
/// The file of a companion.
pub(crate) const COMPANION: &str = "companion.json";

/// Raised when these files change their meaning.
const FORMAT: u32 = 1;

/// `toolkit.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Toolkit {
    format: u32,
    release: CudaRelease,
    identity: Digest,
    hosts: Vec<String>,
    packages: Vec<Package>,
}

/// `companion.json`.
#[derive(Debug, Serialize)]
struct CompanionManifest {
    format: u32,
    name: String,
    version: String,
    identity: Digest,
    host: String,
    packages: Vec<Package>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Package {
    name: String,
    version: String,
    host: String,
    licence: String,
    sha256: Digest,
}

/// The text of [`TOOLKIT`].
pub(crate) fn toolkit(release: CudaRelease, identity: Digest, hosts: &[Host], picks: &[Pick<'_>]) -> String {
    let hosts = hosts.iter().map(ToString::to_string).collect();
    text(&Toolkit { format: FORMAT, release, identity, hosts, packages: packages(picks) })
}

/// The text of [`COMPANION`].
pub(crate) fn companion(companion: &Companion, identity: Digest, host: Host, picks: &[Pick<'_>]) -> String {
    text(&CompanionManifest {
        format: FORMAT,
        name: companion.name.clone(),
        version: companion.version.clone(),
        identity,
        host: host.to_string(),
        packages: packages(picks),
    })
}

/// What the text of [`TOOLKIT`] says: the release and the identity.
pub(crate) fn read_toolkit(text: &str) -> Option<(CudaRelease, Digest)> {
    let manifest: Toolkit = serde_json::from_str(text).ok()?;
    (manifest.format == FORMAT).then_some((manifest.release, manifest.identity))
}

fn packages(picks: &[Pick<'_>]) -> Vec<Package> {
    let package = |pick: &Pick<'_>| Package {
        name: pick.package.name.clone(),
        version: pick.package.version.clone(),
        host: pick.host.to_string(),
        licence: pick.package.licence.clone(),
        sha256: pick.archive.sha256,
    };
    picks.iter().map(package).collect()
}

fn text(manifest: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(manifest).expect("strings and numbers always have a JSON form");
    text.push('\n');
    text
}
