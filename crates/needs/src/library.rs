//! NVIDIA's libraries, as headers, linkers and CMake name them.

use std::sync::LazyLock;

use cuferry_arch::CudaRelease;
use serde::Deserialize;

use crate::index::Index;

/// One of NVIDIA's libraries for programs.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CudaLibrary {
    /// What `cuferry toolchain install --with` takes: `cublas`.
    pub name: String,
    /// For people: `cuBLAS`.
    pub title: String,
    /// Whether it is part of every toolkit, so that `--with` need not name it.
    #[serde(default)]
    pub base: bool,
    /// The oldest of the releases that cuferry installs for which it can fetch it; none: all of them.
    #[serde(default)]
    pub from: Option<CudaRelease>,
    /// Headers, as `#include` names them; `/` or `*` at the end stands for any rest.
    pub headers: Vec<String>,
    /// As `-l` names it; `*` at the end stands for any rest.
    pub link: Vec<String>,
    /// As `-l` names it, where an unlike library of a Jetson has the same name.
    #[serde(default)]
    pub link_shared: Vec<String>,
    /// Packages of `find_package`.
    #[serde(default)]
    pub cmake: Vec<String>,
    /// Variables that CMake's old FindCUDA sets.
    #[serde(default)]
    pub variables: Vec<String>,
    /// Commands of FindCUDA that link it.
    #[serde(default)]
    pub commands: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    library: Vec<CudaLibrary>,
}

static LIBRARIES: LazyLock<Vec<CudaLibrary>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/cuda.toml")).expect("data/cuda.toml is checked by a test");
    file.library
});

static HEADERS: LazyLock<Index<CudaLibrary>> = LazyLock::new(|| by(|row| row.headers.iter()));
static LINK: LazyLock<Index<CudaLibrary>> =
    LazyLock::new(|| by(|row| row.link.iter().chain(&row.link_shared)));
static CMAKE: LazyLock<Index<CudaLibrary>> = LazyLock::new(|| by(|row| row.cmake.iter()));
static WORDS: LazyLock<Index<CudaLibrary>> =
    LazyLock::new(|| by(|row| row.variables.iter().chain(&row.commands)));

fn by<'a, I>(names: impl Fn(&'static CudaLibrary) -> I) -> Index<CudaLibrary>
where
    I: Iterator<Item = &'a String> + 'static,
    'a: 'static,
{
    Index::new(libraries(), |row| names(row).map(String::as_str).collect())
}

impl CudaLibrary {
    /// Whether `cuferry toolchain install RELEASE --with NAME` can fetch it.
    pub fn can_be_fetched_for(&self, release: CudaRelease) -> bool {
        !self.base && self.from.is_none_or(|from| release >= from)
    }
}

/// Every library known.
pub fn libraries() -> &'static [CudaLibrary] {
    &LIBRARIES
}

/// The library that a header belongs to: `cublas_v2.h`.
pub fn library_of_header(header: &str) -> Option<&'static CudaLibrary> {
    HEADERS.get(header)
}

/// The library that `-l` names so: `cublasLt`.
pub fn library_of_link(name: &str) -> Option<&'static CudaLibrary> {
    LINK.get(name)
}

/// The library that `find_package` names so, or that has this target (`CUDA::cublas`).
pub fn library_of_cmake(name: &str) -> Option<&'static CudaLibrary> {
    match name.strip_prefix("CUDA::") {
        Some("nvml") => LINK.get("nvidia-ml"),
        Some("cuda_driver" | "toolkit") => LINK.get("cuda"),
        Some("nvtx3" | "nvToolsExt") => LINK.get("nvtx3interop"),
        Some(target) => LINK.get(target),
        None => CMAKE.get(name),
    }
}

/// The library that a variable or command of FindCUDA stands for.
pub(crate) fn library_of_word(word: &str) -> Option<&'static CudaLibrary> {
    WORDS.get(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Option<&'static CudaLibrary>, expected: Option<&str>) {
        assert_eq!(found.map(|library| library.name.as_str()), expected);
    }

    #[test]
    fn libraries_are_found_by_every_kind_of_name() {
        check(library_of_header("cublas_v2.h"), Some("cublas"));
        check(library_of_header("nppi_color_conversion.h"), Some("nppc"));
        check(library_of_header("nvtx3/nvToolsExt.h"), Some("nvtx"));
        check(library_of_header("cub/cub.cuh"), Some("cudart"));
        check(library_of_header("my.h"), None);
        check(library_of_link("nppicc"), Some("nppc"));
        check(library_of_link("cudnn_ops"), Some("cudnn"));
        check(library_of_link("nvjpeg"), Some("nvjpeg"));
        check(library_of_link("m"), None);
        check(library_of_cmake("CUDA::cusolver"), Some("cusolver"));
        check(library_of_cmake("CUDA::nvml"), Some("nvml"));
        check(library_of_cmake("CUDNN"), Some("cudnn"));
        check(library_of_cmake("cublas"), None);
        check(library_of_word("CUDA_nppicc_LIBRARY"), Some("nppc"));
        check(library_of_word("cuda_add_cublas_to_target"), Some("cublas"));
    }

    #[test]
    fn what_install_is_told_is_a_library_of_every_pinned_release() {
        use cuferry_toolchain::release_file;
        for file in release_file::known() {
            for library in libraries().iter().filter(|library| !library.base) {
                let mut known = file.packages.iter().flat_map(|package| &package.libraries);
                let is_there = known.any(|name| *name == library.name);
                let expected = library.can_be_fetched_for(file.release);
                assert_eq!(is_there, expected, "{} in CUDA {}", library.name, file.release);
            }
        }
    }
}
