//! `cuferry verify`: two scripts stand for the rebuilt program and the original; and two programs for two CPUs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cuferry_testkit::{companion, data_dir, lacking, variable};
use serde_json::json;

use crate::project::{Run, TestProject, files, find, wait_until};
use crate::real::{Example, SURROUNDINGS};

/// A project with `rebuilt` and `original`, scripts of these lines.
fn scripts(rebuilt: &str, original: &str) -> TestProject {
    let project = TestProject::new();
    for (name, lines) in [("rebuilt", rebuilt), ("original", original)] {
        project.write(name, &format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{lines}\n"));
        let done = Command::new("chmod").arg("+x").arg(project.at(name)).status();
        assert!(done.expect("chmod is there").success());
    }
    fs::create_dir(project.path("tmp")).expect("the folder is new");
    project
}

/// `verify OPTIONS ./rebuilt ./original -- ARGS` on the software device, with a folder for temporary files of its own, in
/// which nothing is left.
#[track_caller]
fn verify(project: &TestProject, options: &[&str], args: &[&str]) -> Run {
    let words = [&["verify", "--device", "soft"], options, &["./rebuilt", "./original", "--"], args].concat();
    let run = project.cuferry(words).env("TMPDIR", project.path("tmp")).run();
    assert_eq!(files(&project.path("tmp")), Vec::<std::path::PathBuf>::new());
    run
}

/// What was compared, without how the two ran.
fn found(run: &Run) -> &str {
    run.stdout.split("\n\n").next().unwrap_or_default()
}

#[test]
fn the_same_is_said_with_how_much_it_is() {
    let lines = "echo \"$# $1 in $PWD, $(pwd)\"; cat; echo new > new; rm old; exit 3";
    let project = scripts(lines, lines).file("data/old", "1\n").file("data/sub/kept", "2\n");
    let run = verify(&project, &["--in", "data"], &["--frames", "10"]).expect(0);
    insta::assert_snapshot!(found(&run), @r"
    same      exit code 3, standard output (115 B), 1 file (4 B), 1 file removed, 1
              file untouched
    ");
    let ways = run.stdout.split_once("\n\n").map_or("", |(_, ways)| ways);
    assert!(ways.starts_with("rebuilt   ./rebuilt: emulate on the software device: "), "{ways}");
    assert!(ways.contains("\noriginal  ./original: emulate on the software device: "), "{ways}");
    assert_eq!(run.stderr, "");
    assert_eq!(fs::read_to_string(project.at("data/old")).unwrap(), "1\n", "the folder itself is left alone");
}

#[test]
fn the_first_difference_of_each_is_told() {
    let project = scripts(
        "echo one; echo two; printf 'a\\0b' > binary; ln -s here link; mkdir both; echo > both/mine; exit 1",
        "echo one; echo too; printf 'a\\0c' > binary; ln -s there link; mkdir both; kill -SEGV $$",
    );
    insta::assert_snapshot!(found(&verify(&project, &[], &[]).expect(1)), @r"
    different: 5 of 5 compared
    - the end: exit code 1; the original: ended by SIGSEGV
    - standard output, line 2: the text differs
        rebuilt   two
                   ^ column 2
        original  too
                   ^ column 2
    - `binary`, byte 2: 0x62, and the original's is 0x63
    - `both/mine`: only the rebuilt program left this file
    - `link`: a link to `here`, and the original left a link to `there`
    ");
}

#[test]
fn numbers_have_a_tolerance() {
    // 1.0 and 2.0, and 1.0 and 2.0000002, as `float`s.
    let rebuilt = "echo 'mean  9.99999 s'; printf '\\0\\0\\200\\77\\0\\0\\0\\100' > field.raw";
    let original = "echo 'mean 10.00000 s'; printf '\\0\\0\\200\\77\\1\\0\\0\\100' > field.raw";
    let project = scripts(rebuilt, original);
    let exact = found(&verify(&project, &["--floats", "field.raw=f32"], &[]).expect(1)).to_owned();
    insta::assert_snapshot!(exact, @r"
    different: 2 of 3 compared
    - standard output, line 1: the text differs
        rebuilt   mean  9.99999 s
                       ^ column 6
        original  mean 10.00000 s
                       ^ column 6
    - `field.raw`, element 1: 2 and 2.000000238418579 lie 2.38e-7 apart, 1.19e-7 of
      the larger; no deviation is allowed
    ");
    let options = ["--tolerance", "1e-5", "--floats", "./field.raw=f32"];
    insta::assert_snapshot!(found(&verify(&project, &options, &[]).expect(0)), @r"
    same      exit code 0, standard output (16 B), 1 file (8 B)
    numbers   3 pairs, at most 9.99999 and 10 lie 1.00e-5 apart, 1.00e-6 of the
              larger, on line 1 of standard output; allowed: 1e-5 of the larger
    ");
    let tight = ["--tolerance", "1e-7", "--absolute", "1e-9", "--floats", "field.raw=f32"];
    insta::assert_snapshot!(found(&verify(&project, &tight, &[]).expect(1)), @r"
    different: 2 of 3 compared
    - standard output, line 1: 9.99999 and 10 lie 1.00e-5 apart, 1.00e-6 of the
      larger; allowed: 1e-7 of the larger, or 1e-9 apart
        rebuilt   mean  9.99999 s
                        ^ column 7
        original  mean 10.00000 s
                       ^ column 6
    - `field.raw`, element 1: 2 and 2.000000238418579 lie 2.38e-7 apart, 1.19e-7 of
      the larger; allowed: 1e-7 of the larger, or 1e-9 apart
    ");
    // Of an array nobody speaks of each byte counts.
    let run = verify(&project, &["--tolerance", "1e-5"], &[]).expect(1);
    assert!(run.stdout.contains("`field.raw`, byte 4: 0x00, and the original's is 0x01"), "{}", run.stdout);
    let run = verify(&project, &["--floats", "field=f32"], &[]).expect(2);
    assert!(run.error_in_one_line().contains("do not both leave a file `field`"), "{}", run.stderr);
}

#[test]
fn both_read_the_same_input() {
    let project = scripts("cat; echo; cat names", "cat; echo; cat names; echo changed > names");
    fs::write(project.path("input"), "from the\npipe").unwrap();
    let words = ["verify", "--device", "soft", "--in", "data", "--format", "json", "./original", "./rebuilt"];
    project.write("data/names", "a\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.args(words).current_dir(project.at("."));
    command.env_clear().env("CUFERRY_HOME", project.path("data-home"));
    command.stdin(Stdio::from(fs::File::open(project.path("input")).unwrap()));
    let run = Run::new(&project, &command.output().unwrap()).expect(1);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["same"], json!(false));
    let compared = report["compared"].as_array().unwrap();
    assert_eq!((&compared[0]["what"], &compared[0]["same"]), (&json!("stdout"), &json!(true)));
    assert_eq!(compared[0]["original_bytes"], json!("from the\npipe\na\n".len()));
    assert_eq!((&compared[1]["path"], &compared[1]["same"]), (&json!("names"), &json!(false)));
    assert_eq!(report["rebuilt"]["files"], json!({"written": 0, "changed": 1, "removed": 0, "untouched": 0}));
    assert_eq!(
        report["original"]["files"],
        json!({"written": 0, "changed": 0, "removed": 0, "untouched": 1})
    );
}

#[test]
fn standard_error_counts_when_asked() {
    let project = scripts("echo here >&2", "echo there >&2");
    verify(&project, &[], &[]).expect(0);
    let run = verify(&project, &["--stderr"], &[]).expect(1);
    assert!(run.stdout.contains("standard error, line 1: the text differs"), "{}", run.stdout);
}

/// What was ended early is never the same, and goes with all that it started.
#[test]
fn a_run_has_its_time() {
    let project = scripts("sleep 1000 & echo $!; wait", "sleep 1000 & echo $!; wait");
    let run = verify(&project, &["--timeout", "0.5", "--keep", "kept"], &[]).expect(1);
    assert!(run.stdout.contains("- the end: not ended in its time; the original: not ended in its time"));
    for side in ["rebuilt", "original"] {
        let pid = fs::read_to_string(project.at(&format!("kept/{side}/stdout"))).unwrap();
        let gone = || !Path::new("/proc").join(pid.trim()).exists();
        wait_until("the sleep ends", gone);
    }
}

#[test]
fn what_they_left_is_kept_where_asked() {
    let project = scripts("echo 1; echo 2 > a", "echo 1; mkdir b; echo 3 > b/c").file("data/in", "x");
    verify(&project, &["--keep", "kept", "--in", "data"], &[]).expect(1);
    let left = files(&project.at("kept"));
    let left: Vec<_> = left.iter().map(|path| path.strip_prefix(project.at("kept")).unwrap()).collect();
    let expected = [
        "original/files/b/c",
        "original/files/in",
        "original/stderr",
        "original/stdout",
        "rebuilt/files/a",
        "rebuilt/files/in",
        "rebuilt/stderr",
        "rebuilt/stdout",
        "stdin",
    ];
    assert_eq!(left, expected.map(Path::new));
    let error = verify(&project, &["--keep", "kept"], &[]).expect(2).error_in_one_line();
    assert!(error.contains("verify::keep") && error.contains("is not empty"), "{error}");
    let error = verify(&project, &["--keep", "data/new", "--in", "data"], &[]).expect(2).error_in_one_line();
    assert!(error.contains("lies in the folder that is copied"), "{error}");
}

#[test]
fn what_does_not_run_is_not_compared() {
    let project = scripts("echo 1", "echo 1").file("code.ptx", ".version 8.0\n.target sm_90\n");
    let of = |words: &[&str]| project.cuferry(words).env("TMPDIR", project.path("tmp")).run();
    let run = of(&["verify", "--device", "soft", "./rebuilt", "code.ptx"]).expect(2);
    assert!(run.error_in_one_line().contains("run::not_a_program"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let run = of(&["verify", "./rebuilt", "./missing"]).expect(2);
    assert!(run.error_in_one_line().contains("`./missing` is not there"), "{}", run.stderr);
    let run = of(&["verify", "--in", "nowhere", "./rebuilt", "./original"]).expect(2);
    assert!(run.error_in_one_line().contains("verify::input"), "{}", run.stderr);
    for wrong in [["--tolerance", "-1"], ["--timeout", "0"], ["--floats", "../x=f32"], ["--floats", "x=f16"]]
    {
        of(&["verify", wrong[0], wrong[1], "./rebuilt", "./original"]).expect(2);
    }
    assert_eq!(files(&project.path("tmp")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_interrupted_comparison_leaves_nothing() {
    let project = scripts("sleep 1000 & echo $! > ../pid.new; mv ../pid.new ../../pid; wait", "true");
    let verify = project
        .cuferry(["verify", "--device", "soft", "./rebuilt", "./original"])
        .env("TMPDIR", project.path("tmp"))
        .start();
    let pid = project.path("tmp/pid");
    wait_until("the program runs", || pid.exists());
    let sleeps = fs::read_to_string(&pid).unwrap();
    fs::remove_file(&pid).unwrap();
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", verify.id())]).status();
    assert!(kill.expect("sh is there").success());
    let run = Run::new(&project, &verify.wait_with_output().expect("it was started here")).expect(130);
    assert!(run.error_in_one_line().contains("nothing of the two runs was left"), "{}", run.stderr);
    assert_eq!(files(&project.path("tmp")), Vec::<std::path::PathBuf>::new());
    assert_eq!(fs::read_dir(project.path("tmp")).unwrap().count(), 0);
    wait_until("the sleep ends", || !Path::new("/proc").join(sleeps.trim()).exists());
}

/// One source for two CPUs: ARM's compiler fuses multiplications with additions, and the last digits show it.
#[test]
fn a_program_for_arm_and_its_rebuilt_one() {
    let arm = "aarch64-linux-gnu-g++";
    if find(arm).is_none() {
        return lacking("there is no compiler for ARM");
    }
    let (Some(_), Some(_), Some(data)) = (companion("qemu"), companion("arm-root"), data_dir()) else {
        return;
    };
    let project = TestProject::new().file(
        "main.cc",
        "#include <cstdio>\nint main() {\n    double x = 0.3;\n\
         for (int i = 0; i < 40; ++i) x = 3.7 * x - 3.7 * x * x;\n    std::printf(\"x = %.17g\\n\", x);\n\
         std::FILE *file = std::fopen(\"x.raw\", \"wb\");\n    std::fwrite(&x, sizeof x, 1, file);\n}\n",
    );
    for (compiler, name) in [("g++", "rebuilt"), (arm, "original")] {
        let mut command = Command::new(find(compiler).expect("both are here"));
        command.args(["-O2", "main.cc", "-o", name]).current_dir(project.at("."));
        assert!(command.status().unwrap().success(), "{compiler}");
    }
    fs::create_dir(project.path("tmp")).unwrap();
    let verify = |options: &[&str]| {
        let words =
            [&["verify", "--device", "soft", "--offline"], options, &["./rebuilt", "./original"]].concat();
        project.cuferry(words).env("CUFERRY_HOME", data.as_str()).run()
    };
    let run = verify(&[]).expect(1);
    assert!(
        run.stdout.starts_with("different: 2 of 3 compared\n- standard output, line 1: "),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("its ARM host half in qemu"), "{}", run.stdout);
    let run = verify(&["--tolerance", "1e-3", "--floats", "x.raw=f64"]).expect(0);
    assert!(run.stdout.contains("\nnumbers   2 pairs, at most "), "{}", run.stdout);
}

/// An example, rebuilt and as it would be on ARM: host code, CUDA's runtime and kernels.
#[test]
fn an_example_on_both_cpus() {
    if find("aarch64-linux-gnu-g++").is_none() {
        return lacking("there is no compiler for ARM");
    }
    let (Some(_), Some(_)) = (companion("qemu"), companion("arm-root")) else { return };
    let example = Example::new("separable");
    for host in ["x86_64", "aarch64"] {
        let words = ["--gpu", "compute_90", "--no-image", "--host", host];
        if example.rebuild(&words).is_none() {
            return;
        }
    }
    let programs = ["x86_64", "aarch64"].map(|host| format!("target/cuferry/{host}/separable"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.args(["verify", "--device", "soft", "--tolerance", "1e-4"]).args(programs);
    command.current_dir(&example.root).stdin(Stdio::null()).env_clear();
    command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
    let output = command.output().unwrap();
    let (found, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{found}\n{words}");
    assert!(found.starts_with("same      exit code 0, standard output ("), "{found}");
}
