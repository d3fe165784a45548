//! The Jetson examples with builds of their own, unedited, with NVIDIA's toolkit: what x86_64 computes is what ARM computes,
//! bit for bit.
//!
//! `jetson/*.txt` is what the aarch64 builds print, run by qemu; a test of `compat` holds it against qemu itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cuferry_testkit::{lacking, variable};
use serde_json::Value;
use tempfile::TempDir;

use crate::project::{REPOSITORY, find, fixture};
use crate::real::SURROUNDINGS;

/// A copy of an example, and the report of its rebuild.
struct Rebuilt {
    root: PathBuf,
    report: Value,
    _folder: TempDir,
}

/// None where no toolkit can be had.
#[track_caller]
fn rebuild(example: &str, args: &[&str]) -> Option<Rebuilt> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
    let root = folder.path().join(format!("{example}-{}", std::process::id()));
    let from = Path::new(REPOSITORY).join("examples").join(example);
    assert!(Command::new("cp").arg("-R").arg(from).arg(&root).status().expect("cp is there").success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.args(["rebuild", "--toolkit", "13.0", "--gpu", "sm_90", "--format", "json"]).args(args);
    command.current_dir(&root).env_clear();
    command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
    let output = command.output().expect("the command was built with these tests");
    let words = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) && words.contains("install::network") {
        lacking("CUDA 13.0 or SIMDe is not here and cannot be fetched");
        return None;
    }
    assert!(output.status.success(), "{words}");
    let report = serde_json::from_slice(&output.stdout).expect("it is one JSON value");
    Some(Rebuilt { root, report, _folder: folder })
}

impl Rebuilt {
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let toolkit = self.report["toolkit"]["root"].as_str().expect("it has a toolkit");
        // One of them is linked to the shared CUDA runtime, which the image has, and this machine may not.
        Command::new(self.root.join(program))
            .args(args)
            .env("LD_LIBRARY_PATH", format!("{toolkit}/lib64"))
            .output()
            .expect("it is a program for this machine")
    }

    fn rules(&self) -> Vec<&str> {
        let changes = self.report["changes"].as_array().expect("a list");
        changes.iter().filter_map(|change| change["rule"].as_str()).collect()
    }

    /// The image starts, finds its libraries, and ends for want of a GPU.
    #[track_caller]
    fn check_image(&self, program: &str) {
        let image = &self.report["image"];
        let path = image["path"].as_str().expect("an image was written");
        if !find("docker").is_some_and(|docker| {
            Command::new(docker).arg("info").output().is_ok_and(|output| output.status.success())
        }) {
            lacking("Docker does not answer");
            return;
        }
        let docker =
            |args: &[&str]| Command::new("docker").args(args).output().expect("Docker answered before");
        let name = image["name"].as_str().expect("it has a name");
        let loaded = docker(&["load", "--quiet", "--input", path]);
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        let run = docker(&["run", "--rm", "--network", "none", name]);
        docker(&["rmi", "--force", name]);
        let words = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(3), "{words}");
        assert!(words.contains(&format!("{program}: no CUDA device")), "{words}");
    }
}

#[test]
fn a_jetson_makefile_computes_what_arm_computes() {
    let Some(rebuilt) = rebuild("jetson-makefile", &[]) else { return };
    let exact = std::fs::read_to_string(fixture("jetson/edge-detect.txt")).expect("it is a fixture");
    let run = rebuilt.run("build/edge-detect", &["--cpu"]);
    assert_eq!(String::from_utf8_lossy(&run.stdout), exact);
    let rules = rebuilt.rules();
    for rule in ["CF2001", "CF2002", "CF2017", "CF2203"] {
        assert!(rules.contains(&rule), "{rule} in {rules:?}");
    }
    rebuilt.check_image("edge-detect");
}

