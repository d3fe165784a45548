//! A view of a CUDA toolkit: the toolkit itself, but for `bin/nvcc`, which is a shim, and the targets of ARM, which lead to
//! x86_64's.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_translate::Policy;

use crate::error::{At as _, WrapError};
use crate::file::{MARKER, replace};
use crate::link;

/// The targets that ARM builds name, which lead to x86_64's libraries.
const ARM_TARGETS: [&str; 4] = ["aarch64-linux", "sbsa-linux", "aarch64-qnx", "armv7-linux-gnueabihf"];

/// Where a toolkit's libraries lie; the first that is there.
const LIBRARY_FOLDERS: [&str; 2] = ["lib64", "targets/x86_64-linux/lib"];

/// One entry of the view: a path in it, and where that leads.
type Entry = (Utf8PathBuf, Utf8PathBuf);

/// What the view of a toolkit holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    links: BTreeSet<Entry>,
    /// Path in the view → the text of a file that the toolkit lacks.
    texts: BTreeMap<Utf8PathBuf, String>,
}

/// The name under which the view keeps the release, where the toolkit does not say it: Makefiles read it there.
const VERSION: &str = "version.json";

impl View {
    /// Looks at the toolkit `root`, which can be reached at `reached` whatever is laid over it.
    pub(crate) fn of(root: &Utf8Path, reached: &Utf8Path, policy: &Policy) -> Result<Self, WrapError> {
        let (host, release) = (policy.host, policy.release);
        if !root.join("bin/nvcc").is_file() {
            return Err(WrapError::Toolkit { root: root.to_owned() });
        }
        let mut links = BTreeSet::new();
        let version = format!(
            "{{\n  \"cuda\": {{\n    \"name\": \"CUDA SDK\",\n    \"version\": \"{release}.0\"\n  }}\n}}\n"
        );
        let mut texts = BTreeMap::from([(VERSION.into(), version)]);
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
            texts.remove(Utf8Path::new(&name));
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
        let mut view = Self { links, texts };
        view.stand_in(root, reached, &policy.shared_instead)?;
        Ok(view)
    }

    /// Static libraries that the toolkit has as shared ones alone: CMake's modules look for the file. What links it is
    /// translated, and names the shared one; for a linker that no shim sees the file leads there, too.
    fn stand_in(
        &mut self,
        root: &Utf8Path,
        reached: &Utf8Path,
        shared_instead: &BTreeMap<String, String>,
    ) -> Result<(), WrapError> {
        let Some(folder) =
            LIBRARY_FOLDERS.iter().find_map(|folder| root.join(folder).canonicalize_utf8().ok())
        else {
            return Ok(());
        };
        let real = root.canonicalize_utf8().at("read", root)?;
        let Some(own) = folder.strip_prefix(&real).ok().filter(|_| !shared_instead.is_empty()) else {
            return Ok(());
        };
        let own = own.to_owned();
        // Every way into the folder leads to the view's own one.
        let target = own.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let links = std::mem::take(&mut self.links);
        for (at, to) in links {
            let real_end =
                to.strip_prefix(reached).ok().and_then(|rest| root.join(rest).canonicalize_utf8().ok());
            match real_end.as_deref().and_then(|end| end.strip_prefix(&real).ok()) {
                Some(end) if end == own => self.folder_of(&at, root, reached, &own)?,
                Some(end) if end == target && !target.as_str().is_empty() => {
                    for name in names(&root.join(&target))? {
                        let (at, from) = (at.join(&name), target.join(&name));
                        if from == own {
                            self.folder_of(&at, root, reached, &own)?;
                        } else {
                            self.links.insert((at, reached.join(from)));
                        }
                    }
                }
                _ => {
                    self.links.insert((at, to));
                }
            }
        }
        let folders: BTreeSet<Utf8PathBuf> = self
            .links
            .iter()
            .filter(|(_, to)| to.parent() == Some(&reached.join(&own)))
            .filter_map(|(at, _)| at.parent().map(Utf8Path::to_owned))
            .collect();
        for (absent, shared) in shared_instead {
            let text = format!(
                "/* GNU ld script: this toolkit has no static lib{absent} */\nINPUT(lib{shared}.so)\n"
            );
            self.texts
                .extend(folders.iter().map(|folder| (folder.join(format!("lib{absent}.a")), text.clone())));
        }
        Ok(())
    }

    /// A folder of the view with a link for each entry of the toolkit's `own`.
    fn folder_of(
        &mut self,
        at: &Utf8Path,
        root: &Utf8Path,
        reached: &Utf8Path,
        own: &Utf8Path,
    ) -> Result<(), WrapError> {
        for name in names(&root.join(own))? {
            self.links.insert((at.join(&name), reached.join(own).join(&name)));
        }
        Ok(())
    }

    /// Whether `at` shows just this toolkit already.
    pub(crate) fn is_at(&self, at: &Utf8Path) -> bool {
        let shown = |(path, target): &Entry| {
            std::fs::read_link(at.join(path)).is_ok_and(|old| old == target.as_std_path())
        };
        let written = |(path, text): (&Utf8PathBuf, &String)| {
            std::fs::read_to_string(at.join(path)).is_ok_and(|old| old == *text)
        };
        self.links.iter().all(shown) && self.texts.iter().all(written)
    }

