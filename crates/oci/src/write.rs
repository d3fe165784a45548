//! An image plan to a layout or an archive on disk: made aside, then put in place by one rename.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::{Digest, Hasher};
use miette::Diagnostic;
use thiserror::Error;

use crate::base::{BaseLayer, blob_name};
use crate::cache::{LayerCache, link_or_copy};
use crate::entry::{Entry, EntryError, Folder, Node, Tree, named_folders, tree};
use crate::file::{BUFFER, FileError, parent_of, sync_folder, write_new};
use crate::image::{
    ImagePlan, MAX_EPOCH, WRITER_KEY, WrittenLayer, config_json, docker_json, index_json, manifest_json,
};
use crate::layer::write_layer;
use crate::path::ImagePath;
use crate::staging::{Staging, replace_file, replace_folder};
use crate::tar::padding;
use crate::tar::write::{END, Header, Kind, header};

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A folder in OCI layout:
    ///
    /// ```text
    /// FOLDER/
    ///   oci-layout             {"imageLayoutVersion":"1.0.0"}
    ///   index.json             names the manifest
    ///   blobs/sha256/<digest>  manifest, configuration, layers
    /// ```
    Layout(Utf8PathBuf),
    /// One tar with the same files and, for `docker load`, `manifest.json`.
    Archive(Utf8PathBuf),
}

/// An image, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenImage {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// Of its manifest: the image's name in registries.
    pub digest: Digest,
    /// Of its configuration: the image's id in engines.
    pub config_digest: Digest,
    /// Those of the base first.
    pub layers: Vec<WrittenLayer>,
    /// Of all blobs together, in bytes.
    pub size: u64,
}

/// An image that can't be written. Nothing of it is left behind, and what was at its place is as it was.
#[derive(Debug, Error, Diagnostic)]
pub enum WriteImageError {
    /// The disk, or the user's share of it, is full.
    #[error("no space left for the image `{path}`: it needs up to {needed} bytes, {available} were free")]
    #[diagnostic(code(oci::disk_full), help("free some space, or write the image to another disk"))]
    DiskFull {
        /// The image.
        path: Utf8PathBuf,
        /// At most, in bytes, counted without compression.
        needed: u64,
        /// Before we began, in bytes.
        available: u64,
        /// The file that didn't fit.
        #[source]
        source: FileError,
    },
    /// The folder can't be written to.
    #[error("the folder `{folder}` is not writable")]
    #[diagnostic(code(oci::not_writable), help("name another place for the image, or make the folder yours"))]
    NotWritable {
        /// Where the image was to go.
        folder: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: FileError,
    },
    /// Something else is at the image's place.
    #[error("`{path}` is not an image of ours, and is left alone")]
    #[diagnostic(code(oci::in_the_way), help("name another place for the image, or remove what is there"))]
    InTheWay {
        /// What is there.
        path: Utf8PathBuf,
    },
    /// A time that no tar can hold.
    #[error("the time {epoch} is beyond the year 2242")]
    #[diagnostic(code(oci::epoch), help("`SOURCE_DATE_EPOCH` is in seconds since 1970"))]
    Epoch {
        /// In seconds since 1970.
        epoch: u64,
    },
    /// Symbolic links of the base image that lead in circles.
    #[error("`{path}` can't be put into the base image: its symbolic links go round in circles")]
    #[diagnostic(code(oci::base_links))]
    Links {
        /// In the image.
        path: ImagePath,
    },
    /// A blob of the cache, or of the base image, changed while it was used.
    #[error("`{path}` is damaged\n  expected: {expected}\n  found:    {found}")]
    #[diagnostic(
        code(oci::blob_damaged),
        help("try again; if it happens once more, fetch the base image again")
    )]
    Damaged {
        /// The file that it was read from.
        path: Utf8PathBuf,
        /// Its name.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// The entries don't go together.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Entry(#[from] EntryError),
    /// Any other operation on a file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Destination {
    /// The path, whichever it is.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::Layout(path) | Self::Archive(path) => path,
        }
    }
}

