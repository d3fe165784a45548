//! Debian packages from a mirror on this machine: installed, shared, refused, and locked again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cuferry_arch::Host;
use cuferry_digest::Digest;
use cuferry_install::{
    InstallError, Options, Request, Server as Kind, ensure, ensure_companion, ensure_compiler,
    ensure_emulator, ensure_headers, ensure_root, installed, lock_companion, lock_release,
};
use cuferry_toolchain::companion::Companion;
use cuferry_toolchain::release_file::ReleaseFile;
use miette::Diagnostic as _;

use crate::server::{Answer, Asked, Server};
use crate::{Folder, quiet};

/// What a package holds: paths, and what a link says.
type Contents<'a> = &'a [(&'a str, Option<&'a str>)];

/// A mirror's files.
#[derive(Clone, Default)]
struct Pool {
    files: BTreeMap<String, Vec<u8>>,
}

impl Pool {
    /// Adds a package for each host, and gives its table in a file of `toolchains/`.
    fn add(&mut self, name: &str, rest: &str, contents: Contents<'_>) -> String {
        let mut text =
            format!("\n[[package]]\nname = \"{name}\"\nversion = \"1.2-3\"\nlicence = \"L\"\n{rest}\n");
        for host in Host::ALL {
            let file = format!("pool/main/x/{name}_1.2-3_{}.deb", host.oci_architecture());
            let bytes = deb(&contents_for(contents, host));
            let (size, sha256) = (bytes.len(), Digest::of(&bytes));
            let pins = format!("file = \"{file}\"\nsize = {size}\nsha256 = \"{sha256}\"");
            text.extend(["[package.archives.", host.as_str(), "]\n", &pins, "\n"]);
            self.files.insert(file, bytes);
        }
        text
    }

    fn answer(&self) -> impl Fn(&Asked) -> Answer + Send + Sync + 'static + use<> {
        let files = self.files.clone();
        move |asked| {
            let file = asked.path.strip_prefix("/debian/").and_then(|path| files.get(path));
            file.map_or_else(
                || Answer::new(404, "text/plain", "no such file"),
                |bytes| Answer::new(200, "application/octet-stream", bytes.clone()),
            )
        }
    }
}

fn contents_for(contents: Contents<'_>, host: Host) -> Vec<(String, Option<String>)> {
    let fill = |text: &str| text.replace("{triple}", host.gnu_triple());
    contents.iter().map(|(path, link)| (fill(path), link.map(fill))).collect()
}

/// As dpkg-deb writes it, with the file's own path as its content.
fn deb(contents: &[(String, Option<String>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, link) in contents {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if path.contains("/bin/") { 0o755 } else { 0o644 });
        if let Some(link) = link {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, format!("./{path}"), link).unwrap();
        } else {
            header.set_size(path.len() as u64);
            tar.append_data(&mut header, format!("./{path}"), path.as_bytes()).unwrap();
        }
    }
    let data = xz(&tar.into_inner().unwrap());
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", b"2.0\n".as_slice()), ("data.tar.xz", &data)] {
        bytes.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    std::io::Write::write_all(&mut xz, bytes).unwrap();
    xz.finish().unwrap()
}

/// A release of three packages, two of them parts of one archive.
fn release(pool: &mut Pool, mirrors: &[&str]) -> ReleaseFile {
    let mut text = format!(
        "release = \"11.8\"\nversion = \"11.8.0-1\"\ndefault = false\nmirrors = {mirrors:?}\nsuite = \"bookworm\"\n"
    );
    text += "[places]\n\"usr/bin/\" = \"bin/\"\n\"usr/include/\" = \"include/\"\n\"usr/lib/{triple}/\" = \"lib/\"\n";
    text += "\"usr/share/doc/{package}/copyright\" = \"licences/{package}/copyright\"\n";
    text += "[texts]\n\"bin/nvcc.profile\" = \"TOP = x\\n\"\n";
    text += &pool.add(
        "nvidia-cuda-toolkit",
        "role = \"compiler\"",
        &[
            ("usr/bin/nvcc", None),
            ("usr/share/man/nvcc.1", None),
            ("usr/share/doc/nvidia-cuda-toolkit/copyright", None),
        ],
    );
    let libraries: Contents<'_> = &[
        ("usr/include/cuda.h", None),
        ("usr/lib/{triple}/libcudart.so.11.0", Some("libcudart.so.11.8.89")),
        ("usr/lib/{triple}/libcudart.so.11.8.89", None),
        ("usr/lib/{triple}/libcublas_static.a", None),
        ("usr/lib/{triple}/libcublas.so", Some("libcublas.so.11")),
    ];
    let base = pool.add(
        "nvidia-cuda-dev",
        "role = \"base\"\nonly = [\"usr/include/\", \"usr/lib/{triple}/libcudart\", \"usr/lib/{triple}/libcublas.so\"]",
        libraries,
    );
    text += &base;
    text +=
        &base
            .replace(
                "name = \"nvidia-cuda-dev\"",
                "name = \"nvidia-cuda-dev-static\"\nlibraries = [\"cublas_static\"]",
            )
            .replace("role = \"base\"", "role = \"library\"")
            .lines()
            .map(|line| {
                if line.starts_with("only") {
                    "only = [\"usr/lib/{triple}/libcublas_static.a\"]"
                } else {
                    line
                }
            })
            .collect::<Vec<_>>()
            .join("\n");
    ReleaseFile::parse("test.toml", &text).unwrap()
}

