//! Writes the file of a release or companion again that consists of Debian packages: the same packages, with the versions,
//! sizes and digests that the mirror has now.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use cuferry_arch::Host;
use cuferry_toolchain::companion::Companion;
use cuferry_toolchain::package::{Archive, Package, Source};
use cuferry_toolchain::release_file::{DEBIAN_NVCC, ReleaseFile};

use crate::client::{Client, passing};
use crate::error::InstallError;
use crate::options::{Options, Progress, Report};
use crate::packages::{self, Listed};
use crate::parallel;

/// The largest list known has 9 MB.
const LARGEST_LIST: u64 = 256 << 20;

/// The part of the archive (`main`, `non-free`) and the host that a list is for.
type ListKey = (String, Host);

/// Packages as lists have them, by their names.
type Lists = BTreeMap<ListKey, BTreeMap<String, Listed>>;

/// `file` with the versions, sizes and digests of today. Same answers, same file.
pub fn lock_release(
    file: &ReleaseFile,
    options: &Options,
    report: &Report<'_>,
) -> Result<ReleaseFile, InstallError> {
    let mut locked = file.clone();
    locked.packages = lock_packages(&file.source, &file.packages, options, report)?;
    // `11.8.89~11.8.0-5~deb12u1`: nvcc's version, and then the release's.
    let nvcc = locked.package(DEBIAN_NVCC).map(|package| package.version.clone());
    if let Some((_, version)) = nvcc.as_deref().and_then(|version| version.split_once('~')) {
        version.clone_into(&mut locked.version);
    }
    // What is written must be read again: what a mirror says passes the same checks as what a file says.
    ReleaseFile::parse(&format!("cuda-{}.toml", file.release), &locked.to_string())
        .map_err(InstallError::Locked)
}

/// `companion` with the versions, sizes and digests of today. Same answers, same file.
pub fn lock_companion(
    companion: &Companion,
    options: &Options,
    report: &Report<'_>,
) -> Result<Companion, InstallError> {
    let mut locked = companion.clone();
    locked.packages = lock_packages(&companion.source, &companion.packages, options, report)?;
    let named = locked.versioned.as_ref().unwrap_or(&locked.name);
    let own = locked.packages.iter().find(|package| package.name == *named);
    if let Some(package) = own.or(locked.packages.first()) {
        // Without Debian's own parts: `1:7.2+dfsg-7+deb12u18`.
        let version = package.version.split_once(':').map_or(&*package.version, |(_, version)| version);
        let version = version.rsplit_once('-').map_or(version, |(version, _)| version);
        version.clone_into(&mut locked.version);
    }
    Companion::parse(&format!("{}.toml", companion.name), &locked.to_string()).map_err(InstallError::Locked)
}

fn lock_packages(
    source: &Source,
    packages: &[Package],
    options: &Options,
    report: &Report<'_>,
) -> Result<Vec<Package>, InstallError> {
    let Source::Mirror { suite, .. } = source else { return Ok(packages.to_vec()) };
    let clients = Client::of(source, options, report)?;
    let mut wanted: BTreeMap<ListKey, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        for (host, archive) in &package.archives {
            wanted.entry((area(archive), *host)).or_default().insert(package.archive_name());
        }
    }
    let wanted: Vec<(ListKey, BTreeSet<&str>)> = wanted.into_iter().collect();
    let lists = parallel::map(options.jobs, &wanted, |((area, host), names)| {
        report(Progress::Resolving { package: area });
        Ok::<_, InstallError>(((area.clone(), *host), list(&clients, suite, area, *host, names)?))
    })?;
    let lists: Lists = lists.into_iter().collect();
    let mirror = clients.first().map(|client| client.index().to_owned()).unwrap_or_default();
    packages.iter().map(|package| lock_package(package, &lists, &mirror, suite)).collect()
}

fn lock_package(
    package: &Package,
    lists: &Lists,
    mirror: &str,
    suite: &str,
) -> Result<Package, InstallError> {
    let mut locked = package.clone();
    let mut version: Option<String> = None;
    for (host, archive) in &mut locked.archives {
        let list = lists.get(&(area(archive), *host));
        let listed = list.and_then(|list| list.get(package.archive_name())).ok_or_else(|| {
            InstallError::NotOnMirror {
                mirror: mirror.to_owned(),
                suite: suite.to_owned(),
                package: package.archive_name().to_owned(),
                host: *host,
            }
        })?;
        if let Some(first) = version.replace(listed.version.clone()).filter(|first| *first != listed.version)
        {
            let (package, second) = (package.name.clone(), listed.version.clone());
            return Err(InstallError::VersionsDiffer { package, first, second });
        }
        *archive = Archive { file: listed.file.clone(), size: listed.size, sha256: listed.sha256 };
    }
    locked.version = version.unwrap_or(locked.version);
    Ok(locked)
}

/// `non-free` of `pool/non-free/n/…`: the part of the archive whose list names it.
fn area(archive: &Archive) -> String {
    archive.file.split('/').nth(1).unwrap_or_default().to_owned()
}

/// From the first of `clients` that has it.
fn list(
    clients: &[Client<'_>],
    suite: &str,
    area: &str,
    host: Host,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Listed>, InstallError> {
    // Debian's names of architectures are Go's.
    let path = format!("dists/{suite}/{area}/binary-{}/Packages.xz", host.oci_architecture());
    let mut clients = clients.iter().peekable();
    while let Some(client) = clients.next() {
        let url = client.file_url(&path);
        let fetched = client.retry(&url, || {
            let response = client.get(&url, &[("accept-encoding", "identity")])?;
            let mut bytes = Vec::new();
            let mut body = response.into_body().into_reader().take(LARGEST_LIST);
            body.read_to_end(&mut bytes).map_err(|error| passing(&error))?;
            Ok(bytes)
        });
        match fetched {
            Err(InstallError::Status { status: 404 | 410, .. }) if clients.peek().is_some() => {}
            Err(error) => return Err(error),
            Ok(bytes) => {
                return packages::parse_xz(&bytes, names)
                    .map_err(|problem| InstallError::NotAMirror { url: url.to_string(), problem });
            }
        }
    }
    unreachable!("a source has at least one server")
}
