//! NVIDIA's shared libraries by name: which component one is part of, for which CUDA, and where another build comes from.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::pattern::fits;
use crate::{Host, host};

/// One shared library with one number: `libcublas.so.12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// What NVIDIA calls the whole: `cuBLAS`.
    pub component: String,
    /// `DT_SONAME`: `libcublas.so.12`. Of the driver's own libraries a pattern, in which `*` stands for anything.
    pub soname: String,
    /// The CUDA major releases whose programs load it; empty where it is bound to none.
    pub cuda: Vec<u16>,
    /// The Python packages with it, oldest CUDA first; empty where NVIDIA publishes none.
    pub packages: Vec<Package>,
    /// Whether it comes with the driver: the container engine mounts it, and no image holds it.
    pub driver: bool,
    /// Where this is said, or in which package it was looked up.
    pub source: String,
}

/// A Python package that NVIDIA publishes a library in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The CUDA major release that it is built for.
    pub cuda: u16,
    /// Its name, as pip takes it: with a bound where only some versions hold the library.
    pub requirement: String,
    /// The CPUs that it is built for.
    #[serde(default = "all_hosts", deserialize_with = "host::list")]
    pub hosts: Vec<Host>,
}

fn all_hosts() -> Vec<Host> {
    Host::ALL.to_vec()
}

impl Library {
    /// The package with a build for a CUDA major release and a CPU.
    pub fn package(&self, cuda: u16, host: Host) -> Option<&str> {
        let fits = |package: &&Package| package.cuda == cuda && package.hosts.contains(&host);
        self.packages.iter().find(fits).map(|package| package.requirement.as_str())
    }

    /// Where a build for `host` comes from, for people. Of several CUDA releases the newest is named.
    pub fn package_for(&self, host: Host) -> String {
        if self.driver {
            return "the driver".to_owned();
        }
        let mut packages = self.packages.iter().rev().filter(|package| package.hosts.contains(&host));
        match (packages.next(), self.cuda.last()) {
            (Some(package), _) => format!("the Python package `{}`", package.requirement),
            (None, Some(cuda)) => format!("NVIDIA's {} of CUDA {cuda} for {host}", self.component),
            (None, None) => format!("NVIDIA's {} for {host}", self.component),
        }
    }
}

/// As the file has it: the libraries of one component that share their number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    component: String,
    libraries: Vec<String>,
    #[serde(default)]
    number: String,
    #[serde(default)]
    cuda: Vec<u16>,
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default)]
    driver: bool,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    library: Vec<Row>,
}

static LIBRARIES: LazyLock<Vec<Library>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/library.toml")).expect("data/library.toml is checked by a test");
    file.library.iter().flat_map(Row::libraries).collect()
});

impl Row {
    fn libraries(&self) -> impl Iterator<Item = Library> {
        self.libraries.iter().map(|name| Library {
            component: self.component.clone(),
            soname: match self.number.as_str() {
                "" => format!("{name}.so"),
                number => format!("{name}.so.{number}"),
            },
            cuda: self.cuda.clone(),
            packages: self.packages.clone(),
            driver: self.driver,
            source: self.source.clone(),
        })
    }
}

/// Every library known, in the file's order.
pub fn libraries() -> &'static [Library] {
    &LIBRARIES
}

/// The library that `DT_NEEDED` or `DT_SONAME` names so. A file name with more numbers than the soname, such as
/// `libcudart.so.12.9.79`, is found too. None for a library that is not NVIDIA's, and for a number that is not known.
pub fn by_soname(name: &str) -> Option<&'static Library> {
    let exact = LIBRARIES.iter().find(|row| fits(&row.soname, name));
    exact.or_else(|| {
        let longer = |row: &&Library| {
            name.strip_prefix(&row.soname).and_then(|rest| rest.strip_prefix('.')).is_some_and(is_number)
        };
        LIBRARIES.iter().filter(|row| row.soname.contains(".so.")).find(longer)
    })
}

