//! Images in every form in which they lie on disks, whole and not.

use cuferry_artifact::{Artifact, ArtifactKind, Compression, Limits, open};
use serde_json::json;

use crate::common::{
    Image, blob, docker_archive, gzip, layout, opened, opened_path, pack, problems, refused, said, scratch,
    shown, tar, unpack, xz, zstd,
};

const LINES: &[&[&str]] = &[&["app/", "app/run = one", "old"], &["app/lib.so = two", ".wh.old = "]];
const FILES: &[&str] = &["app/ #0", "app/lib.so = two #1", "app/run = one #0"];

fn labels(artifact: &Artifact) -> Vec<&str> {
    artifact.trees.iter().map(|tree| tree.label.as_deref().unwrap()).collect()
}

#[test]
fn every_form_is_the_same_image() {
    let plain = Image { name: Some("acme/app:1"), ..Image::new(LINES) };
    let compressed = |compress: fn(&[u8]) -> Vec<u8>| Image {
        layers: plain.layers.iter().map(|layer| compress(layer)).collect(),
        ..plain.clone()
    };
    for image in [plain.clone(), compressed(gzip), compressed(zstd), compressed(xz)] {
        let (_guard, folder) = scratch();
        let files = layout(std::slice::from_ref(&image));
        unpack(&files, &folder);
        std::fs::write(folder.join("image.tgz"), gzip(&pack(&files))).unwrap();
        let forms = [
            (opened_path(&folder), ArtifactKind::OciLayout, Compression::None),
            (opened("x", pack(&files)), ArtifactKind::OciArchive, Compression::None),
            (opened_path(&folder.join("image.tgz")), ArtifactKind::OciArchive, Compression::Gzip),
            (
                opened("x", docker_archive(std::slice::from_ref(&image))),
                ArtifactKind::DockerArchive,
                Compression::None,
            ),
            (
                opened("x", zstd(&docker_archive(std::slice::from_ref(&image)))),
                ArtifactKind::DockerArchive,
                Compression::Zstd,
            ),
        ];
        for (artifact, kind, compression) in forms {
            assert_eq!((&artifact.kind, artifact.compression), (&kind, compression));
            assert!(artifact.kind.is_image() && artifact.problems().is_empty());
            assert_eq!(labels(&artifact), ["acme/app:1"]);
            assert_eq!(shown(&artifact.trees[0]), FILES);
            let info = artifact.trees[0].image.as_ref().unwrap();
            assert_eq!(info.platform(), "linux/arm64/v8");
            assert_eq!((info.layers, info.names.as_slice()), (2, ["acme/app:1".to_owned()].as_slice()));
            assert_eq!((info.entrypoint.as_slice(), info.cmd.len()), (["/app/run".to_owned()].as_slice(), 0));
            assert_eq!((info.variable("CUDA_VERSION"), info.variable("CUDA")), (Some("12.6"), None));
            assert_eq!((info.labels["a"].as_str(), info.user.as_ref()), ("b", None));
            assert_eq!(info.digest.is_some(), kind != ArtifactKind::DockerArchive);
        }
    }
}

#[test]
fn several_images_are_several_trees() {
    let arm = Image::new(LINES);
    let amd = Image { architecture: "amd64", ..Image::new(&[&["x = 1"]]) };
    let named = Image { name: Some("a:1"), ..arm.clone() };
    let artifact = opened("x", pack(&layout(&[arm.clone(), amd.clone()])));
    assert_eq!(labels(&artifact), ["linux/arm64/v8", "linux/amd64"]);
    assert_eq!(shown(&artifact.trees[1]), ["x = 1 #0"]);
    // The same image under two names is one; its layers are read once.
    let other = Image { name: Some("a:2"), ..arm.clone() };
    let artifact = opened("x", pack(&layout(&[named.clone(), other, amd.clone()])));
    assert_eq!(labels(&artifact), ["a:1 linux/arm64/v8", "linux/amd64"]);
    assert_eq!(artifact.trees[0].image.as_ref().unwrap().names, ["a:1", "a:2"]);
    let artifact = opened("x", docker_archive(&[arm.clone(), arm, named]));
    assert_eq!(labels(&artifact), ["linux/arm64/v8", "linux/arm64/v8 (2)", "a:1 linux/arm64/v8"]);
}

