//! What runs and what does not: order, parallelism, contents, headers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use cuferry_graph::Work;

use crate::project::{Project, copy, shell, write};

/// Writes whether the file that the other one writes has come; either fails unless both run at once.
const MEET: &str = "
    touch $out.here
    for i in $(seq 500); do
        if [ -e $other.here ]; then echo met > $out; exit 0; fi
        sleep 0.01
    done
    exit 1";

#[test]
fn independent_actions_run_at_once() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], &format!("other=b; {MEET}"));
    project.shell(&["b"], &[], &format!("other=a; {MEET}"));
    project.expect(&["a", "b"]);
}

#[test]
fn no_more_run_at_once_than_allowed() {
    let script = "echo start >> log; sleep 0.02; echo end >> log; touch $out";
    let mut project = Project::new(&[]);
    project.jobs = 1;
    for name in ["a", "b", "c", "d"] {
        project.shell(&[name], &[], script);
    }
    project.expect(&["a", "b", "c", "d"]);
    assert_eq!(project.read("log"), "start\nend\n".repeat(4));
}

#[test]
fn an_action_waits_for_what_it_reads() {
    let mut project = Project::new(&[("a.c", "source")]);
    project.shell(&["app"], &["a.o", "gen/b.o"], "cat $in > $out");
    project.shell(&["gen/b.o"], &["gen/b.c"], "sleep 0.05; cat $in > $out");
    project.shell(&["a.o"], &["a.c"], "cat $in > $out");
    project.shell(&["gen/b.c"], &[], "sleep 0.05; echo generated > $out");
    project.expect(&["app", "a.o", "gen/b.o", "gen/b.c"]);
    assert_eq!(project.read("app"), "sourcegenerated\n");
    project.expect(&[]);
}

#[test]
fn the_longest_path_is_begun_first() {
    let mut project = Project::new(&[]);
    project.jobs = 1;
    project.shell(&["short"], &[], "touch $out");
    project.shell(&["long"], &[], "sleep 0.1; touch $out");
    assert_eq!(project.build().ran(), ["short", "long"], "unknown durations: in the graph's order");
    fs::remove_file(project.root().join("short")).unwrap();
    fs::remove_file(project.root().join("long")).unwrap();
    assert_eq!(project.build().ran(), ["long", "short"]);
}

#[test]
fn a_second_run_does_nothing_and_says_so() {
    let mut project = Project::new(&[("a.c", "a")]);
    project.shell(&["a.o"], &["a.c"], "cat $in > $out");
    project.add(copy("a.o", "b.o"));
    project.add(write("c.o", "text"));
    project.expect(&["a.o", "b.o", "c.o"]);
    let state = fs::read(project.state()).unwrap();
    assert_eq!(project.build().events, ["same a.o", "same b.o", "same c.o"]);
    // Sources written just before the first build were too new to be remembered by their stamps.
    assert_eq!(project.build().summary.up_to_date, 3);
    let again = fs::read(project.state()).unwrap();
    assert!(again.starts_with(&state));
    assert_eq!(project.build().summary.up_to_date, 3);
    assert_eq!(fs::read(project.state()).unwrap(), again, "a run that learns nothing writes nothing");
}

#[test]
fn contents_decide_and_not_times() {
    let mut project = Project::new(&[("a.c", "one"), ("b.c", "b")]);
    project.shell(&["a.o"], &["a.c"], "cat $in > $out");
    project.shell(&["b.o"], &["b.c"], "cat $in > $out");
    project.expect(&["a.o", "b.o"]);
    project.write("a.c", "two");
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "two");
    project.write("a.c", "two");
    project.expect(&[]);
    project.write("a.o", "bad");
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "two");
    fs::remove_file(project.root().join("b.o")).unwrap();
    project.expect(&["b.o"]);
}

#[test]
fn another_command_runs_again() {
    let mut project = Project::new(&[]);
    project.shell(&["a"], &[], "echo one > $out");
    project.expect(&["a"]);
    let mut changed = Project::new(&[]);
    std::mem::swap(&mut changed.graph, &mut project.graph);
    project.shell(&["a"], &[], "echo two > $out");
    project.expect(&["a"]);
    assert_eq!(project.read("a"), "two\n");
}

