//! Images on disk: OCI layouts, and the archives of `docker save`, `podman save` and skopeo.
//!
//! ```text
//! oci-layout                    {"imageLayoutVersion":"1.0.0"}
//! index.json ─> index ─> ...    each a list of manifests, one for each platform or name
//! blobs/sha256/HEX      manifest ─> configuration, layers
//! manifest.json                 what docker itself reads: [{"Config": .., "RepoTags": [..], "Layers": [..]}]
//! ```
//! Sizes are checked, and the digests of all JSON. Those of layers are not: hashing two gigabytes takes longer than all
//! the rest together. Whoever runs the image checks them.

mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cuferry_digest::Digest;
use rayon::prelude::*;
use serde::de::DeserializeOwned;

use self::manifest::{Config, Descriptor, Manifest, Platform, SavedImage};
use crate::compression::unpack;
use crate::draft::Draft;
use crate::error::ArtifactError;
use crate::limits::MAX_TEXT;
use crate::node::{Node, NodeKind};
use crate::origin::Origin;
use crate::problem::{ProblemKind, Problems};
use crate::source::Span;
use crate::tarball::{self, Members};
use crate::tree::Tree;

/// How deep an index may lie in an index.
const MAX_DEPTH: usize = 4;
/// The most images of an archive, and the most manifests looked at to find them.
const MAX_IMAGES: usize = 256;
const MAX_MANIFESTS: usize = 4096;
/// The most layers of an image. Engines take 127.
const MAX_LAYERS: usize = 512;

/// What an image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Its names, as the archive has them: `nvcr.io/nvidia/l4t-base:r36.2.0`. Often none.
    pub names: Vec<String>,
    /// `linux`.
    pub os: String,
    /// In the OCI's spelling: `amd64`, `arm64`.
    pub architecture: String,
    /// `v8`.
    pub variant: Option<String>,
    /// `NAME=VALUE`, in the image's order.
    pub env: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What is run.
    pub entrypoint: Vec<String>,
    /// What is run, or the entry point's arguments.
    pub cmd: Vec<String>,
    /// Where it is run.
    pub working_dir: Option<String>,
    /// By whom it is run.
    pub user: Option<String>,
    /// The manifest's, `sha256:HEX`. Docker's own archives have no manifest.
    pub digest: Option<String>,
    /// The configuration's, by which docker calls the image.
    pub config_digest: Digest,
    /// How many layers it has.
    pub layers: usize,
}

impl ImageInfo {
    /// `linux/arm64/v8`
    pub fn platform(&self) -> String {
        let parts = [Some(&self.os), Some(&self.architecture), self.variant.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// The value of an environment variable that the image sets.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The form in which images lie in a tree of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Oci,
    Docker,
}

impl Form {
    /// Whether there are images in a tree of files, as told by what lies on top.
    pub(crate) fn of(tree: &Tree) -> Option<Self> {
        let file = |path| tree.resolve(path).filter(|node| matches!(node.kind, NodeKind::File { .. }));
        if file("oci-layout").is_some() && file("index.json").is_some() {
            return Some(Self::Oci);
        }
        // Web pages have a file of this name, too: only docker's starts with a list of images.
        let start = tree.head(file("manifest.json")?, 4096).ok()?;
        let start = start.trim_ascii_start();
        (start.starts_with(b"[") && start.windows(8).any(|word| word == b"\"Config\""))
            .then_some(Self::Docker)
    }
}

/// An image as found in an index or list.
struct Candidate {
    names: BTreeSet<String>,
    platform: Platform,
    digest: Option<String>,
    config: Part,
    layers: Vec<Part>,
}

/// A file that something names.
#[derive(Clone)]
struct Part {
    name: String,
    digest: Option<String>,
    size: Option<u64>,
    user: String,
}

/// Every image in `bundle`, as a tree of its own. What was not copied along is counted, unless nothing was.
pub(crate) fn read(
    origin: &Arc<Origin>,
    bundle: &Tree,
    form: Form,
    problems: &mut Problems,
) -> Result<Vec<Tree>, ArtifactError> {
    let mut reader = Reader {
        origin,
        bundle,
        problems,
        missing: None,
        manifests: 0,
        seen: BTreeSet::new(),
        found: Vec::new(),
    };
    match form {
        Form::Oci => reader.index("index.json", None, &BTreeSet::new(), 0)?,
        Form::Docker => reader.saved()?,
    }
    reader.trees()
}

struct Reader<'a> {
    origin: &'a Arc<Origin>,
    bundle: &'a Tree,
    problems: &'a mut Problems,
    /// The first part that was missing: the error, if no image is whole.
    missing: Option<ArtifactError>,
    manifests: usize,
    /// Digests of indexes that were read.
    seen: BTreeSet<String>,
    found: Vec<Candidate>,
}

impl<'a> Reader<'a> {
    fn malformed(&self, part: &str, why: impl Into<String>) -> ArtifactError {
        ArtifactError::Image { path: self.origin.path.clone(), part: part.to_owned(), why: why.into() }
    }