/// An index in an index, beside what BuildKit and cosign add, and a platform that was not copied along.
#[test]
fn indexes_are_followed_to_the_images() {
    let mut files =
        layout(&[Image::new(LINES), Image { architecture: "amd64", ..Image::new(&[&["x = 1"]]) }]);
    let inner = files.pop().unwrap().1;
    let mut inner: serde_json::Value = serde_json::from_slice(&inner).unwrap();
    let list = inner["manifests"].as_array_mut().unwrap();
    let mut attestation = list[0].clone();
    attestation["digest"] = json!(format!("sha256:{}", "1".repeat(64)));
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let mut elsewhere = list[0].clone();
    elsewhere["digest"] = json!(format!("sha256:{}", "2".repeat(64)));
    elsewhere["platform"] = json!({"os": "linux", "architecture": "s390x"});
    list.extend([attestation, elsewhere]);
    let signature = blob(&mut files, "application/vnd.dev.cosign.simplesigning.v1+json", b"{}".to_vec());
    let signature = json!({"config": signature, "layers": [signature]});
    let signature = blob(
        &mut files,
        "application/vnd.oci.image.manifest.v1+json",
        serde_json::to_vec(&signature).unwrap(),
    );
    let inner =
        blob(&mut files, "application/vnd.oci.image.index.v1+json", serde_json::to_vec(&inner).unwrap());
    let outer = json!({"manifests": [inner, inner, signature]});
    files.push(("index.json".to_owned(), serde_json::to_vec(&outer).unwrap()));
    let artifact = opened("x", pack(&files));
    assert_eq!(labels(&artifact), ["linux/arm64/v8", "linux/amd64"]);
    assert_eq!(problems(&artifact), ["missing-image 1", "not-an-image 2"]);

    let mut deep = json!({"manifests": [inner]});
    for _ in 0..5 {
        let index =
            blob(&mut files, "application/vnd.oci.image.index.v1+json", serde_json::to_vec(&deep).unwrap());
        deep = json!({"manifests": [index]});
    }
    files.retain(|(name, _)| name != "index.json");
    files.push(("index.json".to_owned(), serde_json::to_vec(&deep).unwrap()));
    assert!(refused("x", pack(&files)).contains("indexes lie too deep"));
}

/// What an image becomes when one of its files is changed, or taken away.
fn spoilt(name: &str, change: impl Fn(&mut Vec<u8>) -> bool) -> String {
    let mut files = layout(&[Image::new(&[&["x = 1"]])]);
    let blobs: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    // In the order in which `layout` makes them.
    let wanted = match name {
        "config" => &blobs[1],
        "layer" => &blobs[2],
        "manifest" => &blobs[3],
        name => name,
    };
    let wanted = wanted.to_owned();
    files.retain_mut(|(name, content)| *name != wanted || change(content));
    let error = refused("image.tar", pack(&files));
    // Digests differ from one version of this test to the next.
    blobs[1..4]
        .iter()
        .zip(["CONFIG", "LAYER", "MANIFEST"])
        .fold(error, |text, (blob, name)| text.replace(blob, name))
}