#[test]
fn what_comes_out_the_same_stops_the_wave() {
    let mut project = Project::new(&[("a.c", "code // comment")]);
    project.shell(&["a.i"], &["a.c"], "sed 's, *//.*,,' $in > $out");
    project.shell(&["a.o"], &["a.i"], "cat $in > $out");
    project.shell(&["app"], &["a.o"], "cat $in > $out");
    project.expect(&["a.i", "a.o", "app"]);
    project.write("a.c", "code // another comment");
    project.expect(&["a.i"]);
    project.write("a.c", "other code");
    project.expect(&["a.i", "a.o", "app"]);
}

#[test]
fn headers_come_from_the_dependency_file() {
    let mut project = Project::new(&[("a.c", "a"), ("with space.h", "1"), ("sub/b.h", "2")]);
    let root = project.root().to_owned();
    let script = format!(
        "cat $in 'with space.h' sub/b.h > $out; printf '%s' '$out: a.c with\\ space.h \\\n {root}/./sub/b.h\n\nb.h:\n' > $out.d"
    );
    project.shell_with_depfile(&["a.o"], &["a.c"], &script);
    project.expect(&["a.o"]);
    project.expect(&[]);
    project.write("with space.h", "3");
    project.expect(&["a.o"]);
    project.write("sub/b.h", "4");
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "a34");
    project.expect(&[]);
}

#[test]
fn a_header_that_vanishes_means_not_up_to_date() {
    let mut project = Project::new(&[("a.c", "a"), ("b.h", "b")]);
    let script =
        "[ -e b.h ] && header=b.h || header=; cat a.c $header > $out; echo $out: a.c $header > $out.d";
    project.shell_with_depfile(&["a.o"], &["a.c"], script);
    project.expect(&["a.o"]);
    fs::remove_file(project.root().join("b.h")).unwrap();
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "a");
    project.expect(&[]);
}

#[test]
fn a_header_may_be_generated() {
    let mut project = Project::new(&[("version", "1")]);
    project.shell(&["gen/version.h"], &["version"], "cat $in > $out");
    project.shell_with_depfile(&["a.o"], &["gen/version.h"], "cat $in > $out; echo $out: $in > $out.d");
    project.expect(&["a.o", "gen/version.h"]);
    project.expect(&[]);
    project.write("version", "2");
    project.expect(&["a.o", "gen/version.h"]);
    assert_eq!(project.read("a.o"), "2");
    project.expect(&[]);
}

#[test]
fn a_file_that_changes_while_it_is_compiled_is_compiled_again() {
    let mut project = Project::new(&[("a.c", "a"), ("b.h", "old")]);
    // The command reads `b.h`, then somebody edits it, then the command ends.
    let script = "
        cat a.c b.h > $out
        [ -e edited ] || { sleep 0.02; printf new > b.h; touch edited; }
        echo $out: a.c b.h > $out.d";
    project.shell_with_depfile(&["a.o"], &["a.c"], script);
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "aold");
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "anew");
    project.expect(&[]);
}

#[test]
fn a_source_that_changes_while_it_is_compiled_is_compiled_again() {
    let mut project = Project::new(&[("a.c", "old")]);
    project.shell(
        &["a.o"],
        &["a.c"],
        "cat a.c > $out; [ -e edited ] || { sleep 0.02; printf new > a.c; touch edited; }",
    );
    project.expect(&["a.o"]);
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "new");
    project.expect(&[]);
}

#[test]
fn a_source_that_is_changed_and_changed_back_is_compiled_again() {
    let mut project = Project::new(&[("a.c", "old")]);
    let script = "[ -e edited ] || printf new > a.c; cat a.c > $out; printf old > a.c; touch edited";
    project.shell(&["a.o"], &["a.c"], script);
    project.expect(&["a.o"]);
    assert_eq!(project.read("a.o"), "new");
    project.build();
    assert_eq!(project.read("a.o"), "old");
}

