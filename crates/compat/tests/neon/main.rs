//! What the headers for ARM's intrinsics are worth: every function of `arm_neon.h`, and those of `arm_acle.h`, called on
//! aarch64 (under qemu) and on x86_64 by the same program, and the results compared bit for bit.

mod acle;
mod compiler;
mod half;
mod program;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use camino::Utf8Path;
use cuferry_arch::Host;
use cuferry_compat::{arm_headers, intrinsics};
use cuferry_testkit::{companion, lacking, toolkit};

use crate::compiler::{Compiler, answers, folder};
use crate::program::program;
use crate::signature::{Signature, signatures};

const ARM_GCC: &str = "aarch64-linux-gnu-gcc";

/// All extensions that have functions in `arm_neon.h`, and sums fused as ARM's gcc does it.
const ARM_OPTIONS: &[&str] =
    &["-O2", "-w", "-march=armv8.6-a+fp16+fp16fml+sha3+sm4+bf16+i8mm+crypto", "-ffp-contract=fast"];

/// Functions that ARM's gcc gives another instruction than ARM's manual does, and why.
const OTHERWISE_ON_ARM: &[(&str, &str)] = &[
    ("vmaxh_f16", "gcc 12 gives FMAXNM, the manual FMAX: they differ where an argument is no number"),
    ("vminh_f16", "gcc 12 gives FMINNM, the manual FMIN: they differ where an argument is no number"),
];

/// The functions of gcc's `arm_neon.h` for aarch64.
fn functions() -> Option<Vec<Signature>> {
    if !answers(ARM_GCC) {
        lacking(&format!("there is no {ARM_GCC}"));
        return None;
    }
    let mut command = Command::new(ARM_GCC);
    command.args(ARM_OPTIONS).args(["-E", "-P", "-x", "c", "-include", "arm_neon.h", "/dev/null"]);
    let output = command.output().expect("it answered before");
    assert!(output.status.success());
    Some(signatures(&String::from_utf8(output.stdout).expect("headers are ASCII")))
}

/// Programs of so many functions each: a compiler's time grows faster than a program.
fn programs(functions: &[Signature]) -> Vec<String> {
    functions.chunks(150).map(program).collect()
}

/// The two sums that a line holds: of all bits, and with every NaN as one.
fn canonical(sums: &str) -> &str {
    sums.split_once(' ').expect("a line has two sums").1
}

#[track_caller]
fn check(functions: &[Signature], root: &Utf8Path, compilers: &[Compiler]) {
    let Some(arm) = Compiler::aarch64("arm", ARM_GCC, ARM_OPTIONS) else { return };
    let programs = programs(functions);
    let expected = arm.run_all(root, &programs);
    assert_eq!(expected.len(), functions.len());
    for compiler in compilers {
        let actual = compiler.run_all(root, &programs);
        let differing: Vec<&String> = expected
            .iter()
            .filter(|(name, sums)| {
                actual.get(*name).is_none_or(|actual| canonical(actual) != canonical(sums))
                    && !OTHERWISE_ON_ARM.iter().any(|(otherwise, _)| otherwise == name)
            })
            .map(|(name, _)| name)
            .collect();
        assert!(differing.is_empty(), "{}: not as on ARM: {differing:?}", compiler.name);
    }
}

#[test]
fn every_function_gives_what_an_arm_cpu_gives() {
    let Some(functions) = functions() else { return };
    let (_guard, root) = folder();
    let headers = root.join("arm");
    let c = Compiler::x86_64("gcc", "gcc", "c", &["-O1", "-w"], &headers);
    let modern = ["-O1", "-w", "-std=c++17", "-march=x86-64-v3"];
    let cpp = Compiler::x86_64("g++", "g++", "cpp", &modern, &headers);
    let (Some(c), Some(cpp)) = (c, cpp) else { return };
    check(&functions, &root, &[c, cpp]);
}

