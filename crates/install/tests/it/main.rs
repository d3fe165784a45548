//! Installs from an index on this machine: what works, what has to fail, and what must be left behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

mod mirror;
mod server;
mod wheel;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_digest::Digest;
use cuferry_install::{
    Hostility, InstallError, Options, Progress, Request, ensure, ensure_libraries, installed, lock,
};
use cuferry_toolchain::package::{Archive, Package, Role, Source};
use cuferry_toolchain::release_file::ReleaseFile;
use cuferry_toolchain::rules::Rules;
use cuferry_toolchain::toolkit::Toolkit;
use miette::Diagnostic as _;
use server::{Answer, Asked, Server};
use wheel::{Entry, zip};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A release of three packages, and the bytes of its wheels.
struct Release {
    file: ReleaseFile,
    wheels: BTreeMap<String, Vec<u8>>,
}

impl Release {
    fn new() -> Self {
        let file = ReleaseFile {
            release: "13.0".parse().unwrap(),
            version: "13.0.3".to_owned(),
            default: true,
            source: Source::Index("http://index.invalid/simple".to_owned()),
            rules: Rules::default(),
            packages: Vec::new(),
        };
        let mut release = Self { file, wheels: BTreeMap::new() };
        let machine = Host::of_this_program();
        let nvcc = [
            "nvidia/cu13/bin/nvcc",
            "nvidia/cu13/bin/nvcc.profile",
            "nvidia/cu13/include/fatbinary_section.h",
        ];
        release.add(
            "nvidia-cuda-nvcc",
            Role::Compiler,
            &[],
            &[machine],
            &nvcc.map(|name| Entry::file(name, name)),
        );
        let runtime = [
            Entry::file("nvidia/cu13/include/cuda.h", "CUresult CUDAAPI cuInit(unsigned int Flags);"),
            Entry::file("nvidia/cu13/lib/libcudart.so.13", "elf"),
            Entry::file("nvidia_cuda_runtime-1.dist-info/licenses/License.txt", "licence"),
        ];
        release.add("nvidia-cuda-runtime", Role::Base, &["cudart"], &Host::ALL, &runtime);
        let cublas = [Entry::file("nvidia/cu13/lib/libcublas.so.13", &"blas".repeat(1000))];
        release.add("nvidia-cublas", Role::Library, &["cublas"], &Host::ALL, &cublas);
        release
    }

