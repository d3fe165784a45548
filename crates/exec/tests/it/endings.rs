//! How builds end other than well: failing commands, errors, cancelling. Nothing half-written, nothing running.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use cuferry_exec::{Event, ExecError};
use cuferry_graph::{Action, Command, Work};

use crate::project::{Project, copy, shell, write};

fn three_chains() -> Project {
    let mut project = Project::new(&[]);
    project.jobs = 1;
    project.shell(&["bad.o"], &[], "echo half > $out; echo message; exit 3");
    project.shell(&["bad"], &["bad.o"], "cat $in > $out");
    project.shell(&["good.o"], &[], "touch $out");
    project.shell(&["good"], &["good.o"], "cat $in > $out");
    project.shell(&["all"], &["good", "bad"], "cat $in > $out");
    project
}

#[test]
fn the_first_failure_stops_the_build() {
    let project = three_chains();
    let built = project.build();
    assert_eq!(built.events, ["fail bad.o: exited with status 3", "skip bad", "skip all"]);
    assert_eq!(built.output["bad.o"], "message\n");
    let summary = built.summary;
    assert_eq!((summary.ran, summary.failed.len(), summary.skipped.len(), summary.unfinished), (0, 1, 2, 2));
    assert!(!summary.cancelled && !summary.is_success());
    assert!(!project.exists("bad.o"), "what a failed command wrote is removed");
}

#[test]
fn keep_going_builds_all_that_does_not_depend_on_the_failure() {
    let mut project = three_chains();
    project.keep_going = true;
    let built = project.build();
    assert_eq!(
        built.events,
        ["fail bad.o: exited with status 3", "skip bad", "skip all", "run good.o", "run good"]
    );
    assert_eq!((built.summary.ran, built.summary.unfinished), (2, 0));
    // A failure is tried again, the rest is not.
    let again = project.build();
    assert_eq!(again.ran(), Vec::<&str>::new());
    assert_eq!((again.summary.up_to_date, again.summary.failed.len()), (2, 1));
}

#[test]
fn what_runs_beside_a_failure_is_finished() {
    let mut project = Project::new(&[]);
    project.shell(&["slow"], &[], "touch here; sleep 0.3; touch $out");
    project.shell(&["bad"], &[], "while ! [ -e here ]; do sleep 0.01; done; exit 1");
    project.shell(&["after"], &["slow"], "touch $out");
    let built = project.build();
    assert_eq!(built.events, ["fail bad: exited with status 1", "run slow"]);
    assert_eq!(built.summary.unfinished, 1);
}

#[test]
fn a_failure_voids_the_old_output() {
    let mut project = Project::new(&[("a.c", "good")]);
    project.shell(&["a.o"], &["a.c"], "cat $in > $out; grep -q good $in");
    project.expect(&["a.o"]);
    project.write("a.c", "bad");
    assert_eq!(project.build().events, ["fail a.o: exited with status 1"]);
    assert!(!project.exists("a.o"));
    project.write("a.c", "good");
    project.expect(&["a.o"]);
}

#[test]
fn a_header_lost_to_a_failure_is_missed_in_the_same_build() {
    let mut project = Project::new(&[("good", "")]);
    (project.jobs, project.keep_going) = (1, true);
    project.shell(&["gen.h"], &["good"], "sleep 0.05; echo > $out; [ ! -s $in ]");
    // Reads the generated header without saying so beforehand.
    project.shell_with_depfile(&["a.o"], &[], "cat gen.h > $out; echo $out: gen.h > $out.d");
    project.expect(&["gen.h", "a.o"]);
    project.write("good", "no more");
    let built = project.build();
    assert_eq!(built.events, ["fail gen.h: exited with status 1", "fail a.o: exited with status 1"]);
}