/// Writes the image. Layers that don't change with every build are taken from `cache`, and kept there.
///
/// The same plan over the same contents gives the same bytes, whenever and wherever it is written.
pub fn write_image(
    plan: &ImagePlan,
    destination: &Destination,
    cache: Option<&LayerCache>,
) -> Result<WrittenImage, WriteImageError> {
    let path = destination.path();
    if plan.epoch > MAX_EPOCH {
        return Err(WriteImageError::Epoch { epoch: plan.epoch });
    }
    check_place(destination)?;
    let layers = planned(plan)?;
    let needed = space_needed(plan, &layers, destination);
    let folder = parent_of(path).to_owned();
    let staging = Staging::beside(path).map_err(|source| {
        if source.is_denied() {
            WriteImageError::NotWritable { folder: folder.clone(), source }
        } else {
            source.into()
        }
    });
    let available = free_space(&folder);
    let written = staging.and_then(|staging| {
        let write = || Writing { plan, staging: &staging, cache, layers: &layers }.write(destination);
        match write() {
            // A blob of the cache was damaged, and is forgotten by now.
            Err(WriteImageError::Damaged { .. }) if cache.is_some() => write(),
            result => result,
        }
    });
    written.map_err(|error| match error {
        WriteImageError::File(source) | WriteImageError::Entry(EntryError::File(source))
            if source.is_disk_full() =>
        {
            WriteImageError::DiskFull { path: path.to_owned(), needed, available, source }
        }
        other => other,
    })
}

/// A layer, laid out.
struct PlannedLayer<'a> {
    name: &'a str,
    changing: bool,
    tree: Tree,
}

/// Lays the layers out; in a base image with its links followed, so that `/lib` stays the link that it is there.
fn planned(plan: &ImagePlan) -> Result<Vec<PlannedLayer<'_>>, WriteImageError> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    if let Some(base) = &plan.base {
        folders.extend(base.tree.folders().map(|(path, folder)| (path.to_owned(), folder)));
    }
    folders.extend(named_folders(&plan.layers));
    let mut layers = Vec::new();
    for layer in plan.layers.iter().filter(|layer| !layer.entries.is_empty()) {
        let entries = match &plan.base {
            None => layer.entries.clone(),
            Some(base) => {
                let resolved = layer.entries.iter().map(|entry| {
                    let links = || WriteImageError::Links { path: entry.path.clone() };
                    let path = base.tree.resolve_parents(entry.path.relative()).ok_or_else(links)?;
                    Ok(Entry { path: format!("/{path}").parse().map_err(|_| links())?, ..entry.clone() })
                });
                resolved.collect::<Result<Vec<_>, WriteImageError>>()?
            }
        };
        let tree = tree(&entries, &folders)?;
        layers.push(PlannedLayer { name: &layer.name, changing: layer.changing, tree });
    }
    Ok(layers)
}

/// Refuses to replace what we did not write.
fn check_place(destination: &Destination) -> Result<(), WriteImageError> {
    let path = destination.path();
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let good = match destination {
        Destination::Archive(_) => metadata.is_file(),
        Destination::Layout(_) => metadata.is_dir() && (is_our_layout(path) || is_empty(path)),
    };
    if good { Ok(()) } else { Err(WriteImageError::InTheWay { path: path.to_owned() }) }
}

fn is_our_layout(path: &Utf8Path) -> bool {
    let index = fs::read(path.join("index.json")).unwrap_or_default();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap_or_default();
    let ours = index["annotations"][WRITER_KEY].is_string();
    // Whatever else somebody put there would be lost.
    let only_ours = path.read_dir_utf8().is_ok_and(|mut entries| {
        entries.all(|entry| {
            entry.is_ok_and(|entry| ["blobs", "index.json", "oci-layout"].contains(&entry.file_name()))
        })
    });
    ours && only_ours
}

fn is_empty(path: &Utf8Path) -> bool {
    path.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_none())
}