fn companion(pool: &mut Pool, mirror: &str, kind: &str) -> Companion {
    let text = format!(
        "name = \"gcc-1\"\nversion = \"1.2.0\"\nabout = \"x\"\n{kind}\nmirrors = [\"{mirror}\"]\nsuite = \"bookworm\"\n\
         [places]\n\"usr/bin/\" = \"bin/\"\n\"usr/lib/{{triple}}/libown\" = \"lib/{{triple}}/own/libown\"\n\
         [links]\n\"bin/g++\" = \"g++-1\"\n[texts]\n\"lib/{{triple}}/cc1plus\" = \"#!/bin/sh\\n\"\n"
    );
    let packages = pool.add(
        "gcc-1",
        "role = \"compiler\"\nexcept = [\"usr/bin/x86-g++-1_\"]",
        &[
            ("usr/bin/x86-g++-1", None),
            ("usr/bin/x86-g++-1_be", None),
            ("usr/bin/g++-1", Some("x86-g++-1")),
            ("usr/lib/{triple}/libown.so.1", Some("libown.so.1.2")),
            ("usr/lib/{triple}/libown.so.1.2", None),
        ],
    );
    Companion::parse("test.toml", &(text + &packages)).unwrap()
}

const COMPILER: &str = "compiler = \"gcc\"\ndriver = \"bin/g++-1\"";

fn options(server: &Server) -> Options {
    Options { mirror_url: Some(format!("{}/debian", server.url)), ..crate::options(server) }
}

fn request<'a>(release: &'a ReleaseFile, libraries: &'a [String]) -> Request<'a> {
    Request { release, hosts: &Host::ALL, libraries }
}

#[test]
fn installs_what_is_wanted_of_each_package() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let release = release(&mut pool, &["http://mirror.invalid/debian"]);
    let server = Server::start(pool.answer());
    let toolkit = ensure(folder.path(), &request(&release, &[]), &options(&server), &quiet).unwrap();
    let read = |path: &str| fs::read_to_string(toolkit.root.join(path)).unwrap();
    assert_eq!(read("bin/nvcc.profile"), "TOP = x\n");
    assert_eq!(read("licences/nvidia-cuda-toolkit/copyright"), "usr/share/doc/nvidia-cuda-toolkit/copyright");
    assert_eq!(fs::metadata(toolkit.nvcc()).unwrap().permissions().mode() & 0o777, 0o555);
    for host in Host::ALL {
        let lib = toolkit.lib(host);
        let content = format!("usr/lib/{}/libcudart.so.11.8.89", host.gnu_triple());
        assert_eq!(fs::read_to_string(lib.join("libcudart.so")).unwrap(), content);
        assert_eq!(fs::read_link(lib.join("libcudart.so")).unwrap().to_str(), Some("libcudart.so.11.0"));
        assert!(fs::symlink_metadata(lib.join("libcublas.so")).is_err(), "a link that would lead nowhere");
        assert!(!lib.join("libcublas_static.a").exists());
    }
    assert_eq!(installed(folder.path()), std::slice::from_ref(&toolkit));
    assert!(folder.unfinished().is_empty());
    assert_eq!(server.paths().len(), 3, "the tools for this machine, the rest for both hosts");

    // The other part of an archive that is there needs no server.
    let libraries = ["cublas_static".to_owned()];
    let offline = Options { offline: true, ..options(&server) };
    let more = ensure(folder.path(), &request(&release, &libraries), &offline, &quiet).unwrap();
    assert!(more.lib(Host::X86_64).join("libcublas_static.a").exists());
    assert_ne!(more.root, toolkit.root);
}

#[test]
fn an_archive_with_two_parts_is_fetched_once() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let release = release(&mut pool, &["http://mirror.invalid/debian"]);
    let server = Server::start(pool.answer());
    let libraries = ["cublas_static".to_owned()];
    ensure(folder.path(), &request(&release, &libraries), &options(&server), &quiet).unwrap();
    assert_eq!(server.paths().len(), 3);
}

