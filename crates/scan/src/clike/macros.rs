//! The macros that compilers predefine on x86_64 and on aarch64 Linux, as far as they tell the two apart or are certain.
//!
//! Source: `gcc -dM -E` of gcc 12 and clang 14 for both hosts; the ACLE for names that begin with `__ARM_`.

/// The hosts that conditionals are evaluated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cpu {
    X86,
    Arm,
}

impl Cpu {
    pub(crate) const BOTH: [Self; 2] = [Self::X86, Self::Arm];
}

/// What is known of a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    Undefined,
    /// Defined, with its value where it is a number.
    Defined(Option<i64>),
    Unknown,
}

const X86: &[&str] = &[
    "__x86_64__",
    "__x86_64",
    "__amd64__",
    "__amd64",
    "__SSE__",
    "__SSE2__",
    "__MMX__",
    "__code_model_small__",
    "__k8__",
    "__k8",
    "__SSE_MATH__",
    "__SSE2_MATH__",
];

/// Defined on x86_64 by flags such as `-march=x86-64-v3`, and never on ARM.
const X86_BY_FLAGS: &[&str] = &[
    "__SSE3__",
    "__SSSE3__",
    "__SSE4_1__",
    "__SSE4_2__",
    "__AVX__",
    "__AVX2__",
    "__FMA__",
    "__F16C__",
    "__BMI__",
    "__BMI2__",
    "__POPCNT__",
    "__PCLMUL__",
    "__AES__",
    "__SHA__",
    "__AVX512F__",
    "__AVX512BW__",
    "__AVX512VL__",
    "__AVX512DQ__",
    "__AVX512VNNI__",
    "__AVXVNNI__",
    "__AVX512BF16__",
    "__AVX512FP16__",
    "__LZCNT__",
    "__RDRND__",
];

const ARM: &[&str] = &[
    "__aarch64__",
    "__AARCH64EL__",
    "__ARM_NEON",
    "__ARM_ARCH",
    "__ARM_ARCH_8A",
    "__ARM_64BIT_STATE",
    "__ARM_ARCH_ISA_A64",
    "__ARM_FP",
    "__ARM_FEATURE_FMA",
    "__ARM_FEATURE_CLZ",
    "__ARM_FEATURE_NUMERIC_MAXMIN",
    "__ARM_FEATURE_UNALIGNED",
    "__ARM_FP16_FORMAT_IEEE",
    "__ARM_FP16_ARGS",
    "__ARM_PCS_AAPCS64",
    "__CHAR_UNSIGNED__",
];

/// Names of ARM that depend on flags or on the width, or are other compilers': never defined on x86_64.
const ARM_MAYBE: &[&str] = &[
    "__arm__",
    "__arm",
    "__arm64__",
    "__arm64",
    "__thumb__",
    "__AARCH64__",
    "__ARMEL__",
    "_M_ARM",
    "_M_ARM64",
    "_M_ARM64EC",
];

const BOTH: &[(&str, Option<i64>)] = &[
    ("__linux__", Some(1)),
    ("__linux", Some(1)),
    ("linux", Some(1)),
    ("__unix__", Some(1)),
    ("__unix", Some(1)),
    ("unix", Some(1)),
    ("__gnu_linux__", Some(1)),
    ("__GNUC__", None),
    ("__GNUC_MINOR__", None),
    ("__LP64__", Some(1)),
    ("_LP64", Some(1)),
    ("__ELF__", Some(1)),
    ("__STDC__", Some(1)),
    ("__CHAR_BIT__", Some(8)),
    ("__SIZEOF_POINTER__", Some(8)),
    ("__SIZEOF_LONG__", Some(8)),
    ("__BYTE_ORDER__", Some(1234)),
    ("__ORDER_LITTLE_ENDIAN__", Some(1234)),
    ("__ORDER_BIG_ENDIAN__", Some(4321)),
    ("__SIZEOF_INT128__", Some(16)),
    ("__glibc__", None),
    ("__GLIBC__", None),
];

