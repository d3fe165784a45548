//! GPU architectures as NVIDIA spells them: `sm_90`, `sm_90a`, `sm_100f`, `compute_87`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A compute capability as a compilation target: `87` in `sm_87` and `compute_87`, with its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GpuArch {
    number: u16,
    flavor: Flavor,
}

/// The suffix of an architecture: how far its code travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flavor {
    /// `sm_90`: runs on later minor revisions too.
    Base,
    /// `sm_100f`: runs on the family of that revision.
    Family,
    /// `sm_90a`: runs on exactly that revision.
    ArchSpecific,
}

/// Text that names no GPU architecture.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a GPU architecture: a form such as `sm_86`, `sm_90a`, `8.6` or `compute_86` expected"
)]
pub struct ParseGpuArchError {
    /// What was given instead.
    pub text: String,
}

impl GpuArch {
    /// The architecture without suffix.
    pub const fn base(number: u16) -> Self {
        Self { number, flavor: Flavor::Base }
    }

    /// The architecture with the suffix that `flavor` says.
    pub const fn new(number: u16, flavor: Flavor) -> Self {
        Self { number, flavor }
    }

    /// From a compute capability as the driver reports it: `(8, 6)` is `sm_86`.
    pub const fn from_capability(major: u16, minor: u16) -> Self {
        Self::base(major * 10 + minor)
    }

    /// `87` in `sm_87`.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// The suffix.
    pub const fn flavor(self) -> Flavor {
        self.flavor
    }

    /// `8` in `sm_87`.
    pub const fn major(self) -> u16 {
        self.number / 10
    }

    /// `7` in `sm_87`.
    pub const fn minor(self) -> u16 {
        self.number % 10
    }

    /// `90a`: number and suffix, as both `sm_` and `compute_` names carry it.
    pub fn suffix_form(self) -> String {
        let suffix = match self.flavor {
            Flavor::Base => "",
            Flavor::Family => "f",
            Flavor::ArchSpecific => "a",
        };
        format!("{}{suffix}", self.number)
    }

    /// `sm_90a`: real, machine code.
    pub fn real(self) -> String {
        format!("sm_{}", self.suffix_form())
    }

    /// `compute_90a`: virtual, PTX.
    pub fn virtual_(self) -> String {
        format!("compute_{}", self.suffix_form())
    }

    /// `8.7`: the compute capability.
    pub fn capability(self) -> String {
        format!("{}.{}", self.major(), self.minor())
    }
}

impl fmt::Display for GpuArch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.real())
    }
}

/// Reads `sm_87`, `87`, `8.7`, each with an optional `a` or `f`. `compute_87` is virtual and not read here: see
/// [`crate::select::GpuRequest`].
impl FromStr for GpuArch {
    type Err = ParseGpuArchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseGpuArchError { text: text.to_owned() };
        let rest = text.strip_prefix("sm_").unwrap_or(text);
        let (digits, flavor) = match rest.as_bytes().last() {
            Some(b'a') => (&rest[..rest.len() - 1], Flavor::ArchSpecific),
            Some(b'f') => (&rest[..rest.len() - 1], Flavor::Family),
            _ => (rest, Flavor::Base),
        };
        let plain = |part: &str| {
            !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let number = match digits.split_once('.') {
            Some((major, minor))
                if plain(major) && minor.len() == 1 && plain(minor) && !text.starts_with("sm_") =>
            {
                format!("{major}{minor}")
            }
            None if plain(digits) && digits.len() >= 2 => digits.to_owned(),
            _ => return Err(error()),
        };
        let number: u16 = number.parse().map_err(|_| error())?;
        if number < 10 { Err(error()) } else { Ok(Self { number, flavor }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u16, Flavor)>) {
        let parsed = text.parse::<GpuArch>().ok().map(|arch| (arch.number, arch.flavor));
        assert_eq!(parsed, expected, "parsing `{text}`");
    }

    #[test]
    fn parses_gpu_architectures() {
        check("sm_87", Some((87, Flavor::Base)));
        check("87", Some((87, Flavor::Base)));
        check("8.7", Some((87, Flavor::Base)));
        check("12.1", Some((121, Flavor::Base)));
        check("sm_90a", Some((90, Flavor::ArchSpecific)));
        check("9.0a", Some((90, Flavor::ArchSpecific)));
        check("sm_120f", Some((120, Flavor::Family)));
        check("compute_87", None); // virtual: there is no device to load it on
        for text in [
            "", "sm_", "sm_9", "sm_8.7", "sm_90b", "sm_90aa", "8.77", "hopper", "sm_99999", "-87", "sm_ 87",
            "05",
        ] {
            check(text, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = text.parse::<GpuArch>();
        }

        #[test]
        fn printed_forms_are_read_back(number in 10u16..999, flavor in 0..3) {
            let flavor = [Flavor::Base, Flavor::Family, Flavor::ArchSpecific][usize::try_from(flavor).unwrap()];
            let arch = GpuArch::new(number, flavor);
            proptest::prop_assert_eq!(arch.real().parse(), Ok(arch));
            proptest::prop_assert_eq!(arch.suffix_form().parse(), Ok(arch));
        }
    }
}
