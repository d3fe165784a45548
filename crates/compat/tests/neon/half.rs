//! `__fp16` and `__bf16`, which x86 compilers lack, and the macros by which sources choose ARM's side.

use cuferry_compat::{ARM_FEATURES, ARM_TYPES, arm_headers};
use std::collections::BTreeSet;
use std::process::Command;

use crate::compiler::{Compiler, answers, folder};
use cuferry_testkit::lacking;

/// Arithmetic as ARM has it: in float, rounded when it is stored.
const PROGRAM: &str = r#"
#include <stdint.h>
#include <stdio.h>
#include <string.h>
typedef struct { __fp16 x, y; } Pair;
static uint16_t bits(__fp16 value) { uint16_t r; memcpy(&r, &value, sizeof r); return r; }
static __fp16 scaled(__fp16 a, float factor) { return a * factor; }
int main(void) {
  __fp16 sum = 0, table[4] = {1, 2.5f, 65504, 6e-8f};
  Pair pair = {1.5f, 0.1f};
  unsigned random = 1;
  for (int i = 0; i < 2000; i++) {
    __fp16 a, b;
    uint16_t half;
    random = random * 1664525u + 1013904223u;
    half = (uint16_t)(random >> 16 & 0xbfff);
    memcpy(&a, &half, sizeof a);
    b = table[i % 4];
    sum = a * b + pair.x;
    pair.y += a;
    printf("%x %x %x %x %a %d\n", bits(sum), bits(a - b), bits(scaled(a, 3.3f)), bits(pair.y), (double)(a * b), a < b);
    sum = i / 3.0;
    printf("%x %d %x\n", bits(sum), (int)sum, bits(-sum));
    pair.y = 1;
  }
  printf("%d %d\n", (int)sizeof(__fp16), (int)sizeof(Pair));
  return 0;
}
"#;

#[test]
fn half_precision_is_arms() {
    let Some(arm) = Compiler::aarch64("arm", "aarch64-linux-gnu-gcc", &["-O2", "-march=armv8-a"]) else {
        return;
    };
    let (_guard, root) = folder();
    let headers = root.join("arm");
    let expected = arm.run(&root, "half", PROGRAM);
    let types = headers.join(ARM_TYPES);
    for (name, program, extension, options) in [
        ("gcc", "gcc", "c", &["-O2"][..]),
        ("g++", "g++", "cpp", &["-O2", "-std=c++11"]),
        ("g++-v3", "g++", "cpp", &["-O2", "-std=c++20", "-march=x86-64-v3"]),
        ("clang++", "clang++", "cpp", &["-O2", "-std=c++17"]),
    ] {
        let mut all = vec!["-include", types.as_str()];
        all.extend(options);
        let Some(compiler) = Compiler::x86_64(name, program, extension, &all, &headers) else { return };
        let actual = compiler.run(&root, "half", PROGRAM);
        let differing = actual.lines().zip(expected.lines()).find(|(actual, expected)| actual != expected);
        assert_eq!(differing, None, "{name}: not as on ARM");
        assert_eq!(actual.lines().count(), expected.lines().count());
    }
}

/// The features are those of ARM's own compiler without options.
#[test]
fn features_are_those_of_armv8() {
    if !answers("aarch64-linux-gnu-gcc") {
        return lacking("there is no aarch64-linux-gnu-gcc");
    }
    let macros =
        Command::new("aarch64-linux-gnu-gcc").args(["-dM", "-E", "-x", "c", "/dev/null"]).output().unwrap();
    let macros = String::from_utf8(macros.stdout).unwrap();
    let arm: BTreeSet<&str> = macros.lines().collect();
    let features = arm_headers().iter().find(|header| header.path == ARM_FEATURES).unwrap();
    let ours: Vec<&str> = features.text.lines().filter(|line| line.starts_with("#define __ARM")).collect();
    assert!(ours.len() > 5);
    for line in &ours {
        assert!(arm.contains(line), "ARM's compiler has no `{line}`");
    }
    for line in arm.iter().filter(|line| line.contains("__ARM_FEATURE") || line.contains("__ARM_NEON")) {
        assert!(ours.contains(line), "`{line}` is not among the features");
    }
}

/// SIMDe must not take the features for an ARM compiler, in whatever order they come.
#[test]
fn features_and_intrinsics_go_together() {
    let (_guard, root) = folder();
    let headers = root.join("arm");
    let features = headers.join(ARM_FEATURES);
    let source = "#include <arm_neon.h>\n#include <stdio.h>\n#if !__ARM_NEON\n#error\n#endif\n\
                  int main(void) { float a[4] = {1, 2, 3, 4}; printf(\"%g\\n\", (double)vaddvq_f32(vld1q_f32(a))); }\n";
    let options =
        ["-include", features.as_str(), "-D__ARM_ARCH=8", "-D__ARM_FEATURE_FP16_VECTOR_ARITHMETIC=1"];
    for (name, program, extension) in [("gcc", "gcc", "c"), ("g++", "g++", "cpp"), ("clang", "clang", "c")] {
        let Some(compiler) = Compiler::x86_64(name, program, extension, &options, &headers) else { return };
        assert_eq!(compiler.run(&root, "features", source), "10\n");
    }
}
