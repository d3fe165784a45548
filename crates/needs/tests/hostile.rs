//! Any bytes are read, and any log is understood or not, without a panic and in time.

use std::time::Duration;

use cuferry_needs::{Context, Needs, diagnose, read};
use cuferry_testkit::cpu_time;
use proptest::prelude::*;

const NAMES: &[&str] = &[
    "CMakeLists.txt",
    "x.cmake",
    "Makefile",
    "a.mk",
    "configure.ac",
    "setup.py",
    "BUILD",
    "a.pro",
    "a.sh",
    "Dockerfile",
    "a.cu",
    "a.h",
    "a.cpp",
    "compile_commands.json",
    "meson.build",
    "lib.so",
    "lib.a",
    "x",
];

const WORDS: &[&str] = &[
    "#include <",
    "opencv2/x.h>",
    "\"",
    "#if ",
    "#else\n",
    "#endif\n",
    "CUDART_VERSION >= ",
    "13000",
    "texture<",
    "cudaGraphAddNode(",
    "if(",
    "endif()",
    "ifeq (",
    ",",
    ")",
    "find_package(CUDA ",
    "10.2 EXACT)",
    "set(CMAKE_CUDA_ARCHITECTURES ",
    "53;62",
    "sm_87 ",
    "-lcublas ",
    "/usr/local/cuda-",
    "aarch64-linux-gnu-",
    "gcc ",
    "\\\n",
    "\n",
    "\t",
    "all: ",
    "./a ",
    "$(shell ",
    "uname -m",
    "'",
    "R\"(",
    "/*",
    "*/",
    "//",
    "#[[",
    "]]",
    "é",
    "\0",
];

const ERRORS: &[&str] = &[
    "CMake Error at ",
    "CMakeLists.txt:5 (x):\n  ",
    "Could NOT find ",
    "OpenCV (missing",
    "fatal error: ",
    "zlib.h",
    ": No such file or directory\n",
    "cannot find -l",
    "cublas",
    "\n",
    "a.c:1:2: ",
    "error: identifier \"",
    "texture",
    "\" is undefined",
    "Unsupported gpu architecture '",
    "compute_",
    "53",
    "'",
    "file in wrong format",
    "ld: ",
    "\u{1b}[K",
    "‘",
    "’",
    "make: ",
    "Error 127",
    ": not found",
    "/bin/sh: 1: ",
    "Call Stack (most recent call first):\n",
    "\r",
    "unsupported GNU version! gcc versions later than ",
    "99999999999",
    " are not supported",
];

fn any_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![4 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..6)];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_files_are_read(files in prop::collection::vec((prop::sample::select(NAMES), any_of(WORDS)), 0..6)) {
        let needs = read(files.iter().map(|(name, text)| (*name, text)));
        let candidates = ["11.8".parse().unwrap(), "13.0".parse().unwrap()];
        prop_assert_eq!(needs.toolkit(&candidates, &[]).order.len(), 2);
        prop_assert_eq!(&read(files.iter().map(|(name, text)| (*name, text))), &needs);
    }

    #[test]
    fn any_log_is_read(log in any_of(ERRORS), release in 0_u16..40) {
        let toolkits = ["11.8".parse().unwrap(), "13.0".parse().unwrap()];
        let context = Context { release: Some(cuferry_arch::CudaRelease::new(release, 0)), toolkits: &toolkits, gpus: &[] };
        for advice in diagnose(&log, &Needs::default(), &context) {
            prop_assert!(cuferry_needs::ids().contains(&advice.id));
            let filled = !advice.cause.is_empty() && !advice.todo.is_empty() && !advice.todo.contains("{name}");
            prop_assert!(filled, "{:?}", advice);
        }
    }
}

/// Without optimisation a regular expression reads some ten kilobytes a millisecond at best; what takes time in the
/// square of a file's length takes minutes.
const SLOWEST: Duration = Duration::from_secs(10);

/// What is as bad as can be for a search: a long file of nothing but beginnings.
#[test]
fn time_stays_in_bounds() {
    for word in [
        "#if A\n",
        "if(",
        "SMS = 53 ",
        "-l",
        "CMake Error",
        "fatal error: ",
        "cannot find -l",
        "/usr/local/cuda-",
        "\"",
        "(",
        "#include <",
        "sudo ",
        "a:\n",
    ] {
        let text = word.repeat(20_000 / word.len());
        for name in ["CMakeLists.txt", "Makefile", "setup.py", "a.cu"] {
            let time = cpu_time(|| drop(read([(name, &text)])));
            assert!(time < SLOWEST, "{name} of {word:?} takes {time:?}");
        }
        let time = cpu_time(|| drop(diagnose(text.as_bytes(), &Needs::default(), &Context::default())));
        assert!(time < SLOWEST, "a log of {word:?} takes {time:?}");
    }
}
