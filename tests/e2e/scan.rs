//! `cuferry scan`: its forms, exit codes, fixes and wrong input, on small trees. What cuferry's own rules find is tested
//! where they are, in `crates/scan`; here most rules come from a file, as a user's do.

mod page;
mod sarif;
mod wrong;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use cuferry_testkit::lacking;
use serde_json::{Value, json};

use crate::project::{Run, TestProject, files, find};

/// Rules of a user's own: an error, a warning with a safe fix, and a note.
const RULES: &str = r#"
[[rule]]
id = "ACME1"
name = "acme-header"
kind = "tegra-header"
severity = "error"
effort = "large"
languages = ["c", "cpp", "cuda"]
title = "headers of ACME's board"
cause = "The board's kit has no files for x86_64."
fix = "ask ACME for the simulator's headers"

[[rule.find]]
include = ["acme/board.h"]
message = "`{text}` comes with the board's kit only"

[[rule]]
id = "ACME2"
name = "acme-wait"
kind = "removed-api"
severity = "warning"
effort = "trivial"
languages = ["c", "cpp", "cuda"]
title = "waiting in a loop"
cause = "`acme_spin` waits for an interrupt that no PC has."
fix = "use `acme_wait`"

[[rule.find]]
call = ["acme_spin"]
message = "`{text}` never comes back on a PC"
replace = "acme_wait"
do = "use `acme_wait`"
safe = true

[[rule]]
id = "ACME3"
name = "acme-flag"
kind = "flag"
severity = "note"
effort = "small"
languages = ["make"]
title = "the board's flag"
cause = "`-macme` is the board's."
fix = "leave it out"

[[rule.find]]
text = ["-macme"]
message = "`{text}` is the board's flag"
"#;

/// A project that breaks each of the rules.
fn project() -> TestProject {
    with_rules()
        .file("src/main.cu", "#include <acme/board.h>\n\nint main() {\n\tacme_spin(1);\n\tacme_spin(2);\n}\n")
        .file("src/other.c", "int f(void) { return acme_spin(3) ; }")
        .file("Makefile", "CFLAGS = -O2 -macme\n")
}

fn with_rules() -> TestProject {
    let project = TestProject::new();
    std::fs::write(project.path("acme.toml"), RULES).expect("/tmp is writable");
    project
}

/// A scan by those rules alone.
fn scan(project: &TestProject, args: &[&str]) -> Run {
    project.run(["scan", "--rules", "../acme.toml", "--select", "ACME"].iter().chain(args))
}

/// `file:line:column rule` of each finding.
fn places(run: &Run) -> Vec<String> {
    let report = run.json();
    let findings = report["findings"].as_array().expect("they are a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|found| {
            format!("{}:{}:{} {}", text(&found["path"]), found["line"], found["column"], text(&found["rule"]))
        })
        .collect()
}

