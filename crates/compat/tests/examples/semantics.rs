//! `arm-semantics`: what flags make equal to ARM, what they do not, and how a sanitizing build finds the rest.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use crate::{ARM_COMPILER, Bench, example, printed, repository};

const UNSIGNED_CHAR: &[&str] = &["-Xcompiler", "-funsigned-char", "-Xcudafe", "--unsigned_chars"];
const FUSED: &[&str] = &["-Xcompiler", "-march=x86-64-v3,-ffp-contract=fast"];
const CLANG: &[&str] = &["-ccbin", "clang++", "-allow-unsupported-compiler"];
const SATURATING: &[&str] = &["-Xcompiler", "-fno-strict-float-cast-overflow"];
const WIDE: &[&str] =
    &["-Xcompiler", "-Xclang,-fwchar-type=int,-Xclang,-fno-signed-wchar", "-Xcudafe", "--unsigned_wchar_t"];
const SIGFPE: i32 = 8;

/// Compiles the example to a program.
#[track_caller]
fn build(bench: &Bench, made: &str, options: &[&[&str]]) {
    let source = example("arm-semantics").join("arm_semantics.cu");
    let args = ["-std=c++17", "-O2", "-arch=sm_87", source.as_str(), "-o", made];
    bench.nvcc(&[&options.concat()[..], &args].concat());
}

/// The example's device code as PTX.
#[track_caller]
fn ptx(bench: &Bench, options: &[&str]) -> String {
    let source = example("arm-semantics").join("arm_semantics.cu");
    bench.nvcc(
        &[options, &["-std=c++17", "-arch=compute_87", "-ptx", source.as_str(), "-o", "made.ptx"]].concat(),
    );
    fs::read_to_string(bench.folder.join("made.ptx")).expect("nvcc made it")
}

#[test]
fn flags_make_chars_and_sums_those_of_arm() {
    let Some(bench) = Bench::new() else { return };
    build(&bench, "arm", &[&["-ccbin", ARM_COMPILER]]);
    build(&bench, "plain", &[]);
    build(&bench, "flags", &[UNSIGNED_CHAR, FUSED]);
    build(&bench, "clang", &[UNSIGNED_CHAR, FUSED, CLANG]);
    for subject in ["chars", "sums"] {
        let arm = bench.run_arm("arm", &[subject]);
        assert_ne!(printed(&bench.run("plain", &[subject])), arm, "{subject}: nothing to mend");
        assert_eq!(printed(&bench.run("flags", &[subject])), arm, "{subject}");
        assert_eq!(printed(&bench.run("clang", &[subject])), arm, "{subject}, clang");
    }
    // One flag does one thing.
    build(&bench, "signed", &[FUSED]);
    assert_eq!(printed(&bench.run("signed", &["sums"])), bench.run_arm("arm", &["sums"]));
    assert_ne!(printed(&bench.run("signed", &["chars"])), bench.run_arm("arm", &["chars"]));
}

#[test]
fn flags_make_device_code_that_of_arm() {
    let Some(bench) = Bench::new() else { return };
    let arm = ptx(&bench, &["-ccbin", ARM_COMPILER]);
    assert!(arm.contains("ld.global.u8") && !arm.contains("ld.global.s8"));
    assert!(ptx(&bench, &[]).contains("ld.global.s8"));
    assert_eq!(ptx(&bench, UNSIGNED_CHAR), arm);
    // Host and device would disagree, and nothing would say it.
    assert!(ptx(&bench, &["-Xcompiler", "-funsigned-char"]).contains("ld.global.s8"));
}

/// clang alone has flags for them. The golden file, which other tests use, is what ARM prints.
#[test]
fn flags_of_clang_make_conversions_and_wide_characters_those_of_arm() {
    let Some(bench) = Bench::new() else { return };
    build(&bench, "arm", &[&["-ccbin", ARM_COMPILER]]);
    build(&bench, "clang", &[UNSIGNED_CHAR, FUSED, CLANG]);
    build(&bench, "as-arm", &[UNSIGNED_CHAR, FUSED, CLANG, SATURATING, WIDE]);
    let mut all = String::new();
    for subject in ["chars", "sums", "conversions", "wide"] {
        let arm = bench.run_arm("arm", &[subject]);
        let differs = ["conversions", "wide"].contains(&subject);
        assert_eq!(printed(&bench.run("clang", &[subject])) != arm, differs, "{subject}");
        assert_eq!(printed(&bench.run("as-arm", &[subject])), arm, "{subject}");
        all += &arm;
    }
    let golden = repository().join("tests/e2e/jetson/arm-semantics.txt");
    assert_eq!(
        fs::read_to_string(golden).expect("it is there"),
        all,
        "the golden file is not what ARM computes"
    );
}

/// Asserted as it is: no flag mends these. Where one does some day, this test says so.
#[test]
fn no_flag_makes_the_rest_that_of_arm() {
    let Some(bench) = Bench::new() else { return };
    build(&bench, "arm", &[&["-ccbin", ARM_COMPILER]]);
    build(&bench, "gcc", &[UNSIGNED_CHAR, FUSED]);
    build(&bench, "clang", &[UNSIGNED_CHAR, FUSED, CLANG, SATURATING, WIDE]);
    for (program, subjects) in [
        ("gcc", &["conversions", "narrow", "long-double", "wide"][..]),
        // Narrow types stop at their own limits, where both machines wrap what fits an `int`.
        ("clang", &["narrow", "long-double"]),
    ] {
        for subject in subjects {
            let arm = bench.run_arm("arm", &[subject]);
            assert_ne!(printed(&bench.run(program, &[subject])), arm, "{program}, {subject}");
        }
        assert_eq!(bench.run(program, &["division"]).status.signal(), Some(SIGFPE), "{program}");
    }
    let arm = bench.run_arm("arm", &["division"]);
    assert!(arm.contains("least / -1 = -2147483648") && arm.contains("100 / 0 = 0   100 % 0 = 100"), "{arm}");
}

#[test]
fn a_sanitizing_build_finds_the_rest() {
    let Some(bench) = Bench::new() else { return };
    let checks =
        "-fsanitize=float-cast-overflow,-fsanitize=integer-divide-by-zero,-fsanitize=signed-integer-overflow";
    let stop = format!("{checks},-fno-sanitize-recover=all");
    build(&bench, "says", &[&["-Xcompiler", checks]]);
    build(&bench, "stops", &[&["-Xcompiler", &stop]]);
    let words = |program, subject| {
        let output = bench.run(program, &[subject]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = words("says", "conversions");
    assert_eq!(code, Some(0));
    assert!(said.contains("is outside the range of representable values of type 'int'"), "{said}");
    assert!(words("says", "chars").1.is_empty() && words("says", "sums").1.is_empty());
    let (code, said) = words("stops", "conversions");
    assert!(code == Some(1) && said.lines().count() == 1, "{said}");
    let (code, said) = words("stops", "division");
    assert!(code == Some(1) && said.contains("division of -2147483648 by -1"), "{said}");
}