#[test]
fn a_jetson_cmake_project_computes_what_arm_computes() {
    let Some(rebuilt) = rebuild("jetson-cmake", &[]) else { return };
    let exact = std::fs::read_to_string(fixture("jetson/vibration.txt")).expect("it is a fixture");
    let run = rebuilt.run("target/cuferry/cmake/vibration", &["--cpu"]);
    assert_eq!(String::from_utf8_lossy(&run.stdout), exact);
    let installed: Vec<&str> = rebuilt.report["artefacts"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|artefact| artefact["path"].as_str())
        .filter(|path| path.contains("/stage/"))
        .collect();
    assert_eq!(installed.len(), 2, "a program and its library: {installed:?}");
    rebuilt.check_image("vibration");
}

/// What the ARM build prints of these subjects, the golden file in the order in which it was written.
fn golden(subject: &str) -> String {
    let all = std::fs::read_to_string(fixture("jetson/arm-semantics.txt")).expect("it is a fixture");
    let of = |line: &&str| {
        let starts = match subject {
            "chars" => &["letters", "byte sum", "char "][..],
            "wide" => &["wchar_t"],
            "conversions" => return line.contains("   unsigned "),
            _ => return line.contains("polynomial"),
        };
        starts.iter().any(|start| line.starts_with(start))
    };
    all.split_inclusive('\n').filter(of).collect()
}

#[test]
fn arm_semantics_reach_host_and_kernels() {
    let Some(plain) = rebuild("arm-semantics", &["--no-image"]) else { return };
    let Some(arm) = rebuild("arm-semantics", &["--no-image", "--arm-semantics"]) else { return };
    for subject in ["chars", "sums"] {
        let (plain, arm) = (plain.run("arm-semantics", &[subject]), arm.run("arm-semantics", &[subject]));
        assert_eq!(String::from_utf8_lossy(&arm.stdout), golden(subject));
        // The Makefile's -mcpu became x86-64-v3, which fuses by itself.
        assert_eq!(plain.stdout == arm.stdout, subject == "sums", "{subject}");
    }
    let flags = arm.report["changes"].to_string();
    assert!(flags.contains("-funsigned-char") && flags.contains("--unsigned_chars"), "{flags}");
}

/// Each by its name, with g++ behind nvcc: what it has no flag for ends the program.
#[test]
fn arm_semantics_end_a_program_where_gcc_cannot_keep_them() {
    let names = "--arm-semantics=conversions,division,overflow,shift,wchar";
    let Some(checked) = rebuild("arm-semantics", &["--no-image", names]) else { return };
    for (subject, words) in [
        ("conversions", "is outside the range of representable values of type 'int'"),
        ("division", "division of -2147483648 by -1 cannot be represented in type 'int'"),
    ] {
        let run = checked.run("arm-semantics", &[subject]);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.code() == Some(1) && said.contains(words), "{subject}: {:?} {said}", run.status);
        assert_eq!(said.lines().count(), 1, "it ends there: {said}");
    }
    let chars = checked.run("arm-semantics", &["chars"]);
    assert_eq!((chars.status.code(), chars.stderr.is_empty()), (Some(0), true));
    assert_ne!(String::from_utf8_lossy(&chars.stdout), golden("chars"), "nobody asked for it");
    let rules = checked.rules();
    assert!(
        rules.contains(&"CF2029") && !rules.contains(&"CF2037") && !rules.contains(&"CF2038"),
        "{rules:?}"
    );
}

/// With clang++ behind nvcc flags do it.
#[test]
fn arm_semantics_are_kept_by_clang() {
    if find("clang++").is_none() {
        lacking("there is no clang++");
        return;
    }
    let args = ["--no-image", "--compiler", "clang++", "--arm-semantics=char,fma,wchar,conversions"];
    let Some(arm) = rebuild("arm-semantics", &args) else { return };
    for subject in ["chars", "sums", "wide", "conversions"] {
        let run = arm.run("arm-semantics", &[subject]);
        assert_eq!(String::from_utf8_lossy(&run.stdout), golden(subject), "{subject}: {run:?}");
    }
    let rules = arm.rules();
    assert!(
        rules.contains(&"CF2037") && rules.contains(&"CF2038") && !rules.contains(&"CF2029"),
        "{rules:?}"
    );
}
