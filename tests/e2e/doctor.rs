//! `cuferry doctor`: this machine, as far as a test can know it: what is on `PATH`, and what the project's folders hold.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::project::TestProject;

/// Puts a program on the project's `PATH`. Written by another process: a script that this one still had open for writing
/// could not be started by a command that another test forks at that moment.
fn program(project: &TestProject, name: &str, script: &str) {
    let path = project.path("bin").join(name);
    let text = format!("#!/bin/sh\n{script}\n");
    let write = "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"";
    let status = Command::new("/bin/sh").args(["-c", write, "sh", &text]).arg(&path).status();
    assert!(status.expect("there is a shell").success());
}

fn way(report: &Value, name: &str) -> Value {
    let ways = report["ways"].as_array().expect("there are ways");
    ways.iter().find(|way| way["name"] == name).expect("it is one").clone()
}

#[test]
fn a_machine_with_a_compiler_and_a_toolkit() {
    let project = TestProject::new();
    let run = project.run(["doctor"]).expect(0);
    assert!(run.stdout.starts_with("rebuild   works: g++ "), "{}", run.stdout);
    assert!(run.stdout.contains("\nhybrid    does not work here: the machine lacks a GPU"), "{}", run.stdout);
    assert!(run.stdout.contains("\nemulate   works: the software device "), "{}", run.stdout);
    assert!(
        run.stdout.contains("\nok       toolkit     CUDA 13.0 in [TEMP]/toolkit (CUDA_HOME)\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("\nok       CPU         "), "{}", run.stdout);
    assert_eq!(run.stderr, "");

    let report = project.run(["doctor", "--format", "json"]).expect(0).json();
    assert_eq!(report["schema"], 1);
    assert_eq!(way(&report, "rebuild")["state"], "works");
    assert_eq!(way(&report, "hybrid")["state"], "lacking");
    assert!(way(&report, "hybrid")["step"].is_string());
    assert_eq!(way(&report, "emulate")["state"], "works");
    assert_eq!(report["host"]["cpu"]["from"], "/proc/cpuinfo");
    let toolkit = &report["toolkits"]["here"][0];
    assert_eq!((&toolkit["release"], &toolkit["from"]), (&json!("13.0"), &json!("CUDA_HOME")));
    assert_eq!(report["compilers"][0]["host"], "x86_64");
    // Nothing of the real PATH is looked at.
    assert_eq!(report["containers"]["engines"], json!([]));
    assert_eq!(report["emulators"]["qemu"], json!([]));
}

#[test]
fn a_machine_without_a_compiler() {
    let project = TestProject::new();
    let run = project.cuferry(["doctor"]).env("PATH", project.path("home")).run().expect(3);
    assert!(
        run.stdout.starts_with("rebuild   does not work here: no C++ compiler for x86_64\n          -> "),
        "{}",
        run.stdout
    );
    let report = project
        .cuferry(["doctor", "--format", "json"])
        .env("PATH", project.path("home"))
        .run()
        .expect(3)
        .json();
    let rebuild = way(&report, "rebuild");
    assert_eq!(
        (&rebuild["state"], &rebuild["lacks"]),
        (&json!("lacking"), &json!(["no C++ compiler for x86_64"]))
    );
    assert!(rebuild["step"].as_str().is_some_and(|step| step.contains("g++")), "{rebuild}");
}

/// A daemon that hangs costs seconds, not the answer.
#[test]
fn engines_that_answer_and_one_that_hangs() {
    let project = TestProject::new();
    program(&project, "docker", "exec /bin/sleep 600");
    program(&project, "podman", r#"echo '{"version":{"Version":"4.3.1"}}'"#);
    program(&project, "nerdctl", "echo 'cannot access containerd socket' >&2; exit 1");
    let start = Instant::now();
    let run = project.run(["doctor"]).expect(0);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "trouble docker does not answer within 3 s (docker info) -> restart its daemon",
        "trouble nerdctl does not work: cannot access containerd socket (nerdctl info)",
        " podman 4.3.1",
    ] {
        assert!(words.contains(line), "`{line}` in {}", run.stdout);
    }
}

#[test]
fn an_emulator() {
    let project = TestProject::new();
    let script =
        "case $1 in --version) echo 'qemu-aarch64 version 9.0.1 (x)';; *) echo '-plugin QEMU_PLUGIN';; esac";
    program(&project, "qemu-aarch64", script);
    let report = project.run(["doctor", "--format", "json"]).expect(0).json();
    let qemu = &report["emulators"]["qemu"][0];
    assert_eq!(
        (&qemu["version"], &qemu["plugins"], &qemu["static"]),
        (&json!("9.0.1"), &json!(true), &json!(false))
    );
    assert!(way(&report, "emulate")["has"][1].as_str().is_some_and(|has| has.contains("qemu-aarch64")));
}