#[test]
fn the_next_mirror_is_asked_for_what_one_lacks() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let empty = Server::start(|_| Answer::new(404, "text/plain", ""));
    let first = format!("{}/debian", empty.url);
    let mut release = release(&mut pool, &[&first]);
    let plain = |server: &Server| Options { mirror_url: None, ..crate::options(server) };
    let error = ensure(folder.path(), &request(&release, &[]), &plain(&empty), &quiet).unwrap_err();
    assert!(matches!(error, InstallError::Status { status: 404, server: Kind::Mirror, .. }), "{error}");
    assert!(error.help().unwrap().to_string().contains("`CUFERRY_DEBIAN_MIRROR`"));

    let full = Server::start(pool.answer());
    let urls = vec![first, format!("{}/debian", full.url)];
    release.source = cuferry_toolchain::package::Source::Mirror { urls, suite: "bookworm".to_owned() };
    ensure(folder.path(), &request(&release, &[]), &plain(&full), &quiet).unwrap();
    assert_eq!(full.paths().len(), 3);
}

#[test]
fn another_file_than_the_pinned_one_is_refused() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let release = release(&mut pool, &["http://mirror.invalid/debian"]);
    let answer = pool.answer();
    let server = Server::start(move |asked| {
        let mut answer = answer(asked);
        answer.body[100] ^= 1;
        answer
    });
    let error = ensure(folder.path(), &request(&release, &[]), &options(&server), &quiet).unwrap_err();
    assert!(matches!(error, InstallError::DigestMismatch { .. }), "{error}");
    let help = error.help().unwrap().to_string();
    assert!(help.ends_with("serves another file than the release file of CUDA 11.8 pins"), "{help}");
    assert_eq!(installed(folder.path()), []);
    assert!(folder.unfinished().is_empty());
}

#[test]
fn offline_names_archives_without_their_folders() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let release = release(&mut pool, &["http://mirror.invalid/debian"]);
    let options = Options { offline: true, ..Options::default() };
    let error = ensure(folder.path(), &request(&release, &[]), &options, &quiet).unwrap_err().to_string();
    assert!(
        error.contains(": nvidia-cuda-dev_1.2-3_amd64.deb, nvidia-cuda-dev_1.2-3_arm64.deb, "),
        "{error}"
    );
}

#[test]
fn a_companion_is_what_its_file_says() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let gcc = companion(&mut pool, "http://mirror.invalid/debian", COMPILER);
    let server = Server::start(pool.answer());
    let compiler = ensure_compiler(folder.path(), &gcc, &options(&server), &quiet).unwrap();
    assert_eq!((compiler.version.to_string().as_str(), compiler.host), ("1.2.0", Host::of_this_program()));
    assert_eq!(fs::read_to_string(&compiler.path).unwrap(), "usr/bin/x86-g++-1");
    let root = ensure_companion(folder.path(), &gcc, &options(&server), &quiet).unwrap();
    assert_eq!(compiler.path, root.join("bin/g++-1"));
    assert_eq!(fs::read_to_string(root.join("bin/g++")).unwrap(), "usr/bin/x86-g++-1");
    assert!(!root.join("bin/x86-g++-1_be").exists(), "the file excepts it");
    let lib = root.join("lib").join(compiler.host.gnu_triple());
    assert_eq!(fs::metadata(lib.join("cc1plus")).unwrap().permissions().mode() & 0o777, 0o555);
    assert!(lib.join("own/libown.so.1").exists());
    assert_eq!(server.paths().len(), 1);
    assert_eq!(installed(folder.path()), [], "it is no toolkit");
    let error = ensure_headers(folder.path(), &gcc, &options(&server), &quiet).unwrap_err();
    assert_eq!(error.to_string(), "`gcc-1` is not headers");
    let headers = companion(&mut pool, "http://mirror.invalid/debian", "include = \"include\"");
    let error = ensure_compiler(folder.path(), &headers, &options(&server), &quiet).unwrap_err();
    assert_eq!(error.to_string(), "`gcc-1` is not a compiler");
    let error = ensure_emulator(folder.path(), &headers, &options(&server), &quiet).unwrap_err();
    assert_eq!(error.to_string(), "`gcc-1` is not an emulator");
    let error = ensure_root(folder.path(), &headers, &options(&server), &quiet).unwrap_err();
    assert_eq!(error.to_string(), "`gcc-1` is not a root");
}

