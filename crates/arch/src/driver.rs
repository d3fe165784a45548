//! NVIDIA's Linux driver: its version, what each version serves, and which is the last for a GPU.
//!
//! The facts are in `data/driver.toml`, `data/history.toml` and `data/toolkit.toml`; what is here compares them.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::{CudaRelease, GpuArch, history, table};

/// A driver's version: `580.65.06`. The first part is its branch.
///
/// A text that leaves parts out, such as `580`, stands for the newest version that starts so: whoever names a branch
/// means its drivers as they are today. A bound in the data files that leaves parts out starts at their lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverVersion {
    /// `580` in `580.65.06`: the branch, which NVIDIA writes `R580`.
    pub major: u16,
    /// `65` in `580.65.06`.
    pub minor: u16,
    /// `6` in `580.65.06`.
    pub patch: u16,
}

/// Text that is no driver version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a driver version: a form such as `580.65.06`, `580.65` or `580` expected")]
pub struct ParseDriverVersionError {
    /// What was given instead.
    pub text: String,
}

/// Stands for a part that the text leaves open.
const NEWEST: u16 = u16::MAX;

impl DriverVersion {
    /// All three parts.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The lowest version that starts as `text` does.
    pub(crate) fn lowest(text: &str) -> Result<Self, ParseDriverVersionError> {
        let Self { major, minor, patch } = text.parse()?;
        let closed = |part: u16| if part == NEWEST { 0 } else { part };
        Ok(Self { major, minor: closed(minor), patch: closed(patch) })
    }
}

/// Parts that were left open stay so, and zeros at the end are not printed; the third part has two digits.
impl fmt::Display for DriverVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = *self;
        let text = match (minor, patch) {
            (NEWEST, _) | (0, 0) => major.to_string(),
            (_, NEWEST | 0) => format!("{major}.{minor}"),
            _ => format!("{major}.{minor}.{patch:02}"),
        };
        formatter.pad(&text)
    }
}

impl FromStr for DriverVersion {
    type Err = ParseDriverVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDriverVersionError { text: text.to_owned() };
        let number = |part: &str| {
            let plain = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            if plain { part.parse().map_err(|_| error()) } else { Err(error()) }
        };
        let mut parts = text.split('.');
        let major = number(parts.next().unwrap_or_default())?;
        let minor = parts.next().map_or(Ok(NEWEST), number)?;
        let patch = parts.next().map_or(Ok(NEWEST), number)?;
        if parts.next().is_some() || major == 0 { Err(error()) } else { Ok(Self { major, minor, patch }) }
    }
}

/// For the data files: the lowest version that starts so.
pub(crate) fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DriverVersion, D::Error> {
    DriverVersion::lowest(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// One CUDA major release, and the oldest driver that all its minor releases run on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// `13` for CUDA 13.x.
    pub cuda: u16,
    /// The oldest driver.
    #[serde(deserialize_with = "bound")]
    pub driver: DriverVersion,
    /// Where this is said.
    pub source: String,
}

/// GPUs that no driver after a certain branch knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The last branch.
    pub branch: u16,
    /// The lowest compute capability concerned, as in `sm_50`.
    pub from: u16,
    /// The highest.
    pub to: u16,
    /// Its name among people: `Maxwell, Pascal, Volta`.
    pub generation: String,
    /// Where this is said.
    pub source: String,
}

/// What NVIDIA's forward-compatibility package (`cuda-compat-MAJOR-MINOR`) does, and for whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardCompatibility {
    /// In a sentence.
    pub what: String,
    /// The GPUs that it works on.
    pub gpus: String,
    /// Where this is said.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DriverFile {
    floor: Vec<Floor>,
    ended: Vec<Ended>,
    forward_compatibility: ForwardCompatibility,
}

static FILE: LazyLock<DriverFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/driver.toml")).expect("data/driver.toml is checked by a test")
});

/// The floors of all CUDA major releases known, oldest first.
pub fn floors() -> &'static [Floor] {
    &FILE.floor
}

/// The GPU generations that drivers have left behind, oldest first.
pub fn ended() -> &'static [Ended] {
    &FILE.ended
}

/// The oldest driver that serves every CUDA release of a major one, by minor-version compatibility. That holds for
/// machine code and for what the older driver's API has; PTX of a newer release stays unreadable
/// ([`crate::run::driver_for_ptx`]).
pub fn floor(cuda_major: u16) -> Option<DriverVersion> {
    FILE.floor.iter().find(|floor| floor.cuda == cuda_major).map(|floor| floor.driver)
}

/// The newest CUDA release that a driver serves in full: what it reports itself (`cuDriverGetVersion`). Every branch
/// serves one release; a branch that is not known counts as the next older one that is. None: older than all known.
pub fn newest_release(driver: DriverVersion) -> Option<CudaRelease> {
    history::releases().iter().rev().find(|row| row.driver.major <= driver.major).map(|row| row.release)
}

