//! What the JSON in an image says (image-spec: image-layout.md, image-index.md, manifest.md, config.md; moby: image/spec).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// `index.json`, an index in it, or a manifest: told apart by what they list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// Of an index.
    pub manifests: Option<Vec<Descriptor>>,
    /// Of an image.
    pub config: Option<Descriptor>,
    /// Of an image.
    pub layers: Option<Vec<Descriptor>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: String,
    pub size: Option<u64>,
    pub platform: Option<Platform>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Platform {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    pub variant: Option<String>,
}

/// A row of `manifest.json`, which `docker save` writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SavedImage {
    pub config: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub layers: Vec<String>,
}

/// An image's configuration.
#[derive(Deserialize)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub platform: Platform,
    #[serde(default, rename = "config", deserialize_with = "null_is_empty")]
    pub execution: Execution,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub rootfs: RootFs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Execution {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub cmd: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub working_dir: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub user: String,
}

#[derive(Default, Deserialize)]
pub(crate) struct RootFs {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub diff_ids: Vec<String>,
}

/// Go writes `null` for what is empty.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
