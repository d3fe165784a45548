//! Unpacks what is wanted of a Debian package (deb(5)), runs nothing of it, and refuses one that would do anything but
//! create files, folders and links below its own folder.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use cuferry_binfmt::ar;
use cuferry_binfmt::tar::{TarEntry, TarError, TarKind, TarReader};
use cuferry_toolchain::path::{is_plain, relative};

use crate::error::{At, Hostility, InstallError};
use crate::unpack::{LARGEST_RATIO, MOST_ENTRIES, SMALL, hostile};

/// The most memory that xz may ask for, in bytes: its highest level takes 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;
/// How much of the archive is read at a time, in bytes.
const READ: usize = 128 * 1024;

/// Unpacks the package in the file `path`; see [`unpack_deb`].
pub(crate) fn unpack(
    path: &Utf8Path,
    archive: &str,
    into: &Utf8Path,
    wanted: &dyn Fn(&Utf8Path, Option<&Utf8Path>) -> bool,
) -> Result<(), InstallError> {
    let file = File::open(path).at("open", path)?;
    let length = file.metadata().at("read", path)?.len();
    unpack_deb(BufReader::with_capacity(READ, file), length, archive, into, wanted)
}

/// Unpacks a package of `length` bytes into the folder `into`, which exists and is empty. `archive` is its name, for
/// messages. `wanted` is asked about each file, and about each symbolic link with what it says.
///
/// Files come out read-only: trees hard-link them, and writing to one would change all. A package that would write outside
/// of `into`, or holds far more than its length, ends in [`InstallError::Hostile`]; what is no package, or damaged, in
/// [`InstallError::BrokenArchive`].
pub fn unpack_deb(
    file: impl Read,
    length: u64,
    archive: &str,
    into: &Utf8Path,
    wanted: &dyn Fn(&Utf8Path, Option<&Utf8Path>) -> bool,
) -> Result<(), InstallError> {
    let (name, content) = data_member(file, archive)?;
    let reader = decoder(&name, content).map_err(|problem| broken(archive, problem))?;
    let mut unpacking = Unpacking {
        archive,
        into,
        limit: length.saturating_mul(LARGEST_RATIO).saturating_add(SMALL),
        total: 0,
        entries: 0,
        folders: BTreeSet::new(),
        others: BTreeSet::new(),
        written: BTreeSet::new(),
    };
    let mut tar = TarReader::new(reader);
    while let Some(entry) = tar.next().map_err(|error| broken_tar(archive, &error))? {
        unpacking.take(&mut tar, &entry, wanted)?;
    }
    // What comes behind the end is checked by the decoder alone: a stream that was cut shows there.
    tar.drain().map_err(|error| broken_tar(archive, &error))
}

/// The member that holds the files: its name, and a reader at its start.
fn data_member(mut file: impl Read, archive: &str) -> Result<(String, impl Read), InstallError> {
    let fail = |problem: &dyn std::fmt::Display| broken(archive, problem.to_string());
    let mut magic = [0; ar::MAGIC.len()];
    file.read_exact(&mut magic).map_err(|error| fail(&error))?;
    if magic != *ar::MAGIC {
        return Err(fail(&ar::ArErrorKind::NotArchive));
    }
    for index in 0.. {
        let mut header = [0; ar::HEADER];
        file.read_exact(&mut header).map_err(|_| fail(&"it has no member `data.tar`"))?;
        let header = ar::MemberHeader::parse(&header).map_err(|error| fail(&error))?;
        let name = header.name.strip_suffix(b"/").unwrap_or(header.name);
        if index == 0 && name != b"debian-binary" {
            return Err(fail(&"its first member is not `debian-binary`"));
        }
        if name.starts_with(b"data.tar") {
            return Ok((String::from_utf8_lossy(name).into_owned(), file.take(header.size)));
        }
        let padded = header.size.saturating_add(header.size & 1);
        let skipped = io::copy(&mut file.by_ref().take(padded), &mut io::sink());
        if skipped.map_err(|error| fail(&error))? < padded {
            return Err(fail(&"it ends within a member"));
        }
    }
    unreachable!("the loop ends by returning")
}

/// By the member's name, as deb(5) says.
fn decoder<'a>(name: &str, packed: impl Read + 'a) -> Result<Box<dyn Read + 'a>, String> {
    let packed = BufReader::with_capacity(READ, packed);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    Ok(match name {
        "data.tar" => Box::new(packed),
        "data.tar.gz" => Box::new(flate2::bufread::GzDecoder::new(packed)),
        "data.tar.zst" => {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(|error| text(&error))?)
        }
        "data.tar.xz" => {
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags);
            let stream = stream.map_err(|error| text(&error))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
        }
        other => return Err(format!("`{other}` is compressed in a way that is not read")),
    })
}

