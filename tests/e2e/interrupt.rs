//! Ctrl-C, and two builds at once. `hold` lets the device compiler wait until it is ended.

use std::path::Path;
use std::process::{Child, Command};

use crate::project::{Run, TestProject, files, wait_until};

/// A build that waits in its device compiler, and that one's process id.
fn held(project: &TestProject) -> (Child, String) {
    std::fs::write(project.path("toolkit/hold"), "").expect("the toolkit is a copy");
    let mut build = project.cuferry(["rebuild", "--no-image"]).start();
    let held = project.path("toolkit/held");
    wait_until("cicc runs", || held.exists() || build.try_wait().is_ok_and(|ended| ended.is_some()));
    let pid = std::fs::read_to_string(held).expect("it was renamed into place");
    (build, pid.trim().to_owned())
}

fn interrupt(project: &TestProject, build: Child) -> Run {
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", build.id())]).status();
    assert!(kill.expect("sh is there").success());
    Run::new(project, &build.wait_with_output().expect("it was started here"))
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let project = TestProject::with_sources();
    let (build, cicc) = held(&project);
    let run = interrupt(&project, build).expect(130);
    insta::assert_snapshot!(run.error(), @"
    build::interrupted

      × interrupted
      help: nothing half-written was left; the next run goes on from here
    ");
    assert_eq!(run.stdout, "");
    assert!(!Path::new("/proc").join(cicc).exists(), "cicc still runs");
    let left = files(&project.at("target/cuferry"));
    let half = left.iter().filter(|path| {
        let name = path.to_string_lossy();
        name.ends_with(".ptx") || name.ends_with("scale.cu.o") || name.contains("/x86_64/three")
    });
    assert_eq!(half.collect::<Vec<_>>(), Vec::<&std::path::PathBuf>::new());

    std::fs::remove_file(project.path("toolkit/hold")).unwrap();
    let run = project.run(["rebuild", "--no-image"]).expect(0);
    assert_eq!(run.stdout, "program  [TEMP]/project/target/cuferry/x86_64/three\n");
}

#[test]
fn a_second_build_in_the_same_folder() {
    let project = TestProject::with_sources();
    let (build, _) = held(&project);
    let pid = build.id().to_string();
    let second = project.run(["rebuild", "--no-image"]);
    interrupt(&project, build).expect(130);
    let error = second.expect(3).error();
    assert!(error.contains(&pid), "{error}");
    insta::assert_snapshot!(error.replace(&pid, "[PID]"), @"
    exec::folder_in_use

      × another build (process [PID]) is at work in `[TEMP]/project/target/cuferry`
      help: wait for it to end, or build into another folder; the lock is freed when that process ends
    ");
}