    /// Where a part lies. Its size is checked.
    fn find(&self, part: &Part) -> Result<&'a Node, ArtifactError> {
        let (path, name) = (self.origin.path.clone(), part.name.clone());
        match self.bundle.resolve(&part.name) {
            Some(node @ Node { kind: NodeKind::File { size }, .. }) => match part.size {
                Some(expected) if expected != *size => {
                    Err(ArtifactError::PartSize { path, part: name, expected, found: *size })
                }
                _ => Ok(node),
            },
            _ => Err(ArtifactError::PartMissing { path, part: name, user: part.user.clone() }),
        }
    }

    /// A part that is JSON, and its digest, which is checked.
    fn json<T: DeserializeOwned>(&self, part: &Part) -> Result<(T, Digest), ArtifactError> {
        let node = self.find(part)?;
        if matches!(node.kind, NodeKind::File { size } if size > MAX_TEXT) {
            return Err(self.malformed(&part.name, format!("it is larger than {MAX_TEXT} bytes")));
        }
        let bytes = self.bundle.bytes(node)?;
        let digest = Digest::of(&*bytes);
        let expected = part.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"));
        if expected.is_some_and(|expected| expected != digest.to_string()) {
            return Err(ArtifactError::PartDamaged {
                path: self.origin.path.clone(),
                part: part.name.clone(),
            });
        }
        let value = serde_json::from_slice(&bytes);
        Ok((value.map_err(|error| self.malformed(&part.name, error.to_string()))?, digest))
    }

