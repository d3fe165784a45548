//! The examples, built with NVIDIA's toolkit and started: what no stand-in can show.
//!
//! The toolkit is fetched into the user's data folder unless it is there. What a machine lacks (the network, Docker, qemu)
//! is said and passed over; in CI nothing is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cuferry_testkit::{lacking, variable};
use serde_json::Value;
use tempfile::TempDir;

use crate::project::{REPOSITORY, find};

/// What of the machine's environment a run with the real toolkit needs: programs, the data folder, the way to the network.
pub(crate) const SURROUNDINGS: &[&str] = &[
    "PATH",
    "HOME",
    "XDG_DATA_HOME",
    "CUFERRY_HOME",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// A copy of an example.
pub(crate) struct Example {
    name: &'static str,
    pub(crate) root: PathBuf,
    _folder: TempDir,
}

impl Example {
    /// In a folder that is called `folder`. Its image is called as no other process' is.
    fn in_folder(name: &'static str, folder: &str) -> Self {
        // Not in /tmp, which may be memory: an image with cuBLAS takes 600 MB.
        let parent = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
        let root = parent.path().join(folder);
        std::fs::create_dir(&root).expect("the folder is new");
        let from = Path::new(REPOSITORY).join("examples").join(name);
        for entry in from.read_dir().expect("it is an example").flatten() {
            if entry.file_name() != "target" {
                let copied = Command::new("cp").arg("-R").arg(entry.path()).arg(&root).status();
                assert!(copied.expect("cp is there").success());
            }
        }
        let example = Self { name, root, _folder: parent };
        example.edit(
            "cuferry.toml",
            "\"cuferry-examples/",
            &format!("\"cuferry-e2e-{}/", std::process::id()),
        );
        example
    }

    pub(crate) fn new(name: &'static str) -> Self {
        Self::in_folder(name, name)
    }

    #[track_caller]
    fn edit(&self, file: &str, was: &str, now: &str) {
        let path = self.root.join(file);
        let text = std::fs::read_to_string(&path).expect("the example has it");
        assert!(text.contains(was), "no `{was}` in {text}");
        std::fs::write(path, text.replace(was, now)).expect("the copy is writable");
    }

    /// The report of a rebuild; none where no toolkit can be had.
    #[track_caller]
    pub(crate) fn rebuild(&self, args: &[&str]) -> Option<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        command.args(["rebuild", "--toolkit", "13.0", "--format", "json"]).args(args).current_dir(&self.root);
        command.env_clear();
        command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
        let output = command.output().expect("the command was built with these tests");
        let words = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(3) && words.contains("install::network") {
            lacking("CUDA 13.0 is not here and cannot be fetched");
            return None;
        }
        assert!(output.status.success(), "{words}");
        Some(serde_json::from_slice(&output.stdout).expect("it is one JSON value"))
    }

    fn program(&self, host: &str) -> PathBuf {
        self.root.join("target/cuferry").join(host).join(self.name)
    }

    /// Without a GPU the program ends by itself, with its own words. Libraries that do not resolve would end it before.
    #[track_caller]
    fn check_ending(&self, run: &Output) {
        let words = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(3), "{words}");
        assert!(words.contains(&format!("{}: no CUDA device", self.name)), "{words}");
    }
}

/// An image in Docker, until this is dropped.
struct Loaded {
    name: String,
}

impl Loaded {
    /// None where there is no Docker.
    #[track_caller]
    fn new(image: &Value) -> Option<Self> {
        if !docker(&["info"]).is_some_and(|output| output.status.success()) {
            lacking("Docker does not answer");
            return None;
        }
        let loaded = Self { name: text(&image["name"]).to_owned() };
        let load = docker(&["load", "--quiet", "--input", text(&image["path"])])?;
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
        // Docker calls an image by the digest of its config.
        let id = docker(&["image", "inspect", "--format", "{{.Id}}", &loaded.name])?;
        assert_eq!(String::from_utf8_lossy(&id.stdout).trim(), text(&image["config_digest"]));
        Some(loaded)
    }

    #[track_caller]
    fn run(&self) -> Output {
        docker(&["run", "--rm", "--network", "none", &self.name]).expect("Docker answered before")
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        docker(&["rmi", "--force", &self.name]);
    }
}

pub(crate) fn docker(args: &[&str]) -> Option<Output> {
    Command::new("docker").args(args).output().ok()
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[track_caller]
fn layer<'a>(image: &'a Value, name: &str) -> &'a Value {
    let layers = image["layers"].as_array().expect("an image has layers");
    layers
        .iter()
        .find(|layer| layer["name"] == name)
        .unwrap_or_else(|| panic!("no layer `{name}` in {image}"))
}

/// From sources to a container.
#[track_caller]
fn check_container(name: &'static str) {
    let example = Example::new(name);
    let Some(report) = example.rebuild(&["--gpu", "sm_80"]) else { return };
    let image = &report["image"];
    let sections = Command::new("readelf").args(["-S", "-W"]).arg(example.program("x86_64")).output();
    let sections = sections.expect("binutils are there, since g++ is");
    assert!(String::from_utf8_lossy(&sections.stdout).contains(" .nv_fatbin "), "no device code in {name}");
    if find("skopeo").is_some() {
        let archive = format!("oci-archive:{}", text(&image["path"]));
        let inspect = Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", &archive]).output();
        let inspect = inspect.expect("it was found");
        assert_eq!(String::from_utf8_lossy(&inspect.stdout).trim(), text(&image["digest"]));
    }
    let Some(loaded) = Loaded::new(image) else { return };
    example.check_ending(&loaded.run());
}

