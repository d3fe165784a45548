//! What is built, what is not built again, and code that does not compile.

use serde_json::{Value, json};

use crate::project::{Run, TestProject};

fn rebuild(project: &TestProject, more: &[&str]) -> Run {
    let args = ["rebuild", "--no-image", "--format", "json"];
    project.run(args.iter().chain(more))
}

fn actions(project: &TestProject) -> Value {
    rebuild(project, &[]).expect(0).json()["actions"].take()
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let project = TestProject::with_sources();
    let first = actions(&project);
    let total = first["ran"].as_u64().unwrap();
    assert_eq!(first, json!({ "ran": total, "up_to_date": 0, "failed": [], "skipped": [], "unfinished": 0 }));
    let second = actions(&project);
    assert_eq!((&second["ran"], &second["up_to_date"]), (&json!(0), &json!(total)));
    let words = project.run(["rebuild", "--no-image"]).expect(0).stderr;
    assert!(words.contains(&format!("nothing to do: all {total} actions are up to date\n")), "{words}");
}

/// The log has a line for each object and program that was made.
fn made(project: &TestProject) -> Vec<String> {
    let words = project.run(["rebuild", "--no-image", "-j", "1"]).expect(0).stderr;
    let lines = words.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] "));
    let mut made: Vec<_> =
        lines.map(|(_, line)| line.split(" (").next().unwrap_or(line).to_owned()).collect();
    made.sort();
    made
}

#[test]
fn a_changed_header_rebuilds_what_includes_it() {
    let project = TestProject::with_sources();
    assert_eq!(made(&project), ["compile main.cpp", "compile other.cpp", "compile scale.cu", "link three"]);
    project.write("scale.h", "int scale(int value);\n#define FACTOR 4\n");
    // main.cpp is compiled to the same object as before; scale.cu is not, so the link follows.
    assert_eq!(made(&project), ["compile main.cpp", "compile scale.cu", "link three"]);
    assert_eq!(made(&project), Vec::<String>::new());
}

/// Digests decide, not times.
#[test]
fn a_touched_header_rebuilds_nothing() {
    let project = TestProject::with_sources();
    made(&project);
    let header = std::fs::File::options().append(true).open(project.at("scale.h")).unwrap();
    header.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(made(&project), Vec::<String>::new());
}

#[test]
fn other_flags_rebuild_what_they_reach() {
    let project = TestProject::with_sources();
    made(&project);
    let manifest = std::fs::read_to_string(project.at("cuferry.toml")).unwrap();
    project.write("cuferry.toml", &manifest.replace(", \"sm_90\"", ""));
    // Only device code is for a GPU.
    assert_eq!(made(&project), ["compile scale.cu", "link three"]);
}

#[test]
fn a_lost_output_is_made_again() {
    let project = TestProject::with_sources();
    made(&project);
    std::fs::remove_file(project.at("target/cuferry/x86_64/three")).unwrap();
    assert_eq!(made(&project), ["link three"]);
}

#[test]
fn code_that_does_not_compile() {
    let project = TestProject::with_sources().file("other.cpp", "int other() { return missing; }\n");
    let run = rebuild(&project, &["-j", "1"]).expect(1);
    assert!(run.stderr.contains("FAILED: compile other.cpp exited with status 1\n"), "{}", run.stderr);
    assert!(run.stderr.contains("other.cpp:1:22: error: "), "{}", run.stderr);
    let report = run.json();
    assert_eq!(report["actions"]["failed"], json!(["other.cpp"]));
    assert_eq!(report["products"], json!([]));
    assert_eq!(report["image"], Value::Null);
    assert!(run.error().starts_with("build::failed\n\n  × the build failed: 1 failed, "), "{}", run.error());
}

#[test]
fn keep_going_builds_all_that_does_not_depend_on_the_failure() {
    let project = TestProject::with_sources().file("main.cpp", "int main() { return missing; }\n");
    let run = rebuild(&project, &["-j", "1", "-k"]).expect(1);
    let report = run.json();
    let actions = &report["actions"];
    assert_eq!((&actions["failed"], &actions["skipped"]), (&json!(["main.cpp"]), &json!(["three"])));
    assert_eq!(actions["unfinished"], 0);
    assert!(project.at("target/cuferry/build/x86_64/obj/three/other.cpp.o").exists());
    assert!(project.at("target/cuferry/build/x86_64/obj/three/scale.cu.o").exists());
    assert!(!project.at("target/cuferry/build/x86_64/obj/three/main.cpp.o").exists());
}

#[test]
fn without_keep_going_the_rest_is_unfinished() {
    // Every source is wrong: whichever comes first, it is the only one that is tried.
    let project = TestProject::new()
        .file("a.cu", "int main() { return missing; }\n")
        .file("b.cpp", "int b() { return missing; }\n")
        .file("c.cpp", "int c() { return missing; }\n");
    let stopped = rebuild(&project, &["-j", "1", "--gpu", "sm_80"]).expect(1).json();
    assert_eq!(stopped["actions"]["failed"].as_array().map(Vec::len), Some(1));
    let all = rebuild(&project, &["-j", "1", "--gpu", "sm_80", "-k"]).expect(1).json();
    let mut failed: Vec<_> =
        all["actions"]["failed"].as_array().unwrap().iter().map(Value::to_string).collect();
    failed.sort();
    assert_eq!(failed, ["\"a.cu\"", "\"b.cpp\"", "\"c.cpp\""]);
}

#[test]
fn a_program_that_does_not_link() {
    let project = TestProject::with_sources().file("other.cpp", "int another() { return 3; }\n");
    let run = rebuild(&project, &[]).expect(1);
    assert_eq!(run.json()["actions"]["failed"], json!(["three"]));
    assert!(run.stderr.contains("undefined reference to `other()'"), "{}", run.stderr);
    assert!(!project.at("target/cuferry/x86_64/three").exists());
}
