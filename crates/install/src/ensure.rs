//! A toolkit, or libraries for one that lacks them: what is there is used, what is missing is fetched.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::Digest;
use cuferry_toolchain::layout::{self, Part, Tree};
use cuferry_toolchain::release_file::{Pick, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};
use serde::{Deserialize, Serialize};

use crate::activate;
use crate::client::Client;
use crate::data::{self, Data};
use crate::download;
use crate::error::{At, InstallError};
use crate::options::{Options, Progress, Report};
use crate::parallel;
use crate::unpack;

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

/// `toolkit.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// Raised when this file changes its meaning.
    format: u32,
    release: CudaRelease,
    identity: Digest,
    hosts: Vec<String>,
    packages: Vec<ManifestPackage>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ManifestPackage {
    name: String,
    version: String,
    host: String,
    licence: String,
    sha256: Digest,
}

const FORMAT: u32 = 1;

/// The toolkits in the data folder, oldest release first. What can't be read is not one.
pub fn installed(data: &Utf8Path) -> Vec<Toolkit> {
    let folder = Data::new(data).toolkits();
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    let mut toolkits: Vec<Toolkit> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().starts_with("cuda-"))
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path().join("toolkit.json")).ok()?;
            let manifest: Manifest = serde_json::from_str(&text).ok()?;
            (manifest.format == FORMAT)
                .then(|| toolkit(entry.into_path(), manifest.release, &manifest.identity))
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
    let identity = layout::identity(request.release.release, &hosts, &picks);
    let root = Data::new(data).tree("cuda", request.release.release, &identity);
    let plan = Plan { data: Data::new(data), release: request.release, hosts, picks, identity, root };
    plan.carry_out(options, report, |parts, hosts| layout::toolkit(parts, machine, hosts))?;
    Ok(toolkit(plan.root, request.release.release, &plan.identity))
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
    let identity = layout::identity(request.release.release, &hosts, &picks);
    let root = Data::new(data).tree("libraries", request.release.release, &identity);
    let plan = Plan { data: Data::new(data), release: request.release, hosts, picks, identity, root };
    plan.carry_out(options, report, |parts, hosts| layout::libraries(parts, machine, hosts))?;
    Ok(Libraries { root: plan.root, identity: plan.identity.to_string() })
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

/// What is to be there in the end.
struct Plan<'a> {
    data: Data<'a>,
    release: &'a ReleaseFile,
    hosts: Vec<Host>,
    picks: Vec<Pick<'a>>,
    identity: Digest,
    root: Utf8PathBuf,
}

impl Plan<'_> {
    fn carry_out(
        &self,
        options: &Options,
        report: &Report<'_>,
        lay_out: impl Fn(&[Part], &[Host]) -> Result<Tree, layout::LayoutError>,
    ) -> Result<(), InstallError> {
        // A tree appears whole or not at all, so no lock is needed to see that it is there.
        if self.root.exists() {
            return Ok(());
        }
        let _lock = self.data.lock(report)?;
        if self.root.exists() {
            return Ok(());
        }
        self.unpack_missing(options, report)?;
        report(Progress::Activating { root: &self.root });
        let folders: Vec<Utf8PathBuf> = self.picks.iter().map(|pick| self.data.package(pick)).collect();
        let mut parts = Vec::with_capacity(self.picks.len());
        for (pick, folder) in self.picks.iter().zip(&folders) {
            let mut files = Vec::new();
            list_files(folder, Utf8Path::new(""), &mut files)?;
            files.sort_unstable();
            let package = pick.package.name.clone();
            parts.push(Part { package, role: pick.package.role, host: pick.host, files });
        }
        let tree = lay_out(&parts, &self.hosts)
            .map_err(|source| InstallError::Layout { release: self.release.release, source })?;
        activate::activate(&self.root, &tree, &folders, &self.manifest())
    }

    /// Fetches and unpacks the packages that are not there yet.
    fn unpack_missing(&self, options: &Options, report: &Report<'_>) -> Result<(), InstallError> {
        let mut missing: Vec<&Pick<'_>> =
            self.picks.iter().filter(|pick| !self.data.package(pick).exists()).collect();
        // The largest first: it takes longest, and the small ones pass beside it.
        missing.sort_by_key(|pick| std::cmp::Reverse(pick.wheel.size));
        let jobs = options.jobs;
        let there = parallel::map(jobs, &missing, |pick| download::is_there(&self.download(pick), pick))?;
        let absent: Vec<&Pick<'_>> =
            missing.iter().zip(&there).filter(|(_, there)| !**there).map(|(pick, _)| *pick).collect();
        let client = if absent.is_empty() {
            None
        } else if options.offline {
            let mut names: Vec<String> = absent.iter().map(|pick| pick.wheel.file.clone()).collect();
            names.sort_unstable();
            return Err(InstallError::Offline { downloads: self.data.downloads(), missing: names });
        } else {
            let bytes = absent.iter().map(|pick| pick.wheel.size).sum();
            report(Progress::Fetching { wheels: absent.len(), bytes });
            Some(Client::new(&self.release.index, options, report)?)
        };
        let work: Vec<(&Pick<'_>, bool)> = missing.into_iter().zip(there).collect();
        let unpacked = parallel::map(jobs, &work, |(pick, there)| {
            let path = self.download(pick);
            if let Some(client) = client.as_ref().filter(|_| !there) {
                download::download(client, self.release.release, pick, &path)
                    .inspect_err(|_| client.stop())?;
            }
            report(Progress::Unpacking { package: &pick.package.name, host: pick.host });
            let at = self.data.package(pick);
            let (temporary, folder) = data::temporary(&at)?;
            unpack::unpack(&path, &pick.wheel.file, &folder)?;
            Ok::<_, InstallError>((temporary, at))
        })?;
        data::sync(&self.data.packages())?;
        for (temporary, at) in unpacked {
            data::settle(temporary, &at)?;
        }
        Ok(())
    }

    fn download(&self, pick: &Pick<'_>) -> Utf8PathBuf {
        self.data.download(&pick.wheel.sha256)
    }

    fn manifest(&self) -> String {
        let packages = self.picks.iter().map(|pick| ManifestPackage {
            name: pick.package.name.clone(),
            version: pick.package.version.clone(),
            host: pick.host.to_string(),
            licence: pick.package.licence.clone(),
            sha256: pick.wheel.sha256,
        });
        let manifest = Manifest {
            format: FORMAT,
            release: self.release.release,
            identity: self.identity,
            hosts: self.hosts.iter().map(ToString::to_string).collect(),
            packages: packages.collect(),
        };
        let mut text =
            serde_json::to_string_pretty(&manifest).expect("strings and numbers always have a JSON form");
        text.push('\n');
        text
    }
}

/// All files below `folder`, as paths relative to where the walk began.
fn list_files(folder: &Utf8Path, below: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> Result<(), InstallError> {
    for entry in folder.read_dir_utf8().at("read", folder)? {
        let entry = entry.at("read", folder)?;
        let path = below.join(entry.file_name());
        if entry.file_type().at("read", entry.path())?.is_dir() {
            list_files(entry.path(), &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