/// An upper bound, in bytes.
fn space_needed(plan: &ImagePlan, layers: &[PlannedLayer<'_>], destination: &Destination) -> u64 {
    let of_node = |node: &Node| match node {
        Node::File { stamp, .. } => stamp.size,
        Node::Bytes(bytes) => bytes.len() as u64,
        Node::Symlink(_) | Node::Folder(_) => 0,
    };
    let own: u64 = layers.iter().flat_map(|layer| layer.tree.values()).map(|node| of_node(node) + 1024).sum();
    let base: u64 = plan.base.iter().flat_map(|base| &base.layers).map(|layer| layer.blob.size).sum();
    match destination {
        Destination::Layout(_) => own + base,
        // First the blobs, then the tar of them.
        Destination::Archive(_) => 2 * (own + base),
    }
}

fn free_space(folder: &Utf8Path) -> u64 {
    rustix::fs::statvfs(folder.as_std_path()).map_or(0, |stat| stat.f_bavail * stat.f_frsize)
}

/// The blobs of the image: what has to be in the archive, by its digest.
type Blobs = BTreeMap<Digest, Blob>;

/// A file in the staging folder.
struct Blob {
    path: Utf8PathBuf,
    /// Whether it was only found, and not made or checked just now.
    found: bool,
}

struct Writing<'a> {
    plan: &'a ImagePlan,
    staging: &'a Staging,
    cache: Option<&'a LayerCache>,
    layers: &'a [PlannedLayer<'a>],
}

impl Writing<'_> {
    fn write(&self, destination: &Destination) -> Result<WrittenImage, WriteImageError> {
        let layout = self.staging.path().join("layout");
        if layout.exists() {
            fs::remove_dir_all(&layout).map_err(FileError::when("remove", &layout))?;
        }
        let blobs_folder = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs_folder).map_err(FileError::when("create", &blobs_folder))?;

        let mut blobs = Blobs::new();
        let mut layers = Vec::new();
        for layer in self.plan.base.iter().flat_map(|base| &base.layers) {
            layers.push(base_layer(layer, &blobs_folder, &mut blobs)?);
        }
        for layer in self.layers {
            layers.push(self.layer(layer, &blobs_folder, &mut blobs)?);
        }
        let config = config_json(self.plan, &layers);
        let manifest = manifest_json(self.plan, &config, &layers);
        for bytes in [&config, &manifest] {
            let path = blobs_folder.join(Digest::of(bytes).to_string());
            write_new(&path, bytes)?;
            blobs.insert(Digest::of(bytes), Blob { path, found: false });
        }
        let mut documents = BTreeMap::from([
            ("index.json", index_json(self.plan, &manifest)),
            ("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()),
        ]);
        match destination {
            Destination::Layout(path) => {
                for (name, bytes) in &documents {
                    write_new(&layout.join(name), bytes)?;
                }
                sync_folder(&blobs_folder)?;
                sync_folder(&layout)?;
                replace_folder(&layout, path)?;
            }
            Destination::Archive(path) => {
                documents.insert("manifest.json", docker_json(self.plan, &config, &layers));
                let archive = self.staging.path().join("image.tar");
                self.archive(&archive, &blobs, &documents)?;
                replace_file(&archive, path)?;
            }
        }
        let blobs_size: u64 = layers.iter().map(|layer| layer.size).sum();
        Ok(WrittenImage {
            path: destination.path().to_owned(),
            digest: Digest::of(&manifest),
            config_digest: Digest::of(&config),
            layers,
            size: blobs_size + config.len() as u64 + manifest.len() as u64,
        })
    }

    /// Takes a layer from the cache, or writes it.
    fn layer(
        &self,
        layer: &PlannedLayer<'_>,
        folder: &Utf8Path,
        blobs: &mut Blobs,
    ) -> Result<WrittenLayer, WriteImageError> {
        let (epoch, compression) = (self.plan.epoch, self.plan.compression);
        let cache = match self.cache.filter(|_| !layer.changing) {
            Some(cache) => Some((cache, cache.key(&layer.tree, epoch, compression)?)),
            None => None,
        };
        let cached = match cache {
            Some((cache, key)) => cache.find(key)?,
            None => None,
        };
        let from_cache = cached.is_some();
        let facts = if let Some(cached) = cached {
            let place = folder.join(cached.facts.digest.to_string());
            if !blobs.contains_key(&cached.facts.digest) {
                link_or_copy(&cached.blob, &place)?;
            }
            blobs.entry(cached.facts.digest).or_insert(Blob { path: place, found: true });
            cached.facts
        } else {
            let temporary = folder.join("layer");
            let facts = write_layer(&layer.tree, epoch, compression, &temporary)?;
            let place = folder.join(facts.digest.to_string());
            fs::rename(&temporary, &place).map_err(FileError::when("rename", &temporary))?;
            if let Some((cache, key)) = cache {
                cache.keep(key, &facts, &place)?;
            }
            blobs.insert(facts.digest, Blob { path: place, found: false });
            facts
        };
        Ok(WrittenLayer {
            name: layer.name.to_owned(),
            diff_id: facts.diff_id,
            digest: facts.digest,
            size: facts.size,
            uncompressed_size: facts.uncompressed_size,
            files: layer.tree.len(),
            cached: from_cache,
            compression,
        })
    }

    fn archive(
        &self,
        path: &Utf8Path,
        blobs: &Blobs,
        documents: &BTreeMap<&str, Vec<u8>>,
    ) -> Result<(), WriteImageError> {
        let mut file = File::create(path).map_err(FileError::when("create", path))?;
        let failed = || FileError::when("write", path);
        let head = |path: &str, kind, mode| {
            header(&Header { path, kind, mode, uid: 0, gid: 0, mtime: self.plan.epoch })
        };
        for folder in ["blobs", "blobs/sha256"] {
            file.write_all(&head(folder, Kind::Directory, 0o755)).map_err(failed())?;
        }
        for (digest, Blob { path: blob, found }) in blobs {
            let mut reader = File::open(blob).map_err(FileError::when("read", blob))?;
            let size = reader.metadata().map_err(FileError::when("read", blob))?.len();
            file.write_all(&head(&blob_name(*digest), Kind::File { size }, 0o644)).map_err(failed())?;
            if *found {
                let copied = copy_checked(reader, &mut file, *digest, blob, path);
                if let (Err(WriteImageError::Damaged { .. }), Some(cache)) = (&copied, self.cache) {
                    cache.forget(*digest);
                }
                copied?;
            } else {
                io::copy(&mut reader, &mut file).map_err(failed())?;
            }
            file.write_all(&END[..padding(size)]).map_err(failed())?;
        }
        for (name, bytes) in documents {
            let size = bytes.len() as u64;
            file.write_all(&head(name, Kind::File { size }, 0o644))
                .and_then(|()| file.write_all(bytes))
                .and_then(|()| file.write_all(&END[..padding(size)]))
                .map_err(failed())?;
        }
        file.write_all(&END).and_then(|()| file.sync_all()).map_err(failed())?;
        Ok(())
    }
}

