//! The software device on disk: a folder with a `libcuda.so.1`, for the loader's search path or a container's mount.

use std::fs;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use miette::Diagnostic;
use thiserror::Error;

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

/// The library cannot be laid out.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot write the software device to `{path}`")]
#[diagnostic(
    code(run::software_device),
    help("name a folder that is yours and on a disk with room: `CUFERRY_HOME=FOLDER`")
)]
pub struct DeviceError {
    /// What was to be written.
    pub path: Utf8PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl SoftwareDevice {
    /// Lays `library` out below `data`, unless it is there. Any number of processes may do so at once.
    pub fn ensure(data: &Utf8Path, library: &[u8]) -> Result<Self, DeviceError> {
        let digest = Digest::of(library).to_string();
        let folder = data.join("software-device").join(&digest[..16]);
        let path = folder.join(LIBRARY);
        // A file of that name is whole: it came by a rename, under the name of what is in it.
        let there = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == library.len() as u64);
        if !there {
            write(&folder, &path, library).map_err(|source| DeviceError { path, source })?;
        }
        Ok(Self { folder })
    }

    /// `LD_LIBRARY_PATH` with the device before whatever is in it.
    pub fn search_path(&self, before: Option<&str>) -> String {
        match before.filter(|before| !before.is_empty()) {
            Some(before) => format!("{}:{before}", self.folder),
            None => self.folder.to_string(),
        }
    }
}

fn write(folder: &Utf8Path, path: &Utf8Path, library: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(folder)?;
    let mut aside = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644)) // a container's user is to read it, too
        .tempfile_in(folder)?;
    aside.write_all(library)?;
    aside.as_file().sync_all()?;
    aside.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use cuferry_testkit::scratch;

    use super::*;

    #[test]
    fn a_library_is_written_once_and_whole() {
        let (_guard, data) = scratch();
        let first = SoftwareDevice::ensure(&data, b"one").unwrap();
        let inode = || fs::metadata(first.folder.join(LIBRARY)).unwrap().ino();
        let before = inode();
        assert_eq!(SoftwareDevice::ensure(&data, b"one").unwrap(), first);
        assert_eq!(inode(), before, "it is left as it is");
        fs::write(first.folder.join(LIBRARY), b"on").unwrap();
        SoftwareDevice::ensure(&data, b"one").unwrap();
        assert_eq!(fs::read(first.folder.join(LIBRARY)).unwrap(), b"one", "a torn one is mended");
        let other = SoftwareDevice::ensure(&data, b"two").unwrap();
        assert_ne!(other.folder, first.folder, "a program that runs keeps the library that it loaded");
        let names: Vec<_> = first
            .folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        assert_eq!(names, [LIBRARY], "nothing is left aside");
    }

    #[test]
    fn writers_at_once_leave_one_library() {
        let (_guard, data) = scratch();
        let library = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| SoftwareDevice::ensure(&data, &library).unwrap());
            }
        });
        let device = SoftwareDevice::ensure(&data, &library).unwrap();
        assert_eq!(fs::read(device.folder.join(LIBRARY)).unwrap(), library);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let (_guard, data) = scratch();
        fs::write(data.join("software-device"), "in the way").unwrap();
        let error = SoftwareDevice::ensure(&data, b"one").unwrap_err();
        assert!(error.path.starts_with(data.join("software-device")), "{error}");
    }

    #[test]
    fn the_device_goes_before_other_folders() {
        let device = SoftwareDevice { folder: "/d".into() };
        assert_eq!(device.search_path(None), "/d");
        assert_eq!(device.search_path(Some("")), "/d", "an empty entry would mean the working folder");
        assert_eq!(device.search_path(Some("/a:/b")), "/d:/a:/b");
    }
}
