//! JetPack releases: which L4T, CUDA and Ubuntu each one is, and what stands for it on x86_64.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::{CudaRelease, GpuArch, table};

/// A version of L4T (Linux for Tegra, Jetson Linux), JetPack's operating system: `36.4.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct L4tVersion {
    /// `36` in `36.4.3`, which NVIDIA also writes `R36`.
    pub major: u16,
    /// `4` in `36.4.3`.
    pub minor: u16,
    /// `3` in `36.4.3`.
    pub patch: u16,
}

/// Text that is no L4T version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an L4T version: a form such as `36.4.3`, `R36.4` or `r36` expected")]
pub struct ParseL4tVersionError {
    /// What was given instead.
    pub text: String,
}

impl L4tVersion {
    /// All three parts.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// From `/etc/nv_tegra_release`, whose first line starts `# R36 (release), REVISION: 4.3,`.
    pub fn from_release_file(text: &str) -> Option<Self> {
        let mut parts = text.lines().next()?.split(',').map(str::trim);
        let major = parts.next()?.strip_prefix("# R")?.strip_suffix("(release)")?.trim();
        let revision = parts.next()?.strip_prefix("REVISION:")?.trim();
        format!("{major}.{revision}").parse().ok()
    }
}

impl fmt::Display for L4tVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}.{}.{}", self.major, self.minor, self.patch))
    }
}

/// Reads `36.4.3`, `36.4` and `36`, each with an `R` or `r` before it; parts left out are zero.
impl FromStr for L4tVersion {
    type Err = ParseL4tVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseL4tVersionError { text: text.to_owned() };
        let number = |part: &str| {
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            if plain { part.parse().map_err(|_| error()) } else { Err(error()) }
        };
        let mut parts = text.strip_prefix(['R', 'r']).unwrap_or(text).split('.');
        let major = number(parts.next().unwrap_or_default())?;
        let minor = parts.next().map_or(Ok(0), number)?;
        let patch = parts.next().map_or(Ok(0), number)?;
        if parts.next().is_some() { Err(error()) } else { Ok(Self { major, minor, patch }) }
    }
}

/// One JetPack release.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JetPack {
    /// Its number: `6.2`.
    pub jetpack: String,
    /// Its L4T.
    #[serde(deserialize_with = "l4t")]
    pub l4t: L4tVersion,
    /// Its CUDA toolkit.
    pub cuda: CudaRelease,
    /// The Ubuntu that L4T's root file system is made of: `22.04`.
    pub ubuntu: String,
    /// That Ubuntu's glibc: `2.35`.
    pub glibc: String,
    /// The major version of that Ubuntu's gcc.
    pub gcc: u16,
    /// The GPUs of the modules that it runs on.
    #[serde(deserialize_with = "table::archs")]
    pub archs: Vec<GpuArch>,
    /// The CUDA toolkit for x86_64 that is nearest to its own.
    pub x86_cuda: CudaRelease,
    /// The Ubuntu for the image on x86_64.
    pub x86_ubuntu: String,
    /// Where this is said.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    jetpack: Vec<JetPack>,
}

static JETPACKS: LazyLock<Vec<JetPack>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/jetpack.toml")).expect("data/jetpack.toml is checked by a test");
    file.jetpack
});

/// Every JetPack known, oldest first.
pub fn jetpacks() -> &'static [JetPack] {
    &JETPACKS
}

/// The JetPack of an L4T version. For a version between two rows of one major number the older one; for one before the
/// first of its major number, such as a bare `36`, that first.
pub fn by_l4t(version: L4tVersion) -> Option<&'static JetPack> {
    let mut same_major = JETPACKS.iter().filter(|row| row.l4t.major == version.major);
    same_major.clone().rev().find(|row| row.l4t <= version).or_else(|| same_major.next())
}

/// The JetPacks with this CUDA release, oldest first.
pub fn by_cuda(release: CudaRelease) -> impl Iterator<Item = &'static JetPack> {
    JETPACKS.iter().filter(move |row| row.cuda == release)
}