    fn add(&mut self, name: &str, role: Role, libraries: &[&str], hosts: &[Host], entries: &[Entry]) {
        let mut archives = BTreeMap::new();
        for host in hosts {
            let mut entries = entries.to_vec();
            entries.push(Entry::file("x.dist-info/WHEEL", host.as_str()));
            entries.push(Entry::file("x.dist-info/METADATA", &format!("Name: {name}\nLicense: L\n")));
            let file = format!("{}-1-py3-none-manylinux_2_27_{host}.whl", name.replace('-', "_"));
            let bytes = zip(&entries);
            archives.insert(
                *host,
                Archive { file: file.clone(), size: bytes.len() as u64, sha256: Digest::of(&bytes) },
            );
            self.wheels.insert(file, bytes);
        }
        self.file.packages.push(Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            licence: "L".to_owned(),
            role,
            libraries: libraries.iter().map(ToString::to_string).collect(),
            needs: Vec::new(),
            only: Vec::new(),
            except: Vec::new(),
            archives,
        });
        self.file.packages.sort_by(|left, right| left.name.cmp(&right.name));
    }

    /// An index that does all that it should: JSON pages, addresses relative to them.
    fn answer(&self) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static + use<> {
        let wheels = self.wheels.clone();
        move |asked| {
            if let Some(name) = asked.path.strip_prefix("/files/") {
                return wheels.get(name).map_or_else(
                    || Answer::new(404, "text/plain", "no such file"),
                    |bytes| Answer::new(200, "application/zip", bytes.clone()),
                );
            }
            let package = asked.path.trim_start_matches("/simple/").trim_end_matches('/').replace('-', "_");
            let files: Vec<String> = wheels
                .iter()
                .filter(|(name, _)| name.starts_with(&format!("{package}-")))
                .map(|(name, bytes)| {
                    let sha256 = Digest::of(bytes);
                    format!(
                        r#"{{"filename": "{name}", "url": "../../files/{name}", "hashes": {{"sha256": "{sha256}"}}}}"#
                    )
                })
                .collect();
            match files.as_slice() {
                [] => Answer::new(404, "text/plain", "no such package"),
                files => Answer::new(200, JSON, format!(r#"{{"files": [{}]}}"#, files.join(","))),
            }
        }
    }

    fn request<'a>(&'a self, libraries: &'a [String]) -> Request<'a> {
        Request { release: &self.file, hosts: &Host::ALL, libraries }
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    /// Unfinished folders and files, anywhere.
    fn unfinished(&self) -> Vec<Utf8PathBuf> {
        let below = ["downloads", "packages", "toolkits"].map(|name| self.path().join(name));
        let entries = below.iter().filter_map(|folder| folder.read_dir_utf8().ok()).flatten();
        let paths = entries.map(|entry| entry.unwrap().into_path());
        paths.filter(|path| path.file_name().unwrap().starts_with(".tmp-")).collect()
    }
}

fn options(server: &Server) -> Options {
    Options {
        index_url: Some(format!("{}/simple", server.url)),
        backoff: Duration::from_millis(1),
        stall: Duration::from_secs(10),
        ..Options::default()
    }
}

fn quiet(_: Progress<'_>) {}

fn install(folder: &Folder, release: &Release, server: &Server) -> Result<Toolkit, InstallError> {
    ensure(folder.path(), &release.request(&["cublas".to_owned()]), &options(server), &quiet)
}

#[test]
fn installs_once_and_lays_out() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    let toolkit = install(&folder, &release, &server).unwrap();
    let asked = server.paths().len();
    assert_eq!(asked, 2 * release.wheels.len(), "one page and one file a wheel");

    let machine = Host::of_this_program();
    for host in Host::ALL {
        assert!(toolkit.include(host).join("fatbinary_section.h").exists());
        assert_eq!(
            fs::read_link(toolkit.lib(host).join("libcudart.so")).unwrap().to_str(),
            Some("libcudart.so.13")
        );
        let stub = fs::read(toolkit.lib(host).join("stubs/libcuda.so")).unwrap();
        assert_eq!(u16::from_le_bytes([stub[18], stub[19]]), host.elf_machine());
    }
    assert_eq!(
        toolkit.root.join("lib64").canonicalize_utf8().unwrap(),
        toolkit.lib(machine).canonicalize_utf8().unwrap()
    );
    assert!(toolkit.root.join("licences/nvidia-cuda-runtime/License.txt").exists());
    let nvcc = fs::metadata(toolkit.nvcc()).unwrap();
    assert_eq!(
        (nvcc.permissions().mode() & 0o777, nvcc.nlink()),
        (0o555, 2),
        "executable, read-only, a hard link"
    );
    assert_eq!(installed(folder.path()), std::slice::from_ref(&toolkit));
    assert!(folder.unfinished().is_empty());

    assert_eq!(install(&folder, &release, &server).unwrap(), toolkit);
    assert_eq!(server.paths().len(), asked, "the second time nothing is asked");

    // Another set of libraries is another toolkit, made of the same packages.
    let other = ensure(folder.path(), &release.request(&[]), &options(&server), &quiet).unwrap();
    assert_ne!(other.root, toolkit.root);
    assert_eq!(server.paths().len(), asked);
    assert_eq!(installed(folder.path()).len(), 2);
}

#[test]
fn libraries_alone_lie_in_the_same_places() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    let wanted = ["cublas".to_owned()];
    let request = Request { release: &release.file, hosts: &[Host::Aarch64], libraries: &wanted };
    let libraries = ensure_libraries(folder.path(), &request, &options(&server), &quiet).unwrap();
    assert!(libraries.lib(Host::Aarch64).join("libcublas.so").exists());
    assert!(!libraries.root.join("bin").exists() && !libraries.lib(Host::X86_64).exists());
    assert_eq!(installed(folder.path()), [], "it is no toolkit");
}

#[test]
fn html_serves_as_well() {
    let (release, folder) = (Release::new(), Folder::new());
    let answer = release.answer();
    let names: Vec<String> = release.wheels.keys().cloned().collect();
    let server = Server::start(move |asked| {
        if asked.path.starts_with("/files/") {
            return answer(asked);
        }
        let anchors: Vec<String> =
            names.iter().map(|name| format!("<a href=\"/files/{name}#sha256=x\">{name}</a>")).collect();
        Answer::new(200, "text/html; charset=UTF-8", anchors.join("<br/>\n"))
    });
    install(&folder, &release, &server).unwrap();
}

#[test]
fn credentials_go_to_the_index_alone() {
    let (release, folder) = (Release::new(), Folder::new());
    let files = Server::start(release.answer());
    let (answer, elsewhere) = (release.answer(), files.url.clone());
    let index = Server::start(move |asked| {
        if !asked.headers.contains_key("authorization") {
            return Answer::new(401, "text/plain", "who are you?");
        }
        let mut page = answer(asked);
        let text =
            String::from_utf8(page.body).unwrap().replace("../../files", &format!("{elsewhere}/files"));
        page.body = text.into();
        page
    });
    let error = install(&folder, &release, &index).unwrap_err();
    assert!(error.to_string().ends_with("answers with status 401"), "{error}");

    let mut options = options(&index);
    let heard = Mutex::new(Vec::new());
    options.index_url = Some(index.url.replace("http://", "http://me:s%65cret@") + "/simple/");
    let report = |progress: Progress<'_>| heard.lock().unwrap().push(format!("{progress:?}"));
    ensure(folder.path(), &release.request(&[]), &options, &report).unwrap();
    let log = index.log.lock().unwrap();
    // `me:secret` in base64.
    assert_eq!(log.last().unwrap().headers["authorization"], "Basic bWU6c2VjcmV0");
    assert!(files.log.lock().unwrap().iter().all(|asked| !asked.headers.contains_key("authorization")));
    let heard = heard.into_inner().unwrap().concat();
    assert!(!heard.contains("cret"), "{heard}");
}

#[test]
fn passing_faults_pass() {
    let (release, folder) = (Release::new(), Folder::new());
    let answer = release.answer();
    let server = Server::start(move |asked| {
        let mut good = answer(asked);
        match (asked.path.as_str(), asked.before) {
            ("/simple/nvidia-cublas/", 0 | 1) => Answer::new(503, "text/plain", "later"),
            ("/simple/nvidia-cuda-runtime/", 0) => {
                Answer::new(429, "text/plain", "").header("Retry-After", "0")
            }
            (path, 0) if path.contains("cublas") => {
                good.cut = Some(1000);
                good
            }
            (path, 0) if path.contains("nvcc-") => {
                good.stall = Duration::from_secs(5);
                good.cut = Some(10);
                good
            }
            _ => good,
        }
    });
    let mut options = options(&server);
    options.stall = Duration::from_millis(200);
    let heard = Mutex::new(Vec::new());
    let report = |progress: Progress<'_>| {
        if let Progress::Retrying { cause, .. } = progress {
            heard.lock().unwrap().push(cause.to_owned());
        }
    };
    ensure(folder.path(), &release.request(&["cublas".to_owned()]), &options, &report).unwrap();
    let heard = heard.into_inner().unwrap().join("\n");
    for cause in ["status 503", "status 429", "timeout"] {
        assert!(heard.contains(cause), "no `{cause}` in:\n{heard}");
    }
    assert!(folder.unfinished().is_empty());
}