#[test]
fn a_report_for_people() {
    let run = scan(&project(), &[]).expect(1);
    insta::assert_snapshot!(run.stdout, @r"
    src/main.cu:1:11: error: `acme/board.h` comes with the board's kit only [ACME1]
          1 | #include <acme/board.h>
            |           ^^^^^^^^^^^^
        fix: ask ACME for the simulator's headers

    src/main.cu:4:2: warning: `acme_spin` never comes back on a PC [ACME2]
          4 |     acme_spin(1);
            |     ^^^^^^^^^
        fix: use `acme_wait` (`--fix` does)
        also: 5:2, src/other.c:1:22

    1 error, 3 warnings and 1 note in 3 of 3 files searched, 8 lines

      kind             errors  warnings  notes  files
      tegra-header          1         -      -      1
      removed-api           -         3      -      2
      flag                  -         -      1      1

      effort of each: minutes (3), an hour (1), days (1)

      -> 1 more finding: `cuferry scan --verbose`, or
         `cuferry scan --format html --output scan.html`
      -> 3 findings have safe fixes: `cuferry scan --diff` shows them,
         `cuferry scan --fix` applies them
    ");
    assert_eq!(run.stderr, "", "no progress where nobody watches");
    let all = scan(&project(), &["--verbose"]).expect(1).stdout;
    assert!(all.contains("Makefile:1:14: note: `-macme` is the board's flag [ACME3]"), "{all}");
    assert!(all.contains("why: The board's kit has no files for x86_64. Effort: days."), "{all}");
}

#[test]
fn cuferrys_own_rules_are_used_without_a_word() {
    let project = TestProject::new()
        .file("dot.cpp", "#include <arm_neon.h>\nfloat32x4_t f(const float *p) { return vld1q_f32(p); }\n");
    let report = project.run(["scan", "--format", "json"]).json();
    let rules = report["rules"].as_array().expect("they are a list");
    assert!(rules.iter().any(|rule| rule["kind"] == "intrinsic"), "{report:#}");
    for rule in rules {
        let id = rule["id"].as_str().expect("it has one");
        let explained = project.run(["explain", id]).expect(0).stdout;
        assert!(explained.starts_with(&format!("{id}: ")), "{explained}");
    }
}

#[test]
fn a_report_for_programs() {
    let project = project();
    let report = scan(&project, &["--format", "json"]).expect(1).json();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["paths"], json!(["."]));
    let summary = &report["summary"];
    assert_eq!(summary["severities"], json!({ "error": 1, "warning": 3, "note": 1 }));
    assert_eq!(summary["kinds"]["removed-api"], json!({ "error": 0, "warning": 3, "note": 0, "files": 2 }));
    assert_eq!(summary["efforts"]["trivial"]["warning"], 3);
    assert_eq!(summary["safe_fixes"], 3);
    assert_eq!(report["rules"][0]["id"], "ACME1");
    let run = scan(&project, &["--format", "json"]);
    assert_eq!(
        places(&run),
        [
            "Makefile:1:14 ACME3",
            "src/main.cu:1:11 ACME1",
            "src/main.cu:4:2 ACME2",
            "src/main.cu:5:2 ACME2",
            "src/other.c:1:22 ACME2",
        ]
    );
    let spin = &report["findings"][2];
    assert_eq!(spin["fix"]["safe"], true);
    let edit = &spin["fix"]["edits"][0];
    assert_eq!(edit["replacement"], "acme_wait");
    assert_eq!((edit["start"].as_u64(), edit["end"].as_u64()), (Some(39), Some(48)));
}

#[test]
fn the_exit_code_is_the_answer() {
    let project = project();
    for (args, code) in [
        (&[][..], 1),
        (&["--ignore", "ACME1"], 0),
        (&["--ignore", "tegra-header"], 0),
        (&["--select", "acme-header"], 1),
        (&["--min-severity", "error"], 1),
        (&["src/other.c"], 0),
        (&["src"], 1),
        (&["--exclude", "src/"], 0),
        (&["--exclude", "*.cu"], 0),
        (&["--diff"], 0),
    ] {
        scan(&project, args).expect(code);
        if !args.contains(&"--diff") {
            scan(&project, &[&["--format", "sarif"], args].concat()).expect(code);
        }
    }
}

#[test]
fn rules_are_chosen_by_id_name_and_kind() {
    let project = project();
    let run = |args: &[&str]| {
        let command = ["scan", "--rules", "../acme.toml", "--format", "json"];
        places(&project.run(command.iter().chain(args)))
    };
    let wait = ["src/main.cu:4:2 ACME2", "src/main.cu:5:2 ACME2", "src/other.c:1:22 ACME2"];
    for choice in ["ACME2", "acme2", "acme-wait"] {
        assert_eq!(run(&["--select", choice]), wait, "{choice}");
    }
    assert_eq!(run(&["--select", "ACME", "--ignore", "tegra-header,ACME3"]), wait);
    assert_eq!(run(&["--select", "ACME", "--min-severity", "error"]), ["src/main.cu:1:11 ACME1"]);
}

/// Every form is the same wherever the project lies, however often, and from however many threads.
#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (one, other) = (project(), project());
    for format in ["text", "json", "sarif", "html"] {
        let first = scan(&one, &["--format", format]).expect(1).stdout;
        for again in [&one, &other] {
            assert_eq!(scan(again, &["--format", format]).stdout, first, "{format}");
        }
        assert!(!first.contains("[TEMP]"), "{format} holds an absolute path");
    }
}

#[test]
fn paths_are_relative_to_where_one_stands() {
    let project = project();
    let from = |folder: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        command
            .current_dir(project.path(folder))
            .args(["scan", "--select", "ACME", "--format", "json", "--rules"]);
        command.arg(project.path("acme.toml")).args(args);
        places(&project.through(command).run()).first().cloned()
    };
    assert_eq!(from("project", &["src"]).as_deref(), Some("src/main.cu:1:11 ACME1"));
    assert_eq!(from("project/src", &[]).as_deref(), Some("main.cu:1:11 ACME1"));
    assert_eq!(from(".", &["project/src"]).as_deref(), Some("project/src/main.cu:1:11 ACME1"));
    assert_eq!(from("home", &["../project"]).as_deref(), Some("Makefile:1:14 ACME3"));
    assert_eq!(from("home", &["../project/src/main.cu"]).as_deref(), Some("main.cu:1:11 ACME1"));
    let text = scan(&project, &["../toolkit"]).expect(0).stdout;
    assert!(text.starts_with("in ../toolkit:\n"), "{text}");
    let text = scan(&project, &["src", "../toolkit"]).expect(1).stdout;
    assert!(text.starts_with("in [TEMP]:\n\nproject/src/main.cu:1:11: error"), "{text}");
}

