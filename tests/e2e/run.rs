//! `cuferry run`: the examples on the software device, as programs and in Docker; and what `run` refuses, and why.

use std::path::Path;
use std::process::{Command, Output};

use cuferry_testkit::{lacking, variable};

use crate::project::{Run, TestProject};
use crate::real::{Example, SURROUNDINGS, docker, text};

/// cuferry, in the example's folder, with the real toolkit.
fn cuferry(example: &Example, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.args(args).current_dir(&example.root).env_clear();
    command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
    command.output().expect("the command was built with these tests")
}

/// Whether there is no toolkit to be had, which is said.
#[track_caller]
fn without_toolkit(output: &Output) -> bool {
    let words = String::from_utf8_lossy(&output.stderr);
    let none = output.status.code() == Some(3) && words.contains("install::network");
    if none {
        lacking("CUDA is not here and cannot be fetched");
    }
    none
}

#[track_caller]
fn check_passes(output: &Output) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("PASS"), "{stdout}\n{stderr}");
    assert!(stderr.contains("cuferry: emulate on the software device: "), "{stderr}");
}

/// From the sources to the program's own PASS, with one command and no GPU.
#[track_caller]
fn check_example(name: &'static str) {
    let example = Example::new(name);
    let output = cuferry(&example, &["run", "--device", "soft", "."]);
    if !without_toolkit(&output) {
        check_passes(&output);
    }
}

#[test]
fn vector_add_without_a_gpu() {
    check_example("vector-add");
}

#[test]
fn separable_without_a_gpu() {
    check_example("separable");
}

/// Its pixels are resized through a texture.
#[test]
fn edge_camera_without_a_gpu() {
    check_example("edge-camera");
}

/// An image as it is for GPUs: the software device is handed in from outside, by cuferry or by hand.
#[test]
fn an_image_without_a_gpu() {
    let example = Example::new("vector-add");
    let Some(report) = example.rebuild(&["--gpu", "sm_90"]) else { return };
    if !docker(&["info"]).is_some_and(|output| output.status.success()) {
        return lacking("Docker does not answer");
    }
    let image = &report["image"];
    check_passes(&cuferry(&example, &["run", "--device", "soft", text(&image["path"])]));
    let folder = cuferry(&example, &["run", "--library-folder"]);
    let folder = String::from_utf8_lossy(&folder.stdout).trim().to_owned();
    let by_hand = docker(&[
        "run",
        "--rm",
        "--network=none",
        &format!("--volume={folder}:/soft:ro"),
        "--env=LD_LIBRARY_PATH=/soft",
        text(&image["name"]),
    ]);
    let by_hand = by_hand.expect("it answered before");
    assert!(String::from_utf8_lossy(&by_hand.stdout).contains("PASS"), "{by_hand:?}");
    docker(&["rmi", "--force", text(&image["name"])]);
}

/// What cannot work is refused before it starts, with the fact that decides.
#[test]
fn a_program_without_ptx_is_refused() {
    let example = Example::new("vector-add");
    let Some(_) = example.rebuild(&["--gpu", "sm_90", "--no-ptx", "--no-image"]) else { return };
    let output = cuferry(&example, &["run", "--device", "soft", "target/cuferry/x86_64/vector-add"]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()), "{words}");
    assert!(words.contains("run::soft_cannot") && words.contains("sm_90"), "{words}");
}

/// A script that tells what it was given, and ends with 7.
fn script(project: &TestProject) {
    project.write(
        "tell",
        "#!/bin/sh\necho \"$# $1 $2 $LD_LIBRARY_PATH\"\nread line && echo \"$line\"\nexit 7\n",
    );
    chmod(&project.at("tell"));
}

fn chmod(path: &Path) {
    let done = Command::new("chmod").arg("+x").arg(path).status();
    assert!(done.expect("chmod is there").success());
}

fn says(run: &Run, code: &str, words: &str) {
    let error = run.error_in_one_line();
    assert!(error.starts_with(code) && error.contains(words), "{error}");
}

#[test]
fn arguments_and_exit_codes_are_the_program_s_own() {
    let project = TestProject::new();
    script(&project);
    let run = project.cuferry(["run", "--device", "soft", "./tell", "--device", "a b"]).run().expect(7);
    let folder = project.run(["run", "--library-folder"]).expect(0).stdout;
    assert_eq!(run.stdout, format!("2 --device a b {folder}"), "nothing but the program's words");
    assert!(run.stderr.starts_with("cuferry: emulate on the software device: "), "{}", run.stderr);
    let run =
        project.cuferry(["run", "-q", "--device", "soft", "./tell"]).env("LD_LIBRARY_PATH", "/mine").run();
    assert_eq!(
        (run.stdout.trim_end(), run.stderr.as_str()),
        (format!("0   {}:/mine", folder.trim_end()).as_str(), "")
    );
}

#[test]
fn what_is_no_program_is_named() {
    let project = TestProject::new().file("plain", "no program\n").file("code.ptx", PTX);
    says(&project.run(["run", "./missing"]).expect(2), "run::not_found", "`./missing` is not there");
    says(&project.run(["run", "missing"]).expect(2), "run::not_found", "a command on PATH");
    says(&project.run(["run", "code.ptx"]).expect(2), "run::not_a_program", "device code alone");
    says(&project.run(["run", "--device", "soft", "./plain"]).expect(3), "run::start", "chmod +x");
    says(&project.run(["run", "--way", "native", "--device", "soft", "x"]).expect(2), "run::not_found", "x");
    let run = project.run(["run"]).expect(2);
    assert!(run.stderr.contains("PROGRAM|DIR|IMAGE"), "{}", run.stderr);
}

const PTX: &str = ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry empty()\n{\n\tret;\n}\n";

#[test]
fn a_gpu_that_is_not_here_is_not_made_up() {
    let project = TestProject::new();
    script(&project);
    let run = project.run(["run", "--device", "gpu", "./tell"]);
    // On a machine with a GPU it runs.
    if run.code == Some(3) {
        says(&run, "run::no_gpu", "`--device soft` does without");
    } else {
        run.expect(7);
    }
    says(
        &project.run(["run", "--way", "emulate", "--device", "gpu", "./tell"]).expect(2),
        "run::contradiction",
        "soft",
    );
}

#[test]
fn the_program_of_a_project() {
    let project = TestProject::with_sources();
    let manifest = std::fs::read_to_string(project.at("cuferry.toml")).expect("it was written");
    let more =
        "[[program]]\nname = \"more\"\nsources = [\"*.cu\", \"*.cpp\"]\n[image]\nentrypoint = [\"three\"]\n";
    project.write("cuferry.toml", &format!("{manifest}\n{more}"));
    project.run(["run", "--device", "soft", "."]).expect(0);
    let run = project.run(["run", "--device", "soft", "--program", "other", "."]).expect(2);
    says(&run, "run::which", "no program `other`");
    assert!(!project.at("target/cuferry/x86_64").exists(), "what was built for GPUs is left alone");
}
