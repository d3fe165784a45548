//! Wrong use, and what cannot be read or written.

use super::{project, scan, with_rules};
use crate::project::TestProject;

#[track_caller]
fn refused(project: &TestProject, args: &[&str], code: i32, words: &[&str]) {
    let run = project.run([&["scan"], args].concat()).expect(code);
    assert_eq!(run.stdout, "", "{args:?}");
    let error = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in words {
        assert!(error.contains(word), "{args:?}: no `{word}` in {}", run.stderr);
    }
}

#[test]
fn wrong_use_is_refused_by_name() {
    let project = with_rules().file("bad.toml", "[[rule]]\nid = \"X1\"\n").file("a.c", "");
    refused(&project, &["no/such/folder"], 2, &["scan::no_such_path", "`no/such/folder` is not there"]);
    refused(&project, &[".", "b.c"], 2, &["`b.c` is not there"]);
    refused(&project, &["--rules", "none.toml"], 2, &["scan::rules", "cannot read the rules in `none.toml`"]);
    refused(&project, &["--rules", "bad.toml"], 2, &["scan::rule_file", "bad.toml", "missing field"]);
    refused(&project, &["--rules", "."], 2, &["scan::rules"]);
    refused(
        &project,
        &["--rules", "../acme.toml", "--rules", "../acme.toml"],
        2,
        &["`ACME1`", "another rule"],
    );
    refused(&project, &["--select", "CF9"], 2, &["scan::unknown_rule", "`CF9`", "`cuferry explain scan`"]);
    refused(&project, &["--ignore", "tegra"], 2, &["scan::unknown_rule", "tegra-library"]);
    refused(&project, &["--exclude", "a["], 2, &["scan::exclude", "`a[`"]);
    refused(&project, &["--exclude", "!a"], 2, &["scan::exclude", "`!a`"]);
    refused(&project, &["--fix", "--diff"], 2, &["cannot be used with"]);
    refused(&project, &["--diff", "--format", "json"], 2, &["cannot be used with"]);
    refused(&project, &["--min-severity", "all"], 2, &["note, warning, error"]);
}

#[test]
fn rules_of_ones_own_are_held_to_their_form() {
    let rules = std::fs::read_to_string(with_rules().path("acme.toml")).expect("it is there");
    let project =
        TestProject::new().file("cf.toml", &rules.replace("ACME1", "CF1001")).file("latin.toml", "");
    std::fs::write(project.at("latin.toml"), b"# \xfc\n").expect("/tmp is writable");
    refused(&project, &["--rules", "cf.toml"], 2, &["cf.toml", "`CF1001`", "cuferry's own"]);
    refused(&project, &["--rules", "latin.toml"], 2, &["scan::rules", "UTF-8"]);
}

/// A file that opens and cannot be read, whoever asks.
#[test]
fn what_cannot_be_read_is_said_and_counts() {
    let project = project();
    let run = scan(&project, &["--ignore", "ACME1", "/proc/self/mem", "src"]).expect(3);
    assert!(run.stdout.contains("mem: Input/output error"), "{}", run.stdout);
    assert!(run.stdout.contains("0 errors, 3 warnings and 0 notes"), "the rest is searched: {}", run.stdout);
    // What was found counts for more.
    scan(&project, &["/proc/self/mem", "src"]).expect(1);
    let report = scan(&project, &["--format", "json", "/proc/self/mem"]).expect(3).json();
    assert_eq!(report["not_read"].as_array().map(Vec::len), Some(1));
    let diff = scan(&project, &["--diff", "/proc/self/mem", "src"]).expect(3);
    assert!(diff.stderr.contains("not read"), "{}", diff.stderr);
}

#[test]
fn an_empty_folder_is_no_fault() {
    let run = scan(&with_rules(), &[]).expect(0);
    insta::assert_snapshot!(run.stdout, @r"
    nothing found: 0 files searched, 0 lines

      -> there is no source and no build file here, or .gitignore names them all:
         `--no-ignore` reads those
    ");
    let report = scan(&with_rules(), &["--format", "json"]).expect(0).json();
    assert_eq!(report["findings"], serde_json::json!([]));
}

#[test]
fn a_file_that_is_no_source_is_told_so() {
    let run = scan(&with_rules().file("notes.txt", "acme_spin\n"), &["notes.txt"]).expect(0);
    assert!(run.stdout.contains("is, by its name, no source and no build file"), "{}", run.stdout);
}

#[test]
fn files_that_are_no_text_or_too_large_are_named() {
    let project = with_rules().file("blob.c", "int f(void) { return acme_spin(1); }\0");
    let big = std::fs::File::create(project.at("big.cu")).expect("/tmp is writable");
    big.set_len(17 << 20).expect("/tmp is writable");
    let text = scan(&project, &[]).expect(0).stdout;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("not whole: blob.c holds a NUL byte"), "{text}");
    assert!(text.contains("not whole: big.cu has 17825792 bytes, more than the limit"), "{text}");
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    let project = project();
    for place in ["no/such/scan.html", "src"] {
        let run = scan(&project, &["--format", "html", "--output", place]).expect(3);
        assert!(run.stderr.contains("output::write") && run.stderr.contains(place), "{}", run.stderr);
    }
    scan(&project, &["--format", "json", "--output", "/dev/full"]).expect(3);
    scan(&project, &["--format", "json", "--output", "/dev/null"]).expect(1);
    // One that is there is replaced.
    project.write("scan.json", "old");
    scan(&project, &["--format", "json", "--output", "scan.json"]).expect(1);
    assert!(std::fs::read_to_string(project.at("scan.json")).expect("it is there").starts_with('{'));
}
