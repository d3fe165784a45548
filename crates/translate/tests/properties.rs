//! What holds for every command: a second translation changes nothing, a command that needs no change is not changed, and
//! hostile words end in an answer.

use cuferry_arch::{CudaRelease, DeviceCode, Host};
use cuferry_translate::{
    ArchPolicy, Invocation, Policy, Semantics, Tool, Translation, response_file, translate,
    translate_cmake_args, translate_environment, translate_make_args, with_nvcc_variables,
};
use proptest::prelude::*;

const TOOLS: [&str; 10] =
    ["nvcc", "gcc", "aarch64-linux-gnu-g++", "clang++", "ld", "as", "ar", "objcopy", "cpp", "pkg-config"];

/// Words as builds have them, ARM's and x86_64's.
const WORDS: &[&str] = &[
    "-c",
    "-o",
    "a.o",
    "a.cu",
    "a.cc",
    "a.c",
    "a.S",
    "-E",
    "-M",
    "-x",
    "cu",
    "-shared",
    "-O3",
    "-Wall",
    "-lm",
    "-lnvbufsurface",
    "-lcurand_static",
    "-l:libcurand_static.a",
    "/opt/cuda x/lib64/libcurand_static.a",
    "-Wl,-Bstatic",
    "-mcpu=cortex-a57+crypto",
    "-mcpu=native",
    "-mcpu=haswell",
    "-march=armv8-a+fp16",
    "-march=native",
    "-mtune=carmel",
    "-mfpu=neon",
    "--sysroot",
    "--sysroot=/jetson",
    "-L/usr/lib/aarch64-linux-gnu",
    "-L",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "-I/usr/include/aarch64-linux-gnu/x",
    "/usr/lib/aarch64-linux-gnu/libcuda.so",
    "/usr/local/cuda-10.2/include",
    "-I",
    "-Wl,-rpath,/usr/lib/aarch64-linux-gnu:/x",
    "-Wl,-m",
    "-Wl,aarch64linux",
    "-Xlinker",
    "-rpath",
    "-m",
    "aarch64linux",
    "-Wa,-march=armv8-a",
    "-Xassembler",
    "-EL",
    "-dynamic-linker",
    "/lib/ld-linux-aarch64.so.1",
    "-arch=sm_87",
    "-arch",
    "sm_53",
    "-code=sm_72,compute_72",
    "-gencode",
    "arch=compute_87,code=sm_87",
    "arch=compute_80,code=[sm_80,compute_80]",
    "-gencode=arch=compute_90,code=sm_90",
    "-arch=native",
    "-arch=all",
    "-ptx",
    "-cubin",
    "-dlink",
    "-dryrun",
    "--version",
    "-Xcompiler",
    "-Xcompiler=-mcpu=carmel,-O2",
    "\"-fPIC\"",
    "-mfpu=neon -O2",
    "-DA=\"x,y\",-mthumb",
    "-ccbin",
    "aarch64-linux-gnu-g++",
    "-ccbin=g++-11",
    "-target-dir",
    "sbsa-linux",
    "-std=c++11",
    "-std",
    "c++14",
    "--target=aarch64-linux-gnu",
    "--cuda-gpu-arch=sm_53",
    "-optf",
    "-forward-unknown-to-host-compiler",
    "-O",
    "elf64-littleaarch64",
    "-B",
    "aarch64",
    "rcs",
    "--",
    "-",
    "",
];

fn policies() -> Vec<Policy> {
    let plain = Policy::new(Host::X86_64, CudaRelease::new(13, 0));
    let code = DeviceCode {
        real: ["sm_80", "sm_90"].map(|arch| arch.parse().expect("a GPU")).into(),
        ptx: ["sm_90"].map(|arch| arch.parse().expect("a GPU")).into(),
    };
    let all = Policy {
        archs: ArchPolicy::Exactly(code),
        portable: true,
        ccbin: Some("/usr/bin/g++-12".into()),
        cuda_root: Some("/opt/cuda x".into()),
        shared_instead: [("curand_static".to_owned(), "curand".to_owned())].into(),
        versions_instead: [("/x-1".to_owned(), "/x-2".to_owned())].into(),
        raise_standard: Some(17),
        include_first: vec!["/compat".into(), "/second, with a comma".into()],
        include_last: vec!["/neon".into()],
        include_files: Vec::new(),
        semantics: Semantics {
            unsigned_char: true,
            fused_multiply_add: true,
            unsigned_wchar: true,
            conversions: true,
            checked_division: true,
            checked_overflow: true,
            checked_shifts: true,
        },
        ..plain.clone()
    };
    let old = Policy {
        release: CudaRelease::new(11, 8),
        archs: ArchPolicy::Fitting(vec!["sm_86".parse().expect("a GPU"), "sm_120".parse().expect("a GPU")]),
        ..plain.clone()
    };
    let arm = Policy { host: Host::Aarch64, ..all.clone() };
    vec![plain, all, old, arm]
}