    fn part(&self, descriptor: &Descriptor, user: &str) -> Result<Part, ArtifactError> {
        let digest = &descriptor.digest;
        let (algorithm, hex) = digest.split_once(':').unwrap_or_default();
        let sound = |text: &str| {
            !text.is_empty() && text.len() < 256 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !sound(algorithm) || !sound(hex) {
            return Err(self.malformed(user, format!("`{}` is no digest", digest.escape_debug())));
        }
        Ok(Part {
            name: format!("blobs/{algorithm}/{hex}"),
            digest: Some(digest.clone()),
            size: descriptor.size,
            user: user.to_owned(),
        })
    }

    /// Every image of an index, and of those in it.
    fn index(
        &mut self,
        name: &str,
        part: Option<Part>,
        names: &BTreeSet<String>,
        depth: usize,
    ) -> Result<(), ArtifactError> {
        let part = part.unwrap_or_else(|| Part {
            name: name.to_owned(),
            digest: None,
            size: None,
            user: "oci-layout".to_owned(),
        });
        let (manifest, _) = self.json::<Manifest>(&part)?;
        let Some(descriptors) = manifest.manifests else {
            return Err(self.malformed(name, "it lists no `manifests`"));
        };
        for descriptor in descriptors {
            self.manifests += 1;
            if self.manifests > MAX_MANIFESTS {
                return Err(self.malformed(name, format!("it lists more than {MAX_MANIFESTS} manifests")));
            }
            let part = self.part(&descriptor, name)?;
            let mut names = names.clone();
            names.extend(name_of(&descriptor));
            let platform = descriptor.platform.clone().unwrap_or_default();
            // BuildKit keeps what it knows of an image's making beside the image (attestation-storage.md).
            if platform.os == "unknown" || descriptor.annotations.contains_key("vnd.docker.reference.type") {
                self.problems.add(ProblemKind::NotAnImage, descriptor.digest);
                continue;
            }
            if let Some(known) =
                self.found.iter_mut().find(|candidate| candidate.digest.as_ref() == Some(&descriptor.digest))
            {
                known.names.extend(names);
                continue;
            }
            let (inner, _) = match self.json::<Manifest>(&part) {
                Ok(inner) => inner,
                Err(error @ ArtifactError::PartMissing { .. }) => {
                    self.missing(&descriptor.digest, error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match inner {
                Manifest { manifests: Some(_), .. } => {
                    if depth >= MAX_DEPTH {
                        return Err(self.malformed(&part.name, "indexes lie too deep in one another"));
                    }
                    if self.seen.insert(descriptor.digest.clone()) {
                        self.index(&part.name.clone(), Some(part), &names, depth + 1)?;
                    }
                }
                Manifest { config: Some(config), layers: Some(layers), .. } => {
                    if !layers.iter().all(is_layer) {
                        if let Some(layer) =
                            layers.iter().find(|layer| layer.media_type.ends_with("+encrypted"))
                        {
                            let why = format!("its layer `{}` is encrypted", layer.digest.escape_debug());
                            return Err(self.malformed(&part.name, why));
                        }
                        self.problems.add(ProblemKind::NotAnImage, descriptor.digest);
                        continue;
                    }
                    // Before anything is kept: what a manifest may list takes far more memory than the manifest.
                    self.check_counts(&part.name, self.found.len(), layers.len())?;
                    let config = self.part(&config, &part.name)?;
                    let layers = layers.iter().map(|layer| self.part(layer, &part.name));
                    let layers = layers.collect::<Result<_, _>>()?;
                    self.found.push(Candidate {
                        names,
                        platform,
                        digest: Some(descriptor.digest),
                        config,
                        layers,
                    });
                }
                Manifest { .. } => {
                    return Err(
                        self.malformed(&part.name, "it has neither `manifests` nor `config` and `layers`")
                    );
                }
            }
        }
        Ok(())
    }

    /// Every image of docker's own list.
    fn saved(&mut self) -> Result<(), ArtifactError> {
        let list = "manifest.json";
        let part = |name: String| Part { name, digest: None, size: None, user: list.to_owned() };
        let images = self.json::<Vec<SavedImage>>(&part(list.to_owned()))?.0;
        self.found = images
            .into_iter()
            .map(|image| Candidate {
                names: image.repo_tags.into_iter().collect(),
                platform: Platform::default(),
                digest: None,
                config: part(image.config),
                layers: image.layers.into_iter().map(part).collect(),
            })
            .collect();
        Ok(())
    }

    fn missing(&mut self, what: &str, error: ArtifactError) {
        self.problems.add(ProblemKind::MissingImage, what);
        self.missing.get_or_insert(error);
    }

    /// Reads all layers, each once, and puts the images together.
    fn trees(mut self) -> Result<Vec<Tree>, ArtifactError> {
        let mut images = Vec::new();
        let mut layers: BTreeMap<String, &Node> = BTreeMap::new();
        for candidate in std::mem::take(&mut self.found) {
            self.check_counts(&candidate.config.user, images.len(), candidate.layers.len())?;
            match self.info(&candidate).and_then(|info| Ok((info, self.layers(&candidate)?))) {
                Ok((info, found)) => {
                    let names: Vec<String> = candidate.layers.into_iter().map(|layer| layer.name).collect();
                    layers.extend(names.iter().cloned().zip(found));
                    images.push((info, names));
                }
                Err(error @ ArtifactError::PartMissing { .. }) => {
                    let what = candidate.digest.unwrap_or_else(|| candidate.config.name.clone());
                    self.missing(&what, error);
                }
                Err(error) => return Err(error),
            }
        }
        if images.is_empty() {
            let missing = self.missing.take();
            return Err(missing.unwrap_or_else(|| self.malformed("the index", "it lists no image")));
        }
        let (origin, bundle) = (self.origin, self.bundle);
        let layers: Vec<(String, &Node)> = layers.into_iter().collect();
        let read = |(name, node): (String, &Node)| {
            let span = bundle.span(node)?.unwrap_or_else(|| Span::of_memory(Vec::new()));
            let (tar, _) = unpack(origin, &name, &span)?;
            let members = tarball::members(origin, &name, &tar)?;
            Ok((name, members))
        };
        let layers: BTreeMap<String, Members> =
            layers.into_par_iter().map(read).collect::<Result<_, ArtifactError>>()?;
        let mut trees = Vec::new();
        for (info, names) in images {
            let mut draft = Draft::new();
            for (index, name) in names.iter().enumerate() {
                draft.apply(origin, &layers[name], index)?;
            }
            let (nodes, problems) = draft.finish(origin)?;
            self.problems.append(problems);
            let mut tree = Tree::new(nodes, origin);
            tree.image = Some(info);
            trees.push(tree);
        }
        label(&mut trees);
        Ok(trees)
    }

    /// Refuses one image more than any archive has, and one with more layers than any engine takes.
    fn check_counts(&self, part: &str, images: usize, layers: usize) -> Result<(), ArtifactError> {
        if images < MAX_IMAGES && layers <= MAX_LAYERS {
            return Ok(());
        }
        let why = format!("more than {MAX_IMAGES} images, or more than {MAX_LAYERS} layers in one");
        Err(self.malformed(part, why))
    }

    fn info(&self, candidate: &Candidate) -> Result<ImageInfo, ArtifactError> {
        let (config, config_digest) = self.json::<Config>(&candidate.config)?;
        let (layers, diff_ids) = (candidate.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            let why = format!("it has {diff_ids} `diff_ids`, and the image {layers} layers");
            return Err(self.malformed(&candidate.config.name, why));
        }
        let or = |said: String, listed: &String| if said.is_empty() { listed.clone() } else { said };
        let text = |text: String| (!text.is_empty()).then_some(text);
        let execution = config.execution;
        Ok(ImageInfo {
            names: candidate.names.iter().cloned().collect(),
            os: or(config.platform.os, &candidate.platform.os),
            architecture: or(config.platform.architecture, &candidate.platform.architecture),
            variant: config.platform.variant.or_else(|| candidate.platform.variant.clone()).and_then(text),
            env: execution.env,
            labels: execution.labels,
            entrypoint: execution.entrypoint,
            cmd: execution.cmd,
            working_dir: text(execution.working_dir),
            user: text(execution.user),
            digest: candidate.digest.clone(),
            config_digest,
            layers,
        })
    }

    fn layers(&self, candidate: &Candidate) -> Result<Vec<&'a Node>, ArtifactError> {
        candidate.layers.iter().map(|layer| self.find(layer)).collect()
    }
}

/// The name that an index gives to an image: containerd's whole one, or the OCI's, which is often a tag alone.
fn name_of(descriptor: &Descriptor) -> Option<String> {
    let keys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];
    keys.iter().find_map(|key| descriptor.annotations.get(*key)).cloned()
}

/// Layers of the OCI and of docker; those that may not be passed on, too, if they are here all the same.
fn is_layer(descriptor: &Descriptor) -> bool {
    let media_type = descriptor.media_type.as_str();
    let kinds = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."];
    kinds.iter().any(|kind| media_type.starts_with(kind)) && !media_type.ends_with("+encrypted")
}

/// Gives each tree a name that no other has.
fn label(trees: &mut [Tree]) {
    let count = trees.len();
    let mut labels: Vec<String> = Vec::new();
    for (index, tree) in trees.iter_mut().enumerate() {
        let Some(image) = &tree.image else { continue };
        let mut parts: Vec<String> = image.names.first().cloned().into_iter().collect();
        if parts.is_empty() || count > 1 {
            parts.push(image.platform());
        }
        let mut label = parts.join(" ");
        if labels.contains(&label) {
            label = format!("{label} ({})", index + 1);
        }
        labels.push(label.clone());
        tree.label = Some(label);
    }
}
