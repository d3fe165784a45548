//! How packages become a toolkit: which file of which package lies where, and what has to be added so that compilers,
//! Makefiles and CMake find what they look for. Moves nothing itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::{Digest, Hasher};
use thiserror::Error;

use crate::package::{ArchiveKind, Pick, Role};
use crate::path::{normalize, relative};
use crate::rules::Rules;
use crate::stub::{self, Driver};

/// Part of a toolkit's identity: raised whenever the same packages would be laid out differently.
const VERSION: u64 = 1;

/// An unpacked package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The package's name.
    pub package: String,
    /// What it is for.
    pub role: Role,
    /// The host that the archive is for.
    pub host: Host,
    /// Its files that have a place.
    pub files: Vec<Piece>,
}

/// A file or a symbolic link of a part. Two paths of it are those that a toolkit for one host alone has, in which
/// `targets/<triple>/` is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The path inside its archive.
    pub path: Utf8PathBuf,
    /// Where it goes: `include/cuda.h`.
    pub at: Utf8PathBuf,
    /// For a link: where the file goes that it names, whichever package that is in.
    pub link: Option<Utf8PathBuf>,
}

/// What a toolkit consists of; every path is relative to its root.
///
/// ```text
/// bin/nvcc  bin/ptxas  …            tools, for the machine that builds
/// nvvm/bin/cicc  nvvm/libdevice/  nvvm/lib64/libnvvm.so
/// targets/x86_64-linux/include/     headers and libraries, for each host that is built for
/// targets/x86_64-linux/lib/         libcudart.so -> libcudart.so.13
/// targets/x86_64-linux/lib/stubs/   libcuda.so, libnvidia-ml.so: to link against where there is no driver
/// targets/sbsa-linux/…
/// include  lib  lib64               links into targets/, the machine's own if it is among them
/// licences/<package>/
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Path in the toolkit → file of a part.
    pub files: BTreeMap<Utf8PathBuf, PartFile>,
    /// Path in the toolkit → what the symbolic link there says, relative to its folder.
    pub links: BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Driver libraries, to be written rather than copied.
    pub stubs: Vec<Stub>,
    /// Path in the toolkit → the text of the file there; executable if it begins with `#!`.
    pub texts: BTreeMap<Utf8PathBuf, String>,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFile {
    /// Which of the parts given.
    pub part: usize,
    /// The path inside its archive.
    pub path: Utf8PathBuf,
}

/// A driver library to link against: see [`stub`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Where it goes.
    pub at: Utf8PathBuf,
    /// The header in the tree that names its functions.
    pub header: Utf8PathBuf,
    /// For which host.
    pub host: Host,
    /// Which library.
    pub driver: &'static Driver,
}

/// Packages that don't fit one another.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{first}` and `{second}` both bring `{path}`")]
pub struct LayoutError {
    /// Where both would lie.
    pub path: Utf8PathBuf,
    /// A package.
    pub first: String,
    /// Another.
    pub second: String,
}