/// The last driver branch for a GPU; none while new branches still serve it.
pub fn last_branch(gpu: GpuArch) -> Option<u16> {
    let number = gpu.number();
    FILE.ended.iter().find(|row| (row.from..=row.to).contains(&number)).map(|row| row.branch)
}

/// The oldest driver that knows a GPU.
pub fn first_for(gpu: GpuArch) -> Option<DriverVersion> {
    history::of(table::gpu(gpu)?.first).map(|row| row.driver)
}

/// What the forward-compatibility package does, and for whom.
pub fn forward_compatibility() -> &'static ForwardCompatibility {
    &FILE.forward_compatibility
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> DriverVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_read_and_printed() {
        for text in ["580.65.06", "580.65", "580", "570.26", "535.104.05", "470.256.02"] {
            assert_eq!(version(text).to_string(), text);
        }
        assert_eq!(version("580.65.06"), DriverVersion::new(580, 65, 6));
        assert_eq!(DriverVersion::new(580, 0, 0).to_string(), "580");
        for text in ["", "580.", ".65", "580.65.06.1", "580.x", "+580", "R580", "0", "99999", "580 .65"] {
            assert!(text.parse::<DriverVersion>().is_err(), "`{text}` was taken");
        }
    }

    #[test]
    fn what_is_left_out_is_the_newest_of_a_branch_and_the_lowest_of_a_bound() {
        assert!(version("580") > version("580.159.04"));
        assert!(version("580") < version("590.44.01"));
        assert!(version("580.65") > version("580.65.06"));
        assert!(version("9.1") < version("10.0"));
        assert_eq!(DriverVersion::lowest("580"), Ok(DriverVersion::new(580, 0, 0)));
    }

    #[test]
    fn floors_of_minor_version_compatibility() {
        assert_eq!(floor(11), Some(version("450.80.02")));
        assert_eq!(floor(12), Some(version("525.60.13")));
        assert_eq!(floor(13), Some(version("580.65.06")));
        assert_eq!((floor(10), floor(14)), (None, None));
        assert!(version("580") >= floor(13).unwrap());
    }

    #[track_caller]
    fn check_newest(driver: &str, expected: Option<&str>) {
        let found = newest_release(version(driver)).map(|release| release.to_string());
        assert_eq!(found.as_deref(), expected, "driver {driver}");
    }

    #[test]
    fn a_branch_serves_one_release() {
        check_newest("580.159.04", Some("13.0"));
        check_newest("580", Some("13.0"));
        check_newest("535.183.01", Some("12.2"));
        check_newest("545.29.06", Some("12.3"));
        check_newest("565.57.01", Some("12.7"));
        check_newest("575.64.03", Some("12.9"));
        check_newest("470.256.02", Some("11.4"));
        check_newest("390.157", Some("9.1"));
        check_newest("615.71.09", Some("13.4"));
        check_newest("550.127.05", Some("12.4"));
        check_newest("585.1", Some("13.0")); // not known: as the one before it
        check_newest("200", None);
    }

    #[test]
    fn drivers_end_for_old_gpus() {
        let last = |number| last_branch(GpuArch::base(number));
        assert_eq!([last(35), last(37)], [Some(470), Some(470)]);
        assert_eq!([last(50), last(61), last(70)], [Some(580), Some(580), Some(580)]);
        assert_eq!([last(75), last(80), last(90), last(121)], [None, None, None, None]);
    }

    #[test]
    fn drivers_begin_for_new_gpus() {
        let first = |number| first_for(GpuArch::base(number)).map(|driver| driver.to_string());
        assert_eq!(first(75).as_deref(), Some("410.48"));
        assert_eq!(first(90).as_deref(), Some("520.61.05"));
        assert_eq!(first(120).as_deref(), Some("570.26"));
        assert_eq!(first(99), None);
    }

    #[test]
    fn rows_are_whole() {
        assert!(floors().is_sorted_by(|older, newer| older.cuda < newer.cuda && older.driver < newer.driver));
        assert!(ended().is_sorted_by(|older, newer| older.branch < newer.branch && older.to < newer.from));
        for row in ended() {
            assert!(row.from <= row.to && !row.source.is_empty() && !row.generation.is_empty());
        }
        assert!(floors().iter().all(|row| !row.source.is_empty()));
        assert!(forward_compatibility().gpus.contains("data-center"));
        for row in table::gpus() {
            assert!(first_for(GpuArch::base(row.number)).is_some(), "sm_{}: CUDA {}", row.number, row.first);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = text.parse::<DriverVersion>();
        }

        #[test]
        fn printed_versions_are_read_back(major in 1u16..1000, minor in 1u16..1000, patch in 1u16..100) {
            let version = DriverVersion::new(major, minor, patch);
            proptest::prop_assert_eq!(version.to_string().parse(), Ok(version));
        }

        #[test]
        fn a_newer_driver_serves_no_less(older in 1u16..1000, newer in 1u16..1000) {
            let (older, newer) = (older.min(newer), older.max(newer));
            let release = |major| newest_release(DriverVersion::new(major, 0, 0));
            proptest::prop_assert!(release(older) <= release(newer));
        }
    }
}
