//! What is known of libraries by their names: `data/libraries.toml`, compiled in.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    glibc: Vec<String>,
    compiler: Vec<String>,
    driver: Vec<String>,
    companion: Vec<Companion>,
}

/// Libraries that another one opens by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Companion {
    /// The stem of the library that opens them.
    pub parent: String,
    /// Stems or file names.
    pub libraries: Vec<String>,
    /// Whether the parent is of no use without.
    pub required: bool,
    /// Why, and where that is written.
    pub reason: String,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    toml::from_str(include_str!("../data/libraries.toml")).expect("data/libraries.toml is checked by a test")
});

/// Whether the library belongs to glibc, whose parts fit only one another.
pub(crate) fn is_glibc(name: &str) -> bool {
    contains(&TABLE.glibc, name)
}

/// Whether the library is a compiler's run-time library.
pub(crate) fn is_compiler_runtime(name: &str) -> bool {
    contains(&TABLE.compiler, name)
}

/// Whether the library is a part of NVIDIA's driver, which no image may hold.
pub fn is_driver_library(name: &str) -> bool {
    contains(&TABLE.driver, name)
}

/// What comes along with the library.
pub(crate) fn companions_of(name: &str) -> impl Iterator<Item = &'static Companion> {
    let stem = split(name).map(|(stem, _)| stem);
    TABLE.companion.iter().filter(move |companion| stem == Some(companion.parent.as_str()))
}

impl Companion {
    /// Whether `candidate` is one of them, for a parent of this name.
    pub(crate) fn matches(&self, parent: &str, candidate: &str) -> bool {
        let Some((stem, version)) = split(candidate) else { return false };
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        let parent_major = split(parent).map(|(_, version)| major(version));
        self.libraries.iter().any(|library| {
            if library.contains(".so") {
                library == candidate
            } else {
                library == stem && !version.is_empty() && Some(major(version)) == parent_major
            }
        })
    }
}

fn contains(stems: &[String], name: &str) -> bool {
    let Some((stem, _)) = split(name) else { return false };
    stems.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => stem.starts_with(start),
        None => stem == pattern,
    })
}

/// `libfoo.so.1.2` is `("libfoo", "1.2")`; what has no `.so` is no shared library.
pub(crate) fn split(name: &str) -> Option<(&str, &str)> {
    let (stem, rest) = name.split_once(".so")?;
    match rest.strip_prefix('.') {
        Some(version) => Some((stem, version)),
        None => rest.is_empty().then_some((stem, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_companion_says_why() {
        for companion in &TABLE.companion {
            assert!(!companion.reason.is_empty() && !companion.libraries.is_empty(), "{companion:?}");
        }
    }

    #[test]
    fn names_are_sorted_into_kinds() {
        for name in [
            "libcuda.so.1",
            "libcuda.so",
            "libnvidia-ml.so.1",
            "libnvcuvid.so.1",
            "libnvidia-ptxjitcompiler.so.580.1",
        ] {
            assert!(is_driver_library(name), "{name}");
        }
        for name in ["libcudart.so.13", "libcudadevrt.a", "libnvrtc.so.13", "libnvidia", "libcudastuff.so.1"]
        {
            assert!(!is_driver_library(name), "{name}");
        }
        assert!(is_glibc("ld-linux-x86-64.so.2") && is_glibc("libc.so.6") && !is_glibc("libcurl.so.4"));
        assert!(is_compiler_runtime("libstdc++.so.6") && is_compiler_runtime("libc++.so.1"));
    }

    #[test]
    fn companions_follow_their_parents_major_version() {
        let companion = companions_of("libnvrtc.so.13").next().unwrap();
        assert!(companion.matches("libnvrtc.so.13", "libnvrtc-builtins.so.13.0"));
        assert!(!companion.matches("libnvrtc.so.13", "libnvrtc-builtins.so.12.9"));
        assert!(!companion.matches("libnvrtc.so.13", "libnvrtc-builtins.so"));
        assert!(companions_of("libc.so.6").any(|row| row.matches("libc.so.6", "libgcc_s.so.1")));
        assert_eq!(companions_of("libm.so.6").count(), 0);
    }
}