/// What names a toolkit or a set of libraries: the archives, the hosts, and the way they are laid out.
pub fn identity(release: CudaRelease, hosts: &[Host], picks: &[Pick<'_>], rules: &Rules) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&VERSION.to_le_bytes());
    hasher.field(release.to_string());
    hasher.update(&(hosts.len() as u64).to_le_bytes());
    hosts.iter().for_each(|host| hasher.field(host.as_str()));
    for pick in picks {
        hasher.field(&pick.package.name);
        hasher.field(pick.package.role.as_str());
        hasher.field(pick.host.as_str());
        hasher.update(pick.unpacked(rules).as_bytes());
    }
    if !rules.is_empty() {
        rules.hash_additions(&mut hasher);
    }
    hasher.finish()
}

/// Lays out a whole toolkit whose tools run on `machine` and whose programs run on `hosts` (sorted, not empty).
pub fn toolkit(parts: &[Part], rules: &Rules, machine: Host, hosts: &[Host]) -> Result<Tree, LayoutError> {
    let mut tree = libraries(parts, machine, hosts)?;
    if let Some(front) = hosts.iter().find(|host| **host == machine).or(hosts.first()) {
        let target = Utf8Path::new("targets").join(front.cuda_target());
        for (name, folder) in [("include", "include"), ("lib", "lib"), ("lib64", "lib")] {
            tree.links.insert(name.into(), target.join(folder));
        }
    }
    for host in hosts {
        let target = Utf8Path::new("targets").join(host.cuda_target());
        for driver in [&stub::CUDA, &stub::NVML] {
            let header = target.join("include").join(driver.header);
            let at = target.join("lib/stubs").join(driver.file);
            // Debian's packages bring NVIDIA's own.
            if tree.files.contains_key(&header) && !tree.has(&at) {
                tree.stubs.push(Stub { at, header, host: *host, driver });
            }
        }
    }
    tree.add(rules, machine);
    Ok(tree)
}

/// Lays out libraries alone, to be used beside a toolkit that lacks them.
pub fn libraries(parts: &[Part], machine: Host, hosts: &[Host]) -> Result<Tree, LayoutError> {
    let mut tree = lay_out(parts, |part, at| places(part, at, machine, hosts))?;
    development_links(&mut tree);
    Ok(tree)
}

/// Lays out a companion for one host: each file where the rules say.
pub fn companion(parts: &[Part], rules: &Rules, host: Host) -> Result<Tree, LayoutError> {
    let mut tree = lay_out(parts, |_, at| vec![at.to_owned()])?;
    tree.add(rules, host);
    Ok(tree)
}

/// Where a file of a wheel goes. Python's own files go nowhere.
pub fn wheel_place(package: &str, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut names = path.components().map(|component| component.as_str());
    let (first, second) = (names.next()?, names.next()?);
    let licences = Utf8Path::new("licences").join(package);
    if first.ends_with(".dist-info") {
        return (second == "licenses").then(|| licences.join(names.collect::<Utf8PathBuf>()));
    }
    if first != "nvidia" {
        return None;
    }
    // `nvidia/cu13/…`, `nvidia/cudnn/…`. CCCL's CMake files look for its headers at `../../../include`, which holds
    // only once the `cccl/` of newer wheels is gone.
    let rest: Vec<&str> = names.collect();
    match rest.strip_prefix(&["cccl"]).unwrap_or(&rest) {
        [] | [".metadata", ..] | ["__init__.py"] => None,
        ["LICENSE"] => Some(licences.join("LICENSE")),
        rest => Some(rest.iter().collect()),
    }
}

/// What is left of an unpacked package: `link` is what a symbolic link at `path` says.
pub fn piece(pick: &Pick<'_>, rules: &Rules, path: Utf8PathBuf, link: Option<&Utf8Path>) -> Option<Piece> {
    let (at, link) = match (pick.archive.kind(), link) {
        (ArchiveKind::Wheel, _) => (wheel_place(&pick.package.name, &path)?, None),
        (ArchiveKind::Deb, None) => (rules.place(pick.package, pick.host, &path)?, None),
        (ArchiveKind::Deb, Some(link)) => {
            let named = normalize(&path.parent().unwrap_or(Utf8Path::new("")).join(link));
            let named = rules.move_path(pick.package, pick.host, named.as_str())?;
            (rules.place(pick.package, pick.host, &path)?, Some(named))
        }
    };
    Some(Piece { path, at, link })
}

impl Tree {
    /// What no package brings.
    fn add(&mut self, rules: &Rules, host: Host) {
        let fill =
            |path: &Utf8PathBuf| Utf8PathBuf::from(path.as_str().replace("{triple}", host.gnu_triple()));
        self.links.extend(rules.links.iter().map(|(at, to)| (fill(at), fill(to))));
        self.texts.extend(rules.texts.iter().map(|(at, text)| (fill(at), text.clone())));
    }

    fn has(&self, path: &Utf8Path) -> bool {
        self.files.contains_key(path) || self.links.contains_key(path)
    }
}

/// Each file of each part at each of its places.
fn lay_out(
    parts: &[Part],
    places: impl Fn(&Part, &Utf8Path) -> Vec<Utf8PathBuf>,
) -> Result<Tree, LayoutError> {
    let mut tree = Tree::default();
    let mut links = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        for piece in &part.files {
            let places_of = places(part, &piece.at);
            if let Some(link) = &piece.link {
                links.extend(places_of.into_iter().zip(places(part, link)));
                continue;
            }
            for at in places_of {
                match tree.files.entry(at) {
                    Entry::Vacant(vacant) => {
                        _ = vacant.insert(PartFile { part: index, path: piece.path.clone() });
                    }
                    // A package's archives for two hosts share headers and licences.
                    Entry::Occupied(other) if parts[other.get().part].package == part.package => {}
                    Entry::Occupied(other) => {
                        return Err(LayoutError {
                            path: other.key().clone(),
                            first: parts[other.get().part].package.clone(),
                            second: part.package.clone(),
                        });
                    }
                }
            }
        }
    }
    add_links(&mut tree, links);
    Ok(tree)
}