    /// Lays the view out at `at`; takes away what another toolkit left there.
    pub(crate) fn lay_out(&self, at: &Utf8Path, exe: &Utf8Path, session: &Utf8Path) -> Result<(), WrapError> {
        let mut folders: BTreeSet<&Utf8Path> = [Utf8Path::new(""), Utf8Path::new("bin")].into();
        let paths = self.links.iter().map(|(path, _)| path).chain(self.texts.keys());
        folders.extend(paths.flat_map(|path| path.ancestors().skip(1)));
        for folder in &folders {
            let path = at.join(folder);
            link::folder(&path)?;
            link::only(&path, |name| {
                let entry = folder.join(name);
                let is_link = self.links.iter().any(|(path, _)| *path == entry);
                is_link
                    || folders.contains(entry.as_path())
                    || self.texts.contains_key(&entry)
                    || [MARKER, "nvcc"].contains(&name)
            })?;
        }
        for (path, target) in &self.links {
            link::link(target, &at.join(path))?;
        }
        for (path, text) in &self.texts {
            replace(&at.join(path), text.as_bytes())?;
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

    fn policy(host: Host) -> Policy {
        crate::testing::policy(host)
    }

    #[test]
    fn all_is_there_but_nvcc_and_arm() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let (root, at, exe) = (scratch.join("cuda"), scratch.join("view"), scratch.join("exe"));
        let x86 = ["targets/x86_64-linux/lib/libcudart.so", "targets/sbsa-linux/lib/libcudart.so"];
        toolkit(&root, &["bin/nvcc", "bin/ptxas", "nvvm/bin/cicc"]);
        toolkit(&root, &x86);
        fs::write(&exe, "shim").unwrap();
        let view = View::of(&root, &root, &policy(Host::X86_64)).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        let read = |path: &str| fs::read_to_string(at.join(path)).unwrap();
        assert_eq!((read("bin/nvcc"), read("bin/ptxas")), ("shim".into(), "bin/ptxas".into()));
        assert_eq!(read("targets/sbsa-linux/lib/libcudart.so"), x86[0]);
        assert_eq!(read("targets/aarch64-linux/lib/libcudart.so"), x86[0]);
        assert!(read("version.json").contains("\"version\": \"13.0.0\""));
        assert!(view.is_at(&at));

        let arm = View::of(&root, &root, &policy(Host::Aarch64)).unwrap();
        assert!(!arm.is_at(&at));
        arm.lay_out(&at, &exe, &scratch).unwrap();
        assert_eq!(read("targets/sbsa-linux/lib/libcudart.so"), x86[1]);
        assert!(!at.join("targets/aarch64-linux").exists());
    }

    #[test]
    fn a_static_library_that_is_not_there_leads_to_the_shared_one() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let (root, at, exe) = (scratch.join("cuda"), scratch.join("view"), scratch.join("exe"));
        let lib = "targets/x86_64-linux/lib";
        toolkit(&root, &["bin/nvcc", "targets/x86_64-linux/include/cuda.h"]);
        toolkit(&root, &[&format!("{lib}/libcurand.so"), &format!("{lib}/stubs/libcuda.so")]);
        for (name, to) in [("lib", lib), ("lib64", lib), ("include", "targets/x86_64-linux/include")] {
            std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        }
        fs::write(&exe, "shim").unwrap();
        let plain = policy(Host::X86_64);
        let lacking = Policy {
            shared_instead: [("curand_static".to_owned(), "curand".to_owned())].into(),
            ..plain.clone()
        };
        for (policy, there) in [(&plain, false), (&lacking, true), (&plain, false)] {
            let view = View::of(&root, &root, policy).unwrap();
            view.lay_out(&at, &exe, &scratch).unwrap();
            assert!(view.is_at(&at));
            for folder in ["lib", "lib64", lib, "targets/aarch64-linux/lib", "targets/sbsa-linux/lib"] {
                let text = fs::read_to_string(at.join(folder).join("libcurand_static.a"));
                assert_eq!(text.is_ok_and(|text| text.contains("INPUT(libcurand.so)")), there, "{folder}");
                for other in ["libcurand.so", "stubs/libcuda.so"] {
                    assert!(at.join(folder).join(other).exists(), "{folder}/{other}");
                }
            }
            assert!(at.join("targets/aarch64-linux/include/cuda.h").exists());
        }
        assert_eq!(fs::read_dir(root.join(lib)).unwrap().count(), 2, "the toolkit itself stays as it was");
    }

    #[test]
    fn a_toolkit_without_targets_gets_them() {
        let (_guard, scratch) = cuferry_testkit::scratch();
        let (root, at, exe) = (scratch.join("cuda"), scratch.join("view"), scratch.join("exe"));
        toolkit(&root, &["bin/nvcc", "lib64/libcudart.so", "include/cuda.h", "version.json"]);
        fs::write(&exe, "shim").unwrap();
        let view = View::of(&root, &root, &policy(Host::X86_64)).unwrap();
        view.lay_out(&at, &exe, &scratch).unwrap();
        for path in ["targets/x86_64-linux/lib/libcudart.so", "targets/aarch64-linux/include/cuda.h"] {
            assert!(at.join(path).exists(), "{path}");
        }
        assert_eq!(fs::read_to_string(at.join("version.json")).unwrap(), "version.json");
        assert!(matches!(View::of(&scratch, &root, &policy(Host::X86_64)), Err(WrapError::Toolkit { .. })));
    }
}