/// The component that a library of this name is part of, whatever its number: `cuBLAS` for `libcublas.so.99`.
pub fn component(name: &str) -> Option<&'static str> {
    if let Some(row) = by_soname(name) {
        return Some(&row.component);
    }
    let stem = name.split_once(".so").map_or(name, |(stem, _)| stem);
    let row = LIBRARIES.iter().find(|row| row.soname.split_once(".so").is_some_and(|(own, _)| own == stem));
    row.map(|row| row.component.as_str())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, &[u16], &str)>) {
        let found = by_soname(name);
        let found =
            found.map(|row| (row.component.as_str(), row.cuda.as_slice(), row.package_for(Host::X86_64)));
        let found = found.as_ref().map(|(component, cuda, from)| (*component, *cuda, from.as_str()));
        assert_eq!(found, expected, "`{name}`");
    }

    #[test]
    fn sonames_tell_component_and_release() {
        check(
            "libcudart.so.11.0",
            Some(("CUDA runtime", &[11], "the Python package `nvidia-cuda-runtime-cu11`")),
        );
        check(
            "libcudart.so.12",
            Some(("CUDA runtime", &[12], "the Python package `nvidia-cuda-runtime-cu12`")),
        );
        check(
            "libcudart.so.10.2",
            Some(("CUDA runtime", &[10], "NVIDIA's CUDA runtime of CUDA 10 for x86_64")),
        );
        check("libcublasLt.so.13", Some(("cuBLAS", &[13], "the Python package `nvidia-cublas`")));
        // The numbers of these are not CUDA's.
        check("libcufft.so.11", Some(("cuFFT", &[12], "the Python package `nvidia-cufft-cu12`")));
        check(
            "libcusolver.so.11",
            Some(("cuSOLVER", &[11, 12], "the Python package `nvidia-cusolver-cu12`")),
        );
        check("libcusparse.so.12", Some(("cuSPARSE", &[12, 13], "the Python package `nvidia-cusparse`")));
        check("libcurand.so.10", Some(("cuRAND", &[10, 11, 12, 13], "the Python package `nvidia-curand`")));
        check("libnvrtc.so.11.2", Some(("NVRTC", &[11], "the Python package `nvidia-cuda-nvrtc-cu11`")));
        check(
            "libnvrtc-builtins.so.12.9",
            Some(("NVRTC", &[12], "the Python package `nvidia-cuda-nvrtc-cu12`")),
        );
        check("libcudnn.so.8", Some(("cuDNN", &[10, 11, 12], "the Python package `nvidia-cudnn-cu12<9`")));
        check("libcudnn.so.9", Some(("cuDNN", &[11, 12, 13], "the Python package `nvidia-cudnn-cu13`")));
        check(
            "libnvinfer.so.8",
            Some(("TensorRT", &[10, 11, 12], "NVIDIA's TensorRT of CUDA 12 for x86_64")),
        );
        check("libnvinfer.so.10", Some(("TensorRT", &[11, 12, 13], "the Python package `tensorrt-cu13<11`")));
        check(
            "libnvinfer_builder_resource.so.10.3.0",
            Some(("TensorRT", &[11, 12, 13], "NVIDIA's TensorRT of CUDA 13 for x86_64")),
        );
        check("libcuda.so.1", Some(("CUDA driver", &[], "the driver")));
        check("libnvidia-ml.so.1", Some(("NVML", &[], "the driver")));
        check("libnvidia-ptxjitcompiler.so.1", Some(("NVIDIA's driver", &[], "the driver")));
    }

    #[test]
    fn files_with_the_whole_version_are_found_by_their_soname() {
        check(
            "libcudart.so.12.9.79",
            Some(("CUDA runtime", &[12], "the Python package `nvidia-cuda-runtime-cu12`")),
        );
        check("libcudart.so.11.8.89", None); // its soname is libcudart.so.11.0
        check("libcublas.so.12x", None);
        check("libcublas.so.99", None);
        assert_eq!(component("libcublas.so.99"), Some("cuBLAS"));
        assert_eq!(component("libcublas.so"), Some("cuBLAS"));
        assert_eq!(component("libstdc++.so.6"), None);
        for name in
            ["", "libc.so.6", "libcublas", "libnvjpeg.so", "cublas.so.12", "libcuda.so.2", "libnvinfer.so.9"]
        {
            check(name, None);
        }
    }

    #[test]
    fn a_package_is_for_a_release_and_a_cpu() {
        let package = |name: &str, cuda, host| by_soname(name).and_then(|row| row.package(cuda, host));
        assert_eq!(package("libnccl.so.2", 12, Host::Aarch64), Some("nvidia-nccl-cu12"));
        assert_eq!(package("libnccl.so.2", 11, Host::X86_64), Some("nvidia-nccl-cu11"));
        assert_eq!(package("libnccl.so.2", 11, Host::Aarch64), None);
        assert_eq!(package("libcudla.so.1", 13, Host::X86_64), None);
        let from = by_soname("libcudla.so.1").map(|row| row.package_for(Host::X86_64));
        assert_eq!(from.as_deref(), Some("NVIDIA's cuDLA of CUDA 13 for x86_64"));
    }

    #[test]
    fn every_row_is_reached_by_its_own_name() {
        for row in libraries() {
            let name = row.soname.replace('*', "1");
            let found = by_soname(&name).expect("it is in the table");
            assert_eq!(found.component, row.component, "`{name}` is on two rows");
            assert!(row.soname.contains('*') || found == row, "`{name}` is on two rows");
            assert!(!row.source.is_empty() && row.soname.starts_with("lib"), "`{name}`");
            assert!(
                row.cuda.is_sorted() && row.packages.is_sorted_by_key(|package| package.cuda),
                "`{name}`"
            );
            for package in &row.packages {
                assert!(row.cuda.contains(&package.cuda) && !package.hosts.is_empty(), "`{name}`");
            }
            assert!(!row.driver || (row.cuda.is_empty() && row.packages.is_empty()), "`{name}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_found_or_not(name in "\\PC{0,80}") {
            let _ = (by_soname(&name), component(&name));
        }
    }
}
