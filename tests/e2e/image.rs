//! Images of small programs: their two forms, and that they depend on nothing but the project.

use serde_json::Value;

use crate::project::{TestProject, files};

fn image(project: &TestProject, args: &[&str]) -> Value {
    let args = ["rebuild", "--format", "json"].iter().chain(args);
    project.run(args).expect(0).json()["image"].take()
}

#[test]
fn a_tar_for_docker() {
    let project = TestProject::with_sources();
    let run = project.run(["rebuild"]).expect(0);
    let path = project.at("target/cuferry/three-x86_64.tar");
    assert!(
        run.stdout.contains("\nimage    [TEMP]/project/target/cuferry/three-x86_64.tar ("),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("docker load -i [TEMP]/project/target/cuferry/three-x86_64.tar"),
        "{}",
        run.stderr
    );
    let list = std::process::Command::new("tar").arg("-tf").arg(&path).output().unwrap();
    let names = String::from_utf8(list.stdout).unwrap();
    for name in ["oci-layout", "index.json", "manifest.json", "blobs/sha256/"] {
        assert!(
            names.lines().any(|line| line.trim_start_matches("./").starts_with(name)),
            "{name} in {names}"
        );
    }
}

#[test]
fn a_folder_in_the_oci_layout() {
    let project = TestProject::with_sources();
    let image = image(&project, &["--image", "out/three"]);
    let layout = project.at("out/three");
    assert_eq!(
        image["path"],
        layout.to_str().unwrap().replace(project.path("").to_str().unwrap(), "[TEMP]/")
    );
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], image["digest"]);
    for path in files(&layout.join("blobs/sha256")) {
        let sum = std::process::Command::new("sha256sum").arg(&path).output().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(sum.stdout.starts_with(name.as_bytes()), "{name}");
    }
}

/// Another folder, another time, another order: the same bytes.
#[test]
fn the_same_sources_give_the_same_image() {
    let first = image(&TestProject::with_sources(), &["-j", "1"]);
    let project = TestProject::with_sources();
    let second = image(&project, &["-j", "4"]);
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(first["layers"], second["layers"]);
    project.write("other.cpp", "int other() { return 4; }\n");
    let third = image(&project, &[]);
    assert_ne!(first["digest"], third["digest"]);
    // The system's libraries did not change with the program.
    assert_eq!(first["layers"][0], third["layers"][0]);
    assert_ne!(first["layers"].as_array().unwrap().last(), third["layers"].as_array().unwrap().last());
}

#[test]
fn a_failed_build_writes_no_image() {
    let project = TestProject::with_sources().file("other.cpp", "int other( { }\n");
    project.run(["rebuild"]).expect(1);
    assert!(!project.at("target/cuferry/three-x86_64.tar").exists());
}
