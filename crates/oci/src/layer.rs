//! A tree to a layer's blob: tar, both digests and compression in one pass, on two threads, with little memory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::{Digest, Hasher};

use crate::compress::{Compression, Encoder, PIECE};
use crate::entry::{Node, Tree};
use crate::file::{FileError, read_unchanged};
use crate::tar::padding;
use crate::tar::write::{END, Header, Kind, header};

/// How many pieces may wait between the thread that reads and the one that compresses.
const QUEUE: usize = 4;

/// What is known of a layer once it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerFacts {
    /// Of the uncompressed tar.
    pub diff_id: Digest,
    /// Of the blob.
    pub digest: Digest,
    /// Of the blob, in bytes.
    pub size: u64,
    /// Of the uncompressed tar, in bytes.
    pub uncompressed_size: u64,
}

/// Writes the layer to `path`, which must not exist, and syncs it.
pub(crate) fn write_layer(
    tree: &Tree,
    epoch: u64,
    compression: Compression,
    path: &Utf8Path,
) -> Result<LayerFacts, FileError> {
    let file = File::create_new(path).map_err(FileError::when("create", path))?;
    let (sender, receiver) = sync_channel(QUEUE);
    thread::scope(|scope| {
        let compressor = scope.spawn(move || compress(&receiver, compression, file, path));
        let tar = write_tar(tree, epoch, Pieces::new(sender));
        let compressed = compressor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // If the compressor failed, the tar failed only because nobody listened any more.
        let packed = compressed?;
        let (diff_id, uncompressed_size) = tar?;
        let (digest, size) = packed.unwrap_or((diff_id, uncompressed_size));
        Ok(LayerFacts { diff_id, digest, size, uncompressed_size })
    })
}

/// Digest and size of the blob; none where it is the tar itself, which is hashed already.
fn compress(
    pieces: &Receiver<Vec<u8>>,
    compression: Compression,
    file: File,
    path: &Utf8Path,
) -> Result<Option<(Digest, u64)>, FileError> {
    let error = || FileError::when("write", path);
    let hasher = (compression != Compression::None).then(Hasher::default);
    let mut encoder = Encoder::new(compression, HashingWriter { inner: file, hasher }).map_err(error())?;
    for piece in pieces {
        encoder.piece(&piece).map_err(error())?;
    }
    let HashingWriter { inner: file, hasher } = encoder.finish().map_err(error())?;
    // Blobs never change: their name is their digest.
    file.set_permissions(fs::Permissions::from_mode(0o444)).and_then(|()| file.sync_all()).map_err(error())?;
    Ok(hasher.map(|hasher| {
        let size = hasher.length();
        (hasher.finish(), size)
    }))
}

fn write_tar(tree: &Tree, epoch: u64, mut pieces: Pieces) -> Result<(Digest, u64), FileError> {
    // Where the bytes go is the other thread's business, and so is a failure there.
    let error = || FileError::when("write", Utf8PathBuf::from("layer"));
    for (path, node) in tree {
        let (kind, mode, owner) = match node {
            Node::File { stamp, executable, .. } => {
                (Kind::File { size: stamp.size }, if *executable { 0o755 } else { 0o644 }, (0, 0))
            }
            Node::Bytes(bytes) => (Kind::File { size: bytes.len() as u64 }, 0o644, (0, 0)),
            Node::Symlink(target) => (Kind::Symlink { target }, 0o777, (0, 0)),
            Node::Folder(folder) => (Kind::Directory, folder.mode, (folder.uid, folder.gid)),
        };
        let entry = Header { path, kind, mode, uid: owner.0, gid: owner.1, mtime: epoch };
        pieces.write_all(&header(&entry)).map_err(error())?;
        match node {
            Node::File { source, stamp, .. } => {
                read_unchanged(source, stamp, |bytes| pieces.write_all(bytes))?;
            }
            Node::Bytes(bytes) => pieces.write_all(bytes).map_err(error())?,
            Node::Symlink(_) | Node::Folder(_) => {}
        }
        if let Kind::File { size } = kind {
            pieces.write_all(&END[..padding(size)]).map_err(error())?;
        }
    }
    pieces.write_all(&END).map_err(error())?;
    pieces.finish().map_err(error())
}

