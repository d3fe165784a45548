//! What carries an ARM program's driver calls, on disk: the guest's library, and QEMU's plugin; and what an image starts.

use camino::{Utf8Path, Utf8PathBuf};

use crate::device::LIBRARY;
use crate::place::{PlaceError, place};

/// The plugin's file.
pub const PLUGIN: &str = "libcuferry_thunk.so";

/// The program for ARM that has the plugin start another one.
pub const STARTER: &str = "start";

/// The files, laid out.
///
/// ```text
/// DATA/guest/<digits>/libcuda.so.1           aarch64: what the program loads
/// DATA/thunk/<digits>/libcuferry_thunk.so    x86_64: what qemu loads
/// DATA/guest/<digits>/start                  aarch64: what an image gives to qemu
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// The folder that holds the guest's `libcuda.so.1`, and nothing else.
    pub guest: Utf8PathBuf,
    /// The plugin.
    pub plugin: Utf8PathBuf,
    /// The starter.
    pub starter: Utf8PathBuf,
}

impl Forwarding {
    /// Lays them out below `data`, unless they are there. Any number of processes may do so at once.
    pub fn ensure(data: &Utf8Path, guest: &[u8], plugin: &[u8], starter: &[u8]) -> Result<Self, PlaceError> {
        Ok(Self {
            guest: place(data, "guest", LIBRARY, guest)?,
            plugin: place(data, "thunk", PLUGIN, plugin)?.join(PLUGIN),
            starter: place(data, "guest", STARTER, starter)?.join(STARTER),
        })
    }
}
