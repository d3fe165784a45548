//! An image as a value, and the JSON documents that describe it (image-spec: config.md, manifest.md, image-layout.md).

use std::collections::BTreeMap;

use cuferry_arch::Host;
use cuferry_digest::Digest;
use serde_json::{Map, Value, json};

use crate::base::Base;
use crate::compress::Compression;
use crate::entry::Layer;
use crate::name::ImageName;

/// An image to write.
#[derive(Clone, Debug)]
pub struct ImagePlan {
    /// The CPU it is for.
    pub host: Host,
    /// What engines are to call it.
    pub name: Option<ImageName>,
    /// What it is built upon: nothing, or an image read before.
    pub base: Option<Base>,
    /// From stable to changing; empty ones are left out.
    pub layers: Vec<Layer>,
    /// How it is started.
    pub config: ImageConfig,
    /// The time of everything in it, in seconds since 1970: `SOURCE_DATE_EPOCH`, or 0.
    pub epoch: u64,
    /// For its own layers; those of the base stay as they are.
    pub compression: Compression,
}

/// How an image is started. What is empty or none is taken from the base, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// The command, with its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments. Those of a base go with its entry point: they are dropped where there is a new one.
    pub cmd: Vec<String>,
    /// Environment, added to the base's.
    pub env: BTreeMap<String, String>,
    /// `UID:GID` or a name.
    pub user: Option<String>,
    /// The folder that it starts in.
    pub working_dir: Option<String>,
    /// Labels, added to the base's. `org.opencontainers.image.*` ones become annotations, too.
    pub labels: BTreeMap<String, String>,
}

/// A layer, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenLayer {
    /// As in the plan; `base` for those of the base.
    pub name: String,
    /// Of the uncompressed tar.
    pub diff_id: Digest,
    /// Of the blob.
    pub digest: Digest,
    /// Of the blob, in bytes.
    pub size: u64,
    /// Of the uncompressed tar, in bytes.
    pub uncompressed_size: u64,
    /// How many files, links and folders it holds.
    pub files: usize,
    /// Whether it came from the cache.
    pub cached: bool,
    /// How the blob is compressed.
    pub compression: Compression,
}

/// The largest time that a tar header holds, in seconds since 1970: the year 2242.
pub(crate) const MAX_EPOCH: u64 = 0o777_7777_7777;

/// A media type of an OCI image.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Marks layouts that we wrote: only those are replaced.
pub(crate) const WRITER_KEY: &str = "io.github.cuferry.layout";

/// The image configuration.
pub(crate) fn config_json(plan: &ImagePlan, layers: &[WrittenLayer]) -> Vec<u8> {
    let created = rfc3339(plan.epoch);
    let mut document = plan.base.as_ref().map(|base| base.config.clone()).unwrap_or_default();
    document.insert("architecture".to_owned(), plan.host.oci_architecture().into());
    document.insert("os".to_owned(), "linux".into());
    match plan.host.oci_variant() {
        Some(variant) => document.insert("variant".to_owned(), variant.into()),
        // That of a base for another CPU.
        None => document.remove("variant"),
    };
    document.insert("created".to_owned(), created.as_str().into());
    let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer.diff_id)).collect();
    document.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));

    let mut history = match document.remove("history") {
        Some(Value::Array(history)) => history,
        _ => Vec::new(),
    };
    for layer in layers.iter().skip(base_layers(plan)) {
        history.push(json!({"created": created, "created_by": format!("cuferry: {}", layer.name)}));
    }
    document.insert("history".to_owned(), history.into());
    // What the base's engine noted about the container that it was made in.
    for leftover in ["container", "container_config", "docker_version", "id", "parent"] {
        document.remove(leftover);
    }

    let mut start = match document.remove("config") {
        Some(Value::Object(start)) => start,
        _ => Map::new(),
    };
    start_options(&plan.config, &mut start);
    document.insert("config".to_owned(), start.into());
    canonical(document.into())
}

