//! Mistakes in `cuferry.toml`, each shown at its place.

use crate::project::TestProject;

#[test]
fn mistakes_are_underlined_all_at_once() {
    let project = TestProject::new().file("main.cu", "int main() {}\n").file(
        "cuferry.toml",
        "[project]\nname = \"three parts\"\n\n[[program]]\nname = \"three\"\nsourcs = [\"main.cu\"]\nsources = [\"*.cpp\"]\n",
    );
    let run = project.run(["rebuild"]).expect(2);
    insta::assert_snapshot!(run.stderr, @r#"
      × `cuferry.toml` has 3 mistakes

    Error: 
      × `three parts` is no name for a project
       ╭─[cuferry.toml:2:8]
     1 │ [project]
     2 │ name = "three parts"
       ·        ─────────────
     3 │ 
       ╰────
      help: a name starts with a letter, a digit or `_`, and goes on with those, `.`, `+` and `-`; 128 bytes at
            most

    Error: 
      × unknown key `sourcs` in `[[program]]`
       ╭─[cuferry.toml:6:1]
     5 │ name = "three"
     6 │ sourcs = ["main.cu"]
       · ──────
     7 │ sources = ["*.cpp"]
       ╰────
      help: did you mean `sources`?

    Error: 
      × no file matches `*.cpp`
       ╭─[cuferry.toml:7:12]
     6 │ sourcs = ["main.cu"]
     7 │ sources = ["*.cpp"]
       ·            ───────
       ╰────
      help: near it: `main.cu`
    "#);
    assert_eq!(run.stdout, "");
}

#[test]
fn not_toml() {
    let project = TestProject::new().file("cuferry.toml", "[project\nname = \"three\"\n");
    insta::assert_snapshot!(project.run(["plan"]).expect(2).stderr, @r#"
      × `cuferry.toml` has a mistake

    Error: 
      × unclosed table, expected `]`
       ╭─[cuferry.toml:1:9]
     1 │ [project
       ·         ▲
     2 │ name = "three"
       ╰────
    "#);
}

#[test]
fn a_source_that_is_not_there() {
    let project = TestProject::with_sources();
    std::fs::remove_file(project.at("main.cpp")).unwrap();
    project.write(
        "cuferry.toml",
        "[project]\nname = \"three\"\n[[program]]\nname = \"three\"\nsources = [\"*.cu\", \"main.cpp\"]\n",
    );
    insta::assert_snapshot!(project.run(["rebuild"]).expect(2).stderr, @r#"
      × `cuferry.toml` has a mistake

    Error: 
      × no file matches `main.cpp`
       ╭─[cuferry.toml:5:20]
     4 │ name = "three"
     5 │ sources = ["*.cu", "main.cpp"]
       ·                    ──────────
       ╰────
      help: paths are relative to the folder of the manifest; `*` stays in one folder, `**` crosses folders
    "#);
}

#[test]
fn flags_that_nvcc_refuses() {
    let project = TestProject::with_sources();
    let text = std::fs::read_to_string(project.at("cuferry.toml")).unwrap();
    project.write("cuferry.toml", &text.replace("std =", "device-flags = [\"--no-such-option\"]\nstd ="));
    insta::assert_snapshot!(project.run(["rebuild"]).expect(2).error(), @"
    plan::nvcc

      × nvcc refuses the project's flags: nvcc fatal   : Unknown option '--no-such-option'
      help: correct `device-flags`, `host-flags` or `std` in cuferry.toml
    ");
}

#[test]
fn a_folder_that_is_not_there() {
    let run = TestProject::new().run(["rebuild", "elsewhere"]).expect(2);
    insta::assert_snapshot!(run.error(), @"
    project::folder

      × cannot open the folder `[TEMP]/project/elsewhere`: No such file or directory (os error 2)
      help: give the folder that holds the project's sources
    ");
}

#[test]
fn a_folder_without_sources() {
    let run = TestProject::new().run(["rebuild"]).expect(2);
    insta::assert_snapshot!(run.error(), @"
    × `project` holds no sources
      help: sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; write `cuferry.toml` if they are kept
            otherwise
    ");
}