fn run(tool: &str, args: &[String], policy: &Policy) -> Translation {
    let invocation = Invocation::parse(Tool::of(tool).expect("a tool"), args, &|_| None).expect("no files");
    let _ = (
        invocation.mode(),
        invocation.outputs(),
        invocation.libraries(),
        invocation.depfile(),
        invocation.unknown(),
    );
    translate(&invocation, policy).expect("a toolkit that is known")
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(proptest::sample::select(WORDS).prop_map(str::to_owned), 0..10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_second_translation_changes_nothing(tool in proptest::sample::select(&TOOLS[..]), args in words()) {
        for policy in policies() {
            let once = run(tool, &args, &policy);
            let twice = run(tool, &once.args, &policy);
            prop_assert_eq!(&twice.args, &once.args, "{:?} {:?}", tool, args);
            prop_assert!(twice.changes.is_empty(), "{:?} {:?}: {:?}", tool, args, twice.changes);
            prop_assert_eq!(once.changes.is_empty(), once.args == args, "{:?} {:?}", tool, args);
        }
    }

    #[test]
    fn a_command_of_x86_64_is_not_changed(
        tool in proptest::sample::select(&TOOLS[..]),
        args in proptest::collection::vec(
            "(-[OWDfgl][a-z0-9=]{0,9})|(-m(avx2|sse4.2|64|arch=haswell|tune=native))|(-(I|L)/?[a-z0-9/]{1,12})\
             |(-Xcompiler(=| )-[fW][a-z]{1,5},-O2)|(-Wl,-[zr],[a-z]{1,5})|(-gencode arch=compute_80,code=sm_80)\
             |([a-z]{1,6}\\.(c|cu|o|a|so))|(@[a-z]{1,5})", 0..8),
    ) {
        let args: Vec<String> = args.iter().flat_map(|word| word.split(' ')).map(str::to_owned).collect();
        let found = run(tool, &args, &policies()[0]);
        prop_assert_eq!(found.args, args);
        prop_assert!(found.changes.is_empty());
    }

    #[test]
    fn hostile_words_end_in_an_answer(
        tool in proptest::sample::select(&TOOLS[..]),
        args in proptest::collection::vec("\\PC{0,30}|[-@\"'\\\\,=+_a-z0-9 ]{0,30}", 0..8),
        mixed in words(),
    ) {
        let all: Vec<String> = args.iter().chain(&mixed).cloned().collect();
        for policy in policies() {
            let found = run(tool, &all, &policy);
            let given: usize = all.iter().map(String::len).sum();
            let made: usize = found.args.iter().map(String::len).sum();
            // Each word becomes a few flags at most, and a session adds a fixed number.
            prop_assert!(made <= given * 40 + 2000, "{} of {}", made, given);
            let _ = (translate_make_args(&all, &policy), translate_cmake_args(&all, &policy));
            let pairs = all.iter().zip(all.iter().rev()).map(|(name, value)| (name.clone(), value.clone())).collect();
            let _ = translate_environment(&pairs, &policy);
        }
        let _ = with_nvcc_variables(&all, args.first().map(String::as_str), args.last().map(String::as_str));
        let _ = response_file(&all);
    }

    #[test]
    fn variables_translated_twice_are_the_same(
        name in proptest::sample::select(&["ARCH", "SMS", "CUDA_ARCH_BIN", "CMAKE_CUDA_ARCHITECTURES", "TORCH_CUDA_ARCH_LIST", "CFLAGS",
            "NVCC_APPEND_FLAGS", "CC", "CROSS_COMPILE", "PKG_CONFIG_PATH", "CMAKE_TOOLCHAIN_FILE"][..]),
        values in words(),
        list in "([5-9][0-9]|[5-9]\\.[0-9]|sm_[5-9][0-9]|1[0-2][0-9])([;, ]([5-9][0-9]|sm_[5-9][0-9]|[5-9]\\.[0-9](\\+PTX)?)){0,3}",
    ) {
        for policy in policies() {
            for value in [values.join(" "), list.clone()] {
                let args = [format!("{name}={value}")];
                let once = translate_make_args(&args, &policy);
                let twice = translate_make_args(&once.args, &policy);
                prop_assert_eq!((&twice.args, twice.changes.len()), (&once.args, 0), "{:?}", args);
                let args = [format!("-D{name}={value}")];
                let once = translate_cmake_args(&args, &policy);
                let twice = translate_cmake_args(&once.args, &policy);
                prop_assert_eq!((&twice.args, twice.changes.len()), (&once.args, 0), "{:?}", args);
            }
        }
    }
}

proptest! {
    // Files that name themselves are read up to the limit, each time.
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_response_files_end_in_an_answer(text in "([@\"'\\\\ a-c\\n,-]|(-optf )|(@b )){0,60}") {
        let files = |name: &str| (name.len() < 3).then(|| text.clone());
        for tool in TOOLS {
            let args = ["@a", "-optf", "b", "-c"].map(str::to_owned);
            if let Ok(invocation) = Invocation::parse(Tool::of(tool).unwrap(), &args, &files) {
                let _ = translate(&invocation, &policies()[1]).unwrap();
            }
        }
    }
}

#[test]
fn policies_are_read_back() {
    for policy in policies() {
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy, "{text}");
    }
}