/// The answer to the wheel of `nvidia-cublas` is changed; the error.
fn spoiled(change: impl Fn(&mut Answer) + Send + Sync + 'static) -> (Folder, Server, InstallError) {
    let (release, folder) = (Release::new(), Folder::new());
    let answer = release.answer();
    let server = Server::start(move |asked| {
        let mut answer = answer(asked);
        if asked.path.starts_with("/files/nvidia_cublas") {
            change(&mut answer);
        }
        answer
    });
    let error = install(&folder, &release, &server).unwrap_err();
    assert_eq!(installed(folder.path()), [], "nothing is activated");
    assert!(folder.unfinished().is_empty(), "{:?}", folder.unfinished());
    let packages: Vec<_> = folder.path().join("packages").read_dir_utf8().unwrap().collect();
    assert!(packages.is_empty(), "{packages:?}");
    (folder, server, error)
}

#[test]
fn a_wheel_with_another_digest_is_refused() {
    let (folder, server, error) = spoiled(|answer| answer.body[100] ^= 1);
    let text = error.to_string();
    assert!(text.starts_with("`nvidia_cublas-1-py3-none-manylinux_2_27_"), "{text}");
    assert!(text.contains("does not match its pinned digest\n  expected: "), "{text}");
    let help = error.help().unwrap().to_string();
    assert!(help.contains(&format!("`{}/simple` serves another file", server.url)), "{help}");
    // The next run against an honest index goes through.
    let release = Release::new();
    let server = Server::start(release.answer());
    install(&folder, &release, &server).unwrap();
}

