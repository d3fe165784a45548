//! Files that cuferry carries inside, laid out in its data folder for other programs to load.

use std::fs;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use miette::Diagnostic;
use thiserror::Error;

/// A file cannot be laid out.
#[derive(Debug, Error, Diagnostic)]
#[error("cannot write cuferry's own `{path}`")]
#[diagnostic(
    code(run::place),
    help("name a folder that is yours and on a disk with room: `CUFERRY_HOME=FOLDER`")
)]
pub struct PlaceError {
    /// What was to be written.
    pub path: Utf8PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// Lays a file out as `DATA/KIND/<first 16 digits of its SHA-256>/NAME`, unless it is there; the folder. Any number of
/// processes may do so at once.
pub(crate) fn place(
    data: &Utf8Path,
    kind: &str,
    name: &str,
    bytes: &[u8],
) -> Result<Utf8PathBuf, PlaceError> {
    let digest = Digest::of(bytes).to_string();
    let folder = data.join(kind).join(&digest[..16]);
    let path = folder.join(name);
    // A file of that name is whole: it came by a rename, under the name of what is in it.
    let there = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64);
    if !there {
        write(&folder, &path, bytes).map_err(|source| PlaceError { path, source })?;
    }
    Ok(folder)
}

fn write(folder: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(folder)?;
    let mut aside = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644)) // a container's user is to read it, too
        .tempfile_in(folder)?;
    aside.write_all(bytes)?;
    aside.as_file().sync_all()?;
    aside.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use cuferry_testkit::scratch;

    use super::*;

    const NAME: &str = "libcuda.so.1";

    #[test]
    fn a_library_is_written_once_and_whole() {
        let (_guard, data) = scratch();
        let first = place(&data, "kind", NAME, b"one").unwrap();
        let inode = || fs::metadata(first.join(NAME)).unwrap().ino();
        let before = inode();
        assert_eq!(place(&data, "kind", NAME, b"one").unwrap(), first);
        assert_eq!(inode(), before, "it is left as it is");
        fs::write(first.join(NAME), b"on").unwrap();
        place(&data, "kind", NAME, b"one").unwrap();
        assert_eq!(fs::read(first.join(NAME)).unwrap(), b"one", "a torn one is mended");
        let other = place(&data, "kind", NAME, b"two").unwrap();
        assert_ne!(other, first, "a program that runs keeps the library that it loaded");
        let names: Vec<_> =
            first.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        assert_eq!(names, [NAME], "nothing is left aside");
    }

    #[test]
    fn writers_at_once_leave_one_library() {
        let (_guard, data) = scratch();
        let library = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| place(&data, "kind", NAME, &library).unwrap());
            }
        });
        let device = place(&data, "kind", NAME, &library).unwrap();
        assert_eq!(fs::read(device.join(NAME)).unwrap(), library);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let (_guard, data) = scratch();
        fs::write(data.join("kind"), "in the way").unwrap();
        let error = place(&data, "kind", NAME, b"one").unwrap_err();
        assert!(error.path.starts_with(data.join("kind")), "{error}");
    }
}