/// A folder called `neon` in a project is for ARM, and its findings count less; a project of that name is not.
#[test]
fn what_a_project_is_called_does_not_matter() {
    let project = with_rules().file("neon/a.c", "#include <acme/board.h>\n");
    let severity = |args: &[&str]| {
        let report = scan(&project, &[&["--format", "json"], args].concat()).json();
        report["findings"][0]["severity"].as_str().map(str::to_owned)
    };
    assert_eq!(severity(&[]).as_deref(), Some("warning"));
    assert_eq!(severity(&["neon"]).as_deref(), Some("error"));
}

#[test]
fn what_git_does_not_track_is_not_read() {
    let spin = "int f() { return acme_spin(1); }\n";
    let project = with_rules()
        .file(".gitignore", "generated/\n*.tmp.c\n")
        .file("a.c", spin)
        .file("b.tmp.c", spin)
        .file("generated/c.c", spin)
        .file(".hidden/d.c", spin)
        .file(".git/e.c", spin)
        .file("build/CMakeCache.txt", "")
        .file("build/f.c", spin)
        .file("node_modules/g.c", spin)
        .file("notes.txt", spin);
    symlink("..", project.at(".hidden/loop")).expect("it is writable");
    symlink("a.c", project.at("link.c")).expect("it is writable");
    let run = |args: &[&str]| places(&scan(&project, &[&["--format", "json"], args].concat()).expect(0));
    assert_eq!(run(&[]), [".hidden/d.c:1:18 ACME2", "a.c:1:18 ACME2"]);
    let all = run(&["--no-ignore"]);
    let names: Vec<_> = all.iter().filter_map(|place| place.split(':').next()).collect();
    assert_eq!(names, [".hidden/d.c", "a.c", "b.tmp.c", "build/f.c", "generated/c.c", "node_modules/g.c"]);
    // What is named is read.
    assert_eq!(run(&["b.tmp.c"]), ["b.tmp.c:1:18 ACME2"]);
    assert_eq!(run(&["build"]), ["build/f.c:1:18 ACME2"]);
    assert_eq!(run(&["link.c"]), ["link.c:1:18 ACME2"]);
    let report = scan(&project, &["--format", "json"]).json();
    assert_eq!(report["passed_over"][0], json!({ "path": "build", "why": "a folder that CMake writes" }));
    let text = scan(&project, &["--verbose"]).stdout;
    assert!(text.contains("passed over: node_modules: a folder that npm writes"), "{text}");
}

/// A patch does what `--fix` does, by the hand of `patch` and of `git`.
#[test]
fn a_patch_is_what_fix_writes() {
    let fixed = project();
    scan(&fixed, &["--fix"]).expect(1);
    let patch = scan(&fixed, &["--diff"]).expect(0);
    assert_eq!((patch.stdout.as_str(), patch.stderr.as_str()), ("", "no finding has a safe fix\n"));
    for tool in [&["patch", "-p1", "--quiet"][..], &["git", "apply"]] {
        let project = project();
        let output = project.path("fix.patch");
        scan(&project, &["--diff", "--output", "../fix.patch"]).expect(0);
        let Some(program) = find(tool[0]) else {
            lacking(&format!("there is no `{}`", tool[0]));
            continue;
        };
        let input = std::fs::File::open(&output).expect("it was written");
        let status = Command::new(program)
            .args(&tool[1..])
            .current_dir(project.at("."))
            .stdin(Stdio::from(input))
            .status();
        assert!(status.expect("it was started").success(), "{tool:?}");
        for file in ["src/main.cu", "src/other.c", "Makefile"] {
            let read =
                |project: &TestProject| std::fs::read_to_string(project.at(file)).expect("it is there");
            assert_eq!(read(&project), read(&fixed), "{file} by {tool:?}");
        }
    }
}