#[test]
fn a_wheel_of_another_size_is_refused() {
    let (_, _, error) = spoiled(|answer| answer.body.push(0));
    assert!(matches!(error, InstallError::SizeMismatch { .. }), "{error}");
}

#[test]
fn an_index_that_states_another_digest_sends_nothing() {
    let (mut release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    for package in &mut release.file.packages {
        package.archives.values_mut().for_each(|wheel| wheel.sha256 = Digest::of("another"));
    }
    let error = install(&folder, &release, &server).unwrap_err();
    assert!(matches!(error, InstallError::DigestMismatch { .. }), "{error}");
    assert!(server.paths().iter().all(|path| !path.starts_with("/files/")), "{:?}", server.paths());
}

#[test]
fn lasting_faults_end_the_run() {
    let (_, server, error) = spoiled(|answer| answer.status = 500);
    assert!(
        error.to_string().ends_with("4 attempts failed, the last because the server answers with status 500"),
        "{error}"
    );
    assert!(server.paths().iter().filter(|path| path.contains("/files/nvidia_cublas")).count() >= 4);
    let (_, _, error) = spoiled(|answer| answer.cut = Some(5));
    assert!(error.to_string().contains("4 attempts failed"), "{error}");
    let (_, server, error) = spoiled(|answer| answer.status = 404);
    assert!(error.to_string().ends_with("answers with status 404"), "{error}");
    assert!(server.paths().iter().filter(|path| path.contains("/files/nvidia_cublas")).count() <= 2);
}

#[test]
fn a_failure_ends_the_other_downloads() {
    let (release, folder) = (Release::new(), Folder::new());
    let answer = release.answer();
    let server = Server::start(move |asked| {
        let mut good = answer(asked);
        if asked.path.contains("nvcc-") {
            good.status = 404;
        } else if asked.path.starts_with("/files/") {
            // Half of it, and then silence for longer than the whole test may take.
            good.cut = Some(good.body.len() / 2);
            good.stall = Duration::from_mins(1);
        }
        good
    });
    let options = Options { stall: Duration::from_secs(1), jobs: 8, ..options(&server) };
    let error =
        ensure(folder.path(), &release.request(&["cublas".to_owned()]), &options, &quiet).unwrap_err();
    assert!(error.to_string().ends_with("answers with status 404"), "{error}");
    let cublas = server.paths().into_iter().filter(|path| path.starts_with("/files/nvidia_cublas"));
    assert!(cublas.count() <= 2, "no second attempt");
}

#[test]
fn an_index_without_the_wheel_is_named() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(|_| Answer::new(200, JSON, r#"{"files": []}"#));
    let error = install(&folder, &release, &server).unwrap_err();
    assert!(error.to_string().starts_with(&format!("`{}/simple/nvidia-", server.url)), "{error}");
    let server = Server::start(|_| Answer::new(200, "image/png", ""));
    let error = install(&folder, &release, &server).unwrap_err();
    assert!(error.to_string().ends_with("is not a page of a package index: it is `image/png`"), "{error}");
}

#[test]
fn offline_names_what_is_missing_and_uses_what_is_there() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    let offline = Options { offline: true, ..options(&server) };
    let wanted = ["cublas".to_owned()];
    let error = ensure(folder.path(), &release.request(&[]), &offline, &quiet).unwrap_err();
    let InstallError::Offline { missing, .. } = &error else { panic!("{error}") };
    assert_eq!(missing.len(), 3, "{missing:?}");
    ensure(folder.path(), &release.request(&wanted), &options(&server), &quiet).unwrap();
    let asked = server.paths().len();

    // The packages are enough; and so are the wheels.
    fs::remove_dir_all(folder.path().join("toolkits")).unwrap();
    ensure(folder.path(), &release.request(&wanted), &offline, &quiet).unwrap();
    for name in ["toolkits", "packages"] {
        fs::remove_dir_all(folder.path().join(name)).unwrap();
    }
    ensure(folder.path(), &release.request(&wanted), &offline, &quiet).unwrap();

    // A wheel that has gone bad in the cache counts as missing, and is fetched again.
    for name in ["toolkits", "packages"] {
        fs::remove_dir_all(folder.path().join(name)).unwrap();
    }
    let wheel = folder.path().join("downloads").read_dir_utf8().unwrap().next().unwrap().unwrap();
    fs::write(wheel.path(), "bad").unwrap();
    let error = ensure(folder.path(), &release.request(&wanted), &offline, &quiet).unwrap_err();
    assert!(matches!(&error, InstallError::Offline { missing, .. } if missing.len() == 1), "{error}");
    assert_eq!(server.paths().len(), asked);
    ensure(folder.path(), &release.request(&wanted), &options(&server), &quiet).unwrap();
    assert_eq!(server.paths().len(), asked + 2);
}

#[test]
fn several_at_once_share_the_work() {
    let (release, folder) = (Release::new(), Folder::new());
    let answer = release.answer();
    let server = Server::start(move |asked| {
        thread::sleep(Duration::from_millis(20));
        answer(asked)
    });
    let waited = Mutex::new(0);
    let report = |progress: Progress<'_>| {
        if let Progress::Waiting { .. } = progress {
            *waited.lock().unwrap() += 1;
        }
    };
    let roots: Vec<Utf8PathBuf> = thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    ensure(folder.path(), &release.request(&[]), &options(&server), &report).unwrap().root
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(roots.iter().all(|root| *root == roots[0]));
    let mut files: Vec<String> =
        server.paths().into_iter().filter(|path| path.starts_with("/files/")).collect();
    let count = files.len();
    files.sort_unstable();
    files.dedup();
    assert_eq!(files.len(), count, "no wheel is fetched twice");
    assert!(waited.into_inner().unwrap() >= 1, "someone had to wait");
}