/// Other systems, compilers and CPUs.
const NEITHER: &[&str] = &[
    "_WIN32",
    "_WIN64",
    "WIN32",
    "WIN64",
    "__WIN32__",
    "_MSC_VER",
    "__MINGW32__",
    "__MINGW64__",
    "__CYGWIN__",
    "__APPLE__",
    "__MACH__",
    "__ANDROID__",
    "ANDROID",
    "__FreeBSD__",
    "__OpenBSD__",
    "__NetBSD__",
    "__DragonFly__",
    "__sun",
    "__QNX__",
    "__QNXNTO__",
    "__HAIKU__",
    "__EMSCRIPTEN__",
    "__wasm__",
    "__wasm_simd128__",
    // AMD's compiler for CUDA-like sources, and the flag by which PyTorch's build asks for it.
    "__HIPCC__",
    "__HIP__",
    "__HIP_PLATFORM_AMD__",
    "__HIP_PLATFORM_HCC__",
    "__HIP_DEVICE_COMPILE__",
    "USE_ROCM",
    "__i386__",
    "__i386",
    "_M_IX86",
    "_M_X64",
    "_M_AMD64",
    "__powerpc__",
    "__powerpc64__",
    "__ppc__",
    "__ppc64__",
    "__PPC__",
    "__PPC64__",
    "__POWER9_VECTOR__",
    "__VSX__",
    "__ALTIVEC__",
    "__mips__",
    "__mips64",
    "__mips_msa",
    "__riscv",
    "__riscv_v",
    "__riscv_vector",
    "__s390__",
    "__s390x__",
    "__sparc__",
    "__ia64__",
    "__loongarch__",
    "__loongarch64",
    "__loongarch_sx",
    "__alpha__",
    "__hppa__",
    "__m68k__",
    "__BIG_ENDIAN__",
    "__ILP32__",
    "_ILP32",
    "__HIP_PLATFORM_AMD__",
    "__HIP_PLATFORM_HCC__",
    "__HIP__",
    "__HIPCC__",
    "__HIP_DEVICE_COMPILE__",
    "__AMDGCN__",
    "__NVPTX__",
    "__AARCH64EB__",
    "__ARMEB__",
    "__ARM_BIG_ENDIAN",
];

/// What a compiler for `cpu` predefines.
pub(crate) fn predefined(name: &[u8], cpu: Cpu, cplusplus: bool) -> Macro {
    let Ok(name) = str::from_utf8(name) else { return Macro::Unknown };
    let when = |holds: bool, other: Macro| if holds { other } else { Macro::Undefined };
    if X86.contains(&name) {
        return when(cpu == Cpu::X86, Macro::Defined(Some(1)));
    }
    if X86_BY_FLAGS.contains(&name) || name.starts_with("__AVX512") {
        return when(cpu == Cpu::X86, Macro::Unknown);
    }
    if name == "__ARM_ARCH" {
        return when(cpu == Cpu::Arm, Macro::Defined(Some(8)));
    }
    if ARM.contains(&name) {
        return when(cpu == Cpu::Arm, Macro::Defined(Some(1)));
    }
    if name == "__ARM_NEON__" || name == "__arm__" {
        // 32-bit ARM; sources name them where they mean either width.
        return when(cpu == Cpu::Arm, Macro::Unknown);
    }
    if NEITHER.contains(&name) {
        return Macro::Undefined;
    }
    if ARM_MAYBE.contains(&name) || name.starts_with("__ARM_") {
        return when(cpu == Cpu::Arm, Macro::Unknown);
    }
    if let Some((_, value)) = BOTH.iter().find(|(known, _)| *known == name) {
        return Macro::Defined(*value);
    }
    match name {
        "__cplusplus" if cplusplus => Macro::Defined(None),
        _ => Macro::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_has_its_own() {
        for (name, x86, arm) in [
            ("__aarch64__", Macro::Undefined, Macro::Defined(Some(1))),
            ("__x86_64__", Macro::Defined(Some(1)), Macro::Undefined),
            ("__ARM_FEATURE_SVE", Macro::Undefined, Macro::Unknown),
            ("__AVX2__", Macro::Unknown, Macro::Undefined),
            ("__linux__", Macro::Defined(Some(1)), Macro::Defined(Some(1))),
            ("_WIN32", Macro::Undefined, Macro::Undefined),
            ("HAVE_NEON", Macro::Unknown, Macro::Unknown),
        ] {
            assert_eq!(predefined(name.as_bytes(), Cpu::X86, true), x86, "{name} on x86_64");
            assert_eq!(predefined(name.as_bytes(), Cpu::Arm, true), arm, "{name} on aarch64");
        }
    }
}
