//! `cuferry init`: the manifest that is written means what was understood without it.

use crate::project::TestProject;

fn project() -> TestProject {
    TestProject::new()
        .file("src/main.cu", "#include \"size.h\"\nint main() { return SIZE; }\n")
        .file("include/size.h", "#define SIZE 0\n")
        .file("Makefile", "all:\n\tnvcc -gencode arch=compute_87,code=sm_87 -Iinclude src/main.cu\n")
}

#[test]
fn writes_what_was_understood() {
    let project = project();
    let run = project.run(["init"]).expect(0);
    assert_eq!(run.stdout, "[TEMP]/project/cuferry.toml\n");
    let text = std::fs::read_to_string(project.at("cuferry.toml")).unwrap();
    insta::assert_snapshot!(text, @r#"
    # Written by `cuferry init` from what it found here. It is yours now: a comment says what a guess rests on.

    [project]
    name = "project"

    [build]
    # Which GPUs to build for; without it those of this machine, or one of each generation.
    # gpu = ["sm_80", "sm_90"]

    [[program]]
    name = "project"
    # the program is the one whose `main` is at src/main.cu:2
    sources = ["src/main.cu"]
    # `include` holds `size.h`, which src/main.cu:1 includes
    include = ["include"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # the ARM build asks for sm_87 at Makefile:2
    device-flags = ["-gencode", "arch=compute_87,code=sm_87"]
    "#);
    assert_eq!(project.run(["init", "--stdout"]).expect(0).stdout, text);
}

#[test]
fn the_manifest_changes_nothing() {
    let project = project();
    // A project with a Makefile is built by make, until there is a manifest.
    std::fs::remove_file(project.at("Makefile")).unwrap();
    let plan = |project: &TestProject| project.run(["plan", "--gpu", "sm_80"]).expect(0).stdout;
    let before = plan(&project);
    project.run(["rebuild", "--no-image", "--gpu", "sm_80"]).expect(0);
    project.run(["init"]).expect(0);
    assert_eq!(plan(&project), before);
    let run = project.run(["rebuild", "--no-image", "--gpu", "sm_80"]).expect(0);
    assert!(run.stderr.contains("nothing to do"), "{}", run.stderr);
}

#[test]
fn overwrites_only_when_told_to() {
    let project = project().file("cuferry.toml", "# mine\n");
    insta::assert_snapshot!(project.run(["init"]).expect(2).error(), @"
    init::exists

      × `[TEMP]/project/cuferry.toml` is there already
      help: edit it, or replace it with `--force`; `--stdout` only prints what would be written
    ");
    assert_eq!(std::fs::read_to_string(project.at("cuferry.toml")).unwrap(), "# mine\n");
    project.run(["init", "--force"]).expect(0);
    assert!(std::fs::read_to_string(project.at("cuferry.toml")).unwrap().contains("[[program]]"));
}