#[test]
fn copies_keep_the_executable_bit_and_nothing_else() {
    let mut project = Project::new(&[("tool", "#!/bin/sh\n"), ("data", "text")]);
    fs::set_permissions(project.root().join("tool"), fs::Permissions::from_mode(0o500)).unwrap();
    project.add(copy("tool", "bin/tool"));
    project.add(copy("data", "share/data"));
    project.add(write("share/made", "größe\n"));
    project.expect(&["bin/tool", "share/data", "share/made"]);
    let mode = |path: &str| fs::metadata(project.root().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("bin/tool") & 0o700, mode("share/data") & 0o700), (0o700, 0o600));
    assert_eq!(
        (project.read("share/data"), project.read("share/made")),
        ("text".to_owned(), "größe\n".to_owned())
    );
    assert_eq!(fs::read_dir(project.root().join("share")).unwrap().count(), 2, "nothing is left aside");
}

#[test]
fn an_action_may_write_several_files_and_read_outside_the_project() {
    let outside = Project::new(&[("toolkit.h", "1")]);
    let header = outside.root().join("toolkit.h").to_string();
    let mut project = Project::new(&[]);
    project.shell(&["a/one", "b/two"], &[&header], "cp $in a/one; cp $in b/two");
    project.expect(&["a/one"]);
    project.expect(&[]);
    outside.write("toolkit.h", "2");
    project.expect(&["a/one"]);
    fs::remove_file(project.root().join("b/two")).unwrap();
    project.expect(&["a/one"]);
    assert_eq!(project.read("b/two"), "2");
}

#[test]
fn messages_of_parallel_commands_do_not_mix() {
    let mut project = Project::new(&[]);
    let lines = |name: &str| {
        let lines: Vec<_> = (1..=50).map(|line| format!("{name} out {line}\n{name} err {line}\n")).collect();
        lines.concat()
    };
    for name in ["a", "b", "c"] {
        let script = "i=1; while [ $i -le 50 ]; do echo $out out $i; echo $out err $i >&2; i=$((i+1)); done; touch $out";
        project.shell(&[name], &[], script);
    }
    let built = project.build();
    for name in ["a", "b", "c"] {
        assert_eq!(built.output[name], lines(name));
    }
}

#[test]
fn paths_are_one_however_they_are_spelt() {
    let mut project = Project::new(&[("a.c", "a")]);
    let absolute = project.root().join("sub//b.o").to_string();
    project.shell(&["./sub/b.o"], &["./a.c"], "cat $in > $out");
    project.shell(&["c.o"], &[&absolute], "cat $in > $out");
    project.expect(&["./sub/b.o", "c.o"]);
    project.expect(&[]);
}

#[test]
fn two_thousand_actions_with_nothing_to_do() {
    let mut project = Project::new(&[]);
    for index in 0..1000 {
        project.write(&format!("src/{index}.c"), &index.to_string());
        project.add(copy(&format!("src/{index}.c"), &format!("copy/{index}.c")));
        project.add(copy(&format!("copy/{index}.c"), &format!("obj/{index}.o")));
    }
    let start = Instant::now();
    assert_eq!(project.build().summary.ran, 2000);
    let cold = start.elapsed();
    project.build();
    let start = Instant::now();
    assert_eq!(project.build().summary.up_to_date, 2000);
    println!("2,000 copies: {cold:.2?}; nothing to do: {:.2?}", start.elapsed());
}

#[test]
fn a_graph_without_actions_is_built() {
    assert!(Project::new(&[]).build().summary.is_success());
}

#[test]
fn tools_are_known_by_identity() {
    let mut project = Project::new(&[]);
    let tool = |identity: &str| {
        let mut action = shell(&["a"], &[], "touch $out");
        let Work::Run(command) = &mut action.work else { unreachable!() };
        identity.clone_into(&mut command.identity);
        action
    };
    project.add(tool("13.0"));
    project.expect(&["a"]);
    project.graph = cuferry_graph::Graph::default();
    project.add(tool("13.1"));
    project.expect(&["a"]);
}
