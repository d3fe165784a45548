//! Every CUDA release with the PTX that it writes and the driver that came with it: what relates the three.
//!
//! Releases that are toolkits here have their row in `data/toolkit.toml`; those older, and those that were never
//! published as a toolkit, in `data/history.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::driver::{self, DriverVersion};
use crate::ptx_isa::PtxIsa;
use crate::release::CudaRelease;
use crate::table;

/// One CUDA release.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Which release.
    pub release: CudaRelease,
    /// The newest PTX ISA that it writes, and that its driver reads.
    pub ptx: PtxIsa,
    /// The Linux driver that came with it: the first that serves all of this release.
    #[serde(deserialize_with = "driver::bound")]
    pub driver: DriverVersion,
    /// Where this is said.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryFile {
    release: Vec<History>,
}

static HISTORY: LazyLock<Vec<History>> = LazyLock::new(|| {
    let file: HistoryFile =
        toml::from_str(include_str!("../data/history.toml")).expect("data/history.toml is checked by a test");
    let toolkits = table::toolkits().iter().map(|row| History {
        release: row.release,
        ptx: row.ptx,
        driver: row.driver,
        source: row.source.clone(),
    });
    let mut all: Vec<History> = file.release.into_iter().chain(toolkits).collect();
    all.sort_by_key(|row| row.release);
    all
});

/// Every CUDA release known, oldest first.
pub fn releases() -> &'static [History] {
    &HISTORY
}

/// The row of exactly this release.
pub fn of(release: CudaRelease) -> Option<&'static History> {
    HISTORY.iter().find(|row| row.release == release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_one_way() {
        for pair in releases().windows(2) {
            let [older, newer] = pair else { unreachable!("windows of two") };
            assert!(older.release < newer.release, "{} has two rows", newer.release);
            assert!(older.ptx <= newer.ptx, "PTX of {}", newer.release);
            assert!(older.driver <= newer.driver, "driver of {}", newer.release);
        }
        assert!(releases().iter().all(|row| !row.source.is_empty()));
    }
}
