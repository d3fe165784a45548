//! A folder of layers written before, so that 700 MB of cuBLAS are neither read, hashed nor compressed again when only the
//! program changes.
//!
//! Whatever is in it may be damaged or missing: then the layer is written again.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::{Digest, Hasher};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compress::{Compression, encoder_identity};
use crate::entry::{Node, Tree};
use crate::file::{FileError, Stamp, content_digest};
use crate::layer::LayerFacts;

/// Changes whenever the same tree would be written as other bytes, or the records below get other fields.
const FORMAT: &str = "cuferry-layer-1";

/// Smaller files are read again faster than they are looked up, in bytes.
const SMALL: u64 = 256 * 1024;

/// A file changed more recently than this, in seconds, may change again without its times telling.
const RACY: i64 = 2;

/// Layers, by what is in them.
///
/// ```text
/// FOLDER/cuferry-layer-1/
///   layers/<key>               a record: digests and sizes, and which blob
///   blobs/<digest>             the layer as it is written; hard-linked into layouts, therefore read-only
///   contents/<device>-<inode>  a record: the digest of a large file, and the times for which it holds
/// ```
/// A record is the digest of what follows, a line feed, and JSON: a torn one is seen. A blob is taken without reading it
/// if size, inode and time of last change are those recorded, else after hashing it; archives hash it as they copy it.
#[derive(Clone, Debug)]
pub struct LayerCache {
    folder: Utf8PathBuf,
}

/// A layer that was found.
pub(crate) struct CachedLayer {
    pub facts: LayerFacts,
    pub blob: Utf8PathBuf,
}

#[derive(Serialize, Deserialize)]
struct LayerRecord {
    diff_id: Digest,
    digest: Digest,
    size: u64,
    uncompressed_size: u64,
    blob: BlobStamp,
}

/// A blob's state, without the time that a hard link changes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BlobStamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct ContentRecord {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    digest: Digest,
}

impl LayerCache {
    /// Uses `folder`, and makes it if need be. Several runs may use one folder at a time.
    pub fn open(folder: &Utf8Path) -> Result<Self, FileError> {
        let cache = Self { folder: folder.join(FORMAT) };
        for name in ["layers", "blobs", "contents"] {
            let path = cache.folder.join(name);
            fs::create_dir_all(&path).map_err(FileError::when("create", &path))?;
        }
        Ok(cache)
    }

    /// Names a layer by all that its bytes depend on.
    pub(crate) fn key(&self, tree: &Tree, epoch: u64, compression: Compression) -> Result<Digest, FileError> {
        let mut hasher = Hasher::default();
        hasher.field(FORMAT);
        hasher.field(encoder_identity(compression));
        hasher.field(epoch.to_le_bytes());
        for (path, node) in tree {
            hasher.field(path);
            match node {
                Node::File { source, stamp, executable } => {
                    hasher.field(if *executable { "program" } else { "file" });
                    hasher.field(self.content_digest(source, stamp)?.as_bytes());
                }
                Node::Bytes(bytes) => {
                    hasher.field("file");
                    hasher.field(Digest::of(bytes).as_bytes());
                }
                Node::Symlink(target) => {
                    hasher.field("link");
                    hasher.field(target);
                }
                Node::Folder(folder) => {
                    hasher.field("folder");
                    hasher.field(format!("{:o} {} {}", folder.mode, folder.uid, folder.gid));
                }
            }
        }
        Ok(hasher.finish())
    }

    /// The digest of a file's content, remembered for large ones.
    fn content_digest(&self, path: &Utf8Path, stamp: &Stamp) -> Result<Digest, FileError> {
        if stamp.size < SMALL {
            return content_digest(path, stamp);
        }
        let record_path = self.folder.join(format!("contents/{}-{}", stamp.device, stamp.inode));
        let holds = |record: &ContentRecord| {
            (record.size, record.modified, record.changed) == (stamp.size, stamp.modified, stamp.changed)
        };
        if let Some(record) = read_record::<ContentRecord>(&record_path).filter(holds) {
            return Ok(record.digest);
        }
        let digest = content_digest(path, stamp)?;
        let Stamp { size, modified, changed, .. } = *stamp;
        write_record(&record_path, &ContentRecord { size, modified, changed, digest }, |now| {
            now - changed.0 > RACY
        })?;
        Ok(digest)
    }

