//! What the tests share: archives made of lines of text, and trees shown as such.

use std::io::Write as _;

use camino::Utf8Path;
use cuferry_artifact::{Artifact, Limits, NodeKind, Tree, open, open_bytes};
use cuferry_digest::Digest;
pub(crate) use cuferry_testkit::{lacking, scratch};
use serde_json::{Value, json};

/// A tar in a line an entry: `name/` is a folder, `name -> target` a symbolic link, `name => target` a hard link,
/// `name = content` a file, and a bare `name` a file that holds its own name.
pub(crate) fn tar(lines: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for line in lines {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(0);
        if let Some((path, target)) = line.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            raw_path(&mut header, path);
            header.set_link_name_literal(target).unwrap();
            builder_append(&mut builder, header, b"");
        } else if let Some((path, target)) = line.split_once(" => ") {
            header.set_entry_type(tar::EntryType::Link);
            raw_path(&mut header, path);
            header.set_link_name_literal(target).unwrap();
            builder_append(&mut builder, header, b"");
        } else if line.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            raw_path(&mut header, line);
            builder_append(&mut builder, header, b"");
        } else {
            let (path, content) = line.split_once(" = ").unwrap_or((line, line));
            raw_path(&mut header, path);
            builder_append(&mut builder, header, content.as_bytes());
        }
    }
    builder.into_inner().unwrap()
}

/// As it is: the library would refuse `..`.
fn raw_path(header: &mut tar::Header, path: &str) {
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
}

fn builder_append(builder: &mut tar::Builder<Vec<u8>>, mut header: tar::Header, content: &[u8]) {
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

/// A tar of files with these contents.
pub(crate) fn tar_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip of members, deflated where that makes them smaller.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        let method = if content.len() > 64 {
            zip::CompressionMethod::Deflated
        } else {
            zip::CompressionMethod::Stored
        };
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An image: its platform, its names, and its layers as they lie in the archive.
#[derive(Clone, Default)]
pub(crate) struct Image {
    pub(crate) architecture: &'static str,
    pub(crate) name: Option<&'static str>,
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Image {
    pub(crate) fn new(layers: &[&[&str]]) -> Self {
        Self { architecture: "arm64", name: None, layers: layers.iter().map(|lines| tar(lines)).collect() }
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        // Engines check these against the uncompressed layers; we don't.
        let diff_ids: Vec<String> =
            self.layers.iter().map(|layer| format!("sha256:{}", Digest::of(layer))).collect();
        let config = json!({
            "architecture": self.architecture, "os": "linux", "variant": if self.architecture == "arm64" { Some("v8") } else { None },
            "config": {"Env": ["PATH=/bin", "CUDA_VERSION=12.6"], "Entrypoint": ["/app/run"], "Cmd": null, "Labels": {"a": "b"}, "User": ""},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        serde_json::to_vec(&config).unwrap()
    }
}

/// The files of an OCI layout with these images, each in `index.json`.
pub(crate) fn layout(images: &[Image]) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
    let mut manifests = Vec::new();
    for image in images {
        let config = blob(&mut files, "application/vnd.oci.image.config.v1+json", image.config());
        let layers: Vec<Value> = image
            .layers
            .iter()
            .map(|layer| blob(&mut files, "application/vnd.oci.image.layer.v1.tar", layer.clone()))
            .collect();
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        let mut descriptor = blob(
            &mut files,
            "application/vnd.oci.image.manifest.v1+json",
            serde_json::to_vec(&manifest).unwrap(),
        );
        descriptor["platform"] = json!({"os": "linux", "architecture": image.architecture});
        if let Some(name) = image.name {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        manifests.push(descriptor);
    }
    let index = serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": manifests})).unwrap();
    files.push(("index.json".to_owned(), index));
    files
}

/// Adds a blob, and returns its descriptor.
pub(crate) fn blob(files: &mut Vec<(String, Vec<u8>)>, media_type: &str, content: Vec<u8>) -> Value {
    let digest = Digest::of(&content);
    let size = content.len();
    let name = format!("blobs/sha256/{digest}");
    if !files.iter().any(|(known, _)| *known == name) {
        files.push((name, content));
    }
    json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size})
}

/// What `docker save` wrote before version 25.
pub(crate) fn docker_archive(images: &[Image]) -> Vec<u8> {
    let mut files = Vec::new();
    let mut list = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let config = image.config();
        let config_name = format!("{}.json", Digest::of(&config));
        files.push((config_name.clone(), config));
        let mut names = Vec::new();
        for (index, layer) in image.layers.iter().enumerate() {
            let name = format!("{number}-{index}/layer.tar");
            names.push(name.clone());
            files.push((name, layer.clone()));
        }
        let tags: Option<Vec<&str>> = image.name.map(|name| vec![name]);
        list.push(json!({"Config": config_name, "RepoTags": tags, "Layers": names}));
    }
    files.push(("manifest.json".to_owned(), serde_json::to_vec(&list).unwrap()));
    pack(&files)
}

/// Files as a tar.
pub(crate) fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    tar_of(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())))
}

/// Files in a folder.
pub(crate) fn unpack(files: &[(String, Vec<u8>)], folder: &Utf8Path) {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

#[track_caller]
pub(crate) fn opened(name: &str, bytes: Vec<u8>) -> Artifact {
    open_bytes(name, bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

#[track_caller]
pub(crate) fn opened_path(path: &Utf8Path) -> Artifact {
    open(path, &Limits::default()).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

/// An error as the user sees it: code, message, causes.
pub(crate) fn said(error: &cuferry_artifact::ArtifactError) -> String {
    use miette::Diagnostic as _;
    let code = error.code().map(|code| code.to_string()).unwrap_or_default();
    let mut text = format!("{code}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

#[track_caller]
pub(crate) fn refused(name: &str, bytes: Vec<u8>) -> String {
    said(&open_bytes(name, bytes, &Limits::default()).expect_err(name))
}

/// A tree in a line a node, as [`tar`] takes them; files show their content, and `#n` at the end is the layer.
pub(crate) fn shown(tree: &Tree) -> Vec<String> {
    let line = |node: &cuferry_artifact::Node| {
        let path = &node.path;
        let text = match &node.kind {
            NodeKind::Directory => format!("{path}/"),
            NodeKind::Symlink { target } => format!("{path} -> {target}"),
            NodeKind::Other => format!("{path} ?"),
            NodeKind::File { size } => {
                let bytes = tree.bytes(node).unwrap();
                assert_eq!(bytes.len() as u64, *size, "`{path}`");
                let head = tree.head(node, 3).unwrap();
                assert_eq!(*head, bytes[..bytes.len().min(3)], "`{path}`");
                format!("{path} = {}", String::from_utf8_lossy(&bytes))
            }
        };
        node.layer.map_or_else(|| text.clone(), |layer| format!("{text} #{layer}"))
    };
    tree.files().map(line).collect()
}

/// The problems as `kind count`.
pub(crate) fn problems(artifact: &Artifact) -> Vec<String> {
    artifact.problems().iter().map(|problem| format!("{} {}", problem.kind.name(), problem.count)).collect()
}
