//! Help, completions, and wrong options.

use crate::project::TestProject;

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
