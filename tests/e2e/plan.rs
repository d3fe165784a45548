//! `cuferry plan`: the three ways to print it.

use serde_json::Value;

use crate::project::TestProject;

#[test]
fn as_text() {
    let run = TestProject::with_sources().run(["plan", "--gpu", "sm_80", "--no-ptx"]).expect(0);
    let titles: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with('[')).collect();
    insta::assert_snapshot!(titles.join("\n"), @"
    [1] host-compile main.cpp
    [2] host-compile other.cpp
    [3] write scale.cu (module id)
    [4] preprocess scale.cu
    [5] cuda-front-end scale.cu
    [6] preprocess scale.cu for compute_80
    [7] device-compile scale.cu for compute_80
    [8] assemble scale.cu for sm_80
    [9] fatbinary scale.cu
    [10] host-compile scale.cu
    [11] link three
    ");
    assert!(run.stderr.starts_with("three for x86_64\n"), "{}", run.stderr);
}

#[test]
fn as_json() {
    let project = TestProject::with_sources();
    let report = project.run(["plan", "--format", "json"]).expect(0).json();
    let fields: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["schema", "project", "host", "gpu", "toolkit", "compiler", "changes", "notes", "plan"]
    );
    assert_eq!(report["plan"]["schema"], 1);
    let actions = report["plan"]["actions"].as_array().unwrap();
    let ids: Vec<u64> = actions.iter().map(|action| action["id"].as_u64().unwrap()).collect();
    for action in actions {
        for field in ["kind", "label", "digest", "inputs", "outputs", "depends_on"] {
            assert!(!action[field].is_null(), "{field} in {action}");
        }
        let depends = action["depends_on"].as_array().unwrap();
        assert!(depends.iter().all(|id| ids.contains(&id.as_u64().unwrap())), "{action}");
    }
    let link = actions.iter().find(|action| action["label"] == "three").unwrap();
    assert_eq!(link["command"][0], "[TEMP]/bin/g++");
    assert_eq!(link["outputs"][0], "target/cuferry/x86_64/three");
    let absolute =
        |paths: &Value| paths.as_array().unwrap().iter().any(|path| path.as_str().unwrap().starts_with('/'));
    assert!(!actions.iter().any(|action| absolute(&action["inputs"]) || absolute(&action["outputs"])));
}

#[test]
fn as_graph() {
    let dot = TestProject::with_sources().run(["plan", "--format", "dot"]).expect(0).stdout;
    assert!(dot.starts_with("digraph cuferry {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("[label=\"link\\nthree\"];"), "{dot}");
}

/// Nothing is built by it, and a build afterwards has all to do.
#[test]
fn plans_build_nothing() {
    let project = TestProject::with_sources();
    project.run(["plan"]).expect(0);
    assert!(!project.at("target/cuferry/x86_64").exists());
    assert!(!project.at("target/cuferry/build/x86_64/obj").exists());
}

/// Two checkouts in different folders have one plan.
#[test]
fn plans_do_not_name_the_folder() {
    let project = TestProject::with_sources();
    let other = project.path("another folder");
    let copied = std::process::Command::new("cp").arg("-R").arg(project.at("")).arg(&other).status();
    assert!(copied.unwrap().success());
    let plan = |folder: &str| {
        let report = project.run(["plan", folder, "--format", "json"]).expect(0);
        report.stdout.split_once("\"plan\"").unwrap().1.to_owned()
    };
    let text = plan(".");
    assert_eq!(text, plan("../another folder"));
    assert!(!text.contains("[TEMP]/project"), "{text}");
}