    /// The layer of this name, if it is there and whole.
    pub(crate) fn find(&self, key: Digest) -> Result<Option<CachedLayer>, FileError> {
        let record_path = self.layer(key);
        let Some(record) = read_record::<LayerRecord>(&record_path) else { return Ok(None) };
        let blob = self.blob(record.digest);
        let Ok(stamp) = Stamp::read(&blob) else { return Ok(None) };
        if BlobStamp::of(&stamp) != record.blob {
            // Copied from elsewhere, or damaged.
            if stamp.size != record.size || content_digest(&blob, &stamp)? != record.digest {
                return Ok(None);
            }
            write_record(&record_path, &LayerRecord { blob: BlobStamp::of(&stamp), ..record }, |_| true)?;
        }
        let LayerRecord { diff_id, digest, size, uncompressed_size, .. } = record;
        Ok(Some(CachedLayer { facts: LayerFacts { diff_id, digest, size, uncompressed_size }, blob }))
    }

    /// Keeps a layer that was written to `written`.
    pub(crate) fn keep(&self, key: Digest, facts: &LayerFacts, written: &Utf8Path) -> Result<(), FileError> {
        let blob = self.blob(facts.digest);
        let temporary = temporary_beside(&blob);
        link_or_copy(written, &temporary)?;
        fs::rename(&temporary, &blob).map_err(FileError::when("create", &blob))?;
        // Where both names are already the same file, a rename does nothing at all.
        let _ = fs::remove_file(&temporary);
        let stamp = BlobStamp::of(&Stamp::read(&blob)?);
        let LayerFacts { diff_id, digest, size, uncompressed_size } = *facts;
        write_record(
            &self.layer(key),
            &LayerRecord { diff_id, digest, size, uncompressed_size, blob: stamp },
            |_| true,
        )
    }

    /// Removes a blob that proved damaged.
    pub(crate) fn forget(&self, digest: Digest) {
        // If it can't be removed, the next use finds it damaged once more.
        let _ = fs::remove_file(self.blob(digest));
    }

    fn layer(&self, key: Digest) -> Utf8PathBuf {
        self.folder.join(format!("layers/{key}"))
    }

    fn blob(&self, digest: Digest) -> Utf8PathBuf {
        self.folder.join(format!("blobs/{digest}"))
    }
}

impl BlobStamp {
    fn of(stamp: &Stamp) -> Self {
        Self { inode: stamp.inode, size: stamp.size, modified: stamp.modified }
    }
}

/// A second name for a file, or a copy where the file system can't give one.
pub(crate) fn link_or_copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileError::when("read", from)(error)),
        Err(_) => fs::copy(from, to).map(drop).map_err(FileError::when("write", to)),
    }
}

fn temporary_beside(path: &Utf8Path) -> Utf8PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Utf8PathBuf::from(format!("{path}.{}-{number}", std::process::id()))
}

/// A record, if it is there and whole.
fn read_record<T: DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    let text = fs::read_to_string(path).ok()?;
    let (digest, json) = text.split_once('\n')?;
    (digest.parse() == Ok(Digest::of(json))).then(|| serde_json::from_str(json).ok()).flatten()
}