fn l4t<'de, D: Deserializer<'de>>(deserializer: D) -> Result<L4tVersion, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l4t_versions_are_read() {
        let read = |text: &str| text.parse::<L4tVersion>().ok();
        assert_eq!(read("36.4.3"), Some(L4tVersion::new(36, 4, 3)));
        assert_eq!(read("R36.4"), Some(L4tVersion::new(36, 4, 0)));
        assert_eq!(read("r32"), Some(L4tVersion::new(32, 0, 0)));
        for text in ["", "R", "36.", "36.4.3.1", "36.4.x", "+36", "RR36", "jp6", "36.99999"] {
            assert_eq!(read(text), None, "`{text}` was taken");
        }
    }

    #[test]
    fn the_release_file_is_read() {
        let text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8\n# KERNEL_VARIANT: oot\n";
        assert_eq!(L4tVersion::from_release_file(text), Some(L4tVersion::new(36, 4, 3)));
        let text = "# R32 (release), REVISION: 7.1, GCID: 29689809, BOARD: t186ref, EABI: aarch64";
        assert_eq!(L4tVersion::from_release_file(text), Some(L4tVersion::new(32, 7, 1)));
        for text in [
            "",
            "# R36 (release)",
            "R36 (release), REVISION: 4.3",
            "# R (release), REVISION: 4.3",
            "# R36, 4.3",
        ] {
            assert_eq!(L4tVersion::from_release_file(text), None, "`{text}` was taken");
        }
    }

    #[track_caller]
    fn check(l4t: &str, expected: Option<(&str, &str, &str)>) {
        let found = by_l4t(l4t.parse().unwrap());
        let found = found.map(|row| (row.jetpack.clone(), row.cuda.to_string(), row.ubuntu.clone()));
        let found =
            found.as_ref().map(|(jetpack, cuda, ubuntu)| (jetpack.as_str(), cuda.as_str(), ubuntu.as_str()));
        assert_eq!(found, expected, "L4T {l4t}");
    }

    #[test]
    fn l4t_tells_jetpack() {
        check("32.7.1", Some(("4.6.1", "10.2", "18.04")));
        check("35.4.1", Some(("5.1.2", "11.4", "20.04")));
        check("36.3", Some(("6.0", "12.2", "22.04")));
        check("36.4.7", Some(("6.2.1", "12.6", "22.04"))); // between two rows
        check("36", Some(("6.0 DP", "12.2", "22.04")));
        check("38.2.1", Some(("7.0", "13.0", "24.04")));
        check("39.2", Some(("7.2", "13.2", "24.04")));
        check("33.0", None);
        check("40.1", None);
    }

    #[test]
    fn cuda_tells_jetpacks() {
        let names = |release: &str| {
            by_cuda(release.parse().unwrap()).map(|row| row.jetpack.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(names("12.6"), ["6.1", "6.2", "6.2.1", "6.2.2"]);
        assert_eq!(names("13.2"), ["7.2"]);
        assert!(names("11.8").is_empty());
    }

    #[test]
    fn rows_are_whole_and_sorted() {
        assert!(jetpacks().is_sorted_by(|older, newer| older.l4t < newer.l4t));
        assert!(jetpacks().is_sorted_by_key(|row| row.cuda));
        for row in jetpacks() {
            let name = &row.jetpack;
            assert!(!row.source.is_empty() && !row.archs.is_empty(), "JetPack {name}");
            assert!(row.cuda <= row.x86_cuda, "JetPack {name}");
            let toolkit = table::toolkit(row.x86_cuda).expect("the counterpart is a toolkit that is known");
            assert_eq!(toolkit.release, row.x86_cuda, "JetPack {name}");
            for arch in &row.archs {
                assert!(table::gpu(*arch).is_some_and(|gpu| gpu.jetson), "JetPack {name}: {arch}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = (text.parse::<L4tVersion>(), L4tVersion::from_release_file(&text));
        }
    }
}
