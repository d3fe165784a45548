//! Symbol versions such as `GLIBC_2.34`, as numbers that compare.

use std::fmt;

/// The numbers of a symbol version: `2.34` in `GLIBC_2.34`, `3.4.30` in `GLIBCXX_3.4.30`. A missing part counts as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolVersion {
    parts: [u32; 3],
}

impl SymbolVersion {
    /// From its parts.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { parts: [major, minor, patch] }
    }

    /// From `name`, if it is `prefix`, an underscore, and one to three numbers. `GLIBC_PRIVATE` is none.
    pub fn parse(name: &str, prefix: &str) -> Option<Self> {
        let numbers = name.strip_prefix(prefix)?.strip_prefix('_')?;
        let mut parts = [0; 3];
        for (index, text) in numbers.split('.').enumerate() {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            *parts.get_mut(index)? = plain.then(|| text.parse().ok()).flatten()?;
        }
        Some(Self { parts })
    }
}

impl fmt::Display for SymbolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.parts;
        formatter.pad(&match patch {
            0 => format!("{major}.{minor}"),
            _ => format!("{major}.{minor}.{patch}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, prefix: &str, expected: Option<&str>) {
        let version = SymbolVersion::parse(name, prefix).map(|version| version.to_string());
        assert_eq!(version.as_deref(), expected, "`{name}` with prefix `{prefix}`");
    }

    #[test]
    fn reads_versions() {
        check("GLIBC_2.34", "GLIBC", Some("2.34"));
        check("GLIBC_2.2.5", "GLIBC", Some("2.2.5"));
        check("GLIBCXX_3.4.30", "GLIBCXX", Some("3.4.30"));
        check("GLIBCXX_3.4.30", "GLIBC", None);
        check("GLIBC_PRIVATE", "GLIBC", None);
        check("GLIBC_2.34.", "GLIBC", None);
        check("GLIBC_1.2.3.4", "GLIBC", None);
        check("GLIBC_+1", "GLIBC", None);
        check("GLIBC_99999999999", "GLIBC", None);
        check("", "GLIBC", None);
    }

    #[test]
    fn orders_by_number_not_by_text() {
        let version = |name| SymbolVersion::parse(name, "GLIBC");
        assert!(version("GLIBC_2.9") < version("GLIBC_2.34"));
        assert!(version("GLIBC_2.2") < version("GLIBC_2.2.5"));
    }
}
