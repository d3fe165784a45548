//! CUDA toolkits that are on this machine already: named by the environment, on `PATH`, or in the usual folders.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::CudaRelease;
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};

use crate::{Environment, probe};

/// Variables that name a toolkit, in the order in which they are asked.
const VARIABLES: [&str; 2] = ["CUDA_HOME", "CUDA_PATH"];

/// Every toolkit found, best known first: `CUDA_HOME`, `CUDA_PATH`, `PATH`, `/usr/local/cuda*`. Each folder once.
pub fn find(environment: &Environment) -> Vec<Toolkit> {
    let mut candidates: Vec<(Utf8PathBuf, ToolkitOrigin)> = Vec::new();
    for name in VARIABLES {
        if let Some(value) = environment.get(name) {
            candidates.push((value.into(), ToolkitOrigin::Variable(name.to_owned())));
        }
    }
    // nvcc on `PATH` may be a link into the toolkit: its root is where the link leads.
    let nvcc = environment.find("nvcc").and_then(|nvcc| nvcc.canonicalize_utf8().ok());
    if let Some(root) = nvcc.as_deref().and_then(Utf8Path::parent).and_then(Utf8Path::parent) {
        candidates.push((root.to_owned(), ToolkitOrigin::Path));
    }
    candidates
        .extend(usual_folders("/usr/local".into()).into_iter().map(|root| (root, ToolkitOrigin::Folder)));
    let mut found: Vec<Toolkit> = Vec::new();
    for (root, origin) in candidates {
        let Some(toolkit) = read(&root, origin) else { continue };
        if !found.iter().any(|known| known.root == toolkit.root) {
            found.push(toolkit);
        }
    }
    found
}

/// The static libraries that a folder of NVIDIA's libraries lacks, with the shared one of each that is there, both as `-l`
/// names them: wheels bring `libcurand.so` without `libcurand_static.a`.
pub fn shared_alone(folder: &Utf8Path) -> BTreeMap<String, String> {
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let names: BTreeSet<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    let shared = names.iter().filter_map(|name| name.strip_prefix("lib")?.strip_suffix(".so"));
    let mut alone = BTreeMap::new();
    for name in shared {
        // cuFFT's comes in two static forms.
        for absent in [format!("{name}_static"), format!("{name}_static_nocallback")] {
            let suits = !absent.ends_with("_nocallback") || name == "cufft";
            if suits && !names.contains(&format!("lib{absent}.a")) {
                alone.insert(absent, name.to_owned());
            }
        }
    }
    alone
}

/// `cuda`, then `cuda-13.0` and the like, newest first.
fn usual_folders(parent: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut folders: Vec<(Option<CudaRelease>, Utf8PathBuf)> = Vec::new();
    for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
        match entry.file_name().strip_prefix("cuda") {
            Some("") => folders.push((Some(CudaRelease::new(u16::MAX, 0)), entry.path().to_owned())),
            Some(rest) if rest.starts_with('-') => {
                folders.push((rest[1..].parse().ok(), entry.path().to_owned()));
            }
            _ => {}
        }
    }
    folders.sort_by(|left, right| right.cmp(left));
    folders.into_iter().map(|(_, path)| path).collect()
}

/// The toolkit at `root`, if its nvcc answers.
fn read(root: &Utf8Path, origin: ToolkitOrigin) -> Option<Toolkit> {
    let root = root.canonicalize_utf8().ok()?;
    let text = probe::ask(&root.join("bin/nvcc"), &["--version"])?;
    let (release, identity) = version(&text)?;
    Some(Toolkit { release, identity, root, origin })
}

/// From `Cuda compilation tools, release 13.0, V13.0.88`: `13.0`, and `V13.0.88` as what names the exact build.
fn version(text: &str) -> Option<(CudaRelease, String)> {
    let line = text.lines().find_map(|line| line.split_once("release ").map(|(_, rest)| rest))?;
    let (release, exact) = line.split_once(", ")?;
    Some((release.trim().parse().ok()?, exact.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_nvcc_versions() {
        let text =
            "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 13.0, V13.0.88\nBuild x";
        assert_eq!(version(text), Some((CudaRelease::new(13, 0), "V13.0.88".to_owned())));
        assert_eq!(version("clang version 14"), None);
        assert_eq!(version("release next, V1"), None);
    }

    #[test]
    fn a_library_that_is_there_as_a_shared_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "libcudart.so",
            "libcudart_static.a",
            "libcurand.so",
            "libcurand.so.10",
            "libcufft.so",
            "libculibos.a",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let alone = shared_alone(Utf8Path::from_path(folder.path()).unwrap());
        let alone: Vec<_> = alone.iter().map(|(absent, shared)| format!("{absent}: {shared}")).collect();
        assert_eq!(alone, ["cufft_static: cufft", "cufft_static_nocallback: cufft", "curand_static: curand"]);
        assert!(shared_alone("/nowhere".into()).is_empty());
    }

    #[test]
    fn usual_folders_come_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["cuda-9.2", "cuda-13.0", "cuda", "cuda-12", "curl", "cuda-12.8"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let folders = usual_folders(Utf8Path::from_path(folder.path()).unwrap());
        let names: Vec<_> = folders.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["cuda", "cuda-13.0", "cuda-12.8", "cuda-9.2", "cuda-12"]);
    }

    #[test]
    fn a_variable_comes_first_and_a_folder_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        fake_nvcc(&root, "13.1");
        let environment = Environment::new([
            ("CUDA_HOME".into(), root.as_str().into()),
            ("PATH".into(), format!("{root}/bin:/usr/bin:/bin").into()),
        ]);
        let found = find(&environment);
        assert_eq!(found[0].root, root);
        assert_eq!(found[0].origin, ToolkitOrigin::Variable("CUDA_HOME".to_owned()));
        assert_eq!(found[0].release, CudaRelease::new(13, 1));
        assert_eq!(found.iter().filter(|toolkit| toolkit.root == root).count(), 1);
    }

    fn fake_nvcc(root: &Utf8Path, release: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir(root.join("bin")).unwrap();
        let nvcc = root.join("bin/nvcc");
        std::fs::write(
            &nvcc,
            format!("#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.7'\n"),
        )
        .unwrap();
        std::fs::set_permissions(&nvcc, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}
