//! Libraries that exist on Jetson (Tegra) alone, what each is, and the nearest thing on x86_64.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::pattern::fits;

/// Libraries of one purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TegraLibrary {
    /// File names, in which `*` stands for anything.
    pub libraries: Vec<String>,
    /// What they are for.
    pub what: String,
    /// The nearest thing on x86_64.
    pub answer: String,
    /// How near that is.
    pub status: TegraStatus,
    /// Where this is said.
    pub source: String,
}

/// What x86_64 has in a Tegra library's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TegraStatus {
    /// A library of the same API: linking against it is all.
    Counterpart,
    /// Another API for the same purpose: the calls must be rewritten.
    Rewrite,
    /// Nothing: the hardware, or its use, is the Jetson's own.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    folders: Vec<String>,
    library: Vec<TegraLibrary>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/tegra.toml")).expect("data/tegra.toml is checked by a test")
});

/// Every row, in the file's order: the first that fits a name is the name's.
pub fn libraries() -> &'static [TegraLibrary] {
    &FILE.library
}

/// The folders in which L4T keeps its libraries, as absolute paths. Debian's packages of the ARM server driver use the
/// one that ends in `nvidia` too; the others are L4T's alone.
pub fn folders() -> &'static [String] {
    &FILE.folders
}

/// The row of a library, by its file name or soname; a path is taken by its last part.
pub fn library(name: &str) -> Option<&'static TegraLibrary> {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    FILE.library.iter().find(|row| row.libraries.iter().any(|pattern| fits(pattern, name)))
}

/// Whether a path lies in a folder of L4T's own libraries. The path may start at the root or without a slash.
pub fn in_folder(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    FILE.folders.iter().any(|folder| {
        path.strip_prefix(folder.trim_start_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    })
}

impl TegraStatus {
    /// In a word, as the data file has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counterpart => "counterpart",
            Self::Rewrite => "rewrite",
            Self::None => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::libraries as nvidia;

    #[track_caller]
    fn check(name: &str, expected: Option<TegraStatus>) {
        assert_eq!(library(name).map(|row| row.status), expected, "`{name}`");
    }

    #[test]
    fn l4ts_libraries_are_known() {
        use TegraStatus::{Counterpart, None as Nothing, Rewrite};
        check("libnvbufsurface.so.1.0.0", Some(Counterpart));
        check("libnvbufsurface.so", Some(Counterpart));
        check("libnvbuf_utils.so", Some(Rewrite));
        check("libnvvpi.so.3", Some(Counterpart));
        check("libnvargus.so", Some(Rewrite));
        check("libnvargus_socketclient.so", Some(Rewrite));
        check("libnveglstream_camconsumer.so", Some(Rewrite));
        check("libv4l2_nvvideocodec.so", Some(Rewrite));
        check("libgstnvarguscamerasrc.so", Some(Rewrite));
        check("libgstnvvideo4linux2.so", Some(Counterpart));
        check("libcudla.so.1", Some(Rewrite));
        check("libnvdla_compiler.so", Some(Rewrite));
        check("libnvrm_gpu.so", Some(Nothing));
        check("libnvos.so", Some(Nothing));
        check("libnvscibuf.so.1", Some(Nothing));
        check("libnvmedia_iofa.so", Some(Nothing));
        check("libtegrawfd.so", Some(Nothing));
        check("/usr/lib/aarch64-linux-gnu/tegra/libnvmmlite_video.so", Some(Rewrite));
    }

    #[test]
    fn l4ts_jpeg_is_told_from_cudas() {
        check("libnvjpeg.so", Some(TegraStatus::Rewrite));
        check("libnvjpeg.so.12", None);
    }

    #[test]
    fn libraries_of_all_machines_are_not_tegras() {
        for name in [
            "",
            "libc.so.6",
            "libv4l2.so.0",
            "libcuda.so.1",
            "libgstreamer-1.0.so.0",
            "libnv",
            "libsensors.so.5",
        ] {
            check(name, None);
        }
        for row in nvidia().iter().filter(|row| row.component != "cuDLA" && !row.soname.contains('*')) {
            check(&row.soname, None);
        }
    }

    #[test]
    fn rows_are_whole_and_each_is_reached() {
        for row in libraries() {
            for text in [&row.what, &row.answer, &row.source] {
                assert!(!text.is_empty(), "{:?}", row.libraries);
            }
            for pattern in &row.libraries {
                assert!(pattern.starts_with("lib") && pattern.contains(".so"), "`{pattern}`");
            }
            let first = row.libraries.iter().map(|pattern| pattern.replace('*', ""));
            let reached = first.filter_map(|name| library(&name)).any(|found| std::ptr::eq(found, row));
            assert!(reached, "{:?} is hidden by an earlier row", row.libraries);
        }
    }

    #[test]
    fn folders_are_told_by_whole_names() {
        assert!(in_folder("/usr/lib/aarch64-linux-gnu/tegra/libnvos.so"));
        assert!(in_folder("usr/lib/aarch64-linux-gnu/nvidia/libnvos.so"));
        assert!(!in_folder("/usr/lib/aarch64-linux-gnu/tegra"));
        assert!(!in_folder("/usr/lib/aarch64-linux-gnu/tegrax/libnvos.so"));
        assert!(!in_folder("/usr/lib/aarch64-linux-gnu/libcuda.so.1"));
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_found_or_not(name in "\\PC{0,80}") {
            let _ = (library(&name), in_folder(&name));
        }
    }
}
