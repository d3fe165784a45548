//! Help, completions, and wrong options.

use std::process::Command;

use crate::project::{Run, TestProject};

#[test]
fn help_has_examples() {
    let project = TestProject::new();
    for command in ["rebuild", "plan", "init"] {
        let help = project.run([command, "--help"]).expect(0).stdout;
        assert!(help.contains(&format!("Examples:\n  cuferry {command}")), "{help}");
    }
    let help = project.run(["--help"]).expect(0).stdout;
    assert!(help.contains("Exit codes:"), "{help}");
    assert_eq!(project.run(["--version"]).expect(0).stdout, "cuferry 0.1.0\n");
}

#[test]
fn completions() {
    let project = TestProject::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = project.run(["completions", shell]).expect(0).stdout;
        assert!(
            script.contains("cuferry") && script.contains("same-as-arm") | script.contains("gpu"),
            "{script}"
        );
    }
}

#[test]
fn wrong_options() {
    let project = TestProject::new();
    for args in [
        &["rebuild", "--fast"][..],
        &["rebuild", "-j", "0"],
        &["build"],
        &["rebuild", "--image", "x.tar", "--no-image"],
    ] {
        let run = project.run(args).expect(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
    project.run([""; 0]).expect(2);
}

/// What a shell would do with a command's standard output.
fn into(words: &str, sink: &str) -> Run {
    let project = TestProject::new().file("k.ptx", ".version 8.0\n.target sm_80\n.address_size 64\n");
    let mut command = Command::new("/bin/bash");
    command.args(["-c", &format!("set -o pipefail; {} {words} {sink}", env!("CARGO_BIN_EXE_cuferry"))]);
    command.current_dir(project.at(""));
    project.through(command).run()
}

#[test]
fn results_that_cannot_be_written() {
    for words in ["inspect k.ptx", "inspect k.ptx --list", "inspect k.ptx --format json", "explain 209"] {
        let run = into(words, "> /dev/full").expect(3);
        assert!(run.error_in_one_line().contains("cannot write the answer"), "{}", run.stderr);
        // A reader that has seen enough is no failure.
        assert_eq!(into(words, "| true").expect(0).stderr, "", "{words}");
    }
}
