//! `cuferry explain`: errors, ids, numbers, and whole logs.

use std::process::Command;

use serde_json::{Value, json};

use crate::project::{Run, TestProject};

fn explain(args: &[&str]) -> Run {
    TestProject::new().run(["explain"].iter().chain(args))
}

/// What a shell would do, with `cuferry` for the built command.
fn shell(script: &str) -> Run {
    let mut command = Command::new("/bin/sh");
    let cuferry = env!("CARGO_BIN_EXE_cuferry");
    command.args(["-c", &format!("cuferry() {{ {cuferry} \"$@\"; }}; {script}")]);
    TestProject::new().through(command).run()
}

#[test]
fn an_id_of_a_report() {
    insta::assert_snapshot!(explain(&["CF2003"]).expect(0).stdout, @r#"
    CF2003: -march=native becomes -march=x86-64-v3

      `native` would bind the image to the very CPU that builds it, and end in
      "Illegal instruction" elsewhere.

      what to do
        - nothing; for one known CPU name it: `host-flags = ["-march=znver3"]`

      see also
        abi-illegal-instruction      Illegal instruction: the program was built for
                                     a newer CPU than this one

      from: g++ 12 and clang 19 for x86_64, asked with each flag; nvcc's
            documentation
    "#);
}

#[test]
fn an_error_that_cuda_printed() {
    let by_text = explain(&["no kernel image is available for execution on the device"]).expect(0);
    for same in [
        &["209"][..],
        &["CUDA_ERROR_NO_BINARY_FOR_GPU"],
        &["cudaErrorNoKernelImageForDevice"],
        // Without quotes, too.
        &["no", "kernel", "image", "is", "available", "for", "execution", "on", "the", "device"],
    ] {
        assert_eq!(explain(same).expect(0).stdout, by_text.stdout, "{same:?}");
    }
    insta::assert_snapshot!(by_text.stdout.lines().next().unwrap_or_default(), @"cuda-209: no device code in the file runs on this GPU");
    let old = explain(&["48"]).expect(0).stdout;
    assert!(old.contains("\n  48 meant this in CUDA 10.0 and before; today it is 209\n"), "{old}");
}

/// An option's letter is no option when it is asked about.
#[test]
fn a_flag() {
    let run = explain(&["-mcpu=cortex-a78ae"]).expect(0);
    assert!(run.stdout.starts_with("CF2001: "), "{}", run.stdout);
}

#[test]
fn what_nobody_knows() {
    let run = explain(&["the flux capacitor is out of plutonium"]).expect(1);
    insta::assert_snapshot!(run.error(), @"
    explain::unknown

      × nothing is known of `the flux capacitor is out of plutonium`
      help: give the words that were printed, without names of your own; `cuferry explain --all` lists every
            entry
    ");
    let run = explain(&["cudaErrorNoDevise"]).expect(1);
    insta::assert_snapshot!(run.stdout, @"
    perhaps one of these is meant
        cuda-100                     there is a driver, but it shows no GPU
    ");
}

#[test]
fn a_log_from_a_pipe() {
    let log = r"printf '%s\n' 'gcc -O2 -c a.c' '/bin/sh: 1: cicc: not found' 'g++: error: unrecognized command-line option -mfpu=neon' 'sh: cicc: not found' 'make: *** [all] Error 1'";
    let run = shell(&format!("{log} | cuferry explain -")).expect(0);
    insta::assert_snapshot!(run.stdout, @"
    line 2 (on 2 lines): /bin/sh: 1: cicc: not found
      compiler-cicc: nvcc is here without the rest of the toolkit

      The folder `nvvm` is missing. L4T base images hold nvcc and little else; on a
      Jetson the runtime mounts the rest, on a PC nothing does. An installation that
      was copied in part looks the same.

        1. build for x86_64 instead: `cuferry rebuild DIR` fetches a whole toolkit
           for this machine
        2. in an image for ARM: use an L4T image with `devel` in its name, or
           `l4t-jetpack`
        3. elsewhere: install the toolkit's compiler package (`cuda-nvcc-13-0`)
           whole

    1 known error in 5 lines; `cuferry explain ID` says how to check each
    ");
}

#[test]
fn a_log_without_known_errors() {
    let run = shell("echo all is well | cuferry explain -").expect(1);
    assert!(
        run.error().starts_with("explain::nothing_known\n\n  × its one line is no error that is known"),
        "{}",
        run.stderr
    );
    let run = shell("cuferry explain - < /dev/null").expect(1);
    assert!(run.error().contains("× the log is empty"), "{}", run.stderr);
}

#[test]
fn everything_there_is() {
    let subjects = explain(&[]).expect(0).stdout;
    assert!(subjects.contains("\n  loader     programs and libraries that do not load ("), "{subjects}");
    let all = explain(&["--all"]).expect(0).stdout;
    let loader = explain(&["loader"]).expect(0).stdout;
    assert!(all.contains(loader.as_str()) && loader.starts_with("loader: "), "{loader}");
    for id in ["cuda-0 ", "cuda-999 ", "loader-glibc ", "CF2100 ", "CF3001 ", "install::network "] {
        assert!(all.contains(&format!("\n    {id}")), "{id}");
    }
    // A reader that has seen enough is no failure.
    let run = shell("cuferry explain --all | { read first; echo \"$first\"; }").expect(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("cuda: errors of CUDA's runtime and driver\n", "")
    );
}

#[test]
fn answers_for_programs() {
    let answer = explain(&["CUDA error 35", "--format", "json"]).expect(0).json();
    assert_eq!(
        (&answer["schema"], &answer["question"], &answer["near"]),
        (&json!(1), &json!("CUDA error 35"), &json!([]))
    );
    let found = &answer["matches"][0];
    assert_eq!((&found["id"], &found["subject"]), (&json!("cuda-35"), &json!("cuda")));
    assert_eq!(found["found_by"], json!({ "kind": "number", "number": 35 }));
    for key in ["title", "names", "numbers", "cause", "check", "fix", "see", "sources"] {
        assert!(!found[key].is_null(), "{key}");
    }
    let unknown = explain(&["cudaErrorNoDevise", "--format", "json"]).expect(1).json();
    assert_eq!((&unknown["matches"], &unknown["near"][0]["id"]), (&json!([]), &json!("cuda-100")));
    let log = shell("echo 'sh: cicc: not found' | cuferry explain - --format json").expect(0).json();
    let hit = &log["matches"][0];
    assert_eq!(
        (&log["lines"], &hit["line"], &hit["lines"], &hit["id"]),
        (&json!(1), &json!(1), &json!(1), &json!("compiler-cicc"))
    );
    let all = explain(&["--all", "--format", "json"]).expect(0).json();
    assert!(all["subjects"].as_array().is_some_and(|subjects| subjects.len() > 10), "{all}");
    assert_eq!(
        all["subjects"][0]["entries"][0],
        json!({ "id": "cuda-0", "title": "success: nothing is wrong" })
    );
    assert_eq!(explain(&["--all", "--format", "json"]).expect(0).json(), Value::clone(&all));
}