/// Copies a layer of the base.
fn base_layer(
    layer: &BaseLayer,
    folder: &Utf8Path,
    blobs: &mut Blobs,
) -> Result<WrittenLayer, WriteImageError> {
    let place = folder.join(layer.digest.to_string());
    // An image may hold one layer twice.
    if let std::collections::btree_map::Entry::Vacant(entry) = blobs.entry(layer.digest) {
        let mut file = File::create_new(&place).map_err(FileError::when("create", &place))?;
        let reader = layer.blob.open()?;
        copy_checked(reader, &mut file, layer.digest, &layer.blob.path, &place)?;
        file.sync_all().map_err(FileError::when("write", &place))?;
        entry.insert(Blob { path: place, found: false });
    }
    Ok(WrittenLayer {
        name: "base".to_owned(),
        diff_id: layer.diff_id,
        digest: layer.digest,
        size: layer.blob.size,
        uncompressed_size: layer.uncompressed_size,
        files: layer.entries,
        cached: false,
        compression: layer.compression,
    })
}

/// Copies all of `reader`, and fails if that is not what `expected` says.
fn copy_checked(
    mut reader: impl Read,
    writer: &mut impl Write,
    expected: Digest,
    from: &Utf8Path,
    to: &Utf8Path,
) -> Result<(), WriteImageError> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(FileError::when("read", from)(error).into()),
        };
        hasher.update(&buffer[..count]);
        writer.write_all(&buffer[..count]).map_err(FileError::when("write", to))?;
    }
    let found = hasher.finish();
    if found == expected {
        Ok(())
    } else {
        Err(WriteImageError::Damaged { path: from.to_owned(), expected, found })
    }
}