#[test]
fn what_a_crash_leaves_is_removed() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    for (name, file) in [("packages", "a"), ("toolkits", "b/c")] {
        let path = folder.path().join(name).join(".tmp-crash").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    fs::create_dir_all(folder.path().join("downloads")).unwrap();
    fs::write(folder.path().join("downloads/.tmp-crash"), "").unwrap();
    assert_eq!(folder.unfinished().len(), 3);
    install(&folder, &release, &server).unwrap();
    assert!(folder.unfinished().is_empty());
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let (release, folder) = (Release::new(), Folder::new());
    let server = Server::start(release.answer());
    fs::write(folder.path().join("file"), "").unwrap();
    let error =
        ensure(&folder.path().join("file"), &release.request(&[]), &options(&server), &quiet).unwrap_err();
    assert!(error.to_string().starts_with("can't create `"), "{error}");
}

/// A wheel with `entries`, properly pinned, is refused for `why`, and leaves nothing.
#[track_caller]
fn refuse(entries: &[Entry], why: Hostility) {
    let (mut release, folder) = (Release::new(), Folder::new());
    release.add("nvidia-evil", Role::Base, &[], &Host::ALL, entries);
    let server = Server::start(release.answer());
    match install(&folder, &release, &server) {
        Err(InstallError::Hostile { why: found, archive, .. }) => {
            assert_eq!(found, why, "{entries:?}");
            assert!(archive.starts_with("nvidia_evil-"), "{archive}");
        }
        other => panic!("{entries:?}: {other:?}"),
    }
    assert!(folder.unfinished().is_empty());
    let above: Vec<String> =
        folder.path().read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert!(
        above.iter().all(|name| [".lock", "downloads", "packages", "toolkits"].contains(&name.as_str())),
        "{above:?}"
    );
}

