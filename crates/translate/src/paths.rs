//! Folders and files of an ARM system, and of a toolkit elsewhere, as x86_64 has them. Pure: what a path looks like decides.

use cuferry_arch::tegra;

use crate::policy::Policy;
use crate::rules::{Reason, reason};

/// What becomes of a path.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It stays.
    Keep,
    /// It goes: the compiler finds the x86_64 counterpart by itself.
    Drop(&'static Reason),
    /// Another path.
    Now(String, &'static Reason),
    /// A library by its name, since its folder is not known.
    Library(String, &'static Reason),
}

/// Debian's names of ARM systems, as parts of paths.
const ARM_TRIPLES: [&str; 3] = ["aarch64-linux-gnu", "arm-linux-gnueabihf", "arm-linux-gnueabi"];

/// The folders of a system, below which such a part is the system's: elsewhere it is a project's own.
const SYSTEM_ROOTS: [&str; 3] = ["usr", "lib", "opt"];

/// Below an ARM triple's folder: folders of the Jetson's own drivers, which have no counterpart.
const DRIVER_FOLDERS: [&str; 4] = ["tegra", "tegra-egl", "nvidia", "libv4l/plugins/nv"];

/// The toolkit's folders for ARM hosts, under `targets/`.
const CUDA_TARGETS: [&str; 3] = ["aarch64-linux", "sbsa-linux", "armv7-linux-gnueabihf"];

const X86_TRIPLE: &str = "x86_64-linux-gnu";

/// A path that is split at an ARM triple: `/usr/lib`, `aarch64-linux-gnu`, `hdf5/serial`.
struct Split<'a> {
    before: &'a str,
    after: &'a str,
}

fn split(path: &str) -> Option<Split<'_>> {
    let root = path.strip_prefix('/')?.split('/').next()?;
    // Two triples are no path of a system's, but two paths that somebody wrote as one.
    let triples = ARM_TRIPLES.iter().map(|triple| path.matches(triple).count());
    if !SYSTEM_ROOTS.contains(&root) || triples.max() > Some(1) {
        return None;
    }
    ARM_TRIPLES.iter().find_map(|triple| {
        let at = path.match_indices(triple).map(|(at, _)| at).find(|at| {
            path[..*at].ends_with('/')
                && path[at + triple.len()..].chars().next().is_none_or(|next| next == '/')
        })?;
        Some(Split {
            before: path[..at].trim_end_matches('/'),
            after: path[at + triple.len()..].trim_matches('/'),
        })
    })
}

/// A folder of headers or libraries.
pub(crate) fn folder(path: &str, policy: &Policy) -> Fate {
    if let Some(found) = split(path) {
        let own = matches!(
            found.before,
            "/usr/lib" | "/lib" | "/usr/include" | "/usr/local/lib" | "/usr/local/include"
        );
        // Debian's cross libraries: /usr/aarch64-linux-gnu/{lib,include}.
        let cross = found.before == "/usr";
        let driver = DRIVER_FOLDERS.contains(&found.after);
        if cross || driver || (own && found.after.is_empty()) {
            return Fate::Drop(reason("folder"));
        }
        return Fate::Now(joined(&found), reason("subfolder"));
    }
    match cuda(path, policy) {
        Fate::Keep => version(path, policy).unwrap_or(Fate::Keep),
        fate => fate,
    }
}

/// A folder with a version in its name that is here with another one.
fn version(path: &str, policy: &Policy) -> Option<Fate> {
    policy.versions_instead.iter().find_map(|(absent, here)| {
        let rest = path.strip_prefix(absent.as_str())?;
        let is_below = rest.is_empty() || rest.starts_with('/');
        is_below.then(|| Fate::Now(format!("{here}{rest}"), reason("version")))
    })
}

/// A file that is named as an input.
pub(crate) fn file(path: &str, policy: &Policy) -> Fate {
    let Some(found) = split(path) else { return cuda(path, policy) };
    let name = path.rsplit('/').next().unwrap_or(path);
    let why = reason("file");
    if is_tegra_file(path) {
        return Fate::Keep;
    }
    if name.starts_with("libcuda.so") {
        // Where no driver is, the toolkit's stub is what there is to link against.
        return match &policy.cuda_root {
            Some(root) => Fate::Now(format!("{root}/lib64/stubs/libcuda.so"), why),
            None => Fate::Library("-lcuda".to_owned(), why),
        };
    }
    let in_driver_folder = DRIVER_FOLDERS.iter().any(|folder| {
        found
            .after
            .strip_prefix(folder)
            .is_some_and(|rest| rest.strip_prefix('/').is_some_and(|rest| !rest.contains('/')))
    });
    if in_driver_folder || found.before == "/usr" {
        return Fate::Now(format!("/usr/lib/{X86_TRIPLE}/{name}"), why);
    }
    Fate::Now(joined(&found), why)
}