#[test]
fn a_broken_image_says_what_is_broken() {
    let missing = |_: &mut Vec<u8>| false;
    let damaged = |content: &mut Vec<u8>| {
        let last = content.len() - 1;
        content[last] = b' ';
        true
    };
    let longer = |content: &mut Vec<u8>| {
        content.push(b' ');
        true
    };
    let check = |found: String, expected: &str| assert_eq!(found, expected);
    check(
        spoilt("manifest", missing),
        "artifact::image_incomplete: the image `image.tar` lacks `MANIFEST`, which `index.json` names",
    );
    check(
        spoilt("config", missing),
        "artifact::image_incomplete: the image `image.tar` lacks `CONFIG`, which `MANIFEST` names",
    );
    check(
        spoilt("layer", missing),
        "artifact::image_incomplete: the image `image.tar` lacks `LAYER`, which `MANIFEST` names",
    );
    check(
        spoilt("manifest", damaged),
        "artifact::image_damaged: `MANIFEST` of the image `image.tar` is damaged: its digest is another",
    );
    check(
        spoilt("config", damaged),
        "artifact::image_damaged: `CONFIG` of the image `image.tar` is damaged: its digest is another",
    );
    check(
        spoilt("layer", longer),
        "artifact::image_size: `LAYER` of the image `image.tar` has another size\n  expected: 2048 bytes\n  found:    2049 bytes",
    );
    let replace = |text: &'static str| {
        move |content: &mut Vec<u8>| {
            *content = text.as_bytes().to_vec();
            true
        }
    };
    assert!(
        spoilt("index.json", replace("{"))
            .starts_with("artifact::image: `index.json` of the image `image.tar` can't be read: EOF")
    );
    assert!(spoilt("index.json", replace("{}")).ends_with("it lists no `manifests`"));
    assert!(spoilt("index.json", replace(r#"{"manifests":[]}"#)).ends_with("it lists no image"));
    assert!(
        spoilt("index.json", replace(r#"{"manifests":[{"digest":"sha256:../../x"}]}"#))
            .contains("is no digest")
    );
    let deep: &'static str = format!(r#"{{"annotations":{}"#, "[".repeat(1_000_000)).leak();
    assert!(spoilt("index.json", replace(deep)).starts_with("artifact::image: `index.json` of the image"));
}

#[test]
fn a_docker_archive_names_its_parts() {
    let files = |list: &str, parts: &[(&str, &[u8])]| {
        let mut files: Vec<(String, Vec<u8>)> =
            parts.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        files.push(("manifest.json".to_owned(), list.as_bytes().to_vec()));
        pack(&files)
    };
    let image = Image::new(&[&["x = 1"]]);
    let (config, layer) = (image.config(), image.layers[0].clone());
    let list = r#"[{"Config":"c.json","RepoTags":null,"Layers":["l.tar"]}]"#;
    let artifact = opened("x", files(list, &[("./c.json", &config), ("l.tar", &layer)]));
    assert_eq!(shown(&artifact.trees[0]), ["x = 1 #0"]);
    assert!(
        refused("x", files(list, &[("c.json", &config)]))
            .contains("lacks `l.tar`, which `manifest.json` names")
    );
    assert!(refused("x", files(list, &[("l.tar", &layer)])).contains("lacks `c.json`"));
    assert!(
        refused("x", files(list, &[("c.json", b"{}"), ("l.tar", &layer)]))
            .contains("0 `diff_ids`, and the image 1 layers")
    );
    assert!(
        refused("x", files(list, &[("c.json", &config), ("l.tar", &layer[..600])]))
            .contains("`l.tar` of `x` can't be read")
    );
    // A path out of the archive is no part of it.
    let list = r#"[{"Config":"../c.json","Layers":[]}]"#;
    assert!(refused("x", files(list, &[("d.json", &config)])).contains("lacks `../c.json`"));
    // A web page's manifest is no image's.
    let artifact = opened("x.tar", files(r#"{"name":"app","icons":[]}"#, &[("index.html", b"x")]));
    assert_eq!(artifact.kind, ArtifactKind::Tar);
}

/// Before version 25 docker linked layers to one another that are the same.
#[test]
fn layers_may_be_links_to_one_another() {
    let image = Image::new(&[&["x = 1"], &["x = 1"]]);
    let mut builder = tar::Builder::new(docker_archive(std::slice::from_ref(&image)));
    // Not the end yet: the two blocks of zeros go.
    let length = builder.get_ref().len() - 1024;
    builder.get_mut().truncate(length);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "0-1/layer.tar", "../0-0/layer.tar").unwrap();
    let artifact = opened("x", builder.into_inner().unwrap());
    assert_eq!(shown(&artifact.trees[0]), ["x = 1 #1"]);
}

#[test]
fn a_layout_is_not_left_by_its_links() {
    let (_guard, folder) = scratch();
    let files = layout(&[Image::new(&[&["x = 1"]])]);
    unpack(&files, &folder.join("image"));
    let blob = folder.join("image").join(&files[2].0);
    std::fs::rename(&blob, folder.join("outside")).unwrap();
    std::os::unix::fs::symlink(folder.join("outside"), &blob).unwrap();
    let error = open(&folder.join("image"), &Limits::default()).unwrap_err();
    assert!(said(&error).contains("artifact::image_incomplete"), "{}", said(&error));
}

#[test]
fn more_than_any_image_has_is_refused() {
    let layer = tar(&["x = 1"]);
    let many = Image { layers: vec![layer.clone(); 513], ..Image::new(&[]) };
    let expected = "more than 256 images, or more than 512 layers in one";
    assert!(refused("x", pack(&layout(std::slice::from_ref(&many)))).contains(expected));
    assert!(refused("x", docker_archive(&[many])).contains(expected));
    assert!(refused("x", docker_archive(&vec![Image::new(&[]); 257])).contains(expected));
    assert_eq!(opened("x", docker_archive(&vec![Image::new(&[]); 256])).trees.len(), 256);
}