/// A root is for the host that its file names, whatever this machine is; an emulator lies beside its own loader.
#[test]
fn what_arm_programs_need_is_laid_out() {
    let (mut pool, folder) = (Pool::default(), Folder::new());
    let kind = |line: &str| format!("versioned = \"gcc-1\"\n{line}");
    let mirror = "http://mirror.invalid/debian";
    let roots = Host::ALL.map(|host| companion(&mut pool, mirror, &kind(&format!("root = \"{host}\""))));
    let line = "emulator = \"bin/g++-1\"\nloader = \"bin/x86-g++-1\"\nlibraries = \"lib\"";
    let emulator = companion(&mut pool, mirror, &kind(line));
    with_lists(&mut pool, |_, list| list.replace("2.0~1.9-1", "1:1.2+x-3+b1"));
    let server = Server::start(pool.answer());
    for (companion, host) in roots.iter().zip(Host::ALL) {
        let root = ensure_root(folder.path(), companion, &options(&server), &quiet).unwrap();
        assert_eq!(root.host, host);
        assert!(root.path.join("lib").join(host.gnu_triple()).join("own/libown.so.1").exists());
    }
    let found = ensure_emulator(folder.path(), &emulator, &options(&server), &quiet).unwrap();
    let read = |path: &camino::Utf8Path| fs::read_to_string(path).unwrap();
    assert_eq!(read(&found.program), read(&found.loader), "one is a link to the other");
    assert_eq!(found.loader, found.root.join("bin/x86-g++-1"));
    assert_eq!((found.libraries, found.version.as_str()), (found.root.join("lib"), "1.2.0"));
    assert_eq!(lock_companion(&emulator, &options(&server), &quiet).unwrap().version, "1.2+x");
}

/// The lists of packages as a mirror has them, for all that `pool` holds.
fn with_lists(pool: &mut Pool, change: impl Fn(Host, String) -> String) {
    for host in Host::ALL {
        let of_host = format!("_{}.deb", host.oci_architecture());
        let stanzas = pool.files.iter().filter(|(file, _)| file.ends_with(&of_host)).map(|(file, bytes)| {
            let name = file.rsplit('/').next().and_then(|name| name.split('_').next()).unwrap();
            let (size, sha256) = (bytes.len(), Digest::of(bytes));
            format!(
                "Package: {name}\nVersion: 2.0~1.9-1\nFilename: {file}\nSize: {size}\nSHA256: {sha256}\n\n"
            )
        });
        let list = xz(change(host, stanzas.collect()).as_bytes());
        let path = format!("dists/bookworm/main/binary-{}/Packages.xz", host.oci_architecture());
        pool.files.insert(path, list);
    }
}

#[test]
fn locks_what_the_mirror_has() {
    let mut pool = Pool::default();
    let release = release(&mut pool, &["http://mirror.invalid/debian"]);
    let gcc = companion(&mut pool, "http://mirror.invalid/debian", COMPILER);
    with_lists(&mut pool, |_, list| list);
    let server = Server::start(pool.answer());
    let locked = lock_release(&release, &options(&server), &quiet).unwrap();
    assert_eq!(locked.version, "1.9-1", "nvcc's version is before it");
    let mut expected = release.clone();
    "1.9-1".clone_into(&mut expected.version);
    expected.packages.iter_mut().for_each(|package| "2.0~1.9-1".clone_into(&mut package.version));
    assert_eq!(locked, expected, "only versions differ: the files are the same");
    assert_eq!(lock_release(&release, &options(&server), &quiet).unwrap().to_string(), locked.to_string());
    // A compiler's version has three parts.
    let error = lock_companion(&gcc, &options(&server), &quiet).unwrap_err().to_string();
    assert!(error.contains("`2.0~1.9` is not a compiler's version"), "{error}");
}

#[test]
fn says_why_a_mirror_can_not_be_locked() {
    let run = |change: fn(Host, String) -> String| {
        let mut pool = Pool::default();
        let release = release(&mut pool, &["http://mirror.invalid/debian"]);
        with_lists(&mut pool, change);
        let server = Server::start(pool.answer());
        lock_release(&release, &options(&server), &quiet).unwrap_err().to_string()
    };
    let error = run(|_, list| list.replace("Package: nvidia-cuda-dev\n", "Package: x\n"));
    assert!(error.ends_with("/debian` has no package `nvidia-cuda-dev` for x86_64 in `bookworm`"), "{error}");
    let error =
        run(|host, list| if host == Host::X86_64 { list } else { list.replace("2.0~1.9-1", "2.1~1.9-1") });
    assert_eq!(error, "`nvidia-cuda-dev` has version 2.0~1.9-1 for one host and 2.1~1.9-1 for another");
    let error = run(|_, list| list.replace("Size: ", "Size: many "));
    assert!(error.contains("is not a list of Debian packages: `nvidia-cuda-"), "{error}");
    let error = run(|_, list| list.replace("Filename: pool/", "Filename: ../pool/"));
    assert!(error.contains("is not a Debian package's path"), "{error}");
}
