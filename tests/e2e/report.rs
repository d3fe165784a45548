//! `--format json` as docs/json.md has it, and `compile_commands.json`.

use serde_json::Value;

use crate::project::TestProject;

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().expect("it is an object").keys().map(String::as_str).collect()
}

#[test]
fn a_report_has_the_documented_fields() {
    let project = TestProject::with_sources();
    let run = project.run(["rebuild", "--format", "json"]).expect(0);
    let report = run.json();
    assert_eq!(
        fields(&report),
        [
            "schema", "project", "host", "gpu", "toolkit", "compiler", "changes", "notes", "actions",
            "products", "image"
        ]
    );
    assert_eq!(report["schema"], 1);
    assert_eq!(fields(&report["project"]), ["name", "folder", "inferred", "guesses"]);
    assert_eq!(fields(&report["gpu"]), ["real", "ptx", "source", "notes"]);
    assert_eq!(fields(&report["toolkit"]), ["release", "identity", "root", "reason"]);
    assert_eq!(fields(&report["compiler"]), ["family", "version", "path"]);
    assert_eq!(fields(&report["actions"]), ["ran", "up_to_date", "failed", "skipped", "unfinished"]);
    assert_eq!(fields(&report["products"][0]), ["name", "kind", "path"]);
    assert_eq!(fields(&report["image"]), ["path", "name", "digest", "config_digest", "size", "layers"]);
    assert_eq!(
        fields(&report["image"]["layers"][0]),
        ["name", "digest", "diff_id", "size", "uncompressed_size", "files"]
    );
    insta::assert_snapshot!(report["gpu"], @r#"{"real":["sm_80","sm_90"],"ptx":["compute_90"],"source":"cuferry.toml","notes":[]}"#);
    insta::assert_snapshot!(report["toolkit"], @r#"{"release":"13.0","identity":"V13.0.88","root":"[TEMP]/toolkit","reason":"`CUDA_HOME` names it, and it fits"}"#);
    insta::assert_snapshot!(report["products"], @r#"[{"name":"three","kind":"program","path":"[TEMP]/project/target/cuferry/x86_64/three"}]"#);
    assert_eq!(report["image"]["name"], "three:latest");
}

#[test]
fn changes_say_what_was_and_is() {
    let project = TestProject::with_sources();
    let manifest = std::fs::read_to_string(project.at("cuferry.toml")).unwrap();
    project.write("cuferry.toml", &manifest.replace("std =", "host-flags = [\"-mcpu=cortex-a78ae\"]\nstd ="));
    let run = project.run(["rebuild", "--no-image", "--format", "json"]).expect(0);
    insta::assert_snapshot!(format!("{:#}", run.json()["changes"]), @r#"
    [
      {
        "rule": "CF2001",
        "was": "-mcpu=cortex-a78ae",
        "now": "-march=x86-64-v3 -mtune=generic",
        "why": "names an ARM CPU; x86-64-v3 (AVX2, FMA) is its x86_64 counterpart, and fuses multiply-add as ARM does"
      }
    ]
    "#);
    assert!(run.stderr.contains("changed   -mcpu=cortex-a78ae -> "), "{}", run.stderr);
}

/// Variables that would change other builds are named, and change nothing here.
#[test]
fn variables_that_are_not_heeded() {
    let project = TestProject::with_sources();
    project.run(["rebuild", "--no-image"]).expect(0);
    let run = project
        .cuferry(["rebuild", "--no-image"])
        .env("CXXFLAGS", "-O0")
        .env("CPATH", "/nowhere")
        .run()
        .expect(0);
    assert!(run.stderr.contains("CXXFLAGS is set, and not heeded"), "{}", run.stderr);
    assert!(run.stderr.contains("nothing to do"), "{}", run.stderr);
}

#[test]
fn compile_commands() {
    let project = TestProject::with_sources();
    project.run(["rebuild", "--no-image"]).expect(0);
    let text = std::fs::read_to_string(project.at("target/cuferry/compile_commands.json")).unwrap();
    let commands: Value = serde_json::from_str(&text).unwrap();
    let commands = commands.as_array().unwrap();
    let files: Vec<_> = commands.iter().map(|command| command["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["main.cpp", "other.cpp", "scale.cu"]);
    for command in commands {
        assert_eq!(fields(command), ["directory", "file", "output", "arguments"]);
        let directory = command["directory"].as_str().unwrap();
        assert_eq!(directory, project.at("").to_str().unwrap().trim_end_matches('/'));
        assert!(command["arguments"].as_array().unwrap().contains(&command["file"]));
    }
    assert_eq!(commands[2]["arguments"][0], project.path("toolkit/bin/nvcc").to_str().unwrap());
}