#[test]
fn container_of_vector_add() {
    check_container("vector-add");
}

#[test]
fn container_of_separable() {
    check_container("separable");
}

#[test]
fn container_of_edge_camera() {
    check_container("edge-camera");
}

/// The image of a project in `folder`, all of whose files were last changed at `seconds`, with debug information:
/// that names files and folders.
#[track_caller]
fn image_with_debug_information(folder: &str, seconds: u32, device_flags: &str) -> Option<Value> {
    let example = Example::in_folder("separable", folder);
    example.edit("cuferry.toml", "\"-O2\"", "\"-O2\", \"-g\"");
    example.edit("cuferry.toml", "\"-O3\"", &format!("\"-O3\", {device_flags}"));
    let time = format!("@{seconds}");
    let touch = Command::new("find")
        .arg(&example.root)
        .args(["-type", "f", "-exec", "touch", "-d", &time, "{}", "+"])
        .status();
    assert!(touch.expect("find is there").success());
    Some(example.rebuild(&["--gpu", "sm_80"])?["image"].take())
}

#[test]
fn another_folder_at_another_time_gives_the_same_image() {
    let Some(first) = image_with_debug_information("first", 1_000_000_000, "\"-g\"") else { return };
    let second = image_with_debug_information("a much longer name of a folder", 1_700_000_000, "\"-g\"");
    let second = second.expect("the toolkit was here before");
    assert_ne!(first["path"], second["path"]);
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(first["layers"], second["layers"]);
}

/// Known wrong: ptxas writes the time and size of each source that its `.file` lines name into a cubin's line table, unless
/// the PTX states them itself. So times must be equal as well.
#[test]
fn with_device_line_numbers_the_time_of_the_sources_counts() {
    let image = |folder, seconds| image_with_debug_information(folder, seconds, "\"-g\", \"-lineinfo\"");
    let Some(first) = image("first", 1_000_000_000) else { return };
    let second = image("a much longer name of a folder", 1_000_000_000).expect("the toolkit was here before");
    let third = image("third", 1_700_000_000).expect("the toolkit was here before");
    assert_eq!(first["digest"], second["digest"]);
    assert_ne!(first["digest"], third["digest"]);
}

/// Built for ARM, and started under qemu up to the question for a GPU.
#[track_caller]
fn check_arm(name: &'static str, args: &[&str]) -> Option<(Example, Value)> {
    let qemu = "qemu-aarch64-static";
    for program in ["aarch64-linux-gnu-g++", qemu] {
        if find(program).is_none() {
            lacking(&format!("`{program}` is not on PATH"));
            return None;
        }
    }
    let example = Example::new(name);
    let report = example.rebuild(&[&["--host", "aarch64", "--gpu", "sm_80"], args].concat())?;
    let program = example.program("aarch64");
    let run = Command::new(qemu).args(["-L", "/usr/aarch64-linux-gnu"]).arg(program).output();
    example.check_ending(&run.expect("it was found"));
    Some((example, report))
}

#[test]
fn arm_build_of_separable() {
    check_arm("separable", &["--no-image"]);
}

#[test]
fn arm_build_of_vector_add_with_its_image() {
    let Some((example, report)) = check_arm("vector-add", &["--image", "layout"]) else { return };
    let blob = |digest: &Value| -> Value {
        let name = text(digest).strip_prefix("sha256:").expect("all digests are SHA-256");
        let bytes = std::fs::read(example.root.join("layout/blobs/sha256").join(name));
        serde_json::from_slice(&bytes.expect("the layout has it")).expect("it is JSON")
    };
    let manifest = blob(&report["image"]["digest"]);
    let config = blob(&manifest["config"]["digest"]);
    assert_eq!((&config["architecture"], &config["os"]), (&"arm64".into(), &"linux".into()));
}

/// 490 MB to fetch, once, and an image of 570 MB.
#[test]
fn with_a_big_library_in_a_layer_of_its_own() {
    let example = Example::new("sgemm-cublas");
    let Some(before) = example.rebuild(&["--gpu", "sm_90"]) else { return };
    let before = &before["image"];
    assert!(layer(before, "cuda")["size"].as_u64() > Some(400 << 20), "{before}");
    assert!(layer(before, "program")["size"].as_u64() < Some(20 << 20), "{before}");
    if let Some(loaded) = Loaded::new(before) {
        example.check_ending(&loaded.run());
    }
    example.edit("sgemm_cublas.cu", "no CUDA device", "really no CUDA device");
    let Some(after) = example.rebuild(&["--gpu", "sm_90"]) else { return };
    let after = &after["image"];
    assert_eq!(layer(before, "cuda"), layer(after, "cuda"));
    assert_ne!(layer(before, "program")["digest"], layer(after, "program")["digest"]);
}