/// Links that lead somewhere: the file that one names may be in a package that is not wanted here.
fn add_links(tree: &mut Tree, mut links: BTreeMap<Utf8PathBuf, Utf8PathBuf>) {
    loop {
        let (leading, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            links.into_iter().partition(|(_, to)| tree.has(to));
        if leading.is_empty() {
            return;
        }
        for (at, to) in leading {
            if !tree.has(&at) {
                let says = relative(at.parent().unwrap_or(Utf8Path::new("")), &to);
                tree.links.insert(at, says);
            }
        }
        links = rest;
    }
}

/// Whether a file of a wheel has to be executable: as the wheel says, and in any case for the tools.
pub fn is_executable(path: &Utf8Path, mode: Option<u32>) -> bool {
    let tool = path.parent().is_some_and(|folder| folder.ends_with("bin")) && path.extension().is_none();
    tool || mode.is_some_and(|mode| mode & 0o111 != 0)
}

/// Where in a toolkit a file lies that a toolkit for one host alone has at `path`. Tools for another machine go nowhere.
fn places(part: &Part, path: &Utf8Path, machine: Host, hosts: &[Host]) -> Vec<Utf8PathBuf> {
    let names: Vec<&str> = path.components().map(|component| component.as_str()).collect();
    let target = |host: Host| Utf8Path::new("targets").join(host.cuda_target()).join(path);
    let tools = part.role == Role::Compiler && part.host == machine;
    match names.as_slice() {
        ["licences", ..] => vec![path.to_owned()],
        ["include", ..] if tools => hosts.iter().map(|host| target(*host)).collect(),
        // nvlink -dlto opens `nvvm/lib64/libnvvm.so`, whatever the program is built for.
        ["lib", name] if tools => {
            let own = hosts.contains(&machine).then(|| target(machine));
            let nvvm = name.starts_with("libnvvm.").then(|| Utf8Path::new("nvvm/lib64").join(name));
            own.into_iter().chain(nvvm).collect()
        }
        ["include" | "lib", ..] => vec![target(part.host)],
        _ if part.host == machine => vec![path.to_owned()],
        _ => Vec::new(),
    }
}

/// `libX.so -> libX.so.13` wherever packages bring only the latter: `-lX` looks for the former.
fn development_links(tree: &mut Tree) {
    let mut links = BTreeMap::new();
    for path in tree.files.keys().chain(tree.links.keys()) {
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { continue };
        let Some(stem) = name.find(".so.").map(|dot| &name[..dot]) else { continue };
        let link = folder.join(format!("{stem}.so"));
        if (folder.ends_with("lib") || folder.ends_with("lib64")) && !tree.has(&link) {
            // The shorter name is the library's own, and the longer one the file's.
            let shortest = links.entry(link).or_insert_with(|| Utf8PathBuf::from(name));
            if (name.len(), name) < (shortest.as_str().len(), shortest.as_str()) {
                *shortest = name.into();
            }
        }
    }
    tree.links.extend(links);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Archive, Package};
    use crate::{companion as companions, release_file};

    fn part(package: &str, role: Role, host: Host, files: &[&str]) -> Part {
        let piece = |path: &&str| {
            let path = Utf8PathBuf::from(path);
            Some(Piece { at: wheel_place(package, &path)?, path, link: None })
        };
        Part { package: package.to_owned(), role, host, files: files.iter().filter_map(piece).collect() }
    }

    fn parts() -> Vec<Part> {
        let runtime = [
            "nvidia/cu13/include/cuda.h",
            "nvidia/cu13/lib/libcudart.so.13",
            "nvidia/cu13/lib/libcudart_static.a",
            "nvidia_cuda_runtime-13.0.96.dist-info/METADATA",
            "nvidia_cuda_runtime-13.0.96.dist-info/licenses/License.txt",
        ];
        vec![
            part(
                "nvidia-cuda-nvcc",
                Role::Compiler,
                Host::X86_64,
                &["nvidia/cu13/bin/nvcc", "nvidia/cu13/include/fatbinary_section.h"],
            ),
            part(
                "nvidia-nvvm",
                Role::Compiler,
                Host::X86_64,
                &["nvidia/cu13/nvvm/bin/cicc", "nvidia/cu13/lib/libnvvm.so.4"],
            ),
            part("nvidia-cuda-runtime", Role::Base, Host::X86_64, &runtime),
            part("nvidia-cuda-runtime", Role::Base, Host::Aarch64, &runtime),
            part(
                "nvidia-cuda-cccl",
                Role::Base,
                Host::Aarch64,
                &["nvidia/cu13/cccl/lib/cmake/cub/cub-config.cmake"],
            ),
            part("nvidia-nvml-dev", Role::Base, Host::Aarch64, &["nvidia/cu13/include/nvml.h"]),
            part(
                "nvidia-cudnn-cu13",
                Role::Library,
                Host::Aarch64,
                &["nvidia/__init__.py", "nvidia/cudnn/__init__.py", "nvidia/cudnn/lib/libcudnn.so.9"],
            ),
        ]
    }

    fn listing(tree: &Tree) -> String {
        let files = tree.files.iter().map(|(at, from)| format!("{at}  <{}", from.part));
        let links = tree.links.iter().map(|(at, to)| format!("{at} -> {to}"));
        let stubs = tree.stubs.iter().map(|stub| format!("{} of {}", stub.at, stub.header));
        let texts = tree.texts.keys().map(|at| format!("{at}  written"));
        files.chain(links).chain(stubs).chain(texts).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lays_out_a_toolkit_for_both_hosts() {
        insta::assert_snapshot!(listing(&toolkit(&parts(), &Rules::default(), Host::X86_64, &Host::ALL).unwrap()), @"
        bin/nvcc  <0
        licences/nvidia-cuda-runtime/License.txt  <2
        nvvm/bin/cicc  <1
        nvvm/lib64/libnvvm.so.4  <1
        targets/sbsa-linux/include/cuda.h  <3
        targets/sbsa-linux/include/fatbinary_section.h  <0
        targets/sbsa-linux/include/nvml.h  <5
        targets/sbsa-linux/lib/cmake/cub/cub-config.cmake  <4
        targets/sbsa-linux/lib/libcudart.so.13  <3
        targets/sbsa-linux/lib/libcudart_static.a  <3
        targets/sbsa-linux/lib/libcudnn.so.9  <6
        targets/x86_64-linux/include/cuda.h  <2
        targets/x86_64-linux/include/fatbinary_section.h  <0
        targets/x86_64-linux/lib/libcudart.so.13  <2
        targets/x86_64-linux/lib/libcudart_static.a  <2
        targets/x86_64-linux/lib/libnvvm.so.4  <1
        include -> targets/x86_64-linux/include
        lib -> targets/x86_64-linux/lib
        lib64 -> targets/x86_64-linux/lib
        nvvm/lib64/libnvvm.so -> libnvvm.so.4
        targets/sbsa-linux/lib/libcudart.so -> libcudart.so.13
        targets/sbsa-linux/lib/libcudnn.so -> libcudnn.so.9
        targets/x86_64-linux/lib/libcudart.so -> libcudart.so.13
        targets/x86_64-linux/lib/libnvvm.so -> libnvvm.so.4
        targets/x86_64-linux/lib/stubs/libcuda.so of targets/x86_64-linux/include/cuda.h
        targets/sbsa-linux/lib/stubs/libcuda.so of targets/sbsa-linux/include/cuda.h
        targets/sbsa-linux/lib/stubs/libnvidia-ml.so of targets/sbsa-linux/include/nvml.h
        ");
    }

    /// A package of Debian's: its files, and its links with what they say.
    fn deb(name: &str, role: Role, rules: &Rules, files: &[&str], links: &[(&str, &str)]) -> Part {
        let host = Host::X86_64;
        let file = format!("pool/main/x/{name}_1_amd64.deb");
        let archive = Archive { file, size: 1, sha256: Digest::of("") };
        let package = Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            licence: "L".to_owned(),
            role,
            libraries: Vec::new(),
            needs: Vec::new(),
            only: Vec::new(),
            except: Vec::new(),
            archives: [(host, archive)].into(),
        };
        let pick = Pick::of(&package, host).unwrap();
        let plain = files.iter().map(|path| (path, None));
        let all = plain.chain(links.iter().map(|(path, says)| (path, Some(Utf8Path::new(says)))));
        let files = all.filter_map(|(path, says)| piece(&pick, rules, path.into(), says)).collect();
        Part { package: name.to_owned(), role, host, files }
    }

    fn rules() -> Rules {
        release_file::known_release("11.8".parse().unwrap()).unwrap().rules.clone()
    }

    #[test]
    fn lays_out_packages_of_debian() {
        let rules = rules();
        let lib = "usr/lib/x86_64-linux-gnu";
        let parts = [
            deb(
                "nvidia-cuda-toolkit",
                Role::Compiler,
                &rules,
                &[
                    "etc/nvcc.profile",
                    "usr/bin/ptxas",
                    "usr/include/nvvm.h",
                    "usr/lib/nvidia-cuda-toolkit/bin/nvcc",
                    "usr/lib/nvidia-cuda-toolkit/bin/cicc",
                    "usr/lib/nvidia-cuda-toolkit/bin/crt/link.stub",
                    "usr/lib/nvidia-cuda-toolkit/libdevice/libdevice.10.bc",
                    "usr/share/doc/nvidia-cuda-toolkit/changelog.Debian.gz",
                    "usr/share/doc/nvidia-cuda-toolkit/copyright",
                ],
                &[("usr/lib/nvidia-cuda-toolkit/bin/nvcc.profile", "../../../../etc/nvcc.profile")],
            ),
            deb(
                "libnvvm4",
                Role::Compiler,
                &rules,
                &[&format!("{lib}/libnvvm.so.4.0.0")],
                &[(&format!("{lib}/libnvvm.so.4"), "libnvvm.so.4.0.0")],
            ),
            deb(
                "nvidia-cuda-dev",
                Role::Base,
                &rules,
                &[
                    "usr/include/cuda.h",
                    "usr/include/nvml.h",
                    &format!("{lib}/libcudart_static.a"),
                    &format!("{lib}/stubs/libcuda.so"),
                ],
                // The library that this names is in a package that nobody asked for.
                &[(&format!("{lib}/libcublas.so"), "libcublas.so.11")],
            ),
            deb(
                "libcudart11.0",
                Role::Base,
                &rules,
                &[&format!("{lib}/libcudart.so.11.8.89")],
                &[(&format!("{lib}/libcudart.so.11.0"), "libcudart.so.11.8.89")],
            ),
            deb("libcub-dev", Role::Base, &rules, &["usr/share/cmake/cub/cub-config.cmake"], &[]),
        ];
        let tree = toolkit(&parts, &rules, Host::X86_64, &[Host::X86_64]).unwrap();
        insta::assert_snapshot!(listing(&tree), @"
        bin/crt/link.stub  <0
        bin/nvcc  <0
        bin/ptxas  <0
        licences/nvidia-cuda-toolkit/copyright  <0
        nvvm/bin/cicc  <0
        nvvm/lib64/libnvvm.so.4.0.0  <1
        nvvm/libdevice/libdevice.10.bc  <0
        targets/x86_64-linux/include/cuda.h  <2
        targets/x86_64-linux/include/nvml.h  <2
        targets/x86_64-linux/include/nvvm.h  <0
        targets/x86_64-linux/lib/cmake/cub/cub-config.cmake  <4
        targets/x86_64-linux/lib/libcudart.so.11.8.89  <3
        targets/x86_64-linux/lib/libcudart_static.a  <2
        targets/x86_64-linux/lib/libnvvm.so.4.0.0  <1
        targets/x86_64-linux/lib/stubs/libcuda.so  <2
        include -> targets/x86_64-linux/include
        lib -> targets/x86_64-linux/lib
        lib64 -> targets/x86_64-linux/lib
        nvvm/lib64/libnvvm.so -> libnvvm.so.4
        nvvm/lib64/libnvvm.so.4 -> libnvvm.so.4.0.0
        targets/x86_64-linux/lib/libcudart.so -> libcudart.so.11.0
        targets/x86_64-linux/lib/libcudart.so.11.0 -> libcudart.so.11.8.89
        targets/x86_64-linux/lib/libnvvm.so -> libnvvm.so.4
        targets/x86_64-linux/lib/libnvvm.so.4 -> libnvvm.so.4.0.0
        targets/x86_64-linux/lib/stubs/libnvidia-ml.so of targets/x86_64-linux/include/nvml.h
        bin/nvcc.profile  written
        ");
    }

    #[test]
    fn lays_out_a_compiler() {
        let rules = companions::named("gcc-11").unwrap().rules.clone();
        let gcc = "usr/lib/gcc/x86_64-linux-gnu/11";
        let parts = [
            deb(
                "g++-11",
                Role::Compiler,
                &rules,
                &[
                    "usr/bin/x86_64-linux-gnu-g++-11",
                    &format!("{gcc}/cc1plus"),
                    "usr/share/man/man1/g++.1.gz",
                ],
                &[("usr/bin/g++-11", "x86_64-linux-gnu-g++-11")],
            ),
            deb(
                "libstdc++-11-dev",
                Role::Compiler,
                &rules,
                &["usr/include/c++/11/vector"],
                &[
                    (&format!("{gcc}/libstdc++.so"), "../../../x86_64-linux-gnu/libstdc++.so.6"),
                    (&format!("{gcc}/libasan.so"), "../../../x86_64-linux-gnu/libasan.so.6"),
                ],
            ),
            deb("libstdc++6", Role::Compiler, &rules, &["usr/lib/x86_64-linux-gnu/libstdc++.so.6"], &[]),
            deb(
                "zlib1g",
                Role::Compiler,
                &rules,
                &["lib/x86_64-linux-gnu/libz.so.1.2.13"],
                &[("lib/x86_64-linux-gnu/libz.so.1", "libz.so.1.2.13")],
            ),
        ];
        let tree = companion(&parts, &rules, Host::X86_64).unwrap();
        insta::assert_snapshot!(listing(&tree), @"
        bin/x86_64-linux-gnu-g++-11  <0
        include/c++/11/vector  <1
        lib/gcc/x86_64-linux-gnu/11/own/cc1plus  <0
        lib/gcc/x86_64-linux-gnu/11/own/libz.so.1.2.13  <3
        lib/x86_64-linux-gnu/libstdc++.so.6  <2
        bin/g++ -> g++-11
        bin/g++-11 -> x86_64-linux-gnu-g++-11
        bin/gcc -> gcc-11
        lib/gcc/x86_64-linux-gnu/11/libstdc++.so -> ../../../x86_64-linux-gnu/libstdc++.so.6
        lib/gcc/x86_64-linux-gnu/11/own/libz.so.1 -> libz.so.1.2.13
        lib/gcc/x86_64-linux-gnu/11/cc1  written
        lib/gcc/x86_64-linux-gnu/11/cc1plus  written
        lib/gcc/x86_64-linux-gnu/11/lto1  written
        ");
    }

    #[test]
    fn a_toolkit_for_another_host_alone_still_has_its_tools() {
        insta::assert_snapshot!(listing(&toolkit(&parts()[..2], &Rules::default(), Host::X86_64, &[Host::Aarch64]).unwrap()), @"
        bin/nvcc  <0
        nvvm/bin/cicc  <1
        nvvm/lib64/libnvvm.so.4  <1
        targets/sbsa-linux/include/fatbinary_section.h  <0
        include -> targets/sbsa-linux/include
        lib -> targets/sbsa-linux/lib
        lib64 -> targets/sbsa-linux/lib
        nvvm/lib64/libnvvm.so -> libnvvm.so.4
        ");
    }

    #[test]
    fn two_packages_may_not_bring_one_file() {
        let other = part("nvidia-other", Role::Library, Host::X86_64, &["nvidia/other/include/cuda.h"]);
        let error = toolkit(&[parts()[2].clone(), other], &Rules::default(), Host::X86_64, &[Host::X86_64])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`nvidia-cuda-runtime` and `nvidia-other` both bring `targets/x86_64-linux/include/cuda.h`"
        );
    }

    #[test]
    fn tools_are_executable_whatever_the_archive_says() {
        for (path, mode, expected) in [
            ("nvidia/cu13/bin/nvcc", None, true),
            ("nvidia/cu13/bin/cudafe++", Some(0o100_644), true),
            ("nvidia/cu13/bin/nvcc.profile", Some(0o100_644), false),
            ("nvidia/cu13/bin/crt/link.stub", None, false),
            ("nvidia/cu13/lib/libcudart.so.13", Some(0o100_644), false),
            ("nvidia/cu13/x/tool", Some(0o100_744), true),
        ] {
            assert_eq!(is_executable(Utf8Path::new(path), mode), expected, "{path} with {mode:?}");
        }
    }
}
