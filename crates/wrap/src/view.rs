//! A view of a CUDA toolkit: the toolkit itself, but for `bin/nvcc`, which is a shim, and the targets of ARM, which lead to
//! x86_64's.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};

use crate::error::{At as _, WrapError};
use crate::file::{MARKER, replace};
use crate::link;

/// The targets that ARM builds name, which lead to x86_64's libraries.
const ARM_TARGETS: [&str; 4] = ["aarch64-linux", "sbsa-linux", "aarch64-qnx", "armv7-linux-gnueabihf"];

/// One entry of the view: a path in it, and where that leads.
type Entry = (Utf8PathBuf, Utf8PathBuf);

/// What the view of a toolkit holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    links: BTreeSet<Entry>,
    /// `version.json`, where the toolkit has none: Makefiles read the release from it.
    version: Option<String>,
}

impl View {
    /// Looks at the toolkit `root`, which can be reached at `reached` whatever is laid over it.
    pub(crate) fn of(
        root: &Utf8Path,
        reached: &Utf8Path,
        host: Host,
        release: CudaRelease,
    ) -> Result<Self, WrapError> {
        if !root.join("bin/nvcc").is_file() {
            return Err(WrapError::Toolkit { root: root.to_owned() });
        }
        let mut links = BTreeSet::new();
        let mut version = Some(format!(
            "{{\n  \"cuda\": {{\n    \"name\": \"CUDA SDK\",\n    \"version\": \"{release}.0\"\n  }}\n}}\n"
        ));
        for name in names(root)? {
            match name.as_str() {
                "bin" => {
                    let tools = names(&root.join("bin"))?.into_iter().filter(|tool| tool != "nvcc");
                    links.extend(tools.map(|tool| entry("bin", &tool, reached)));
                }
                "targets" => {
                    links.extend(
                        names(&root.join("targets"))?.iter().map(|name| entry("targets", name, reached)),
                    );
                }
                _ => {
                    links.insert((name.clone().into(), reached.join(&name)));
                }
            }
            if name == "version.json" {
                version = None;
            }
        }
        if host == Host::X86_64 {
            let native = Utf8Path::new("targets").join(host.cuda_target());
            links.retain(|(at, _)| {
                !ARM_TARGETS.iter().any(|target| at == &Utf8Path::new("targets").join(target))
            });
            if root.join(&native).is_dir() {
                let arm = ARM_TARGETS.iter().map(|target| Utf8Path::new("targets").join(target));
                links.extend(arm.map(|at| (at, reached.join(&native))));
            } else {
                // An old layout, with the one target at the root.
                for target in ARM_TARGETS.iter().copied().chain([host.cuda_target()]) {
                    for (name, folder) in [("include", "include"), ("lib", "lib64")] {
                        let at = Utf8Path::new("targets").join(target).join(name);
                        links.insert((at, reached.join(folder)));
                    }
                }
            }
        }
        Ok(Self { links, version })
    }

    /// Whether `at` shows just this toolkit already.
    pub(crate) fn is_at(&self, at: &Utf8Path) -> bool {
        let shown = |(path, target): &Entry| {
            std::fs::read_link(at.join(path)).is_ok_and(|old| old == target.as_std_path())
        };
        self.links.iter().all(shown)
    }

    /// Lays the view out at `at`; takes away what another toolkit left there.
    pub(crate) fn lay_out(&self, at: &Utf8Path, exe: &Utf8Path, session: &Utf8Path) -> Result<(), WrapError> {
        let mut folders: BTreeSet<&Utf8Path> = [Utf8Path::new(""), Utf8Path::new("bin")].into();
        folders.extend(self.links.iter().filter_map(|(path, _)| path.parent()));
        folders.extend(self.links.iter().filter_map(|(path, _)| path.parent()?.parent()));
        for folder in &folders {
            let path = at.join(folder);
            link::folder(&path)?;
            link::only(&path, |name| {
                let entry = folder.join(name);
                let is_link = self.links.iter().any(|(path, _)| *path == entry);
                is_link
                    || folders.contains(entry.as_path())
                    || [MARKER, "nvcc", "version.json"].contains(&name)
            })?;
        }
        for (path, target) in &self.links {
            link::link(target, &at.join(path))?;
        }
        if let Some(version) = &self.version {
            replace(&at.join("version.json"), version.as_bytes())?;
        }
        replace(&at.join("bin").join(MARKER), session.as_str().as_bytes())?;
        link::shim(exe, &at.join("bin/nvcc"))
    }
}

fn entry(folder: &str, name: &str, reached: &Utf8Path) -> Entry {
    let path = Utf8Path::new(folder).join(name);
    let target = reached.join(&path);
    (path, target)
}

fn names(folder: &Utf8Path) -> Result<Vec<String>, WrapError> {
    let entries = folder.read_dir_utf8().at("read", folder)?;
    let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn toolkit(root: &Utf8Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
    }

    fn release() -> CudaRelease {
        "13.0".parse().unwrap()
    }

    #[test]
    fn all_is_there_but_nvcc_and_arm() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let (root, at, exe) = (scratch.join("cuda"), scratch.join("view"), scratch.join("exe"));
        let x86 = ["targets/x86_64-linux/lib/libcudart.so", "targets/sbsa-linux/lib/libcudart.so"];
        toolkit(&root, &["bin/nvcc", "bin/ptxas", "nvvm/bin/cicc"]);
        toolkit(&root, &x86);
        fs::write(&exe, "shim").unwrap();
        let view = View::of(&root, &root, Host::X86_64, release()).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        let read = |path: &str| fs::read_to_string(at.join(path)).unwrap();
        assert_eq!((read("bin/nvcc"), read("bin/ptxas")), ("shim".into(), "bin/ptxas".into()));
        assert_eq!(read("targets/sbsa-linux/lib/libcudart.so"), x86[0]);
        assert_eq!(read("targets/aarch64-linux/lib/libcudart.so"), x86[0]);
        assert!(read("version.json").contains("\"version\": \"13.0.0\""));
        assert!(view.is_at(&at));

        let arm = View::of(&root, &root, Host::Aarch64, release()).unwrap();
        assert!(!arm.is_at(&at));
        arm.lay_out(&at, &exe, &scratch).unwrap();
        assert_eq!(read("targets/sbsa-linux/lib/libcudart.so"), x86[1]);
        assert!(!at.join("targets/aarch64-linux").exists());
    }

    #[test]
    fn a_toolkit_without_targets_gets_them() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let (root, at, exe) = (scratch.join("cuda"), scratch.join("view"), scratch.join("exe"));
        toolkit(&root, &["bin/nvcc", "lib64/libcudart.so", "include/cuda.h", "version.json"]);
        fs::write(&exe, "shim").unwrap();
        let view = View::of(&root, &root, Host::X86_64, release()).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        for path in ["targets/x86_64-linux/lib/libcudart.so", "targets/aarch64-linux/include/cuda.h"] {
            assert!(at.join(path).exists(), "{path}");
        }
        assert_eq!(fs::read_to_string(at.join("version.json")).unwrap(), "version.json");
        assert!(matches!(View::of(&scratch, &root, Host::X86_64, release()), Err(WrapError::Toolkit { .. })));
    }
}
