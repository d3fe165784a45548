//! An image to build upon, read from disk: a folder in OCI layout, or an archive of `docker save`, `podman save` or skopeo.
//!
//! Everything is checked against its digest before it is used. Knows no registries.

mod bundle;
pub(crate) mod tree;

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_binfmt::tar::{TarError, TarReader};
use cuferry_digest::{Digest, Hasher};
use miette::Diagnostic;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use self::bundle::Bundle;
pub(crate) use self::bundle::Member;
use self::tree::BaseTree;
use crate::compress::Compression;
use crate::file::FileError;

/// How deep an index may lie in an index.
const MAX_DEPTH: usize = 4;
/// The most layers of an image (containerd's limit).
const MAX_LAYERS: usize = 127;

/// An image to build upon.
#[derive(Clone, Debug)]
pub struct Base {
    pub(crate) path: Utf8PathBuf,
    /// The digest of its manifest; an archive in Docker's own format has none.
    pub(crate) digest: Option<Digest>,
    /// Its configuration, whole.
    pub(crate) config: Map<String, Value>,
    pub(crate) layers: Vec<BaseLayer>,
    pub(crate) tree: BaseTree,
}

/// A layer of a base image.
#[derive(Clone, Debug)]
pub(crate) struct BaseLayer {
    /// Of the uncompressed tar.
    pub diff_id: Digest,
    /// Of the blob.
    pub digest: Digest,
    pub compression: Compression,
    /// Of the uncompressed tar, in bytes.
    pub uncompressed_size: u64,
    pub entries: usize,
    pub blob: Member,
}

/// A base image that can't be used.
#[derive(Debug, Error, Diagnostic)]
pub enum BaseError {
    /// A name instead of a path.
    #[error("the base image `{reference}` is not on this disk")]
    #[diagnostic(
        code(oci::base_in_registry),
        help(
            "fetch it first: `skopeo copy docker://{reference} oci:base`, and name the folder `base` instead"
        )
    )]
    InRegistry {
        /// As given.
        reference: String,
    },
    /// For another CPU, or another system.
    #[error("the base image `{path}` is for {}, not for linux/{}", found.join(", "), wanted.oci_architecture())]
    #[diagnostic(
        code(oci::base_architecture),
        help("fetch the right one: `skopeo copy --override-arch {} docker://NAME oci:FOLDER`", wanted.oci_architecture())
    )]
    Architecture {
        /// Which.
        path: Utf8PathBuf,
        /// `OS/ARCHITECTURE`, of each image there.
        found: Vec<String>,
        /// What the image is for.
        wanted: Host,
    },
    /// Several images at one path.
    #[error("the base image `{path}` is {count} images for linux/{}", host.oci_architecture())]
    #[diagnostic(
        code(oci::base_ambiguous),
        help("copy the one that is meant into a folder of its own: `skopeo copy oci:{path}:TAG oci:FOLDER`")
    )]
    Ambiguous {
        /// Which.
        path: Utf8PathBuf,
        /// For this host.
        host: Host,
        /// How many.
        count: usize,
    },
    /// Neither a layout nor an archive.
    #[error("the base image `{path}` is neither an OCI layout nor an image archive")]
    #[diagnostic(
        code(oci::base_unknown),
        help(
            "a layout is a folder with `oci-layout` and `index.json`; an archive is what `docker save` or `podman save` writes"
        )
    )]
    Unknown {
        /// Which.
        path: Utf8PathBuf,
    },
    /// A compressed archive.
    #[error("the base image `{path}` is a compressed archive")]
    #[diagnostic(code(oci::base_compressed), help("decompress it first, with `gunzip` or `zstd -d`"))]
    CompressedArchive {
        /// Which.
        path: Utf8PathBuf,
    },
    /// A part that others refer to is not there.
    #[error("the base image `{path}` lacks its part `{part}`")]
    #[diagnostic(code(oci::base_incomplete), help("write the archive again"))]
    PartMissing {
        /// Which.
        path: Utf8PathBuf,
        /// Its name in the archive.
        part: String,
    },
    /// A part that can't be understood.
    #[error("`{part}` of the base image `{path}` can't be read: {why}")]
    #[diagnostic(code(oci::base_malformed))]
    Malformed {
        /// Which.
        path: Utf8PathBuf,
        /// Its name in the layout or archive.
        part: String,
        /// What is wrong.
        why: String,
    },
    /// A layer in a format that we don't read.
    #[error("the base image `{path}` has a layer of type `{media_type}`")]
    #[diagnostic(
        code(oci::base_layer_type),
        help("encrypted layers, and those that may not be distributed, can't be built upon")
    )]
    LayerType {
        /// Which.
        path: Utf8PathBuf,
        /// The media type.
        media_type: String,
    },
    /// A part that is not what its name says.
    #[error("`{part}` of the base image `{path}` is damaged\n  expected: {expected}\n  found:    {found}")]
    #[diagnostic(code(oci::base_damaged), help("fetch the image again"))]
    Damaged {
        /// Which.
        path: Utf8PathBuf,
        /// Its name in the layout or archive.
        part: String,
        /// As the manifest or configuration says.
        expected: Digest,
        /// As it is.
        found: Digest,
    },
    /// A layer that is no tar.
    #[error("the base image `{path}` can't be read")]
    #[diagnostic(code(oci::base_tar), help("fetch or write the image again"))]
    Tar {
        /// Which.
        path: Utf8PathBuf,
        /// Where it is wrong.
        #[source]
        source: TarError,
    },
    /// A file that can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A row of `manifest.json` (moby, image/spec, "docker image save").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ArchivedImage {
    config: String,
    layers: Vec<String>,
}

