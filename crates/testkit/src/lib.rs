//! What tests of several crates share: what the machine lacks is said, and NVIDIA's tools are fetched. For tests alone.

mod inventory;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_install::{
    InstallError, LibraryFolders, Options, Request, ensure, ensure_companion, ensure_shared_libraries,
};
use cuferry_toolchain::{companion, release_file};

pub use crate::inventory::inventory;

/// A variable of the environment in which the tests were started, unless it is empty.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own surroundings: CI or not, and where its tools are"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a call takes of this thread's CPU time: however busy the machine is, work that grows by the square shows in it,
/// and nothing else does.
pub fn cpu_time(call: impl FnOnce()) -> Duration {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).expect("a thread's time counts from zero")
    };
    let start = now();
    call();
    now().saturating_sub(start)
}

/// Says why a test had nothing to test.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is to see what was not tested")]
pub fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Says what is lacking, and fails in CI: there everything is to be tested.
#[track_caller]
pub fn lacking(what: &str) {
    assert!(variable("CI").is_none(), "in CI nothing is skipped, but {what}");
    skipped(what);
}

/// A folder of a test's own, which goes with the guard. Its path leads through no link.
pub fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().expect("the system has a folder for temporary files");
    let path = guard.path().canonicalize().expect("it was made just now");
    (guard, Utf8PathBuf::from_path_buf(path).expect("its name is UTF-8"))
}

/// Where the command keeps its toolkits.
pub fn data_dir() -> Option<Utf8PathBuf> {
    let home = variable("CUFERRY_HOME").map(Utf8PathBuf::from);
    let data = || variable("XDG_DATA_HOME").map(|data| Utf8Path::new(&data).join("cuferry"));
    let user = || variable("HOME").map(|home| Utf8Path::new(&home).join(".local/share/cuferry"));
    home.or_else(data).or_else(user).filter(|path| path.is_absolute())
}

/// The root of a toolkit, which is fetched unless it is there. Without a network the test has to do without, but not in CI.
#[track_caller]
pub fn toolkit(release: CudaRelease, hosts: &[Host], libraries: &[&str]) -> Option<Utf8PathBuf> {
    let Some(data) = data_dir() else {
        lacking("no folder for toolkits: HOME is not set");
        return None;
    };
    let release = release_file::known().iter().find(|file| file.release == release).expect("it is pinned");
    let libraries: Vec<String> = libraries.iter().map(|name| (*name).to_owned()).collect();
    let request = Request { release, hosts, libraries: &libraries };
    match ensure(&data, &request, &options(), &|_| ()) {
        Ok(toolkit) => Some(toolkit.root),
        Err(error @ InstallError::Network { .. }) => {
            lacking(&format!("CUDA {} is not here and cannot be fetched: {error}", release.release));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The root of a companion such as `gcc-11`, which is fetched unless it is there. Without a network the test has to do
/// without, but not in CI.
#[track_caller]
pub fn companion(name: &str) -> Option<Utf8PathBuf> {
    let Some(data) = data_dir() else {
        lacking("no folder for toolkits: HOME is not set");
        return None;
    };
    let companion = companion::named(name).expect("it is pinned");
    match ensure_companion(&data, companion, &options(), &|_| ()) {
        Ok(root) => Some(root),
        Err(error @ InstallError::Network { .. }) => {
            lacking(&format!("{name} is not here and cannot be fetched: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Folders with CUDA libraries by their sonames, which are fetched unless they are there. Without a network the test has to
/// do without, but not in CI.
#[track_caller]
pub fn shared_libraries(sonames: &[String], host: Host) -> Option<LibraryFolders> {
    let Some(data) = data_dir() else {
        lacking("no folder for toolkits: HOME is not set");
        return None;
    };
    match ensure_shared_libraries(&data, sonames, host, &options(), &|_| ()) {
        Ok(found) => Some(found),
        Err(error @ InstallError::Network { .. }) => {
            lacking(&format!("{} are not here and cannot be fetched: {error}", sonames.join(", ")));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// As the command line reaches an index of packages.
fn options() -> Options {
    Options {
        index_url: variable("PIP_INDEX_URL"),
        mirror_url: variable("CUFERRY_DEBIAN_MIRROR"),
        http_proxy: variable("http_proxy"),
        https_proxy: variable("https_proxy").or_else(|| variable("HTTPS_PROXY")),
        no_proxy: variable("no_proxy").or_else(|| variable("NO_PROXY")),
        ca_file: variable("SSL_CERT_FILE").map(Into::into),
        ..Options::default()
    }
}