#[test]
fn hostile_wheels_are_refused() {
    for name in [
        "/etc/x",
        "../x",
        "a/../../x",
        "a/..",
        ".",
        "a//b",
        "a\\b",
        "C:\\x",
        "a/./b",
        "a\u{1}",
        "",
        &"n".repeat(256),
    ] {
        refuse(&[Entry::file(name, "x")], Hostility::Name);
    }
    for kind in [0o120_777, 0o020_666, 0o060_666, 0o010_666, 0o140_777, 0o040_755] {
        refuse(&[Entry { mode: kind, ..Entry::file("nvidia/x", "../../../../etc") }], Hostility::Kind);
    }
    refuse(&[Entry::file("a", "x"), Entry::file("a", "y")], Hostility::Collision);
    refuse(&[Entry::file("a", "x"), Entry::file("a/b", "y")], Hostility::Collision);
    refuse(&[Entry { flags: 1, ..Entry::file("a", "0123456789abcdef") }], Hostility::Encrypted);
    refuse(&[Entry { stated: 1 << 30, ..Entry::file("a", "x") }], Hostility::Bomb);
    refuse(&[Entry { stated: 8, ..Entry::file("a", "xxxx") }], Hostility::SizeLies);
}

#[test]
fn an_entry_longer_than_stated_is_refused() {
    let (mut release, folder) = (Release::new(), Folder::new());
    let entry = Entry { stated: 2, ..Entry::file("nvidia/x", "xxxx") };
    release.add("nvidia-evil", Role::Base, &[], &Host::ALL, &[entry]);
    let server = Server::start(release.answer());
    let error = install(&folder, &release, &server).unwrap_err();
    assert!(error.to_string().ends_with("larger than its declared uncompressed size"), "{error}");
}

#[test]
fn a_wheel_that_is_no_archive_is_refused() {
    let (mut release, folder) = (Release::new(), Folder::new());
    release.add("nvidia-evil", Role::Base, &[], &[Host::X86_64, Host::Aarch64], &[]);
    let bytes = b"not a zip archive".to_vec();
    for package in release.file.packages.iter_mut().filter(|package| package.name == "nvidia-evil") {
        for wheel in package.archives.values_mut() {
            (wheel.size, wheel.sha256) = (bytes.len() as u64, Digest::of(&bytes));
            release.wheels.insert(wheel.file.clone(), bytes.clone());
        }
    }
    let server = Server::start(release.answer());
    let error = install(&folder, &release, &server).unwrap_err();
    assert!(matches!(error, InstallError::BrokenArchive { .. }), "{error}");
}

/// An index with a small CUDA 13.0; `ranges` says whether it knows them.
fn lockable(ranges: bool, change: fn(String) -> String) -> Server {
    let metadata = "Name: cuda-toolkit\n\
        Requires-Dist: nvidia-cuda-nvcc==1.*; extra == 'all'\n\
        Requires-Dist: nvidia-cublas==1.*; extra == 'all'\n\
        Requires-Dist: nvidia-nvjitlink<14,>=13.0.88; extra == 'all'\n\
        Requires-Dist: nvidia-cuda-opencl==1.*; extra == 'all'\n";
    let mut wheels = BTreeMap::new();
    for version in ["12.9.1", "13.0.2", "13.0.10", "13.0.11rc1"] {
        let name = format!("cuda_toolkit-{version}-py2.py3-none-any.whl");
        wheels.insert(
            name,
            zip(&[Entry::file("cuda_toolkit.dist-info/METADATA", &change(metadata.to_owned()))]),
        );
    }
    let packages = [
        ("nvidia_cuda_nvcc-1.5", "nvidia/cu13/bin/nvcc", ""),
        ("nvidia_cublas-1.9", "nvidia/cu13/lib/libold.so.1", ""),
        (
            "nvidia_cublas-1.10",
            "nvidia/cu13/lib/libcublas.so.13",
            "Requires-Dist: nvidia-nvjitlink\nRequires-Dist: x\n",
        ),
        ("nvidia_nvjitlink-13.0.87", "nvidia/cu13/lib/libold2.so.1", ""),
        ("nvidia_nvjitlink-13.0.88", "nvidia/cu13/lib/libnvJitLink.so.13", ""),
        ("nvidia_nvjitlink-13.5.1", "nvidia/cu13/lib/libnew.so.13", ""),
        ("nvidia_cudnn_cu13-9.1", "nvidia/cudnn/lib/libcudnn.so.9", "Requires-Dist: nvidia-cublas\n"),
        ("nvidia_nccl_cu13-2.30", "nvidia/nccl/lib/libnccl.so.2", ""),
    ];
    for (name, content, needs) in packages {
        for host in Host::ALL {
            let metadata = format!("Name: x\nLicense-Expression: L-{host}\n{needs}\n");
            let entries = [Entry::file(content, "x"), Entry::file("x.dist-info/METADATA", &metadata)];
            wheels.insert(format!("{name}-py3-none-manylinux_2_27_{host}.whl"), zip(&entries));
        }
    }
    let release = Release { file: Release::new().file, wheels };
    let answer = release.answer();
    Server::start(move |asked| {
        let mut answer = answer(asked);
        if ranges && asked.headers.contains_key("range") && answer.status == 200 {
            answer.status = 206;
        }
        answer
    })
}