/// A layer as a manifest names it.
struct NamedLayer {
    /// In the bundle.
    name: String,
    /// If the manifest says it.
    digest: Option<Digest>,
}

/// One image of a bundle.
struct Candidate {
    digest: Option<Digest>,
    config: Map<String, Value>,
    layers: Vec<NamedLayer>,
}

impl Base {
    /// Reads the image at `path` that is for `host`, with all its layers: a gigabyte takes some seconds.
    pub fn read(path: &Utf8Path, host: Host) -> Result<Self, BaseError> {
        if !path.exists()
            && !path.is_absolute()
            && !path.as_str().starts_with('.')
            && path.extension() != Some("tar")
        {
            let reference = path.as_str().trim_start_matches("docker://").to_owned();
            return Err(BaseError::InRegistry { reference });
        }
        let reader = Reader { path, bundle: Bundle::open(path)? };
        let candidate = reader.choose(host)?;
        let mut base = Self {
            path: path.to_owned(),
            digest: candidate.digest,
            config: candidate.config,
            layers: Vec::new(),
            tree: BaseTree::default(),
        };
        let diff_ids = reader.diff_ids(&base.config)?;
        if diff_ids.len() != candidate.layers.len() || diff_ids.len() > MAX_LAYERS {
            let why = format!("{} layers and {} `diff_ids`", candidate.layers.len(), diff_ids.len());
            return Err(reader.malformed("the configuration", why));
        }
        for (layer, diff_id) in candidate.layers.iter().zip(diff_ids) {
            base.layers.push(reader.layer(layer, diff_id, &mut base.tree)?);
        }
        Ok(base)
    }
}

struct Reader<'a> {
    path: &'a Utf8Path,
    bundle: Bundle,
}

