//! What `make install` would install: it goes into a staging folder, from there into the image, and nowhere else.

use cuferry_testkit::{lacking, skipped, variable};
use serde_json::Value;

use crate::build::cuferry;
use crate::project::{Run, TestProject};

const MAKEFILE: &str = "\
PREFIX ?= /usr/local
robot: main.cpp
\tg++ -o $@ $<
other: main.cpp
\tg++ -o $@ $<
install: robot
\tinstall -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/robot
\tinstall robot $(DESTDIR)$(PREFIX)/bin
\tcp map.txt $(DESTDIR)$(PREFIX)/share/robot
";

fn robot(makefile: &str) -> TestProject {
    TestProject::new()
        .file("Makefile", makefile)
        .file("main.cpp", "#include <cstdio>\nint main() { std::puts(\"moving\"); }\n")
        .file("map.txt", "home\n")
}

/// What an image starts.
fn entrypoint(project: &TestProject, image: &str) -> String {
    let report: Value = cuferry(project, &["inspect", image, "--format", "json"]).json();
    let image = &report["artifacts"][0]["trees"][0]["image"];
    image["entrypoint"][0].as_str().unwrap_or_else(|| panic!("{report}")).to_owned()
}

/// Whether an install step could be kept to its folder, without which there is none.
fn staged(run: &Run) -> bool {
    let staged = !run.stderr.contains("nothing could keep it from writing elsewhere");
    if !staged {
        lacking("mount namespaces are not to be had here");
    }
    staged
}

const IMAGE: &str = "target/cuferry/project-x86_64.tar";

#[test]
fn an_image_is_of_what_make_installs() {
    for makefile in [MAKEFILE.to_owned(), MAKEFILE.replace("$(DESTDIR)", "")] {
        let project = robot(&makefile);
        if !staged(&cuferry(&project, &["rebuild"]).expect(0)) {
            return;
        }
        let stage = project.at("target/cuferry/stage/usr/local");
        assert!(stage.join("bin/robot").is_file() && stage.join("share/robot/map.txt").is_file());
        assert_eq!(entrypoint(&project, IMAGE), "/usr/local/bin/robot");
        assert!(!std::path::Path::new("/usr/local/share/robot").exists());
    }
}

#[test]
fn a_folder_that_recipes_cannot_name_installs_elsewhere() {
    let folder = "Röbot 'x' \"y\"";
    let project = TestProject::new();
    for name in ["Makefile", "main.cpp", "map.txt"] {
        let from = robot(MAKEFILE);
        let text = std::fs::read_to_string(from.at(name)).expect("it was written");
        project.write(&format!("{folder}/{name}"), &text);
    }
    if !staged(&cuferry(&project, &["rebuild", folder, "--image", "../robot.tar"]).expect(0)) {
        return;
    }
    assert_eq!(entrypoint(&project, "../robot.tar"), "/usr/local/bin/robot");
    let names = project.at(folder).read_dir().expect("it is there").flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["Makefile", "main.cpp", "map.txt", "robot", "target"]);
}

#[test]
fn make_with_an_image_installs_too() {
    let project = robot(MAKEFILE);
    let run =
        cuferry(&project, &["make", "--image", "../robot.tar", "-j", "2", "robot", "PREFIX=/opt"]).expect(0);
    if !staged(&run) {
        return;
    }
    assert!(project.at("target/cuferry/stage/opt/bin/robot").is_file(), "{}", run.stderr);
    assert!(!project.at("other").exists(), "goals are not repeated, nor added");
}

/// A folder to which no install has any business to write; those for temporary files are open to all.
fn outside() -> Option<tempfile::TempDir> {
    let folders = [Some(env!("CARGO_TARGET_TMPDIR").to_owned()), variable("HOME")];
    let temporary =
        |folder: &String| ["/tmp/", "/var/tmp/", "/dev/shm/"].iter().any(|open| folder.starts_with(open));
    let folder = folders.into_iter().flatten().find(|folder| !temporary(folder))?;
    Some(tempfile::Builder::new().prefix("outside").tempdir_in(folder).expect("it is writable"))
}

#[test]
fn an_install_that_leaves_its_folder_is_stopped_and_the_image_is_of_what_was_linked() {
    let Some(outside) = outside() else { return skipped("every folder known here is for temporary files") };
    let makefile = format!("{MAKEFILE}\tcp map.txt {}\n", outside.path().display());
    let project = robot(&makefile);
    let run = cuferry(&project, &["rebuild"]).expect(0);
    assert_eq!(outside.path().read_dir().expect("it is there").count(), 0, "{}", run.stderr);
    assert!(!project.at("target/cuferry/stage").exists(), "a half is worse than nothing");
    assert_eq!(entrypoint(&project, IMAGE), "/app/bin/robot");
    assert!(!staged(&run) || run.stderr.contains("Read-only file system"), "{}", run.stderr);
}

#[test]
fn an_older_stage_is_not_taken_for_what_was_just_built() {
    let project = robot(MAKEFILE);
    cuferry(&project, &["rebuild"]).expect(0);
    project.write("Makefile", "robot: main.cpp\n\tg++ -o $@ $<\n");
    cuferry(&project, &["rebuild"]).expect(0);
    assert_eq!(entrypoint(&project, IMAGE), "/app/bin/robot");
}