fn joined(found: &Split<'_>) -> String {
    let separator = if found.after.is_empty() { "" } else { "/" };
    format!("{}/{X86_TRIPLE}{separator}{}", found.before, found.after)
}

/// Whether a file is a library for Jetson alone. By its name; libraries that other machines have, too, are told by where it lies.
pub(crate) fn is_tegra_file(path: &str) -> bool {
    tegra::library(path).is_some() && (tegra::in_folder(path) || is_tegra_name(path))
}

/// Whether a library's name is of Jetson alone. L4T's `libnvjpeg.so` is not, since the toolkit has one of that name.
fn is_tegra_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.split(".so").next().unwrap_or(name);
    tegra::library(&format!("{stem}.so.1")).is_some()
}

/// Paths of a toolkit.
fn cuda(path: &str, policy: &Policy) -> Fate {
    let mut now = path.to_owned();
    let mut why = None;
    for target in CUDA_TARGETS {
        let part = format!("targets/{target}");
        let found = now.match_indices(&part).map(|(at, _)| at).find(|at| {
            (*at == 0 || now[..*at].ends_with('/'))
                && now[at + part.len()..].chars().next().is_none_or(|next| next == '/')
        });
        if let Some(at) = found {
            now.replace_range(at..at + part.len(), "targets/x86_64-linux");
            why = Some(reason("cuda-target"));
        }
    }
    if let Some((root, rest)) = policy.cuda_root.as_ref().zip(after_default_root(&now)) {
        now = format!("{root}{rest}");
        why = Some(reason("cuda-path"));
    }
    match why {
        Some(why) => Fate::Now(now, why),
        None => Fate::Keep,
    }
}

