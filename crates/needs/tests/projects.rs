//! Whole small projects, read.

use cuferry_needs::{BuildKind, NoteKind, When, read};

const MAKEFILE: &str = "CUDA ?= /usr/local/cuda-10.2
CROSS_COMPILE ?= aarch64-linux-gnu-
SMS ?= 53 62
# SMS = 90
NVCC = $(CUDA)/bin/nvcc -ccbin $(CROSS_COMPILE)g++
LIBS = -L/usr/lib/aarch64-linux-gnu/tegra -lcublas -lopencv_core
ifeq ($(CUDNN),1)
LIBS += -lcudnn
endif
ifeq ($(shell uname -m),aarch64)
LIBS += -lnvbuf_utils
endif

all: app
\t./app --self-test
app: a.o
\t$(NVCC) -gencode arch=compute_72,code=sm_72 -o $@ $^ $(LIBS)
setup:
\tsudo apt-get install libopencv-dev
clean:
\trm -f app
";

#[test]
fn a_makefile_says_what_it_needs() {
    let needs =
        read([("Makefile", MAKEFILE), ("a.cu", "#include <cuda_runtime.h>\n"), ("README.md", "sm_99")]);
    let BuildKind::Make { default, targets, .. } = &needs.builds[0].kind else {
        panic!("{:?}", needs.builds)
    };
    assert_eq!((default.as_deref(), targets.len()), (Some("all"), 4));
    let archs: Vec<_> =
        needs.archs.iter().map(|asked| (asked.arch.number(), asked.is_virtual, asked.place.line)).collect();
    assert_eq!(archs, [(53, false, 3), (62, false, 3), (72, false, 17), (72, true, 17)]);
    assert!(needs.libraries["cublas"].is_certain());
    assert!(!needs.libraries["cudnn"].is_certain() && !needs.libraries["cudnn"].is_arm_only());
    assert!(needs.packages["OpenCV"].is_certain());
    assert!(needs.tegra["nvbuf_utils"].is_arm_only());
    assert_eq!(needs.prefixes.keys().collect::<Vec<_>>(), ["aarch64-linux-gnu-"]);
    assert_eq!(
        needs.paths.keys().collect::<Vec<_>>(),
        ["/usr/lib/aarch64-linux-gnu/tegra", "/usr/local/cuda-10.2"]
    );
    let notes: Vec<_> = needs.notes.iter().map(|note| (note.kind, note.place.line, note.when)).collect();
    assert!(notes.contains(&(NoteKind::RunsItself, 15, When::Always)), "{notes:?}");
    assert!(notes.contains(&(NoteKind::ChangesSystem, 19, When::Sometimes)), "{notes:?}");
    assert!(notes.contains(&(NoteKind::TestsMachine, 10, When::Always)), "{notes:?}");
}