impl Reader<'_> {
    /// The one image for `host`.
    fn choose(&self, host: Host) -> Result<Candidate, BaseError> {
        let mut candidates = Vec::new();
        if self.bundle.contains("index.json") && self.bundle.contains("oci-layout") {
            let index: Index = self.json("index.json", None)?;
            self.collect(index, 0, &mut candidates)?;
        } else if matches!(self.bundle, Bundle::Archive { .. }) && self.bundle.contains("manifest.json") {
            // Its names are looked up among the archive's members, so none can lead to another file.
            for image in self.json::<Vec<ArchivedImage>>("manifest.json", None)? {
                let config = self.json(&image.config, None)?;
                let layers = image.layers.into_iter().map(|name| NamedLayer { name, digest: None }).collect();
                candidates.push(Candidate { digest: None, config, layers });
            }
        } else {
            return Err(BaseError::Unknown { path: self.path.to_owned() });
        }
        let text = |config: &Map<String, Value>, key| {
            config.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned()
        };
        let found = candidates
            .iter()
            .map(|candidate| {
                format!("{}/{}", text(&candidate.config, "os"), text(&candidate.config, "architecture"))
            })
            .collect();
        candidates.retain(|candidate| {
            text(&candidate.config, "os") == "linux"
                && text(&candidate.config, "architecture") == host.oci_architecture()
        });
        match candidates.len() {
            0 => Err(BaseError::Architecture { path: self.path.to_owned(), found, wanted: host }),
            1 => Ok(candidates.remove(0)),
            count => Err(BaseError::Ambiguous { path: self.path.to_owned(), host, count }),
        }
    }

    /// Every image of an index, each once, and those of the indexes in it.
    fn collect(&self, index: Index, depth: usize, candidates: &mut Vec<Candidate>) -> Result<(), BaseError> {
        for descriptor in index.manifests {
            let digest = self.digest(&descriptor.digest)?;
            // BuildKit's attestations are manifests for `unknown/unknown`.
            let attestation =
                |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
            if descriptor.platform.as_ref().is_some_and(attestation)
                || candidates.iter().any(|candidate| candidate.digest == Some(digest))
                || candidates.len() > MAX_LAYERS
            {
                continue;
            }
            let name = blob_name(digest);
            match descriptor.media_type.as_str() {
                "application/vnd.oci.image.index.v1+json"
                | "application/vnd.docker.distribution.manifest.list.v2+json" => {
                    if depth >= MAX_DEPTH {
                        return Err(self.malformed(&name, "indexes lie too deep in one another".to_owned()));
                    }
                    self.collect(self.json(&name, Some(digest))?, depth + 1, candidates)?;
                }
                // An index may list images that were not copied along.
                _ if !self.bundle.contains(&name) => {}
                _ => {
                    let manifest: Manifest = self.json(&name, Some(digest))?;
                    let config_digest = self.digest(&manifest.config.digest)?;
                    let config = self.json(&blob_name(config_digest), Some(config_digest))?;
                    let layers = manifest.layers.iter().map(|layer| self.named_layer(layer));
                    candidates.push(Candidate {
                        digest: Some(digest),
                        config,
                        layers: layers.collect::<Result<_, _>>()?,
                    });
                }
            }
        }
        Ok(())
    }

    fn named_layer(&self, descriptor: &Descriptor) -> Result<NamedLayer, BaseError> {
        let media_type = &descriptor.media_type;
        if Compression::from_media_type(media_type).is_none() {
            return Err(BaseError::LayerType { path: self.path.to_owned(), media_type: media_type.clone() });
        }
        let digest = self.digest(&descriptor.digest)?;
        Ok(NamedLayer { name: blob_name(digest), digest: Some(digest) })
    }

    /// Reads a layer to its end: its digests are right, and `tree` has its files.
    fn layer(
        &self,
        layer: &NamedLayer,
        diff_id: Digest,
        tree: &mut BaseTree,
    ) -> Result<BaseLayer, BaseError> {
        let blob = self.bundle.member(&layer.name)?;
        let mut start = Vec::new();
        blob.open()?.take(4).read_to_end(&mut start).map_err(FileError::when("read", &blob.path))?;
        let compression = Compression::of_bytes(&start);

        let mut packed = HashingReader::new(blob.open()?);
        let plain: Box<dyn Read + '_> = match compression {
            Compression::None => Box::new(&mut packed),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(&mut packed)),
            Compression::Zstd => Box::new(
                zstd::stream::read::Decoder::new(&mut packed).map_err(FileError::when("read", &blob.path))?,
            ),
        };
        let mut plain = HashingReader::new(plain);
        let fail = |source| BaseError::Tar { path: self.path.to_owned(), source };
        let mut reader = TarReader::new(&mut plain);
        let entries = tree.apply(&mut reader).map_err(fail)?;
        reader.drain().map_err(fail)?;
        let (found_diff_id, uncompressed_size) = plain.finish();
        // A decompressor may leave bytes behind that it has no use for.
        std::io::copy(&mut packed, &mut std::io::sink()).map_err(FileError::when("read", &blob.path))?;
        let (digest, _) = packed.finish();

        for (expected, found) in [(layer.digest.unwrap_or(digest), digest), (diff_id, found_diff_id)] {
            if expected != found {
                let (path, part) = (self.path.to_owned(), layer.name.clone());
                return Err(BaseError::Damaged { path, part, expected, found });
            }
        }
        Ok(BaseLayer { diff_id, digest, compression, uncompressed_size, entries, blob })
    }

    fn diff_ids(&self, config: &Map<String, Value>) -> Result<Vec<Digest>, BaseError> {
        let ids = config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
        let ids =
            ids.ok_or_else(|| self.malformed("the configuration", "no `rootfs.diff_ids`".to_owned()))?;
        ids.iter().map(|id| self.digest(id.as_str().unwrap_or_default())).collect()
    }

    /// A part that is JSON, checked against its digest if there is one.
    fn json<T: for<'de> Deserialize<'de>>(&self, name: &str, digest: Option<Digest>) -> Result<T, BaseError> {
        let bytes = self.bundle.read(name)?;
        let found = Digest::of(&bytes);
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(BaseError::Damaged {
                path: self.path.to_owned(),
                part: name.to_owned(),
                expected,
                found,
            });
        }
        serde_json::from_slice(&bytes).map_err(|error| self.malformed(name, error.to_string()))
    }

    fn digest(&self, text: &str) -> Result<Digest, BaseError> {
        let hex = text.strip_prefix("sha256:");
        let digest = hex.and_then(|hex| hex.parse().ok());
        digest.ok_or_else(|| self.malformed("a manifest", format!("`{text}` is not a SHA-256 digest")))
    }

    fn malformed(&self, part: &str, why: String) -> BaseError {
        BaseError::Malformed { path: self.path.to_owned(), part: part.to_owned(), why }
    }
}

pub(crate) fn blob_name(digest: Digest) -> String {
    format!("blobs/sha256/{digest}")
}

/// Hashes what is read through it.
struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
}

impl<R> HashingReader<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::default() }
    }

    fn finish(self) -> (Digest, u64) {
        let length = self.hasher.length();
        (self.hasher.finish(), length)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
