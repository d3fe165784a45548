//! A toolkit, or libraries for one that lacks them: what is there is used, what is missing is fetched.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Digest;
use cuferry_toolchain::layout;
use cuferry_toolchain::package::Pick;
use cuferry_toolchain::release_file::{self, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};

use crate::data::Data;
use crate::error::InstallError;
use crate::manifest;
use crate::options::{Options, Report};
use crate::tree::Plan;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// From which release.
    pub release: &'a ReleaseFile,
    /// For programs that run on these; at least one.
    pub hosts: &'a [Host],
    /// CUDA libraries beside the runtime, as `-l` names them: `cublas`.
    pub libraries: &'a [String],
}

/// CUDA libraries and their headers, without a toolkit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libraries {
    /// Where: an absolute path if the data folder's is.
    pub root: Utf8PathBuf,
    /// What names exactly these.
    pub identity: String,
}

impl Libraries {
    /// Their headers for programs that run on `host`.
    pub fn include(&self, host: Host) -> Utf8PathBuf {
        self.root.join("targets").join(host.cuda_target()).join("include")
    }

    /// They themselves.
    pub fn lib(&self, host: Host) -> Utf8PathBuf {
        self.root.join("targets").join(host.cuda_target()).join("lib")
    }
}

/// The toolkits in the data folder, oldest release first. What can't be read is not one.
pub fn installed(data: &Utf8Path) -> Vec<Toolkit> {
    let folder = Data::new(data).toolkits();
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    let mut toolkits: Vec<Toolkit> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().starts_with("cuda-"))
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path().join(manifest::TOOLKIT)).ok()?;
            let (release, identity) = manifest::read_toolkit(&text)?;
            Some(toolkit(entry.into_path(), release, &identity))
        })
        .collect();
    toolkits.sort_by(|left, right| (left.release, &left.root).cmp(&(right.release, &right.root)));
    toolkits
}

/// The toolkit that was asked for, installed into the data folder if it is not there yet. Its tools run on the host
/// that this program runs on. Several processes may ask at once. `data` is an absolute path.
pub fn ensure(
    data: &Utf8Path,
    request: &Request<'_>,
    options: &Options,
    report: &Report<'_>,
) -> Result<Toolkit, InstallError> {
    let machine = Host::of_this_program();
    let hosts = hosts(request);
    let picks =
        request.release.pick_toolkit(machine, &hosts, request.libraries).map_err(InstallError::from)?;
    let (plan, identity) = plan(data, "cuda", request, &hosts, picks);
    let rules = &request.release.rules;
    plan.carry_out(options, report, |parts| layout::toolkit(parts, rules, machine, &hosts))?;
    Ok(toolkit(plan.root, request.release.release, &identity))
}

/// CUDA libraries with all that they need, for a toolkit of the same release that lacks them.
pub fn ensure_libraries(
    data: &Utf8Path,
    request: &Request<'_>,
    options: &Options,
    report: &Report<'_>,
) -> Result<Libraries, InstallError> {
    let machine = Host::of_this_program();
    let hosts = hosts(request);
    let picks = request.release.pick_libraries(&hosts, request.libraries).map_err(InstallError::from)?;
    let (plan, identity) = plan(data, "libraries", request, &hosts, picks);
    plan.carry_out(options, report, |parts| layout::libraries(parts, machine, &hosts))?;
    Ok(Libraries { root: plan.root, identity: identity.to_string() })
}

/// Folders for the library path of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibraryFolders {
    /// Absolute paths if the data folder's is.
    pub folders: Vec<Utf8PathBuf>,
    /// The sonames of what no known release brings, sorted.
    pub missing: Vec<String>,
}

/// CUDA libraries as programs of `host` load them (`libcudart.so.13`), with all that they need, out of the releases that
/// [`release_file::sources`] says. What is not NVIDIA's, or of a release that is not pinned, is named as missing.
pub fn ensure_shared_libraries(
    data: &Utf8Path,
    sonames: &[String],
    host: Host,
    options: &Options,
    report: &Report<'_>,
) -> Result<LibraryFolders, InstallError> {
    let sources = release_file::sources(release_file::known(), sonames, host);
    let ensure = |(release, libraries): &(&ReleaseFile, Vec<String>)| {
        let request = Request { release, hosts: &[host], libraries };
        Ok(ensure_libraries(data, &request, options, report)?.lib(host))
    };
    let folders = sources.releases.iter().map(ensure).collect::<Result<_, InstallError>>()?;
    Ok(LibraryFolders { folders, missing: sources.missing })
}

/// A tree of `kind` out of `picks`, and what names it.
fn plan<'a>(
    data: &'a Utf8Path,
    kind: &str,
    request: &Request<'a>,
    hosts: &[Host],
    picks: Vec<Pick<'a>>,
) -> (Plan<'a>, Digest) {
    let file = request.release;
    let identity = layout::identity(file.release, hosts, &picks, &file.rules);
    let root = Data::new(data).tree(&format!("{kind}-{}", file.release), &identity);
    let manifest = (manifest::TOOLKIT, manifest::toolkit(file.release, identity, hosts, &picks));
    let (source, rules) = (&file.source, &file.rules);
    (Plan { data: Data::new(data), of: file.title(), source, rules, picks, root, manifest }, identity)
}

fn hosts(request: &Request<'_>) -> Vec<Host> {
    let mut hosts = request.hosts.to_vec();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn toolkit(root: Utf8PathBuf, release: CudaRelease, identity: &Digest) -> Toolkit {
    Toolkit { release, identity: identity.to_string(), root, origin: ToolkitOrigin::Installed }
}