/// Writes a record in one step, unless `wanted` refuses the time that it is now, in seconds since 1970. That is the file
/// system's own time, which is the one to compare with other files'.
fn write_record<T: Serialize>(
    path: &Utf8Path,
    record: &T,
    wanted: impl FnOnce(i64) -> bool,
) -> Result<(), FileError> {
    let json = serde_json::to_string(record).expect("numbers and digests are always JSON");
    let temporary = temporary_beside(path);
    fs::write(&temporary, format!("{}\n{json}", Digest::of(&json)))
        .map_err(FileError::when("write", &temporary))?;
    let now = Stamp::read(&temporary)?.modified.0;
    if wanted(now) {
        fs::rename(&temporary, path).map_err(FileError::when("write", path))
    } else {
        fs::remove_file(&temporary).map_err(FileError::when("remove", &temporary))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::entry::{Entry, tree};
    use crate::layer::write_layer;

    struct Bench {
        _guard: tempfile::TempDir,
        folder: Utf8PathBuf,
        cache: LayerCache,
    }

    fn bench() -> Bench {
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let cache = LayerCache::open(&folder.join("cache")).unwrap();
        Bench { _guard: guard, folder, cache }
    }

    fn laid_out(entries: &[Entry]) -> Tree {
        tree(entries, &BTreeMap::new()).unwrap()
    }

    impl Bench {
        /// A layer written and kept: its key and its blob in the cache.
        fn kept(&self) -> (Digest, Utf8PathBuf) {
            let tree = laid_out(&[Entry::bytes("/a".parse().unwrap(), "content")]);
            let key = self.cache.key(&tree, 0, Compression::None).unwrap();
            let written = self.folder.join("written");
            let facts = write_layer(&tree, 0, Compression::None, &written).unwrap();
            self.cache.keep(key, &facts, &written).unwrap();
            fs::remove_file(&written).unwrap();
            (key, self.cache.blob(facts.digest))
        }
    }

    #[test]
    fn every_input_changes_the_key() {
        let bench = bench();
        let source = bench.folder.join("source");
        fs::write(&source, "one").unwrap();
        let file = |path: &str, executable| Entry::file(path.parse().unwrap(), &source, executable);
        let key = |entries: &[Entry], epoch, compression| {
            bench.cache.key(&laid_out(entries), epoch, compression).unwrap()
        };
        let first = key(&[file("/a", true)], 0, Compression::Zstd);
        assert_eq!(first, key(&[file("/a", true)], 0, Compression::Zstd));
        assert_ne!(first, key(&[file("/b", true)], 0, Compression::Zstd));
        assert_ne!(first, key(&[file("/a", false)], 0, Compression::Zstd));
        assert_ne!(first, key(&[file("/a", true)], 1, Compression::Zstd));
        assert_ne!(first, key(&[file("/a", true)], 0, Compression::Gzip));
        // Where the file lies, and when it was made, is not in the layer.
        let moved = bench.folder.join("moved");
        fs::rename(&source, &moved).unwrap();
        assert_eq!(first, key(&[Entry::file("/a".parse().unwrap(), &moved, true)], 0, Compression::Zstd));
        fs::write(&moved, "two").unwrap();
        assert_ne!(first, key(&[Entry::file("/a".parse().unwrap(), &moved, true)], 0, Compression::Zstd));
    }

    #[test]
    fn a_kept_layer_is_found_until_it_is_damaged() {
        let bench = bench();
        let (key, blob) = bench.kept();
        let found = bench.cache.find(key).unwrap().unwrap();
        assert_eq!(found.blob, blob);
        assert_eq!(found.facts.digest, Digest::of(fs::read(&blob).unwrap()));

        // Restored from a backup: another inode and another time, the same bytes.
        let copy = bench.folder.join("copy");
        fs::copy(&blob, &copy).unwrap();
        fs::rename(&copy, &blob).unwrap();
        assert!(bench.cache.find(key).unwrap().is_some());

        // One bit off, same size.
        let mut bytes = fs::read(&blob).unwrap();
        bytes[600] ^= 1;
        fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&blob, bytes).unwrap();
        fs::File::options()
            .append(true)
            .open(&blob)
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_secs(9))
            .unwrap();
        assert!(bench.cache.find(key).unwrap().is_none());
        fs::remove_file(&blob).unwrap();
        assert!(bench.cache.find(key).unwrap().is_none());
    }

    #[test]
    fn a_torn_record_is_no_record() {
        let bench = bench();
        let (key, _) = bench.kept();
        let record = bench.cache.layer(key);
        let text = fs::read_to_string(&record).unwrap();
        fs::write(&record, text.replace("\"size\":", "\"size\":1")).unwrap();
        assert!(bench.cache.find(key).unwrap().is_none());
        fs::write(&record, &text[..text.len() / 2]).unwrap();
        assert!(bench.cache.find(key).unwrap().is_none());
    }

    #[test]
    fn a_large_files_digest_is_remembered_once_it_is_settled() {
        let bench = bench();
        let source = bench.folder.join("large");
        let content = vec![7; usize::try_from(SMALL).unwrap()];
        fs::write(&source, &content).unwrap();
        let stamp = Stamp::read(&source).unwrap();
        let records = || bench.cache.folder.join("contents").read_dir_utf8().unwrap().count();
        assert_eq!(bench.cache.content_digest(&source, &stamp).unwrap(), Digest::of(&content));
        assert_eq!(records(), 0, "it was written just now, and could be again");

        let record = ContentRecord {
            size: stamp.size,
            modified: stamp.modified,
            changed: stamp.changed,
            digest: Digest::of("remembered"),
        };
        let path = bench.cache.folder.join(format!("contents/{}-{}", stamp.device, stamp.inode));
        write_record(&path, &record, |_| true).unwrap();
        assert_eq!(bench.cache.content_digest(&source, &stamp).unwrap(), Digest::of("remembered"));
        fs::write(&source, &content).unwrap();
        let stamp = Stamp::read(&source).unwrap();
        assert_eq!(bench.cache.content_digest(&source, &stamp).unwrap(), Digest::of(&content));
    }
}