/// What follows `/usr/local/cuda` or `/usr/local/cuda-12.2`.
fn after_default_root(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/usr/local/cuda")?;
    let Some(version) = rest.strip_prefix('-') else {
        return (rest.is_empty() || rest.starts_with('/')).then_some(rest);
    };
    let end = version.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(version.len());
    let rest = &version[end..];
    (end > 0 && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

/// Whether a root or another path of a cross build is ARM's: all are, but the machine's own and those that name x86_64.
pub(crate) fn is_arm_root(path: &str) -> bool {
    let own = path.is_empty()
        || path == "/"
        || path.contains("x86_64")
        || path.contains("x86-64")
        || path.contains("amd64");
    !own
}

/// Whether a path names an ARM system in one of its folders: `aarch64`, `gcc-arm-9.2`, `l4t-gcc`. `arm` and `jetson` alone are
/// people's and projects' names, too, and count beside a word of a toolchain, or where systems keep such: `/opt/jetson`.
pub(crate) fn names_arm(path: &str) -> bool {
    const SYSTEMS: [&str; 4] = ["aarch64", "arm64", "armhf", "l4t"];
    const NAMES: [&str; 3] = ["arm", "tegra", "jetson"];
    const TOOLCHAIN: [&str; 9] =
        ["gcc", "gnu", "glibc", "gnueabi", "gnueabihf", "eabi", "linux", "toolchain", "toolchains"];
    let installed = ["/opt/", "/usr/"].iter().any(|root| path.starts_with(root));
    path.split('/').any(|folder| {
        let has = |words: &[&str]| folder.split(['-', '_', '.', '+']).any(|part| words.contains(&part));
        has(&SYSTEMS) || has(&NAMES) && (has(&TOOLCHAIN) || installed && NAMES.contains(&folder))
    }) || path.contains("Linux_for_Tegra")
}

/// The loaders of ARM systems.
pub(crate) fn is_arm_loader(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("ld-linux-aarch64") || name.starts_with("ld-linux-armhf") || name == "ld-linux.so.3"
}

/// The linker emulations of ARM systems.
pub(crate) fn is_arm_emulation(name: &str) -> bool {
    name.starts_with("aarch64") || name.starts_with("armelf")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::policy;

    fn text(fate: &Fate) -> String {
        match fate {
            Fate::Keep => "stays".to_owned(),
            Fate::Drop(why) => format!("goes {}", why.id),
            Fate::Now(now, why) | Fate::Library(now, why) => format!("{now} {}", why.id),
        }
    }

    #[test]
    fn a_person_s_or_a_project_s_name_is_no_system() {
        for path in [
            "/opt/l4t-gcc/bin/g++",
            "/opt/gcc-arm-9.2/bin/g++",
            "/opt/jetson/bin/g++",
            "/usr/aarch64-linux-gnu/bin/g++",
            "/x/arm64/g++",
        ] {
            assert!(names_arm(path), "{path}");
        }
        for path in
            ["/home/arm/bin/g++", "/work/jetson-app/tools/g++", "/opt/jetson-app/g++", "/opt/armadillo/g++"]
        {
            assert!(!names_arm(path), "{path}");
        }
    }

    #[test]
    fn folders_of_arm() {
        for (path, expected) in [
            ("/usr/lib/aarch64-linux-gnu", "goes CF2013"),
            ("/usr/lib/aarch64-linux-gnu/", "goes CF2013"),
            ("/usr/lib/aarch64-linux-gnu/tegra", "goes CF2013"),
            ("/usr/lib/aarch64-linux-gnu/nvidia/", "goes CF2013"),
            ("/usr/aarch64-linux-gnu/include", "goes CF2013"),
            ("/usr/lib/arm-linux-gnueabihf", "goes CF2013"),
            ("/usr/lib/aarch64-linux-gnu/hdf5/serial", "/usr/lib/x86_64-linux-gnu/hdf5/serial CF2020"),
            ("/opt/nvidia/vpi2/lib/aarch64-linux-gnu", "/opt/nvidia/vpi2/lib/x86_64-linux-gnu CF2020"),
            ("/usr/lib/aarch64-linux-gnux", "stays"),
            ("/home/me/aarch64-linux-gnu/lib", "stays"),
            ("libs/aarch64-linux-gnu", "stays"),
            ("/usr/lib/x86_64-linux-gnu", "stays"),
            ("", "stays"),
            ("/", "stays"),
            ("/usr/local/cuda/targets/aarch64-linux/lib", "/usr/local/cuda/targets/x86_64-linux/lib CF2025"),
            ("targets/sbsa-linux", "targets/x86_64-linux CF2025"),
            ("mytargets/sbsa-linux", "stays"),
            ("/usr/local/cuda/lib64", "stays"),
        ] {
            assert_eq!(text(&folder(path, &policy())), expected, "`{path}`");
        }
    }

    #[test]
    fn the_toolkits_folder() {
        let policy = Policy { cuda_root: Some("/t".into()), ..policy() };
        for (path, expected) in [
            ("/usr/local/cuda", "/t CF2024"),
            ("/usr/local/cuda-10.2/lib64", "/t/lib64 CF2024"),
            ("/usr/local/cuda/targets/aarch64-linux/lib", "/t/targets/x86_64-linux/lib CF2024"),
            ("/usr/local/cuda-samples/lib", "stays"),
            ("/usr/local/cuda-10.2x", "stays"),
            ("/usr/local/cudax", "stays"),
        ] {
            assert_eq!(text(&folder(path, &policy)), expected, "`{path}`");
        }
    }

    #[test]
    fn folders_of_another_version() {
        let versions = [("/usr/include/pcl-1.10".to_owned(), "/usr/include/pcl-1.13".to_owned())].into();
        let policy = Policy { versions_instead: versions, ..policy() };
        for (path, expected) in [
            ("/usr/include/pcl-1.10/", "/usr/include/pcl-1.13/ CF2040"),
            ("/usr/include/pcl-1.10/pcl", "/usr/include/pcl-1.13/pcl CF2040"),
            ("/usr/include/pcl-1.1", "stays"),
            ("/usr/include/pcl-1.100", "stays"),
        ] {
            assert_eq!(text(&folder(path, &policy)), expected, "`{path}`");
        }
    }

    #[test]
    fn files_of_arm() {
        for (path, expected) in [
            ("/usr/lib/aarch64-linux-gnu/libfoo.so", "/usr/lib/x86_64-linux-gnu/libfoo.so CF2019"),
            ("/usr/aarch64-linux-gnu/lib/libm.so", "/usr/lib/x86_64-linux-gnu/libm.so CF2019"),
            ("/usr/lib/aarch64-linux-gnu/tegra/libGL.so", "/usr/lib/x86_64-linux-gnu/libGL.so CF2019"),
            ("/usr/lib/aarch64-linux-gnu/tegra/libcuda.so", "-lcuda CF2019"),
            ("/usr/lib/aarch64-linux-gnu/tegra/libnvbufsurface.so", "stays"),
            ("/usr/lib/aarch64-linux-gnu/a/libnvjpeg.so", "/usr/lib/x86_64-linux-gnu/a/libnvjpeg.so CF2019"),
            ("main.o", "stays"),
        ] {
            assert_eq!(text(&file(path, &policy())), expected, "`{path}`");
        }
    }
}
