//! The version of the PTX language that a PTX text is written in: its `.version` line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// A PTX ISA version: `8.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PtxIsa {
    /// `8` in `8.7`.
    pub major: u16,
    /// `7` in `8.7`.
    pub minor: u16,
}

/// Text that is no PTX ISA version.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a PTX ISA version: `MAJOR.MINOR` expected, such as `8.7`")]
pub struct ParsePtxIsaError {
    /// What was given instead.
    pub text: String,
}

impl PtxIsa {
    /// `MAJOR.MINOR`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for PtxIsa {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}.{}", self.major, self.minor))
    }
}

impl FromStr for PtxIsa {
    type Err = ParsePtxIsaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or_else(|| ParsePtxIsaError { text: text.to_owned() })
    }
}

impl<'de> Deserialize<'de> for PtxIsa {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_number_not_by_text() {
        let isa = |text: &str| text.parse::<PtxIsa>().unwrap();
        assert!(isa("9.0") < isa("10.0"));
        assert!(isa("8.8") < isa("8.10"));
        assert_eq!(isa("8.7"), PtxIsa::new(8, 7));
        assert_eq!(isa("8.7").to_string(), "8.7");
        for text in ["", "8", "8.", ".7", "8.7.1", "8.x", "+8.7", "8.7777"] {
            assert!(text.parse::<PtxIsa>().is_err(), "`{text}` was taken");
        }
    }
}