#[test]
fn each_way_to_fail_is_named() {
    #[track_caller]
    fn check(action: Action, expected: &str) {
        let mut project = Project::new(&[]);
        project.add(action);
        assert_eq!(project.build().events, [expected]);
        assert!(!project.exists("a"), "{expected}");
    }
    check(shell(&["a"], &[], "kill -9 $$"), "fail a: was killed by signal 9");
    check(shell(&["a"], &[], "true"), "fail a: succeeded but did not write `a`");
    check(shell(&["a", "b", "c"], &[], "touch a"), "fail a: succeeded but did not write `b`, `c`");
    let depfile = |script| Action { depfile: Some("a.d".into()), ..shell(&["a"], &[], script) };
    check(depfile("touch a"), "fail a: succeeded but did not write `a.d`");
    check(
        depfile("touch a; printf 'a: b\\n\\nc' > a.d"),
        "fail a: wrote a dependency file `a.d` that has no `:` after the targets in line 3",
    );
    check(
        depfile("touch a; printf 'a: b\\n \\377' > a.d"),
        "fail a: wrote a dependency file `a.d` that names a file whose name is not UTF-8 in line 2",
    );
}

#[test]
fn an_old_dependency_file_does_not_pass_for_new() {
    let mut project = Project::new(&[("a.d", "a: b\n")]);
    project.add(Action { depfile: Some("a.d".into()), ..shell(&["a"], &[], "touch a") });
    assert_eq!(project.build().events, ["fail a: succeeded but did not write `a.d`"]);
}

#[test]
fn missing_sources_are_all_named_before_anything_runs() {
    let mut project = Project::new(&[("there.c", "")]);
    project.shell(&["first"], &["there.c"], "touch $out");
    project.shell(&["b.o"], &["b.c", "there.c"], "touch $out");
    project.shell(&["a.o"], &["a.c", "b.c"], "touch $out");
    let error = project.try_build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "these files do not exist:\n  `a.c`, needed for `make a.o`\n  `b.c`, needed for `make b.o`"
    );
    assert!(!project.exists("first"));
    project.write("a.c", "");
    assert_eq!(
        project.try_build().unwrap_err().to_string(),
        "this file does not exist: `b.c`, needed for `make b.o`"
    );
}

#[test]
fn a_missing_program_is_named_and_ends_the_build() {
    let mut project = Project::new(&[]);
    let missing = Command {
        program: "/missing/nvcc".into(),
        identity: String::new(),
        args: Vec::new(),
        env: std::collections::BTreeMap::new(),
    };
    project.shell(&["slow"], &[], "echo $$ > pid; echo half > $out; exec sleep 1000");
    project.shell(&["ready"], &[], "while ! [ -s pid ]; do sleep 0.01; done; touch $out");
    project.add(Action { work: Work::Run(missing), ..shell(&["a"], &["ready"], "") });
    let start = Instant::now();
    let error = project.try_build().unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(error.to_string(), "cannot start `/missing/nvcc` for `make a`");
    assert!(!project.exists("slow"));
    assert_gone(&project.read("pid"));
}

#[test]
fn what_cannot_be_written_is_named() {
    #[track_caller]
    fn check(action: Action, expected: &str) {
        let mut project = Project::new(&[("file", "")]);
        fs::create_dir(project.root().join("folder")).unwrap();
        project.add(action);
        let error = project.try_build().unwrap_err();
        assert_eq!(error.to_string().replace(project.root().as_str(), ""), expected);
    }
    check(shell(&["file/a"], &[], "touch $out"), "cannot write `/file`");
    check(write("folder", "text"), "cannot write `/folder`");
    check(copy("folder", "a"), "cannot read `/folder`");
    check(write("/dev/null/a", "text"), "cannot write `/dev/null`");
    check(write("/dev/full/../full", "text"), "cannot write `/dev/full/..`");
    check(
        Action { inputs: vec![], ..copy("file", "a") },
        "the copy `make a` must have one input and one output, and has 0 and 1",
    );
}

