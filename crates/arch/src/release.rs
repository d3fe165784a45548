//! CUDA releases: `13.0`, as NVIDIA numbers its toolkits and drivers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A CUDA release, ordered as time orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CudaRelease {
    /// `13` in `13.0`.
    pub major: u16,
    /// `0` in `13.0`.
    pub minor: u16,
}

/// Text that is no release.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a CUDA release: `MAJOR.MINOR` expected, such as `13.0`")]
pub struct ParseReleaseError {
    /// What was given instead.
    pub text: String,
}

impl CudaRelease {
    /// `MAJOR.MINOR`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// From the driver's integer, 1000 × major + 10 × minor (`cuDriverGetVersion`).
    pub fn from_driver_version(version: i32) -> Option<Self> {
        let version = u16::try_from(version).ok()?;
        Some(Self::new(version / 1000, version % 1000 / 10))
    }
}

impl fmt::Display for CudaRelease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl FromStr for CudaRelease {
    type Err = ParseReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseReleaseError { text: text.to_owned() };
        let digits = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(error)
        };
        let (major, minor) = text.split_once('.').ok_or_else(error)?;
        Ok(Self::new(digits(major)?, digits(minor)?))
    }
}

impl From<CudaRelease> for String {
    fn from(release: CudaRelease) -> Self {
        release.to_string()
    }
}

impl TryFrom<String> for CudaRelease {
    type Error = ParseReleaseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_number_not_by_text() {
        let release = |text: &str| text.parse::<CudaRelease>().unwrap();
        assert!(release("9.2") < release("13.0"));
        assert!(release("12.9") < release("12.10"));
        assert_eq!(CudaRelease::from_driver_version(13000), Some(release("13.0")));
        assert_eq!(CudaRelease::from_driver_version(12080), Some(release("12.8")));
        assert_eq!(CudaRelease::from_driver_version(-1), None);
    }

    #[test]
    fn refuses_what_is_no_release() {
        for text in ["", "13", "13.", ".0", "13.0.1", "13.x", "+1.0", "99999.0"] {
            assert!(text.parse::<CudaRelease>().is_err(), "`{text}` was taken");
        }
    }
}
