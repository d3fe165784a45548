//! The software device on disk: a folder with a `libcuda.so.1`, for the loader's search path or a container's mount.

use camino::{Utf8Path, Utf8PathBuf};

use crate::place::{PlaceError, place};

/// What programs load: the name that NVIDIA's driver has.
pub const LIBRARY: &str = "libcuda.so.1";

/// The software device, laid out.
///
/// ```text
/// DATA/software-device/
///   <first 16 digits of the library's SHA-256>/
///     libcuda.so.1
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftwareDevice {
    /// The folder that holds [`LIBRARY`], and nothing else.
    pub folder: Utf8PathBuf,
}

impl SoftwareDevice {
    /// Lays `library` out below `data`, unless it is there. Any number of processes may do so at once.
    pub fn ensure(data: &Utf8Path, library: &[u8]) -> Result<Self, PlaceError> {
        Ok(Self { folder: place(data, "software-device", LIBRARY, library)? })
    }

    /// The library.
    pub fn library(&self) -> Utf8PathBuf {
        self.folder.join(LIBRARY)
    }

    /// `LD_LIBRARY_PATH` with the device before whatever is in it.
    pub fn search_path(&self, before: Option<&str>) -> String {
        match before.filter(|before| !before.is_empty()) {
            Some(before) => format!("{}:{before}", self.folder),
            None => self.folder.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_goes_before_other_folders() {
        let device = SoftwareDevice { folder: "/d".into() };
        assert_eq!(device.search_path(None), "/d");
        assert_eq!(device.search_path(Some("")), "/d", "an empty entry would mean the working folder");
        assert_eq!(device.search_path(Some("/a:/b")), "/d:/a:/b");
    }
}