/// The `config` object: how the container is started.
fn start_options(config: &ImageConfig, start: &mut Map<String, Value>) {
    let mut set = |key: &str, value: Value| start.insert(key.to_owned(), value);
    if !config.entrypoint.is_empty() {
        set("Entrypoint", config.entrypoint.clone().into());
        set("Cmd", if config.cmd.is_empty() { Value::Null } else { config.cmd.clone().into() });
    } else if !config.cmd.is_empty() {
        set("Cmd", config.cmd.clone().into());
    }
    if let Some(user) = &config.user {
        set("User", user.as_str().into());
    }
    if let Some(folder) = &config.working_dir {
        set("WorkingDir", folder.as_str().into());
    }
    let mut env = BTreeMap::new();
    for pair in start.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        env.insert(name.to_owned(), value.to_owned());
    }
    env.extend(config.env.clone());
    let env: Vec<String> = env.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    start.insert("Env".to_owned(), env.into());
    let mut labels = match start.remove("Labels") {
        Some(Value::Object(labels)) => labels,
        _ => Map::new(),
    };
    labels.extend(config.labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
    start.insert("Labels".to_owned(), labels.into());
    start.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(values) => !values.is_empty(),
        Value::Object(values) => !values.is_empty(),
        _ => true,
    });
}

/// The manifest.
pub(crate) fn manifest_json(plan: &ImagePlan, config: &[u8], layers: &[WrittenLayer]) -> Vec<u8> {
    let mut annotations: BTreeMap<String, String> = plan
        .config
        .labels
        .iter()
        .filter(|(name, _)| name.starts_with("org.opencontainers.image."))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(digest) = plan.base.as_ref().and_then(|base| base.digest) {
        annotations.insert("org.opencontainers.image.base.digest".to_owned(), sha256(digest));
    }
    let layers: Vec<Value> = layers
        .iter()
        .map(|layer| descriptor(layer.compression.media_type(), layer.digest, layer.size))
        .collect();
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, Digest::of(config), config.len() as u64),
        "layers": layers,
    });
    if !annotations.is_empty() {
        document["annotations"] = json!(annotations);
    }
    canonical(document)
}

/// `index.json` of a layout or an archive that holds this one image.
pub(crate) fn index_json(plan: &ImagePlan, manifest: &[u8]) -> Vec<u8> {
    let mut image = descriptor(MANIFEST, Digest::of(manifest), manifest.len() as u64);
    let mut platform = json!({"architecture": plan.host.oci_architecture(), "os": "linux"});
    if let Some(variant) = plan.host.oci_variant() {
        platform["variant"] = variant.into();
    }
    image["platform"] = platform;
    if let Some(name) = &plan.name {
        // Podman reads the first, containerd and Docker the second.
        image["annotations"] = json!({"org.opencontainers.image.ref.name": name.tag(), "io.containerd.image.name": name.canonical()});
    }
    canonical(json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [image],
        "annotations": {WRITER_KEY: "1"},
    }))
}

/// `manifest.json`, which `docker load` reads (moby, image/tarexport).
pub(crate) fn docker_json(plan: &ImagePlan, config: &[u8], layers: &[WrittenLayer]) -> Vec<u8> {
    let blob = |digest| crate::base::blob_name(digest);
    canonical(json!([{
        "Config": blob(Digest::of(config)),
        "RepoTags": plan.name.as_ref().map(|name| vec![name.to_string()]),
        "Layers": layers.iter().map(|layer| blob(layer.digest)).collect::<Vec<_>>(),
    }]))
}

fn base_layers(plan: &ImagePlan) -> usize {
    plan.base.as_ref().map_or(0, |base| base.layers.len())
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": sha256(digest), "size": size})
}

fn sha256(digest: Digest) -> String {
    format!("sha256:{digest}")
}

/// Sorted keys, no spaces: always the same bytes.
fn canonical(mut document: Value) -> Vec<u8> {
    document.sort_all_objects();
    serde_json::to_vec(&document).expect("a value is always JSON")
}

