//! Other makers' libraries and programs, and the packages that hold them.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::index::Index;

/// A library, a tool or a module that projects use.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its own name: `OpenCV`.
    pub name: String,
    /// Headers, as `#include` names them; `/` or `*` at the end stands for any rest.
    #[serde(default)]
    pub headers: Vec<String>,
    /// As `-l` names it; `*` at the end stands for any rest.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// As CMake's `find_package` names it.
    #[serde(default)]
    pub cmake: Vec<String>,
    /// Modules of pkg-config.
    #[serde(default)]
    pub pkg_config: Vec<String>,
    /// Programs, as builds call them.
    #[serde(default)]
    pub programs: Vec<String>,
    /// Modules, as Python's `import` names them.
    #[serde(default)]
    pub python: Vec<String>,
    /// Debian's packages.
    #[serde(default)]
    pub debian: Vec<String>,
    /// Ubuntu's, where they are others than Debian's.
    #[serde(default)]
    pub ubuntu: Vec<String>,
    /// Fedora's packages.
    #[serde(default)]
    pub fedora: Vec<String>,
    /// The Python package.
    #[serde(default)]
    pub wheel: Option<String>,
    /// Whether NVIDIA gives it out, apart from the toolkit.
    #[serde(default)]
    pub nvidia: bool,
    /// What else to know, a fragment.
    #[serde(default)]
    pub note: Option<String>,
}

/// Where packages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Debian's archive.
    Debian,
    /// Ubuntu's archive.
    Ubuntu,
    /// Fedora's repositories.
    Fedora,
}

impl Package {
    /// The names of its packages there; empty where it has none.
    pub fn names(&self, channel: Channel) -> &[String] {
        match channel {
            Channel::Ubuntu if !self.ubuntu.is_empty() => &self.ubuntu,
            Channel::Debian | Channel::Ubuntu => &self.debian,
            Channel::Fedora => &self.fedora,
        }
    }

    /// The command that installs it; none where `channel` does not have it.
    pub fn install(&self, channel: Channel) -> Option<String> {
        let names = self.names(channel);
        let program = match channel {
            Channel::Debian | Channel::Ubuntu => "apt install",
            Channel::Fedora => "dnf install",
        };
        (!names.is_empty()).then(|| format!("{program} {}", names.join(" ")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    package: Vec<Package>,
}

static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../data/packages.toml"))
        .expect("data/packages.toml is checked by a test");
    file.package
});

static HEADERS: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.headers));
static LIBRARIES: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.libraries));
static CMAKE: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.cmake));
static PKG_CONFIG: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.pkg_config));
static PROGRAMS: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.programs));
static PYTHON: LazyLock<Index<Package>> = LazyLock::new(|| by(|row| &row.python));

fn by(names: impl Fn(&'static Package) -> &'static [String]) -> Index<Package> {
    Index::new(packages(), |row| names(row).iter().map(String::as_str).collect())
}

/// Every package known.
pub fn packages() -> &'static [Package] {
    &PACKAGES
}

/// By a header: `opencv2/opencv.hpp`.
pub(crate) fn of_header(header: &str) -> Option<&'static Package> {
    HEADERS.get(header)
}

/// By what `-l` names: `opencv_core`.
pub(crate) fn of_library(name: &str) -> Option<&'static Package> {
    LIBRARIES.get(name)
}

/// By what `find_package` names.
pub(crate) fn of_cmake(name: &str) -> Option<&'static Package> {
    CMAKE.get(name)
}

/// By a module of pkg-config.
pub(crate) fn of_module(name: &str) -> Option<&'static Package> {
    PKG_CONFIG.get(name)
}

/// By a program.
pub(crate) fn of_program(name: &str) -> Option<&'static Package> {
    PROGRAMS.get(name)
}

/// By a module of Python, or one below it.
pub(crate) fn of_python(name: &str) -> Option<&'static Package> {
    PYTHON.get(name.split('.').next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check(found: Option<&'static Package>, expected: Option<&str>) {
        assert_eq!(found.map(|package| package.name.as_str()), expected);
    }

    #[test]
    fn packages_are_found_by_every_kind_of_name() {
        check(of_header("opencv2/opencv.hpp"), Some("OpenCV"));
        check(of_header("gst/gst.h"), Some("GStreamer"));
        check(of_header("gst/app/gstappsink.h"), Some("GStreamer plugin libraries"));
        check(of_header("nlohmann/json.hpp"), Some("nlohmann-json"));
        check(of_header("NvInferRuntime.h"), Some("TensorRT"));
        check(of_header("stdio.h"), None);
        check(of_library("opencv_imgcodecs"), Some("OpenCV"));
        check(of_library("boost_system"), Some("Boost"));
        check(of_cmake("Eigen3"), Some("Eigen"));
        check(of_cmake("CUDA"), None);
        check(of_module("gstreamer-app-1.0"), Some("GStreamer plugin libraries"));
        check(of_program("ninja"), Some("Ninja"));
        check(of_program("nvcc"), None);
        check(of_python("numpy.distutils"), Some("NumPy"));
    }

    #[test]
    fn rows_are_whole_and_names_are_unique() {
        let mut names = BTreeSet::new();
        for package in packages() {
            assert!(names.insert(&package.name), "{} is there twice", package.name);
            let [headers, libraries] = [&package.headers, &package.libraries];
            let all = [headers, libraries, &package.programs, &package.python, &package.cmake];
            assert!(all.iter().any(|list| !list.is_empty()), "{} cannot be found", package.name);
            let offered = !package.debian.is_empty() || package.wheel.is_some() || package.note.is_some();
            assert!(offered, "{}: nobody says where to get it", package.name);
        }
    }

    #[test]
    fn no_two_packages_claim_one_name() {
        let kinds: [fn(&'static Package) -> &'static Vec<String>; 6] = [
            |row| &row.headers,
            |row| &row.libraries,
            |row| &row.cmake,
            |row| &row.pkg_config,
            |row| &row.programs,
            |row| &row.python,
        ];
        for names in kinds {
            let mut seen = BTreeSet::new();
            for name in packages().iter().flat_map(names) {
                assert!(seen.insert(name), "`{name}` is there twice");
            }
        }
    }

    #[test]
    fn each_distribution_has_its_command() {
        let package = of_cmake("Boost").unwrap();
        assert_eq!(package.install(Channel::Debian).as_deref(), Some("apt install libboost-all-dev"));
        assert_eq!(package.install(Channel::Ubuntu).as_deref(), Some("apt install libboost-all-dev"));
        assert_eq!(package.install(Channel::Fedora).as_deref(), Some("dnf install boost-devel"));
        assert_eq!(of_header("torch/torch.h").unwrap().install(Channel::Debian), None);
    }
}
