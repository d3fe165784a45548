//! The functions of `arm_acle.h`, on ARM and on x86_64. clang is the one that has all of them for ARM.

use cuferry_compat::acle;

use crate::compiler::{Compiler, folder};

const PROGRAM: &str = r#"
#include <arm_acle.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static uint64_t state = 1;
static uint64_t draw(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  switch (z % 7) {
    case 0: return 0;
    case 1: return ~(uint64_t)0;
    case 2: return (uint64_t)1 << (z >> 8) % 64;
    default: return z;
  }
}
#define SHOW(call) printf("%s %llx\n", #call, (unsigned long long)(call))
int main(void) {
  for (int round = 0; round < 400; round++) {
    const uint64_t a = draw(), b = draw();
    double number;
    SHOW(__clz((uint32_t)a)); SHOW(__clzl(a)); SHOW(__clzll(a));
    SHOW(__cls((uint32_t)a)); SHOW(__clsl(a)); SHOW(__clsll(a));
    SHOW(__rev((uint32_t)a)); SHOW(__revl(a)); SHOW(__revll(a));
    SHOW(__rev16((uint32_t)a)); SHOW(__rev16l(a)); SHOW(__rev16ll(a)); SHOW(__revsh((int16_t)a));
    SHOW(__rbit((uint32_t)a)); SHOW(__rbitl(a)); SHOW(__rbitll(a));
    SHOW(__ror((uint32_t)a, (uint32_t)b % 33)); SHOW(__rorl(a, (uint32_t)b % 65)); SHOW(__rorll(a, (uint32_t)b % 65));
    SHOW(__crc32b((uint32_t)a, (uint8_t)b)); SHOW(__crc32h((uint32_t)a, (uint16_t)b));
    SHOW(__crc32w((uint32_t)a, (uint32_t)b)); SHOW(__crc32d((uint32_t)a, b));
    SHOW(__crc32cb((uint32_t)a, (uint8_t)b)); SHOW(__crc32ch((uint32_t)a, (uint16_t)b));
    SHOW(__crc32cw((uint32_t)a, (uint32_t)b)); SHOW(__crc32cd((uint32_t)a, b));
    memcpy(&number, &b, sizeof number);
    SHOW(__jcvt(number));
    number = (double)(int64_t)b * (round % 3 - 1) / 1024;
    SHOW(__jcvt(number));
    __dmb(11); __dsb(15); __isb(15); __nop(); __yield(); __sev(); __sevl(); __wfe();
    __pld(&number); __pldx(0, 1, 0, &number); __pli(&number); __plix(0, 0, &number);
  }
  return 0;
}
"#;

/// Declared, but no program can show what they do: they wait for an interrupt.
const NOT_CALLED: &[&str] = &["__wfi"];

#[test]
fn checksums_and_bits_are_arms() {
    let target = ["--target=aarch64-linux-gnu", "-march=armv8.3-a+crc", "-O1"];
    let Some(arm) = Compiler::aarch64("clang-arm", "clang", &target) else { return };
    let (_guard, root) = folder();
    let headers = root.join("arm");
    let expected = arm.run(&root, "acle", PROGRAM);
    assert!(expected.lines().count() > 5000);
    for (name, program, extension, options) in [
        ("gcc", "gcc", "c", &["-O1"][..]),
        ("gcc-sse", "gcc", "c", &["-O2", "-msse4.2", "-Wall", "-Werror"]),
        ("g++", "g++", "cpp", &["-O2", "-std=c++11", "-march=x86-64-v3"]),
        ("clang", "clang", "c", &["-O1"]),
        ("clang-sse", "clang", "c", &["-O1", "-msse4.2"]),
    ] {
        let Some(compiler) = Compiler::x86_64(name, program, extension, options, &headers) else { return };
        assert!(compiler.run(&root, "acle", PROGRAM) == expected, "{name}: not as on ARM");
    }
}

#[test]
fn every_available_function_is_called() {
    for intrinsic in acle() {
        let called = PROGRAM.contains(&format!("{}(", intrinsic.name));
        assert_eq!(intrinsic.available, called || NOT_CALLED.contains(&intrinsic.name), "{}", intrinsic.name);
    }
}

/// x86's compilers have functions of these names, with another polynomial: ours must come through.
#[test]
fn names_that_x86_has_too_are_arms() {
    let (_guard, root) = folder();
    let source = "#include <immintrin.h>\n#include <arm_acle.h>\n#include <stdio.h>\n\
                  int main(void) { printf(\"%x %x\\n\", __crc32w(~0u, 0x64636261), __crc32cw(~0u, 0x64636261)); }\n";
    for (name, program) in [("gcc", "gcc"), ("clang", "clang")] {
        let Some(compiler) = Compiler::x86_64(name, program, "c", &["-msse4.2"], &root.join("arm")) else {
            return;
        };
        // The complements of the checksums of `abcd`: 0xed82cd11 with Ethernet's polynomial, 0x92c80a31 with Castagnoli's.
        assert_eq!(compiler.run(&root, "names", source), "127d32ee 6d37f5ce\n", "{name}");
    }
}