#[test]
fn cmake_says_what_it_needs() {
    let cmake = "cmake_minimum_required(VERSION 3.18)
project(app LANGUAGES CXX CUDA)
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL \"aarch64\")
  message(FATAL_ERROR \"only for Jetson\")
endif()
set(CMAKE_CUDA_ARCHITECTURES 72 87-real)
find_package(CUDAToolkit REQUIRED)
find_package(OpenCV REQUIRED)
find_package(MPI)
include(FetchContent)
FetchContent_Declare(json URL https://x.invalid/json.tar.gz)
add_library(benchmark a.cu)
add_executable(app main.cpp)
target_link_libraries(app PRIVATE benchmark CUDA::cufft Boost::system ${OpenCV_LIBS} glog)
install(TARGETS app)
";
    let needs = read([("CMakeLists.txt", cmake), ("third/CMakeLists.txt", "add_library(x x.c)")]);
    assert_eq!(needs.builds.len(), 1, "{:?}", needs.builds);
    let build = &needs.builds[0];
    let BuildKind::CMake { minimum, languages, find_cuda, installs } = &build.kind else {
        panic!("{build:?}")
    };
    assert_eq!((minimum.as_deref(), *find_cuda, *installs), (Some("3.18"), false, true));
    assert_eq!(languages, &["CUDA", "CXX"]);
    assert!(build.cuda && build.folder == "");
    assert_eq!(needs.libraries.keys().copied().collect::<Vec<_>>(), ["cufft"]);
    assert_eq!(needs.packages.keys().copied().collect::<Vec<_>>(), ["Boost", "MPI", "OpenCV", "glog"]);
    assert!(!needs.packages["MPI"].is_certain() && needs.packages["OpenCV"].is_certain());
    let kinds: Vec<_> = needs.notes.iter().map(|note| note.kind).collect();
    assert!(kinds.contains(&NoteKind::RefusesOthers) && kinds.contains(&NoteKind::Fetches), "{kinds:?}");
    assert_eq!(needs.archs.iter().map(|asked| asked.arch.number()).collect::<Vec<_>>(), [72, 87]);
}

#[test]
fn the_build_to_start_comes_first() {
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[(&str, &str)]) {
        let needs = read(files.iter().copied());
        let builds: Vec<_> =
            needs.builds.iter().map(|build| (build.kind.as_str(), build.folder.as_str())).collect();
        assert_eq!(builds, expected);
    }
    let cmake = "project(a CUDA)\nadd_executable(a a.cu)\n";
    let make = "a: a.cu\n\tnvcc -o $@ $<\n";
    check(&[("Makefile", make), ("CMakeLists.txt", cmake)], &[("CMake", ""), ("make", "")]);
    check(
        &[("sub/Makefile", make), ("CMakeLists.txt", "project(b C)\nadd_library(b b.c)\n")],
        &[("make", "sub"), ("CMake", "")],
    );
    check(
        &[("Makefile", "all:\n\t$(MAKE) -C sub\n"), ("sub/Makefile", make)],
        &[("make", ""), ("make", "sub")],
    );
    check(&[("Makefile", "docker:\n\tdocker build .\n"), ("app/CMakeLists.txt", cmake)], &[("CMake", "app")]);
    check(&[("src/a.cu", ""), ("src/x/b.cu", "")], &[("plain sources", "src")]);
    check(&[("configure.ac", ""), ("configure", "")], &[("configure and make", "")]);
    check(&[("a.c", "")], &[]);
}

#[test]
fn sources_say_what_they_use() {
    let source = "#include <opencv2/core.hpp>\n#include \"nlohmann/json.hpp\"\n// #include <pcl/x.h>\n#ifdef __aarch64__\n#include <nvbuf_utils.h>\n#endif\n#if 0\n#include <boost/x.hpp>\n#endif\nconst char *s = \"cudaGraphAddNode\"; // cudaGraphAddNode\n#ifdef USE_FP4\n#include <cuda_fp4.h>\n#endif\n";
    let needs = read([("a.cu", source), ("include/nlohmann/json.hpp", "")]);
    assert_eq!(needs.packages.keys().copied().collect::<Vec<_>>(), ["OpenCV"]);
    assert!(needs.tegra["nvbuf_utils.h"].is_arm_only());
    let hints: Vec<_> =
        needs.hints.iter().map(|hint| (hint.words.as_str(), hint.place.line, hint.when)).collect();
    assert_eq!(hints, [("cuda_fp4.h", 12, When::Sometimes)]);
}

#[test]
fn files_that_are_elsewhere_or_for_arm_are_listed() {
    let mut arm = vec![0_u8; 64];
    arm[..6].copy_from_slice(b"\x7fELF\x02\x01");
    arm[18] = 183;
    let mut x86 = arm.clone();
    x86[18] = 62;
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".to_vec();
    let archive =
        [b"!<arch>\na.o/            0           0     0     644     64        `\n".to_vec(), arm.clone()]
            .concat();
    let needs = read([("b.so", x86), ("c.so", pointer), ("a.so.1", arm), ("d.a", archive)]);
    assert_eq!(needs.pointers, ["c.so"]);
    assert_eq!(needs.prebuilt, ["a.so.1", "d.a"]);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let mut files: Vec<(String, String)> = (0..60)
        .map(|number| {
            (format!("d{number}/a.cu"), "#include <cublas_v2.h>\n#include <GL/glew.h>\n".to_owned())
        })
        .collect();
    files.push(("Makefile".to_owned(), MAKEFILE.to_owned()));
    let forward = read(files.iter().map(|(path, text)| (path, text)));
    let backward = read(files.iter().rev().map(|(path, text)| (path, text)));
    assert_eq!(forward, backward);
    assert_eq!(forward.packages["GLEW"].count, 60);
    assert_eq!(forward.packages["GLEW"].places.len(), 16);
}