#[test]
fn a_ring_is_named() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &["b"], "touch $out");
    project.shell(&["b"], &["./a"], "touch $out");
    assert!(matches!(project.try_build().unwrap_err(), ExecError::Graph(_)));
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], "touch $out");
    project.shell(&["./a"], &[], "touch $out");
    let error = project.try_build().unwrap_err();
    assert_eq!(error.to_string(), "`./a` would be written twice: for `make a` and for `make ./a`");
}

#[test]
fn a_state_that_cannot_be_kept_is_named() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], "touch $out");
    fs::create_dir(project.state()).unwrap();
    let error = project.try_build().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot keep the build's state in `{}`", project.state()));
}

#[test]
fn cancelling_ends_every_process_and_removes_what_was_begun() {
    let mut project = Project::new(&[("c.c", "")]);
    project.shell(&["done"], &[], "touch $out");
    project.shell(&["a"], &["done"], "echo half > $out; sleep 1000 & echo $! > child; echo $$ > a.pid; wait");
    project.shell(&["b"], &["done"], "echo half > $out; echo $$ > b.pid; exec sleep 1000");
    project.shell(&["after"], &["a"], "touch $out");
    let root = project.root().to_owned();
    let built = std::thread::scope(|scope| {
        scope.spawn(|| {
            let pids = ["a.pid", "b.pid", "child"].map(|name| root.join(name));
            while !pids.iter().all(|pid| fs::read_to_string(pid).is_ok_and(|text| text.ends_with('\n'))) {
                std::thread::sleep(Duration::from_millis(5));
            }
            project.cancel.cancel();
        });
        project.build()
    });
    assert!(built.summary.cancelled);
    assert_eq!((built.summary.ran, built.summary.unfinished), (1, 3));
    for name in ["a.pid", "b.pid", "child"] {
        assert_gone(&project.read(name));
    }
    assert!(!project.exists("a") && !project.exists("b") && project.exists("done"));
}

#[test]
fn a_build_cancelled_before_it_begins_begins_nothing() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], "touch $out");
    project.cancel.cancel();
    let built = project.build();
    assert_eq!((built.events.len(), built.summary.unfinished, built.summary.cancelled), (0, 1, true));
}

#[test]
fn an_observer_that_panics_leaves_nothing_running() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], "echo $$ > pid; exec sleep 1000");
    project.shell(&["b"], &[], "while ! [ -s pid ]; do sleep 0.01; done; touch $out");
    let build = || {
        project.observed_build(&mut |event| {
            assert!(!matches!(event, Event::Finished { .. }), "the observer's own defect");
        })
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(build));
    assert!(panicked.is_err());
    assert_gone(&project.read("pid"));
}

#[test]
fn a_build_killed_in_between_leaves_no_entry_that_vouches_for_its_outputs() {
    let mut project = Project::new(&[("a.c", "one")]);
    // The copy of the state is what a crash of this process right now would leave.
    project.shell(&["a.o"], &["a.c"], "cp .state crashed 2>/dev/null; [ ! -e $out ]; cat $in > $out");
    project.expect(&["a.o"]);
    fs::remove_file(project.root().join("a.o")).unwrap();
    project.expect(&["a.o"]);
    fs::rename(project.root().join("crashed"), project.state()).unwrap();
    project.expect(&["a.o"]);
}

#[test]
fn an_unreadable_source_is_named() {
    let mut project = Project::new(&[("a.c", "")]);
    fs::set_permissions(project.root().join("a.c"), fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(project.root().join("a.c")).is_ok() {
        println!("skipped: this user may read every file");
        return;
    }
    project.shell(&["a.o"], &["a.c"], "touch $out");
    let error = project.try_build().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read `{}/a.c`", project.root()));
}

/// `pid`'s process must end about now.
#[track_caller]
fn assert_gone(pid: &str) {
    let stat = format!("/proc/{}/stat", pid.trim());
    // A zombie whose new parent has not reaped it yet runs no more.
    let is_zombie = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"));
    for _ in 0..100 {
        if fs::read_to_string(&stat).map_or(true, is_zombie) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("process {pid} still runs");
}
