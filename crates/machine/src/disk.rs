//! How much room there is on the disk of a folder.

use camino::{Utf8Path, Utf8PathBuf};

/// Room on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The folder asked about, or the nearest one above it that exists.
    pub folder: Utf8PathBuf,
    /// Bytes that this user may still write.
    pub free: u64,
}

/// The room for what is written into `folder`, which need not exist yet.
pub fn room(folder: &Utf8Path) -> Option<Room> {
    let folder = folder.ancestors().find(|folder| folder.is_dir())?;
    let statistics = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    Some(Room { folder: folder.to_owned(), free: statistics.f_bavail.saturating_mul(statistics.f_frsize) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_has_the_room_of_the_one_above() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let folder = Utf8Path::from_path(folder.path()).expect("it has a plain name");
        let found = room(&folder.join("a/b")).expect("there is a disk");
        assert_eq!(found.folder, folder);
        assert!(found.free > 0);
    }
}
