//! Headers that a Jetson alone has.

use std::sync::LazyLock;

use cuferry_arch::tegra::{self, TegraLibrary, TegraStatus};
use serde::Deserialize;

use crate::index::Index;

/// Headers of one purpose.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TegraHeader {
    /// As `#include` names them; `/` or `*` at the end stands for any rest.
    pub headers: Vec<String>,
    /// The library that they belong to, which `cuferry_arch::tegra` knows.
    pub library: String,
}

impl TegraHeader {
    fn row(&self) -> &'static TegraLibrary {
        tegra::library(&self.library).expect("a test looks each library of data/tegra.toml up")
    }

    /// What they are for.
    pub fn what(&self) -> &'static str {
        &self.row().what
    }

    /// The nearest thing on x86_64.
    pub fn answer(&self) -> &'static str {
        &self.row().answer
    }

    /// How near that is.
    pub fn status(&self) -> TegraStatus {
        self.row().status
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    header: Vec<TegraHeader>,
}

static ROWS: LazyLock<Vec<TegraHeader>> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/tegra.toml")).expect("data/tegra.toml is checked by a test");
    file.header
});

static HEADERS: LazyLock<Index<TegraHeader>> =
    LazyLock::new(|| Index::new(&ROWS, |row| row.headers.iter().map(String::as_str).collect()));

/// The row of a header.
pub(crate) fn of_header(header: &str) -> Option<&'static TegraHeader> {
    HEADERS.get(header)
}

/// The row of a library that `-l` names. CUDA's nvJPEG shares its name with a library of L4T's, and is not meant.
pub(crate) fn of_link(name: &str) -> Option<&'static TegraLibrary> {
    if name == "nvjpeg" { None } else { tegra::library(&format!("lib{name}.so")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_has_an_answer() {
        for row in ROWS.iter() {
            assert!(!row.headers.is_empty() && !row.what().is_empty(), "{row:?}");
        }
        assert_eq!(of_header("cudla.h").map(TegraHeader::status), Some(TegraStatus::Rewrite));
        assert!(of_header("Argus/Argus.h").is_some() && of_header("nvscibuf.h").is_some());
        assert!(of_header("cuda.h").is_none());
        assert!(of_link("nvbuf_utils").is_some() && of_link("cudla").is_some());
        assert!(of_link("nvjpeg").is_none() && of_link("cudart").is_none() && of_link("m").is_none());
    }
}