/// What was seen of an archive so far.
struct Unpacking<'a> {
    archive: &'a str,
    into: &'a Utf8Path,
    /// The most bytes that it may unpack to.
    limit: u64,
    total: u64,
    entries: usize,
    /// Folders, named or implied.
    folders: BTreeSet<Utf8PathBuf>,
    /// Files and links: nothing may lie below.
    others: BTreeSet<Utf8PathBuf>,
    /// Those files of them that were wanted.
    written: BTreeSet<Utf8PathBuf>,
}

impl Unpacking<'_> {
    fn take<R: Read>(
        &mut self,
        tar: &mut TarReader<R>,
        entry: &TarEntry,
        wanted: &dyn Fn(&Utf8Path, Option<&Utf8Path>) -> bool,
    ) -> Result<(), InstallError> {
        let refuse = |why| hostile(self.archive, &entry.path, why);
        self.entries += 1;
        self.total = self.total.saturating_add(entry.size);
        if self.entries > MOST_ENTRIES || self.total > self.limit {
            return Err(refuse(Hostility::Bomb));
        }
        let is_folder = entry.kind == TarKind::Directory;
        let Some(path) = plain_path(&entry.path, is_folder).map_err(refuse)? else { return Ok(()) };
        self.claim(&path, is_folder).map_err(|why| hostile(self.archive, &entry.path, why))?;
        let at = self.into.join(&path);
        match &entry.kind {
            TarKind::File if wanted(&path, None) => {
                self.make_room(&at)?;
                self.write(tar, entry, &at)?;
                self.written.insert(path);
                Ok(())
            }
            TarKind::Hardlink(target) => {
                let target = plain_path(target, false).ok().flatten();
                let target = target.ok_or_else(|| hostile(self.archive, &entry.path, Hostility::Link))?;
                if !wanted(&path, None) {
                    return Ok(());
                }
                // The other name of a file that is not wanted would have no content.
                if !self.written.contains(&target) {
                    return Err(hostile(self.archive, &entry.path, Hostility::Link));
                }
                self.make_room(&at)?;
                fs::hard_link(self.into.join(&target), &at).at("create", &at)?;
                self.written.insert(path);
                Ok(())
            }
            TarKind::Symlink(target) => {
                let says = inside(&path, target)
                    .ok_or_else(|| hostile(self.archive, &entry.path, Hostility::Link))?;
                if wanted(&path, Some(&says)) {
                    self.make_room(&at)?;
                    symlink(&says, &at).at("create", &at)?;
                }
                Ok(())
            }
            // Folders come with what lies in them.
            TarKind::Directory | TarKind::File => Ok(()),
            TarKind::Sparse | TarKind::Other => Err(hostile(self.archive, &entry.path, Hostility::Kind)),
        }
    }

    /// Each name once, and nothing below what is no folder: so no write follows a link.
    fn claim(&mut self, path: &Utf8Path, is_folder: bool) -> Result<(), Hostility> {
        let above = path.ancestors().skip(1).filter(|above| !above.as_str().is_empty());
        for folder in above {
            if self.others.contains(folder) {
                return Err(Hostility::Collision);
            }
            self.folders.insert(folder.to_owned());
        }
        let fresh = if is_folder {
            self.folders.insert(path.to_owned());
            !self.others.contains(path)
        } else {
            !self.folders.contains(path) && self.others.insert(path.to_owned())
        };
        if fresh { Ok(()) } else { Err(Hostility::Collision) }
    }

    fn make_room(&self, at: &Utf8Path) -> Result<(), InstallError> {
        let folder = at.parent().unwrap_or(self.into);
        fs::create_dir_all(folder).at("create", folder)
    }

    fn write<R: Read>(
        &self,
        tar: &mut TarReader<R>,
        entry: &TarEntry,
        at: &Utf8Path,
    ) -> Result<(), InstallError> {
        let mut output = File::create_new(at).at("create", at)?;
        let mut buffer = vec![0; READ];
        loop {
            let count = tar.read(&mut buffer).map_err(|error| broken_tar(self.archive, &error))?;
            if count == 0 {
                break;
            }
            io::Write::write_all(&mut output, &buffer[..count]).at("write", at)?;
        }
        let mode = if entry.mode & 0o111 == 0 { 0o444 } else { 0o555 };
        output.set_permissions(Permissions::from_mode(mode)).at("change the mode of", at)
    }
}

/// `./usr/bin/x`, as dpkg writes it, as a path below the package's root; none for the root itself.
fn plain_path(name: &str, is_folder: bool) -> Result<Option<Utf8PathBuf>, Hostility> {
    let inner = name.strip_prefix("./").unwrap_or(name);
    let inner = if is_folder { inner.strip_suffix('/').unwrap_or(inner) } else { inner };
    if is_folder && matches!(inner, "" | ".") {
        return Ok(None);
    }
    if is_plain(inner) { Ok(Some(inner.into())) } else { Err(Hostility::Name) }
}