#[test]
fn locks_a_release() {
    for ranges in [true, false] {
        let server = lockable(ranges, |metadata| metadata);
        let release = "13.0".parse().unwrap();
        let file = lock(release, "https://index.example/simple/", &options(&server), &quiet).unwrap();
        let again = lock(release, "https://index.example/simple/", &options(&server), &quiet).unwrap();
        assert_eq!(file.to_string(), again.to_string());
        let brief: Vec<String> = file
            .packages
            .iter()
            .map(|package| {
                let Package { name, version, licence, role, libraries, needs, archives, .. } = package;
                format!(
                    "{name} {version} {licence} {} {libraries:?} {needs:?} {}",
                    role.as_str(),
                    archives.len()
                )
            })
            .collect();
        let source = Source::Index("https://index.example/simple".to_owned());
        assert_eq!((file.version.as_str(), &file.source), ("13.0.10", &source));
        assert_eq!(
            brief,
            [
                r#"nvidia-cublas 1.10 L-x86_64 library ["cublas"] ["nvidia-nvjitlink"] 2"#,
                "nvidia-cuda-nvcc 1.5 L-x86_64 compiler [] [] 2",
                r#"nvidia-cudnn-cu13 9.1 L-x86_64 library ["cudnn"] ["nvidia-cublas"] 2"#,
                r#"nvidia-nccl-cu13 2.30 L-x86_64 library ["nccl"] [] 2"#,
                r#"nvidia-nvjitlink 13.0.88 L-x86_64 library ["nvJitLink"] [] 2"#,
            ]
        );
        // What was locked can be installed.
        let (folder, libraries) = (Folder::new(), ["cudnn".to_owned()]);
        let request = Request { release: &file, hosts: &Host::ALL, libraries: &libraries };
        ensure(folder.path(), &request, &options(&server), &quiet).unwrap();
    }
}

#[test]
fn says_why_a_release_can_not_be_locked() {
    let run = |release: &str, change| {
        let server = lockable(true, change);
        lock(release.parse().unwrap(), "https://index.example/simple", &options(&server), &quiet).unwrap_err()
    };
    let error = run("13.9", |metadata| metadata);
    assert_eq!(error.help().unwrap().to_string(), "it has 12.9, 13.0");
    let error = run("13.0", |metadata| metadata.replace("nvidia-cuda-nvcc", "nvidia-x"));
    assert!(error.to_string().ends_with("hold no nvcc"), "{error}");
    let error = run("13.0", |metadata| metadata.replace("nvidia-cublas==1.*", "nvidia-cublas==7.*"));
    assert!(error.to_string().starts_with("`nvidia-cublas` 7.* has no wheel on `http"), "{error}");
    let error = run("13.0", |metadata| metadata.replace("nvidia-cublas==1.*", "nvidia-cublas!=7"));
    assert!(error.to_string().contains("not understood: `nvidia-cublas!=7"), "{error}");
}