/// Cuts a stream into pieces of a fixed size, hashes it, and passes the pieces on.
struct Pieces {
    hasher: Hasher,
    piece: Vec<u8>,
    sender: SyncSender<Vec<u8>>,
}

impl Pieces {
    fn new(sender: SyncSender<Vec<u8>>) -> Self {
        Self { hasher: Hasher::default(), piece: Vec::with_capacity(PIECE), sender }
    }

    fn send(&mut self, next: Vec<u8>) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, next);
        self.hasher.update(&piece);
        self.sender.send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        if !self.piece.is_empty() {
            self.send(Vec::new())?;
        }
        let length = self.hasher.length();
        Ok((self.hasher.finish(), length))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.send(Vec::with_capacity(PIECE))?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Hashes what it passes on, if that is wanted.
struct HashingWriter<W> {
    inner: W,
    hasher: Option<Hasher>,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..count]);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use cuferry_testkit::scratch;

    use super::*;
    use crate::entry::{Entry, tree};

    fn decompress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            Compression::None => plain.extend_from_slice(bytes),
            Compression::Gzip => {
                flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).map(drop).unwrap();
            }
            Compression::Zstd => plain = zstd::decode_all(bytes).unwrap(),
        }
        plain
    }

    #[test]
    fn every_compression_holds_the_same_tar() {
        let (_guard, folder) = scratch();
        let source = folder.join("source");
        let content: Vec<u8> = (0..3_000_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        fs::write(&source, &content).unwrap();
        let entries = [
            Entry::file("/app/bin/big".parse().unwrap(), &source, true),
            Entry::bytes("/etc/empty".parse().unwrap(), ""),
            Entry::symlink("/app/link".parse().unwrap(), "bin/big"),
        ];
        let tree = tree(&entries, &BTreeMap::new()).unwrap();
        let mut plain_facts = None;
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let path = folder.join(format!("{compression:?}"));
            let facts = write_layer(&tree, 5, compression, &path).unwrap();
            let blob = fs::read(&path).unwrap();
            assert_eq!((facts.digest, facts.size), (Digest::of(&blob), blob.len() as u64));
            let plain = decompress(compression, &blob);
            assert_eq!((facts.diff_id, facts.uncompressed_size), (Digest::of(&plain), plain.len() as u64));
            let plain_facts = plain_facts.get_or_insert((facts.diff_id, facts.uncompressed_size));
            assert_eq!(*plain_facts, (facts.diff_id, facts.uncompressed_size));
            let mut archive = tar::Archive::new(plain.as_slice());
            let seen: Vec<String> = archive
                .entries()
                .unwrap()
                .map(|entry| {
                    let entry = entry.unwrap();
                    let header = entry.header();
                    let mode = header.mode().unwrap();
                    format!(
                        "{} {mode:o} {} {}",
                        entry.path().unwrap().display(),
                        entry.size(),
                        header.mtime().unwrap()
                    )
                })
                .collect();
            assert_eq!(
                seen,
                [
                    "app/ 755 0 5",
                    "app/bin/ 755 0 5",
                    "app/bin/big 755 12000000 5",
                    "app/link 777 0 5",
                    "etc/ 755 0 5",
                    "etc/empty 644 0 5"
                ]
            );
        }
    }

    #[test]
    fn a_source_that_changes_is_an_error() {
        let (_guard, folder) = scratch();
        let source = folder.join("source");
        fs::write(&source, "one").unwrap();
        let tree = tree(&[Entry::file("/a".parse().unwrap(), &source, false)], &BTreeMap::new()).unwrap();
        fs::write(&source, "longer").unwrap();
        let error = write_layer(&tree, 0, Compression::Zstd, &folder.join("blob")).unwrap_err();
        assert_eq!(error.to_string(), format!("can't read `{source}`"));
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let error = FileError::when("write", "/dev/full")(io::ErrorKind::StorageFull.into());
        assert!(error.is_disk_full());
    }
}