/// What a symbolic link at `path` says, relative to its folder; none if it leads out of the package. An absolute one
/// begins at the package's root, which is the system's once a package is installed.
fn inside(path: &Utf8Path, says: &str) -> Option<Utf8PathBuf> {
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let mut target = if says.starts_with('/') { Utf8PathBuf::new() } else { folder.to_owned() };
    for component in Utf8Path::new(says).components() {
        match component {
            Utf8Component::RootDir | Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                if !target.pop() {
                    return None;
                }
            }
            Utf8Component::Normal(name) => target.push(name),
            Utf8Component::Prefix(_) => return None,
        }
    }
    is_plain(target.as_str()).then(|| relative(folder, &target))
}

fn broken_tar(archive: &str, error: &TarError) -> InstallError {
    broken(archive, error.to_string())
}

fn broken(archive: &str, problem: String) -> InstallError {
    InstallError::BrokenArchive { archive: archive.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;
    use tar::{EntryType, Header};

    use super::*;

    /// One entry of a tar; the name and the link go in as they are, however wrong.
    fn entry(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn file(name: &str) -> Vec<u8> {
        entry(EntryType::Regular, name, "", b"content")
    }

    fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = entries.concat();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len());
        if bytes.len() != ar::HEADER {
            bytes.truncate(ar::HEADER);
        }
        let mut bytes = bytes.into_bytes();
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        bytes
    }

    /// With a control member of an odd size, which is padded.
    fn package(name: &str, data: &[u8]) -> Vec<u8> {
        let members =
            [member("debian-binary", b"2.0\n"), member("control.tar.xz", b"odd"), member(name, data)];
        [ar::MAGIC.as_slice(), &members.concat()].concat()
    }

    /// What was unpacked of `bytes`, and that nothing lies outside of the folder meant for it.
    fn attempt(bytes: &[u8]) -> Result<Vec<String>, InstallError> {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (path, into) = (folder.join("a.deb"), folder.join("into"));
        fs::write(&path, bytes).unwrap();
        fs::create_dir(&into).unwrap();
        let wanted = |path: &Utf8Path, _: Option<&Utf8Path>| !path.starts_with("unwanted");
        let result = unpack(&path, "a.deb", &into, &wanted);
        assert_eq!(folder.read_dir_utf8().unwrap().count(), 2);
        let mut found = Vec::new();
        list(&into, Utf8Path::new(""), &mut found);
        found.sort();
        result.map(|()| found)
    }

    fn list(folder: &Utf8Path, below: &Utf8Path, found: &mut Vec<String>) {
        for entry in folder.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let path = below.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                list(entry.path(), &path, found);
            } else if kind.is_symlink() {
                found.push(format!("{path} -> {}", entry.path().read_link_utf8().unwrap()));
            } else {
                found.push(format!("{path} {}", String::from_utf8_lossy(&fs::read(entry.path()).unwrap())));
            }
        }
    }

    #[test]
    fn unpacks_what_is_wanted_however_it_is_compressed() {
        let data = tar(&[
            entry(EntryType::Directory, "./", "", b""),
            entry(EntryType::Directory, "./usr/", "", b""),
            file("./usr/a"),
            entry(EntryType::Link, "./usr/other", "./usr/a", b""),
            file("./unwanted/b"),
            entry(EntryType::Symlink, "./usr/lib/a", "../a", b""),
            entry(EntryType::Symlink, "./usr/lib/profile", "/etc/profile", b""),
            entry(EntryType::Symlink, "./unwanted/link", "../usr/a", b""),
        ]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&data).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(&data).unwrap();
        for (name, packed) in [
            ("data.tar", data.clone()),
            ("data.tar/", data.clone()),
            ("data.tar.gz", gz.finish().unwrap()),
            ("data.tar.xz", xz.finish().unwrap()),
            ("data.tar.zst", zstd::encode_all(data.as_slice(), 1).unwrap()),
        ] {
            let name = name.strip_suffix('/').map_or_else(|| name.to_owned(), |name| format!("{name}/"));
            assert_eq!(
                attempt(&package(&name, &packed)).unwrap(),
                [
                    "usr/a content",
                    "usr/lib/a -> ../a",
                    "usr/lib/profile -> ../../etc/profile",
                    "usr/other content"
                ],
                "{name}"
            );
        }
    }

    #[track_caller]
    fn refused(entries: &[Vec<u8>], expected: Hostility) {
        match attempt(&package("data.tar", &tar(entries))) {
            Err(InstallError::Hostile { why, .. }) => assert_eq!(why, expected),
            other => panic!("{expected:?} expected, found {other:?}"),
        }
    }

    #[test]
    fn hostile_packages_are_refused() {
        let kind = |kind| entry(kind, "x", "", b"");
        let link = |name: &str, to: &str| entry(EntryType::Symlink, name, to, b"");
        let hard = |name: &str, to: &str| entry(EntryType::Link, name, to, b"");
        for name in ["../a", "/etc/passwd", "./../a", "a//b", "a/./b", "././a", "a\\b", "a\nb", "usr/.."] {
            refused(&[file(name)], Hostility::Name);
        }
        refused(&[kind(EntryType::Char)], Hostility::Kind);
        refused(&[kind(EntryType::Block)], Hostility::Kind);
        refused(&[kind(EntryType::Fifo)], Hostility::Kind);
        refused(&[kind(EntryType::GNUSparse)], Hostility::Kind);
        // Links lead to what is inside, and nothing is written through one.
        refused(&[link("a", "../b")], Hostility::Link);
        refused(&[link("usr/a", "../../b")], Hostility::Link);
        refused(&[link("usr/a", "/../b")], Hostility::Link);
        refused(&[link("a", "/")], Hostility::Link);
        refused(&[link("a", "")], Hostility::Link);
        refused(&[link("unwanted/a", "../../b")], Hostility::Link);
        refused(&[link("a", "usr"), file("a/b")], Hostility::Collision);
        refused(&[link("unwanted", "usr"), file("unwanted/b")], Hostility::Collision);
        refused(&[link("a", "usr"), file("a")], Hostility::Collision);
        refused(&[file("a"), file("a/b")], Hostility::Collision);
        refused(&[file("a/b"), file("a")], Hostility::Collision);
        refused(&[file("a"), file("./a")], Hostility::Collision);
        refused(&[file("a"), entry(EntryType::Directory, "a/", "", b"")], Hostility::Collision);
        // A hard link is a name of a file that was unpacked, of nothing else.
        refused(&[hard("a", "/etc/passwd")], Hostility::Link);
        refused(&[hard("a", "../../etc/passwd")], Hostility::Link);
        refused(&[hard("a", "b")], Hostility::Link);
        refused(&[link("b", "etc/passwd"), hard("a", "b")], Hostility::Link);
        refused(&[file("unwanted/b"), hard("a", "unwanted/b")], Hostility::Link);
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        let data = tar(&[entry(EntryType::Regular, "unwanted/a", "", &vec![0; 16 << 20])]);
        let packed = zstd::encode_all(data.as_slice(), 1).unwrap();
        let error = attempt(&package("data.tar.zst", &packed)).unwrap_err();
        assert!(matches!(error, InstallError::Hostile { why: Hostility::Bomb, .. }), "{error}");
    }

    #[test]
    fn what_is_no_package_is_named() {
        let good = package("data.tar", &tar(&[file("a")]));
        for (bytes, problem) in [
            (&b"PK\x03\x04 a zip"[..], "no archive magic"),
            (&good[..40], "it has no member `data.tar`"),
            (&good[..100], "it has no member `data.tar`"),
            (&good[..73], "it has no member `data.tar`"),
            (&package("data.tar.lzma", b""), "`data.tar.lzma` is compressed in a way that is not read"),
            (&good[8..], "no archive magic"),
        ] {
            let error = attempt(bytes).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
        // A stream that ends early, or has another checksum, is found out, even behind the last file.
        let packed = zstd::encode_all(tar(&[file("a")]).as_slice(), 1).unwrap();
        assert!(attempt(&package("data.tar.zst", &packed[..packed.len() - 3])).is_err());
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
        xz.write_all(&tar(&[file("a")])).unwrap();
        let mut packed = xz.finish().unwrap();
        *packed.last_mut().unwrap() ^= 1;
        assert!(attempt(&package("data.tar.xz", &packed)).is_err());
    }

    proptest! {
        #[test]
        fn no_damage_escapes_or_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let link = entry(EntryType::Symlink, "./usr/b", "a", b"");
            let mut bytes = package("data.tar", &tar(&[file("./usr/a"), link]));
            for (index, byte) in damage {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            _ = attempt(&bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = attempt(&bytes);
            _ = attempt(&package("data.tar.xz", &bytes));
        }

        #[test]
        fn no_link_leads_out(path in "[ab]{1,2}(/[ab]{1,2}){0,3}", says in "/?([.]{0,2}|[ab])(/([.]{1,2}|[ab])){0,6}") {
            if let Some(to) = inside(Utf8Path::new(&path), &says) {
                let folder = Utf8Path::new(&path).parent().unwrap();
                let mut depth = folder.components().count();
                for part in to.components() {
                    depth = if part.as_str() == ".." { depth.checked_sub(1).unwrap() } else { depth + 1 };
                }
            }
        }
    }
}
