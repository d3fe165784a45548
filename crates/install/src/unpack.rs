//! Unpacks a wheel, and refuses one that would do anything but create files and folders below its own.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_toolchain::layout;
use cuferry_toolchain::path::is_plain;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{At, Hostility, InstallError};

/// The fullest wheel known has 2,400, the fullest Debian package of those pinned 1,100.
pub(crate) const MOST_ENTRIES: usize = 100_000;
/// The best packed wheel known unpacks to 8 times its size; text without any content to a thousand times.
pub(crate) const LARGEST_RATIO: u64 = 100;
/// Small archives of small files may exceed the ratio.
pub(crate) const SMALL: u64 = 1 << 20;
/// `S_IFMT`, `S_IFREG`, `S_IFDIR`.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

/// One entry, checked.
struct Entry {
    path: Utf8PathBuf,
    is_folder: bool,
    size: u64,
    executable: bool,
}

/// Unpacks `path` into the folder `into`, which exists and is empty. `archive` is the wheel's name, for messages.
///
/// Files come out read-only: toolkits hard-link them, and writing to one would change all.
pub(crate) fn unpack(path: &Utf8Path, archive: &str, into: &Utf8Path) -> Result<(), InstallError> {
    let file = File::open(path).at("open", path)?;
    let length = file.metadata().at("read", path)?.len();
    let broken = |error: &ZipError| broken(archive, error);
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let entries = check(&mut zip, archive, length)?;
    for (index, entry) in entries.iter().enumerate() {
        let at = into.join(&entry.path);
        let folder = if entry.is_folder { Some(at.as_path()) } else { at.parent() };
        if let Some(folder) = folder {
            fs::create_dir_all(folder).at("create", folder)?;
        }
        if entry.is_folder {
            continue;
        }
        let lies = || hostile(archive, entry.path.as_str(), Hostility::SizeLies);
        let reader = zip.by_index(index).map_err(|error| broken(&error))?;
        let mut output = File::create_new(&at).at("create", &at)?;
        // One byte more than stated shows that there are more.
        let copied = copy(&mut reader.take(entry.size + 1), &mut output).map_err(|error| match error {
            Copy::Read(error) => broken(&ZipError::Io(error)),
            Copy::Write(source) => InstallError::Io { action: "write", path: at.clone(), source },
        })?;
        if copied != entry.size {
            return Err(lies());
        }
        let mode = if entry.executable { 0o555 } else { 0o444 };
        output.set_permissions(Permissions::from_mode(mode)).at("change the mode of", &at)?;
    }
    Ok(())
}

/// All entries, before a single one is written.
fn check<R: Read + io::Seek>(
    zip: &mut ZipArchive<R>,
    archive: &str,
    length: u64,
) -> Result<Vec<Entry>, InstallError> {
    if zip.len() > MOST_ENTRIES {
        return Err(hostile(archive, "it", Hostility::Bomb));
    }
    if zip.has_duplicate_names() {
        return Err(hostile(archive, "it", Hostility::Collision));
    }
    let mut entries = Vec::with_capacity(zip.len());
    let mut total: u64 = 0;
    for index in 0..zip.len() {
        let file = zip.by_index_raw(index).map_err(|error| broken(archive, &error))?;
        let name = file.name().map_err(|error| broken(archive, &error))?;
        let refuse = |why| hostile(archive, &name, why);
        let path = plain_path(&name).ok_or_else(|| refuse(Hostility::Name))?;
        let is_folder = name.ends_with('/');
        let mode = file.unix_mode();
        let kind = mode.map_or(0, |mode| mode & KIND);
        if kind != 0 && kind != if is_folder { FOLDER } else { REGULAR } {
            return Err(refuse(Hostility::Kind));
        }
        if file.encrypted() {
            return Err(refuse(Hostility::Encrypted));
        }
        total = total.saturating_add(file.size());
        if total > length.saturating_mul(LARGEST_RATIO).saturating_add(SMALL) {
            return Err(refuse(Hostility::Bomb));
        }
        let executable = layout::is_executable(&path, mode);
        entries.push(Entry { path, is_folder, size: file.size(), executable });
    }
    collisions(&entries, archive)?;
    // Overlapping entries let a small archive hold one bomb many times over.
    if zip.has_overlapping_entries().map_err(|error| broken(archive, &error))? {
        return Err(hostile(archive, "it", Hostility::Collision));
    }
    Ok(entries)
}

/// `a` and `a/`, or `a` as a file and `a/b`.
fn collisions(entries: &[Entry], archive: &str) -> Result<(), InstallError> {
    let files: BTreeSet<&Utf8Path> =
        entries.iter().filter(|entry| !entry.is_folder).map(|entry| entry.path.as_path()).collect();
    for entry in entries {
        let above = if entry.is_folder { Some(entry.path.as_path()) } else { entry.path.parent() };
        if above.into_iter().flat_map(Utf8Path::ancestors).any(|path| files.contains(path)) {
            return Err(hostile(archive, entry.path.as_str(), Hostility::Collision));
        }
    }
    Ok(())
}

/// The name as a path, if it is relative and plain.
fn plain_path(name: &str) -> Option<Utf8PathBuf> {
    let inner = name.strip_suffix('/').unwrap_or(name);
    is_plain(inner).then(|| inner.into())
}

enum Copy {
    Read(io::Error),
    Write(io::Error),
}

/// As `io::copy`, but says which side failed: a full disk is not a broken archive.
fn copy(reader: &mut impl Read, writer: &mut impl io::Write) -> Result<u64, Copy> {
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                writer.write_all(&buffer[..count]).map_err(Copy::Write)?;
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Copy::Read(error)),
        }
    }
}

pub(crate) fn hostile(archive: &str, entry: &str, why: Hostility) -> InstallError {
    InstallError::Hostile { archive: archive.to_owned(), entry: entry.to_owned(), why }
}

pub(crate) fn broken(archive: &str, error: &ZipError) -> InstallError {
    InstallError::BrokenArchive { archive: archive.to_owned(), problem: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in
            [("nvidia/cu13/bin/nvcc", "tool".repeat(100)), ("nvidia/cu13/lib/a.so.1", String::new())]
        {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// Unpacks `bytes`, and checks that nothing lies outside of the folder meant for it.
    fn attempt(bytes: &[u8]) -> Result<(), InstallError> {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (path, into) = (folder.join("a.whl"), folder.join("into"));
        fs::write(&path, bytes).unwrap();
        fs::create_dir(&into).unwrap();
        let result = unpack(&path, "a.whl", &into);
        assert_eq!(folder.read_dir_utf8().unwrap().count(), 2);
        result
    }

    #[test]
    fn unpacks_what_a_common_writer_writes() {
        attempt(&archive()).unwrap();
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("a", SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![0; 16 << 20]).unwrap();
        let error = attempt(&zip.finish().unwrap().into_inner()).unwrap_err();
        assert!(matches!(error, InstallError::Hostile { why: Hostility::Bomb, .. }), "{error}");
    }

    #[test]
    fn names_stay_below() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("a/", Some("a")),
            ("a/b..c/...", Some("a/b..c/...")),
            ("../a", None),
            ("a/../b", None),
            ("/a", None),
            ("a//b", None),
            ("a//", None),
            ("/", None),
            ("", None),
            ("a\\b", None),
            ("a\0b", None),
        ] {
            assert_eq!(plain_path(name).as_deref().map(Utf8Path::as_str), expected, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_escapes_or_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut bytes = archive();
            for (index, byte) in damage {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            _ = attempt(&bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = attempt(&bytes);
        }
    }
}