#[test]
fn fix_says_what_it_did_and_what_is_left() {
    let project = project();
    let main = project.at("src/main.cu");
    std::fs::set_permissions(&main, std::fs::Permissions::from_mode(0o640)).expect("it is ours");
    let run = scan(&project, &["--fix"]).expect(1);
    assert!(run.stdout.contains("src/main.cu:4: fixed: use `acme_wait` [ACME2]"), "{}", run.stdout);
    assert!(run.stdout.contains("fixed 3 findings in 2 files; what follows is left"), "{}", run.stdout);
    assert!(run.stdout.contains("1 error, 0 warnings and 1 note"), "{}", run.stdout);
    let text = std::fs::read_to_string(&main).expect("it is there");
    assert_eq!(text, "#include <acme/board.h>\n\nint main() {\n\tacme_wait(1);\n\tacme_wait(2);\n}\n");
    assert_eq!(std::fs::metadata(&main).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(files(&project.at(".")).len(), 3, "nothing is left aside");
    let again = scan(&project, &["--fix", "--format", "json"]).expect(1).json();
    assert_eq!(again["fixed"]["findings"], json!([]));
}

#[test]
fn what_cannot_be_written_is_left_and_said() {
    let project = project();
    std::fs::set_permissions(project.at("src/main.cu"), std::fs::Permissions::from_mode(0o444))
        .expect("it is ours");
    let report = scan(&project, &["--fix", "--format", "json", "--ignore", "ACME1"]).expect(3).json();
    assert_eq!(report["fixed"]["not_written"][0]["path"], "src/main.cu");
    assert_eq!(report["fixed"]["findings"].as_array().map(Vec::len), Some(1), "the other file is fixed");
    assert_eq!(report["summary"]["severities"]["warning"], 2);
}

#[test]
fn ten_thousand_files_are_searched() {
    let project = with_rules();
    for folder in 0..100 {
        std::fs::create_dir_all(project.at(&format!("d{folder}"))).expect("/tmp is writable");
        for file in 0..100 {
            let text = format!("int f{file}(void) {{ return {file}; }}\n");
            std::fs::write(project.at(&format!("d{folder}/f{file}.c")), text).expect("/tmp is writable");
        }
    }
    project.write("d50/f50.c", "int f(void) { return acme_spin(1); }\n");
    let report = scan(&project, &["--format", "json"]).expect(0).json();
    assert_eq!(report["summary"]["searched"], 10_000);
    assert_eq!(report["summary"]["findings"], 1);
}

#[test]
fn what_the_project_answers_itself_is_not_found() {
    let project = with_rules()
        .file("include/wait.h", "#ifndef __aarch64__\n#define acme_spin acme_wait\n#endif\n")
        .file("src/all.h", "#include <wait.h>\n")
        .file("src/main.cu", "#include \"all.h\"\n#include <acme/board.h>\nint main() { acme_spin(1); }\n")
        .file("src/other.c", "int f(void) { return acme_spin(3); }\n");
    let run = scan(&project, &["--format", "json"]).expect(1);
    assert_eq!(places(&run), ["src/main.cu:2:11 ACME1", "src/other.c:1:22 ACME2"]);
    let run = scan(&project, &["--format", "json", "--fix"]).expect(1);
    assert_eq!(places(&run), ["src/main.cu:2:11 ACME1"]);
    let main = std::fs::read_to_string(project.at("src/main.cu")).expect("it is there");
    assert!(main.contains("acme_spin(1)"), "what its header answers needs no fix: {main}");
}

#[test]
fn names_need_not_be_utf8_nor_tame() {
    let project = with_rules();
    let spin = "int f(void) { return acme_spin(1); }\n";
    let names: [&[u8]; 5] =
        [b"latin-\xfc.c", b"new\nline.c", b"\x1b[31mred.c", b"with blank & <b>.c", "\u{202e}c.c".as_bytes()];
    for name in names {
        std::fs::write(project.at(".").join(OsStr::from_bytes(name)), spin).expect("/tmp is writable");
    }
    let text = scan(&project, &[]).expect(0).stdout;
    assert!(text.contains("latin-\u{fffd}.c:1:22"), "{text}");
    assert!(text.contains("new␊line.c:1:22") && text.contains("␛[31mred.c:1:22"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert_eq!(scan(&project, &["--format", "json"]).json()["summary"]["findings"], 5);
    let sarif = scan(&project, &["--format", "sarif"]).stdout;
    assert!(sarif.contains("\"latin-%FC.c\"") && sarif.contains("\"new%0Aline.c\""), "{sarif}");
    let html = scan(&project, &["--format", "html"]).stdout;
    assert!(html.contains("<h3>with blank &amp; &lt;b&gt;.c</h3>"), "{html}");
    // And they can be fixed.
    assert!(scan(&project, &["--fix"]).expect(0).stdout.contains("fixed 5 findings in 5 files"));
}
