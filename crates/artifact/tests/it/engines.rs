//! The files of an image as the engines see them: docker's and podman's own export is the truth.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use camino::Utf8Path;
use cuferry_artifact::{ArtifactKind, Tree};

use crate::common::{
    Image, docker_archive, gzip, lacking, layout, opened_path, scratch, shown, unpack, zstd,
};

/// Layers that put, hide and replace in every way on which engines agree.
const LAYERS: &[&[&str]] = &[
    &[
        "etc/",
        "etc/passwd = root",
        "opt/",
        "opt/old/",
        "opt/old/a = 1",
        "opt/old/deep/",
        "opt/old/deep/b = 2",
        "opt/kept = 3",
        "lib -> usr/lib",
        "usr/",
        "usr/lib/",
        "usr/lib/x.so.1 = 4",
        "usr/lib/x.so -> x.so.1",
        "usr/lib/hard => usr/lib/x.so.1",
        "swap = file",
        "paws/",
        "paws/inner = 5",
        "opaque/",
        "opaque/gone = 6",
        "opaque/sub/",
        "opaque/sub/gone = 7",
        "twice = first",
    ],
    &[
        "opt/",
        "opt/.wh.old = ",
        "usr/",
        "usr/lib/",
        "usr/lib/.wh.x.so.1 = ",
        "usr/lib/new.so = 8",
        "twice = second",
    ],
    &[
        "opaque/",
        "opaque/.wh..wh..opq = ",
        "opaque/sub/",
        "opaque/sub/here = 9",
        ".wh.swap = ",
        "paws = now a file",
        "swapped/",
        "twice = third",
        "swapped/again => twice",
    ],
    &["swap/", "swap/inner = now a folder", "opt/", "opt/old/", "opt/old/c = back", "lib/", "lib/own = 10"],
];

/// What `docker create` and `podman create` put into every container.
const ENGINES_OWN: [&str; 12] = [
    "dev",
    "proc",
    "sys",
    "run",
    ".dockerenv",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "etc/mnttab",
    "mnt",
    "tmp",
];

fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    Command::new("timeout").args(["120", program]).args(arguments).output().ok()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Path to line, without what engines add and without layers.
fn listed(tree: &Tree) -> BTreeMap<String, String> {
    let own = |path: &str| {
        path == "etc"
            || ENGINES_OWN
                .iter()
                .any(|own| path == *own || path.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')))
    };
    let lines = tree.files().zip(shown(tree)).map(|(node, line)| {
        let line = node.layer.map_or(line.clone(), |layer| line.replace(&format!(" #{layer}"), ""));
        (node.path.clone(), line)
    });
    lines.filter(|(path, _)| !own(path)).collect()
}

fn docker_answers() -> bool {
    let answers = run("docker", &["version", "--format", "{{.Server.Version}}"])
        .is_some_and(|output| output.status.success() && !output.stdout.is_empty());
    if !answers {
        lacking("docker does not answer");
    }
    answers
}

/// The files of a container that was made of a loaded image, never started.
fn docker_export(image: &str, folder: &Utf8Path) -> BTreeMap<String, String> {
    let container = succeeded(&run("docker", &["create", image, "/none"]).unwrap());
    let path = folder.join("export.tar");
    let exported = run("docker", &["export", "-o", path.as_str(), &container]).unwrap();
    run("docker", &["rm", "-f", &container]);
    succeeded(&exported);
    let artifact = opened_path(&path);
    assert_eq!(artifact.kind, ArtifactKind::Tar);
    listed(&artifact.trees[0])
}

#[test]
fn docker_sees_the_same_files() {
    if !docker_answers() {
        return;
    }
    let (_guard, folder) = scratch();
    let name = "cuferry-test/artifact:layers";
    let image = Image { architecture: "amd64", name: Some(name), ..Image::new(LAYERS) };
    let path = folder.join("image.tar");
    fs::write(&path, docker_archive(&[image])).unwrap();
    succeeded(&run("docker", &["load", "-q", "-i", path.as_str()]).unwrap());
    let saved = folder.join("saved.tar");
    let save = run("docker", &["save", "-o", saved.as_str(), name]).unwrap();
    let theirs = docker_export(name, &folder);
    run("docker", &["rmi", "-f", name]);
    succeeded(&save);
    let ours = listed(&opened_path(&path).trees[0]);
    assert!(ours.len() > 20, "{ours:?}");
    assert_eq!(ours, theirs);
    assert_eq!(listed(&opened_path(&saved).trees[0]), theirs, "what docker saves is the same again");
}

#[test]
fn an_image_that_docker_built_has_the_files_that_docker_says() {
    if !docker_answers() {
        return;
    }
    let (_guard, folder) = scratch();
    let context = folder.join("context");
    fs::create_dir_all(context.join("one/sub")).unwrap();
    fs::create_dir_all(context.join("two/sub")).unwrap();
    fs::write(context.join("one/sub/a"), "1").unwrap();
    fs::write(context.join("one/b"), "2").unwrap();
    fs::hard_link(context.join("one/b"), context.join("one/c")).unwrap();
    std::os::unix::fs::symlink("sub/a", context.join("one/link")).unwrap();
    fs::write(context.join("two/sub/a"), "changed").unwrap();
    fs::write(context.join(format!("two/{}", "long-".repeat(40))), "3").unwrap();
    fs::write(context.join("two/größe"), "4").unwrap();
    fs::write(
        context.join("Dockerfile"),
        "FROM scratch\nENV A=b\nCOPY one /app\nCOPY two /app\nCOPY two/sub /usr/lib\nCMD [\"/app/run\"]\n",
    )
    .unwrap();
    let name = "cuferry-test/artifact:built";
    let built = Command::new("docker")
        .args(["build", "-q", "-t", name, context.as_str()])
        .env("DOCKER_BUILDKIT", "0")
        .output()
        .unwrap();
    succeeded(&built);
    let saved = folder.join("saved.tar");
    let save = run("docker", &["save", "-o", saved.as_str(), name]).unwrap();
    let theirs = docker_export(name, &folder);
    run("docker", &["rmi", "-f", name]);
    succeeded(&save);
    let artifact = opened_path(&saved);
    assert_eq!(artifact.trees[0].label.as_deref(), Some(name));
    let info = artifact.trees[0].image.as_ref().unwrap();
    assert_eq!(
        (info.layers, info.variable("A"), info.cmd.as_slice()),
        (3, Some("b"), ["/app/run".to_owned()].as_slice())
    );
    assert_eq!(listed(&artifact.trees[0]), theirs);
    assert_eq!(theirs["app/sub/a"], "app/sub/a = changed");

    // In skopeo's hands it becomes a layout, compressed.
    for format in ["gzip", "zstd"] {
        let layout = folder.join(format);
        let (from, to) = (format!("docker-archive:{saved}"), format!("oci:{layout}:x"));
        let copy = ["--insecure-policy", "copy", "-q", "--dest-compress-format", format, &from, &to];
        let Some(copy) = run("skopeo", &copy).filter(|output| output.status.code() != Some(127)) else {
            return lacking("`skopeo` is not on PATH");
        };
        succeeded(&copy);
        let artifact = opened_path(&layout);
        assert_eq!(
            (&artifact.kind, artifact.trees[0].label.as_deref()),
            (&ArtifactKind::OciLayout, Some("x"))
        );
        assert_eq!(listed(&artifact.trees[0]), theirs);
    }
}

#[test]
fn podman_sees_the_same_files() {
    // Podman makes a name of the folder's, and names are lower-case, which those of temporary folders are not.
    let prefix = format!("cuferry-artifact-{}", std::process::id());
    let guard = tempfile::Builder::new().prefix(&prefix).rand_bytes(0).tempdir().unwrap();
    let folder = Utf8Path::from_path(guard.path()).unwrap();
    let storage = [
        format!("--root={folder}/root"),
        format!("--runroot={folder}/run"),
        "--storage-driver=vfs".to_owned(),
        "--cgroup-manager=cgroupfs".to_owned(),
        "--events-backend=none".to_owned(),
    ];
    let podman = |arguments: &[&str]| {
        let all: Vec<&str> = storage.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        run("podman", &all)
    };
    if !podman(&["info"]).is_some_and(|output| output.status.success()) {
        return lacking("`podman` is not on PATH, or can't run here");
    }
    // Through a link that stays: docker's overlay driver hides the link, podman and containerd follow it.
    let followed: &[&[&str]] =
        &[&["usr/lib/x = 1", "lib -> usr/lib", "usr/lib/y = 2"], &["lib/z = 3", "lib/.wh.y = "]];
    for (layers, compress) in
        [(LAYERS, <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), (LAYERS, gzip), (LAYERS, zstd), (followed, gzip)]
    {
        let plain = Image { architecture: "amd64", ..Image::new(layers) };
        let config = plain.config();
        let packed = Image { layers: plain.layers.iter().map(|layer| compress(layer)).collect(), ..plain };
        let path = folder.join("image");
        // Podman checks the digests of uncompressed layers, which only the plain image's configuration has.
        unpack(&layout_with(&packed, config), &path);
        let id = succeeded(&podman(&["pull", "-q", &format!("oci:{path}")]).unwrap());
        let container = succeeded(&podman(&["create", "--network=none", &id, "/none"]).unwrap());
        let export = folder.join("export.tar");
        succeeded(&podman(&["export", "-o", export.as_str(), &container]).unwrap());
        podman(&["rm", "-f", &container]);
        podman(&["rmi", "-f", &id]);
        assert_eq!(listed(&opened_path(&path).trees[0]), listed(&opened_path(&export).trees[0]));
        fs::remove_dir_all(path).unwrap();
    }
    podman(&["system", "reset", "-f"]);
}

/// A layout whose configuration is another one.
fn layout_with(image: &Image, config: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let files = layout(std::slice::from_ref(image));
    let old = files[1].0.rsplit('/').next().unwrap().to_owned();
    let new = cuferry_digest::Digest::of(&config).to_string();
    let mut index: serde_json::Value = serde_json::from_slice(&files.last().unwrap().1).unwrap();
    let manifest =
        files.iter().find(|(_, content)| content.starts_with(b"{\"schemaVersion\":2,\"config\"")).unwrap();
    let text = String::from_utf8(manifest.1.clone()).unwrap().replace(&old, &new);
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["config"]["size"] = config.len().into();
    let mut files: Vec<(String, Vec<u8>)> =
        files.into_iter().filter(|(name, _)| name != "index.json" && !name.contains(&old)).collect();
    files.push((format!("blobs/sha256/{new}"), config));
    let descriptor = crate::common::blob(
        &mut files,
        "application/vnd.oci.image.manifest.v1+json",
        serde_json::to_vec(&manifest).unwrap(),
    );
    index["manifests"] = serde_json::json!([descriptor]);
    files.push(("index.json".to_owned(), serde_json::to_vec(&index).unwrap()));
    files
}

/// A tree that GNU tar packed, in each of its formats.
#[test]
fn gnu_tar_and_we_agree() {
    let (_guard, folder) = scratch();
    let source = folder.join("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("sub/file"), "content").unwrap();
    fs::hard_link(source.join("sub/file"), source.join("hard")).unwrap();
    std::os::unix::fs::symlink("t".repeat(150), source.join("long-link")).unwrap();
    fs::write(source.join("n".repeat(200)), "long").unwrap();
    let holes = fs::File::create(source.join("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    for format in ["gnu", "pax"] {
        for sparse in [false, true] {
            let path = folder.join("x.tar");
            let mut command = Command::new("tar");
            command.args(["--format", format, "-C", folder.as_str(), "-cf", path.as_str()]);
            let Ok(output) = command.args(sparse.then_some("--sparse")).arg("source").output() else {
                return lacking("`tar` is not on PATH");
            };
            succeeded(&output);
            let artifact = opened_path(&path);
            let tree = &artifact.trees[0];
            assert_eq!(tree.nodes().len(), 7, "{format} {:?}", shown(tree));
            let file = tree.get("source/sub/file").unwrap();
            assert_eq!(&*tree.bytes(file).unwrap(), b"content");
            assert_eq!(file.content_id(), tree.get("source/hard").unwrap().content_id());
            assert_eq!(artifact.problems().len(), usize::from(sparse), "{format}");
        }
    }
}
