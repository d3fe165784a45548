//! A project's own build in a folder that cannot be written: in a mount of its own, since nothing else stops root.

use std::path::Path;
use std::process::Command;

use cuferry_testkit::{lacking, variable};

use crate::project::{Run, TestProject};

const MAKEFILE: &str = "robot: main.cpp\n\tg++ -mcpu=cortex-a57 -o $@ $<\n";
const LISTS: &str =
    "cmake_minimum_required(VERSION 3.16)\nproject(robot CXX)\nadd_executable(robot main.cpp)\n";
const DATABASE: &str =
    r#"[{"directory": "/old/build", "file": "/old/main.cpp", "command": "g++ -c ../main.cpp -o main.o"}]"#;

/// cuferry with the project's folder mounted read-only; nothing where that is not to be had.
fn read_only(project: &TestProject, args: &[&str]) -> Option<Run> {
    let mounted = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && ! touch probe 2>/dev/null || exit 99
        exec \"$@\"";
    let mut command = Command::new("unshare");
    let user = if is_root() { &["-m"][..] } else { &["-r", "-m"] };
    command.args(user).args(["sh", "-c", mounted, "sh", env!("CARGO_BIN_EXE_cuferry")]).args(args);
    command.current_dir(project.at("."));
    let run = project.through(command).env("PATH", variable("PATH").expect("these tests need a PATH")).run();
    if run.code == Some(99) || run.stderr.contains("unshare failed") {
        lacking("a read-only mount is not to be had here");
        return None;
    }
    Some(run)
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Every file of the project with its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = folder
        .read_dir()
        .expect("it is there")
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_else(|_| "a folder".to_owned());
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_cannot_be_written_is_built_elsewhere_and_stays_as_it_is() {
    for (name, text) in
        [("Makefile", MAKEFILE), ("CMakeLists.txt", LISTS), ("compile_commands.json", DATABASE)]
    {
        let project = TestProject::new().file(name, text).file("main.cpp", "int main() { return 0; }\n");
        let before = files(&project.at("."));
        let Some(run) = read_only(&project, &["rebuild", "--image", "../robot.tar"]) else { return };
        run.expect(0);
        assert!(project.at("../robot.tar").is_file(), "{name}");
        assert_eq!(files(&project.at(".")), before, "{name}");
        // An image that would go into it is refused before anything is built.
        let run = read_only(&project, &["rebuild"]).expect("it was to be had before").expect(2);
        let error = run.error_in_one_line();
        assert!(error.contains("cannot be written") && error.contains("--image PATH.tar"), "{error}");
        let run = read_only(&project, &["rebuild", "--no-image"]).expect("it was to be had before").expect(0);
        assert!(run.stderr.contains("made      "), "{}", run.stderr);
    }
}

#[test]
fn make_fails_there_with_its_own_words() {
    let project =
        TestProject::new().file("Makefile", MAKEFILE).file("main.cpp", "int main() { return 0; }\n");
    let Some(run) = read_only(&project, &["make"]) else { return };
    let run = run.expect(2);
    assert!(run.stderr.contains("Read-only file system"), "{}", run.stderr);
}
