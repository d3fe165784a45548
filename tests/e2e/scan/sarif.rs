//! SARIF: valid by the standard's schema, and stable where lines move.

use std::process::Command;

use cuferry_testkit::{lacking, variable};
use serde_json::Value;

use super::{project, scan};
use crate::project::{REPOSITORY, TestProject};

/// The schema of the standard, as the package `serde-sarif` carries it.
fn schema() -> Option<Value> {
    let cargo = variable("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(REPOSITORY)
        .output()
        .expect("cargo built these tests");
    if !output.status.success() {
        // It knows of packages for other tools here, too, which may not have been fetched yet.
        lacking(&format!("cargo cannot tell its packages: {}", String::from_utf8_lossy(&output.stderr)));
        return None;
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let package = packages.iter().find(|package| package["name"] == "serde-sarif").expect("cuferry uses it");
    let manifest = package["manifest_path"].as_str().expect("it has one");
    let path = std::path::Path::new(manifest).with_file_name("src").join("schema.json");
    let text = std::fs::read_to_string(&path).expect("the package carries the schema");
    // The standard's own slip, mended as its first errata do: no regular expression has a `]` without its `[`.
    let text = text.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    assert_eq!(schema["title"], "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema");
    Some(schema)
}

#[track_caller]
fn check(schema: &jsonschema::Validator, project: &TestProject, args: &[&str]) -> Value {
    let report = scan(project, &[&["--format", "sarif"], args].concat()).json();
    let wrong: Vec<String> =
        schema.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{args:?}:\n{}", wrong.join("\n"));
    report
}

#[test]
fn it_is_valid_by_the_schema() {
    let Some(schema) = schema() else { return };
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("it is a schema");
    let project = project()
        .file("a b/100%#?.c", "int f(void) { return acme_spin(1); }")
        .file("empty.c", "")
        .file("binary.c", "\0")
        .file("dead.c", "#if 0\nint g(void) { return acme_spin(1); }\n#endif\n");
    let report = check(&schema, &project, &[]);
    check(&schema, &project, &["--fix"]);
    check(&schema, &project, &["--dead"]);
    check(&schema, &project, &["--ignore", "ACME"]);
    check(&schema, &project, &["/proc/self/mem"]);
    let run = &report["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "cuferry");
    let results = run["results"].as_array().expect("they are a list");
    assert_eq!(results.len(), 6);
    let result = &results[1];
    assert_eq!(result["ruleId"], "ACME2");
    assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "ACME2", "{}", result["ruleIndex"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/100%25%23%3F.c");
    assert_eq!(place["artifactLocation"]["uriBaseId"], "SRCROOT");
    assert_eq!(place["region"]["snippet"]["text"], "acme_spin");
    let change = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(change["deletedRegion"]["startColumn"], 22);
    assert_eq!(change["insertedContent"]["text"], "acme_wait");
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().expect("they are a list");
    assert!(
        notes[0]["message"]["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("binary.c holds a NUL byte")),
        "{notes:?}"
    );
}

/// A schema that let everything through would prove nothing.
#[test]
fn the_schema_refuses_what_is_no_sarif() {
    let Some(schema) = schema() else { return };
    let schema = jsonschema::validator_for(&schema).expect("it is a schema");
    let mut report = scan(&project(), &["--format", "sarif"]).json();
    assert!(schema.is_valid(&report));
    report["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!schema.is_valid(&report));
}

#[test]
fn fingerprints_stay_where_lines_move() {
    let prints = |project: &TestProject| -> Vec<String> {
        let report = scan(project, &["--format", "sarif"]).json();
        let results = report["runs"][0]["results"].as_array().expect("they are a list").clone();
        results.iter().map(|result| result["partialFingerprints"]["cuferryFinding/v1"].to_string()).collect()
    };
    let project = project();
    let before = prints(&project);
    let mut unique = before.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), before.len(), "each finding has its own");
    let text = std::fs::read_to_string(project.at("src/main.cu")).expect("it is there");
    project.write("src/main.cu", &format!("// a new first line\n\n{text}"));
    assert_eq!(prints(&project), before);
}
