//! How wheels become a toolkit: which file of which wheel lies where, and what has to be added so that compilers,
//! Makefiles and CMake find what they look for. Moves nothing itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_digest::{Digest, Hasher};
use thiserror::Error;

use crate::release_file::{Pick, Role};
use crate::stub::{self, Driver};

/// Part of a toolkit's identity: raised whenever the same wheels would be laid out differently.
const VERSION: u64 = 1;

/// An unpacked wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The package's name.
    pub package: String,
    /// What it is for.
    pub role: Role,
    /// The host that the wheel is for.
    pub host: Host,
    /// Its files: paths inside the wheel.
    pub files: Vec<Utf8PathBuf>,
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
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartFile {
    /// Which of the parts given.
    pub part: usize,
    /// The path inside its wheel.
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

/// Wheels that don't fit one another.
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

/// What names a toolkit or a set of libraries: the wheels, the hosts, and the way they are laid out.
pub fn identity(release: CudaRelease, hosts: &[Host], picks: &[Pick<'_>]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(&VERSION.to_le_bytes());
    hasher.field(release.to_string());
    hasher.update(&(hosts.len() as u64).to_le_bytes());
    hosts.iter().for_each(|host| hasher.field(host.as_str()));
    for pick in picks {
        hasher.field(&pick.package.name);
        hasher.field(pick.package.role.as_str());
        hasher.field(pick.host.as_str());
        hasher.update(pick.wheel.sha256.as_bytes());
    }
    hasher.finish()
}

/// Lays out a whole toolkit whose tools run on `machine` and whose programs run on `hosts` (sorted, not empty).
pub fn toolkit(parts: &[Part], machine: Host, hosts: &[Host]) -> Result<Tree, LayoutError> {
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
            if tree.files.contains_key(&header) {
                let at = target.join("lib/stubs").join(driver.file);
                tree.stubs.push(Stub { at, header, host: *host, driver });
            }
        }
    }
    Ok(tree)
}

/// Lays out libraries alone, to be used beside a toolkit that lacks them.
pub fn libraries(parts: &[Part], machine: Host, hosts: &[Host]) -> Result<Tree, LayoutError> {
    let mut tree = Tree::default();
    for (index, part) in parts.iter().enumerate() {
        for path in &part.files {
            for at in places(part, path, machine, hosts) {
                match tree.files.entry(at) {
                    Entry::Vacant(vacant) => _ = vacant.insert(PartFile { part: index, path: path.clone() }),
                    // A package's wheels for two hosts share headers and licences.
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
    tree.links = development_links(&tree.files);
    Ok(tree)
}

/// Whether a file of a wheel has to be executable: as the wheel says, and in any case for the tools.
pub fn is_executable(path: &Utf8Path, mode: Option<u32>) -> bool {
    let tool = path.parent().is_some_and(|folder| folder.ends_with("bin")) && path.extension().is_none();
    tool || mode.is_some_and(|mode| mode & 0o111 != 0)
}

/// Where a file of a wheel goes. Python's own files, and tools for another machine, go nowhere.
fn places(part: &Part, path: &Utf8Path, machine: Host, hosts: &[Host]) -> Vec<Utf8PathBuf> {
    let mut names = path.components().map(|component| component.as_str());
    let (Some(first), Some(second)) = (names.next(), names.next()) else { return Vec::new() };
    let licences = Utf8Path::new("licences").join(&part.package);
    if first.ends_with(".dist-info") {
        return if second == "licenses" {
            vec![licences.join(names.collect::<Utf8PathBuf>())]
        } else {
            Vec::new()
        };
    }
    if first != "nvidia" {
        return Vec::new();
    }
    // `nvidia/cu13/…`, `nvidia/cudnn/…`. CCCL's CMake files look for its headers at `../../../include`, which holds
    // only once the `cccl/` of newer wheels is gone.
    let rest: Vec<&str> = names.collect();
    let rest = rest.strip_prefix(&["cccl"]).unwrap_or(&rest);
    let joined: Utf8PathBuf = rest.iter().collect();
    let target = |host: Host| Utf8Path::new("targets").join(host.cuda_target()).join(&joined);
    let tools = part.role == Role::Compiler && part.host == machine;
    match rest {
        [] | [".metadata", ..] | ["__init__.py"] => Vec::new(),
        ["LICENSE"] => vec![licences.join(&joined)],
        ["include", ..] if tools => hosts.iter().map(|host| target(*host)).collect(),
        // nvlink -dlto opens `nvvm/lib64/libnvvm.so`, whatever the program is built for.
        ["lib", name] if tools => {
            let own = hosts.contains(&machine).then(|| target(machine));
            let nvvm = name.starts_with("libnvvm.").then(|| Utf8Path::new("nvvm/lib64").join(name));
            own.into_iter().chain(nvvm).collect()
        }
        ["include" | "lib", ..] => vec![target(part.host)],
        _ if part.host == machine => vec![joined],
        _ => Vec::new(),
    }
}

/// `libX.so -> libX.so.13` wherever a wheel brings only the latter: `-lX` looks for the former.
fn development_links(files: &BTreeMap<Utf8PathBuf, PartFile>) -> BTreeMap<Utf8PathBuf, Utf8PathBuf> {
    let mut links = BTreeMap::new();
    for path in files.keys() {
        let Some((folder, name)) = path.parent().zip(path.file_name()) else { continue };
        let Some(stem) = name.find(".so.").map(|dot| &name[..dot]) else { continue };
        let link = folder.join(format!("{stem}.so"));
        if (folder.ends_with("lib") || folder.ends_with("lib64")) && !files.contains_key(&link) {
            links.entry(link).or_insert_with(|| name.into());
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(package: &str, role: Role, host: Host, files: &[&str]) -> Part {
        Part { package: package.to_owned(), role, host, files: files.iter().map(Utf8PathBuf::from).collect() }
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
        files.chain(links).chain(stubs).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lays_out_a_toolkit_for_both_hosts() {
        insta::assert_snapshot!(listing(&toolkit(&parts(), Host::X86_64, &Host::ALL).unwrap()), @"
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

    #[test]
    fn a_toolkit_for_another_host_alone_still_has_its_tools() {
        insta::assert_snapshot!(listing(&toolkit(&parts()[..2], Host::X86_64, &[Host::Aarch64]).unwrap()), @"
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
        let error = toolkit(&[parts()[2].clone(), other], Host::X86_64, &[Host::X86_64]).unwrap_err();
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