/// `2026-02-28T12:00:00Z`.
fn rfc3339(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86_400, epoch % 86_400);
    let (mut year, mut day_of_year) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day_of_year < length {
            break;
        }
        day_of_year -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day_of_year < length {
            break;
        }
        day_of_year -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day_of_year + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spelled_as_rfc_3339_wants() {
        for (epoch, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (MAX_EPOCH, "2242-03-16T12:56:31Z"),
        ] {
            assert_eq!(rfc3339(epoch), expected);
        }
    }

    fn plan() -> ImagePlan {
        ImagePlan {
            host: Host::Aarch64,
            name: Some("acme/camera:1.0".parse().unwrap()),
            base: None,
            layers: Vec::new(),
            config: ImageConfig {
                entrypoint: vec!["/app/bin/camera".to_owned()],
                user: Some("65532:65532".to_owned()),
                env: BTreeMap::from([("B".to_owned(), "2".to_owned()), ("A".to_owned(), "1=1".to_owned())]),
                labels: BTreeMap::from([
                    ("org.opencontainers.image.title".to_owned(), "camera".to_owned()),
                    ("acme.team".to_owned(), "vision".to_owned()),
                ]),
                ..ImageConfig::default()
            },
            epoch: 0,
            compression: Compression::Zstd,
        }
    }

    fn written() -> WrittenLayer {
        WrittenLayer {
            name: "program".to_owned(),
            diff_id: Digest::of("diff"),
            digest: Digest::of("blob"),
            size: 7,
            uncompressed_size: 9,
            files: 1,
            cached: false,
            compression: Compression::Zstd,
        }
    }

    /// Digests shortened, for people.
    fn text(json: Vec<u8>) -> String {
        let mut text = String::from_utf8(json).unwrap();
        while let Some(start) = text.find("sha256:") {
            text.replace_range(start..start + 7 + 64, &format!("<{}>", &text[start + 7..start + 11]));
        }
        text
    }

    #[test]
    fn the_documents_are_these() {
        let (plan, layers) = (plan(), [written()]);
        let config = config_json(&plan, &layers);
        let manifest = manifest_json(&plan, &config, &layers);
        insta::assert_snapshot!(text(config.clone()), @r#"{"architecture":"arm64","config":{"Entrypoint":["/app/bin/camera"],"Env":["A=1=1","B=2"],"Labels":{"acme.team":"vision","org.opencontainers.image.title":"camera"},"User":"65532:65532"},"created":"1970-01-01T00:00:00Z","history":[{"created":"1970-01-01T00:00:00Z","created_by":"cuferry: program"}],"os":"linux","rootfs":{"diff_ids":["<df08>"],"type":"layers"},"variant":"v8"}"#);
        insta::assert_snapshot!(text(manifest.clone()), @r#"{"annotations":{"org.opencontainers.image.title":"camera"},"config":{"digest":"<b4d2>","mediaType":"application/vnd.oci.image.config.v1+json","size":439},"layers":[{"digest":"<fa2c>","mediaType":"application/vnd.oci.image.layer.v1.tar+zstd","size":7}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#);
        insta::assert_snapshot!(text(index_json(&plan, &manifest)), @r#"{"annotations":{"io.github.cuferry.layout":"1"},"manifests":[{"annotations":{"io.containerd.image.name":"docker.io/acme/camera:1.0","org.opencontainers.image.ref.name":"1.0"},"digest":"<f2cc>","mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"arm64","os":"linux","variant":"v8"},"size":457}],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#);
        insta::assert_snapshot!(text(docker_json(&plan, &config, &layers)), @r#"[{"Config":"blobs/sha256/b4d24cd37fffdf98bd14180a1542f35e78c83e748f0084f1720a240b31f52c22","Layers":["blobs/sha256/fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8"],"RepoTags":["acme/camera:1.0"]}]"#);
    }

    #[test]
    fn a_base_configuration_is_kept_and_added_to() {
        let config = ImageConfig { cmd: Vec::new(), ..plan().config };
        let mut start = json!({
            "Cmd": ["bash"], "Env": ["PATH=/bin", "A=0"], "ExposedPorts": {"80/tcp": {}}, "User": "www",
            "WorkingDir": "/srv", "Labels": {"x": "y"}, "Volumes": null,
        });
        start_options(&config, start.as_object_mut().unwrap());
        insta::assert_snapshot!(text(canonical(start)), @r#"{"Entrypoint":["/app/bin/camera"],"Env":["A=1=1","B=2","PATH=/bin"],"ExposedPorts":{"80/tcp":{}},"Labels":{"acme.team":"vision","org.opencontainers.image.title":"camera","x":"y"},"User":"65532:65532","WorkingDir":"/srv"}"#);
    }
}