/// Other compilers get every 24th function: what differs between them are types and builtins, not arithmetic.
#[test]
fn other_compilers_give_the_same() {
    let Some(functions) = functions() else { return };
    let some: Vec<Signature> = functions.into_iter().step_by(24).collect();
    let (_guard, root) = folder();
    let headers = root.join("arm");
    let Some(gcc) = companion("gcc-11") else { return };
    let host = gcc.join("bin/g++-11");
    let mut compilers = vec![
        Compiler::x86_64("clang", "clang", "c", &["-O0", "-w", "-std=c99"], &headers),
        Compiler::x86_64(
            "clang++",
            "clang++",
            "cpp",
            &["-O1", "-w", "-std=c++11", "-mavx2", "-mfma"],
            &headers,
        ),
        Compiler::x86_64("g++20", "g++", "cpp", &["-O2", "-w", "-std=c++20"], &headers),
        Compiler::x86_64("g++11", host.as_str(), "cpp", &["-O1", "-w", "-std=c++14"], &headers),
    ];
    for (name, release, options) in [
        ("nvcc-11.8", "11.8", vec!["-ccbin", host.as_str(), "-std=c++14"]),
        ("nvcc-13.0", "13.0", vec!["-std=c++17"]),
        ("nvcc-13.5", "13.5", vec!["-std=c++17", "-Xcompiler", "-march=x86-64-v3"]),
    ] {
        let Some(root) = toolkit(release.parse().unwrap(), &[Host::X86_64], &[]) else { continue };
        let mut all = vec!["-w", "-O1", "-arch=sm_80"];
        all.extend(options);
        compilers.push(Compiler::x86_64(name, root.join("bin/nvcc").as_str(), "cu", &all, &headers));
    }
    let compilers: Vec<Compiler> = compilers.into_iter().flatten().collect();
    check(&some, &root, &compilers);
}

/// The list is that of the compilers: whatever gcc has is there, and all of it is called by the tests above.
#[test]
fn the_list_holds_what_gcc_has() {
    let Some(functions) = functions() else { return };
    let listed: BTreeMap<&str, bool> =
        intrinsics().iter().map(|intrinsic| (intrinsic.name, intrinsic.available)).collect();
    let unlisted: Vec<&str> = functions
        .iter()
        .map(|one| one.name.as_str())
        .filter(|name| listed.get(name) != Some(&true))
        .collect();
    assert_eq!(unlisted, Vec::<&str>::new());
    let called: BTreeSet<&str> = functions.iter().map(|one| one.name.as_str()).collect();
    let unproved: Vec<&str> = listed
        .iter()
        .filter(|(name, available)| **available && !called.contains(*name))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(unproved, Vec::<&str>::new(), "no test calls these");
}

/// Whatever the headers define has lost SIMDe's macro of the same name before.
#[test]
fn every_own_function_is_undefined_first() {
    let Some(simde) = companion("simde") else { return };
    let (_guard, root) = folder();
    let mut command = Command::new("gcc");
    command.args(["-E", "-w", "-x", "c"]).arg(format!("-I{root}/arm")).arg(format!("-I{simde}/include"));
    let output = command.args(["-include", "arm_neon.h", "/dev/null"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut ours = BTreeSet::new();
    let mut from_us = false;
    for line in text.lines() {
        if line.starts_with("# ") {
            from_us = line.contains("/cuferry/neon_");
        } else if from_us {
            ours.extend(line.split("static __inline__").skip(1).filter_map(defined_name));
        }
    }
    let undef = arm_headers().iter().find(|header| header.path == "cuferry/neon_undef.h").unwrap();
    let listed: BTreeSet<String> =
        undef.text.lines().filter_map(|line| line.strip_prefix("#undef ")).map(str::to_owned).collect();
    assert!(ours.len() > 2000, "found {} functions only", ours.len());
    assert_eq!(ours.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "to be undefined");
    assert_eq!(listed.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "not defined");
}

/// The name in `__attribute__((...)) int8x8_t vabs_s8(int8x8_t a) { ...`, if it is one of ARM's.
fn defined_name(definition: &str) -> Option<String> {
    let head = definition.split_once("))")?.1.split_once('(')?.0;
    let name = head.split([' ', '*']).rfind(|word| !word.is_empty())?;
    (name.starts_with('v')).then(|| name.to_owned())
}
