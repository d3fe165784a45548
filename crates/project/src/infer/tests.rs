//! Folders as people have them, each in one text: `== path` starts a file.

use insta::assert_snapshot;
use miette::Diagnostic as _;

use super::*;
use crate::manifest::FILE_NAME;

struct Folder {
    files: BTreeMap<Utf8PathBuf, Vec<u8>>,
}

impl Folder {
    fn new(text: &str) -> Self {
        let mut files: BTreeMap<Utf8PathBuf, Vec<u8>> = BTreeMap::new();
        let mut current = None;
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("== ") {
                current = Some(files.entry(Utf8PathBuf::from(path)).or_default());
            } else if let Some(file) = &mut current {
                file.extend_from_slice(line.as_bytes());
                file.push(b'\n');
            }
        }
        Self { files }
    }

    fn tree(&self) -> FileTree {
        FileTree::new(self.files.keys().cloned())
    }

    fn read(&self, path: &Utf8Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::PermissionDenied.into())
    }

    fn infer(&self, name: &str) -> Result<Inferred, InferError> {
        infer(name, &self.tree(), &|path| self.read(path))
    }
}

/// The manifest of the folder, which must read back as what was inferred; or the error and its help.
fn check(name: &str, text: &str) -> String {
    let folder = Folder::new(text);
    shown(folder.infer(name), &folder)
}

fn shown(inferred: Result<Inferred, InferError>, folder: &Folder) -> String {
    match inferred {
        Ok(inferred) => {
            let text = crate::to_toml(&inferred);
            let read = crate::parse(&text, FILE_NAME, &folder.tree());
            assert_eq!(
                read.unwrap_or_else(|errors| panic!("{:?}\n{text}", errors.mistakes())),
                inferred.project
            );
            // The head is the same everywhere.
            text.split_once("\n[[program]]\n").unwrap().1.to_owned()
        }
        Err(error) => {
            let help = error.help().unwrap();
            format!("{error}\n  = {help}")
        }
    }
}

#[test]
fn one_file_is_a_program() {
    let folder = Folder::new("== vector_add.cu\n__global__ void add() {}\nint main() { add<<<1, 1>>>(); }\n");
    let inferred = folder.infer("vector-add").unwrap();
    assert_snapshot!(crate::to_toml(&inferred), @r#"
    # Written by `cuferry init` from what it found here. It is yours now: a comment says what a guess rests on.

    [project]
    name = "vector-add"

    [build]
    # Which GPUs to build for; without it those of this machine, or one of each generation.
    # gpu = ["sm_80", "sm_90"]

    [[program]]
    name = "vector-add"
    # the program is the one whose `main` is at vector_add.cu:2
    sources = ["vector_add.cu"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    "#);
}

#[test]
fn a_jetson_project_with_a_makefile() {
    let folder = r#"
== Makefile
CUDA_HOME ?= /usr/local/cuda-10.2
CXXFLAGS = -O3 -std=c++14 -mcpu=cortex-a57
ARCH = -gencode arch=compute_53,code=sm_53 \
       -gencode arch=compute_62,code=sm_62 \
       -gencode arch=compute_72,code=[sm_72,compute_72]
LIBS = -L$(CUDA_HOME)/lib64 -lcudart -lcublas -lm -lpthread
NVCCFLAGS = -lineinfo
== src/main.cpp
#include <cstdio>
#include <thread>
#include <opencv2/opencv.hpp>
#include "camera.h"
#include "gpu/kernels.cuh"
// int main() of the old days
int main(int argc, char **argv)
{
    return run(argc, argv);
}
== src/camera.cpp
#include "camera.h"
#include "missing_codec.h"
== src/camera_neon.cpp
#include <arm_neon.h>
== src/gpu/kernels.cu
#include "kernels.cuh"
#include "cuda_runtime.h"
#include "tables.cu"
__global__ void demosaic() {}
== src/gpu/tables.cu
__constant__ float table[256];
== include/camera.h
#include <stdint.h>
== src/gpu/kernels.cuh
void launch();
== tests/test_camera.cpp
int main() { return 0; }
== examples/show.cu
int main() { return 0; }
"#;
    assert_snapshot!(check("edge camera", folder), @r#"
    name = "edge-camera"
    # `examples/show.cu` is left out: a folder named `examples` is not taken for the program
    # `src/camera_neon.cpp` is left out: it is for ARM, and `src/camera.cpp` takes its place
    # `tests/test_camera.cpp` is left out: a folder named `tests` is not taken for the program
    # the program is the one whose `main` is at src/main.cpp:7
    # `src/gpu/tables.cu` is left out: src/gpu/kernels.cu:3 includes it
    sources = ["src/camera.cpp", "src/gpu/kernels.cu", "src/main.cpp"]
    # `include` holds `camera.h`, which src/camera.cpp:1 includes
    # `missing_codec.h`, which src/camera.cpp:2 includes, is not in the project
    include = ["include"]
    # Makefile:2 asks for c++14: left to the compilers, which take c++17
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # the ARM build asks for sm_53 at Makefile:3
    # the ARM build asks for sm_62 at Makefile:3
    # the ARM build asks for sm_72 at Makefile:3
    # the ARM build asks for compute_72 at Makefile:3
    device-flags = [
        "-gencode",
        "arch=compute_53,code=sm_53",
        "-gencode",
        "arch=compute_62,code=sm_62",
        "-gencode",
        "arch=compute_72,code=sm_72",
        "-gencode",
        "arch=compute_72,code=compute_72",
    ]
    # Makefile:6 asks for `cublas`
    cuda-libraries = ["cublas"]
    # src/main.cpp:3 asks for `opencv4`
    pkg-config = ["opencv4"]
    # src/main.cpp:2 asks for `pthread`
    # Makefile:6 asks for `m`
    link = ["pthread", "m"]
    "#);
}

#[test]
fn a_cuda_sample() {
    let folder = r#"
== Makefile
TARGET_ARCH ?= $(shell uname -m)
ifeq ($(TARGET_ARCH),$(filter $(TARGET_ARCH),armv7l aarch64 sbsa))
SMS ?= 53 61 70 72 75 80 86 87 90
else
SMS ?= 50 52 60 61 70 75 80 86 89 90
endif
ifeq ($(GENCODE_FLAGS),)
$(foreach sm,$(SMS),$(eval GENCODE_FLAGS += -gencode arch=compute_$(sm),code=sm_$(sm)))
HIGHEST_SM := $(lastword $(sort $(SMS)))
GENCODE_FLAGS += -gencode arch=compute_$(HIGHEST_SM),code=compute_$(HIGHEST_SM)
endif
LIBRARIES += -lcublas
NVCCFLAGS := --threads 0 --std=c++11
all: build
build: matrixMulCUBLAS
== matrixMulCUBLAS.cpp
#include <assert.h>
#include <helper_string.h>
#include <cuda_runtime.h>
#include <cublas_v2.h>
#include "helper_cuda.h"
int main(int argc, char **argv) {
}
== fill.cu
__global__ void fill(float *x) {}
"#;
    assert_snapshot!(check("matrixMulCUBLAS", folder), @r#"
    name = "matrixMulCUBLAS"
    # the program is the one whose `main` is at matrixMulCUBLAS.cpp:6
    sources = ["fill.cu", "matrixMulCUBLAS.cpp"]
    # `helper_cuda.h`, which matrixMulCUBLAS.cpp:5 includes, is not in the project
    # Makefile:13 asks for c++11: left to the compilers, which take c++17
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # the ARM build asks for sm_53 at Makefile:3
    # the ARM build asks for sm_61 at Makefile:3
    # the ARM build asks for sm_70 at Makefile:3
    # the ARM build asks for sm_72 at Makefile:3
    # the ARM build asks for sm_75 at Makefile:3
    # the ARM build asks for sm_80 at Makefile:3
    # the ARM build asks for sm_86 at Makefile:3
    # the ARM build asks for sm_87 at Makefile:3
    # … and 1 more of the kind
    device-flags = [
        "-gencode",
        "arch=compute_53,code=sm_53",
        "-gencode",
        "arch=compute_61,code=sm_61",
        "-gencode",
        "arch=compute_70,code=sm_70",
        "-gencode",
        "arch=compute_72,code=sm_72",
        "-gencode",
        "arch=compute_75,code=sm_75",
        "-gencode",
        "arch=compute_80,code=sm_80",
        "-gencode",
        "arch=compute_86,code=sm_86",
        "-gencode",
        "arch=compute_87,code=sm_87",
        "-gencode",
        "arch=compute_90,code=sm_90",
    ]
    # matrixMulCUBLAS.cpp:4 asks for `cublas`
    cuda-libraries = ["cublas"]
    "#);
}

#[test]
fn a_cmake_project_of_several_folders() {
    let folder = r#"
== CMakeLists.txt
cmake_minimum_required(VERSION 3.18)
project(fluid LANGUAGES CXX CUDA)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CUDA_STANDARD 17)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
  set(CMAKE_CUDA_ARCHITECTURES 72 87)
else()
  set(CMAKE_CUDA_ARCHITECTURES 75)
endif()
target_link_libraries(fluid PRIVATE
    CUDA::cufft
    CUDA::cudart)
== third_party/json/CMakeLists.txt
set(CMAKE_CUDA_ARCHITECTURES 62)
== apps/fluid/main.cc
#include <fluid/solver.hpp>
#include "util/log.hpp"
namespace { int main_loop() { return 0; } }
int main() try { return main_loop(); } catch (...) { return 1; }
== libs/solver/include/fluid/solver.hpp
#pragma once
#include "detail/grid.hpp"
== libs/solver/include/fluid/detail/grid.hpp
#include <nvrtc.h>
#include <math.h>
== libs/solver/src/solver.cu
#include "fluid/solver.hpp"
#include <cufft.h>
__device__ float pressure(float x);
__global__ void step() { pressure(1); }
== libs/solver/src/pressure.cu
__device__ float pressure(float x) { return x; }
== libs/util/inc/util/log.hpp
== libs/util/src/math.h
== libs/util/src/log.cpp
#include "util/log.hpp"
#include <span>
"#;
    assert_snapshot!(check("fluid", folder), @r#"
    name = "fluid"
    # the program is the one whose `main` is at apps/fluid/main.cc:4
    sources = [
        "apps/fluid/main.cc",
        "libs/solver/src/pressure.cu",
        "libs/solver/src/solver.cu",
        "libs/util/src/log.cpp",
    ]
    # `libs/solver/include` holds `fluid/solver.hpp`, which apps/fluid/main.cc:1 includes
    # `libs/util/inc` holds `util/log.hpp`, which apps/fluid/main.cc:2 includes
    include = ["libs/solver/include", "libs/util/inc"]
    # CMakeLists.txt:3 asks for c++20
    std = "c++20"
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # the ARM build asks for sm_72 at CMakeLists.txt:6
    # the ARM build asks for sm_87 at CMakeLists.txt:6
    device-flags = [
        "-gencode",
        "arch=compute_72,code=sm_72",
        "-gencode",
        "arch=compute_87,code=sm_87",
    ]
    # device code is linked: libs/solver/src/solver.cu:3 declares `pressure`, which libs/solver/src/pressure.cu:1 defines
    relocatable-device-code = true
    # libs/solver/src/solver.cu:2 asks for `cufft`
    # libs/solver/include/fluid/detail/grid.hpp:1 asks for `nvrtc`
    cuda-libraries = ["cufft", "nvrtc"]
    # libs/solver/include/fluid/detail/grid.hpp:1 asks for `cuda`
    link = ["cuda"]
    "#);
}

#[test]
fn the_driver_is_linked_where_it_is_called() {
    let folder = r"
== jit.cu
#include <cuda.h>
#include <npp.h>
#include <dlfcn.h>
extern __shared__ float tile[];
int main() {
    cuInit(0);
}
== flags.mk
LIBS = -lnppif -lnppc -lnvbuf_utils
F = -gencode arch=compute_20,code=sm_20
";
    assert_snapshot!(check("jit", folder), @r#"
    name = "jit"
    # the program is the one whose `main` is at jit.cu:5
    sources = ["jit.cu"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # `sm_20` at flags.mk:2 is no architecture that is known, and is left out
    # flags.mk:1 asks for `nppif`
    # flags.mk:1 asks for `nppc`
    cuda-libraries = ["nppif", "nppc"]
    # jit.cu:3 asks for `dl`
    # jit.cu:6 asks for `cuda`
    # flags.mk:1 asks for `nvbuf_utils`
    link = ["dl", "cuda", "nvbuf_utils"]
    "#);
}

#[test]
fn a_switched_off_main_is_no_second_program() {
    let folder = "
== a.cu
#ifndef LIBRARY_ONLY
int main() {}
#endif
== b.cpp
#ifdef B_SELF_TEST
int main() {}
#endif
";
    assert_snapshot!(check("p", folder), @r#"
    name = "p"
    # the `main` at b.cpp:2 is taken to be switched off by `#ifdef B_SELF_TEST`
    # the program is the one whose `main` is at a.cu:2
    sources = ["a.cu", "b.cpp"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    "#);
}

#[test]
fn device_variables_of_other_files_need_a_device_link() {
    let folder = "
== main.cu
#include \"weights.h\"
int main() {}
== weights.h
extern __constant__ float weights[9];
== weights.cu
#include \"weights.h\"
__constant__ float weights[9];
";
    assert_snapshot!(check("all", folder), @r#"
    name = "main"
    # the program is the one whose `main` is at main.cu:2
    sources = ["main.cu", "weights.cu"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    # device code is linked: weights.h:1 declares `weights` extern
    relocatable-device-code = true
    "#);
}

#[test]
fn functions_of_ones_own_unit_need_no_device_link() {
    let folder = Folder::new(
        "== main.cu\n#include \"shade.cuh\"\nint main() {}\n== b.cu\n#include \"shade.cuh\"\n\
         == shade.cuh\n__device__ int shade(int);\n__device__ int shade(int x) { return x; }\n",
    );
    assert!(!folder.infer("p").unwrap().project.targets[0].relocatable_device_code);
}

#[test]
fn what_cannot_be_understood_lists_the_candidates() {
    assert_snapshot!(check("p", "== readme.md\n"), @"
    `p` holds no sources
      = sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; write `cuferry.toml` if they are kept otherwise
    ");
    assert_snapshot!(check("p", "== tests/a.cu\nint main() {}\n== x_arm.c\n== x.c\n"), @"
    `p` holds no CUDA source outside of folders for tests, examples and builds (`tests/a.cu`, `x_arm.c` left out): `x.c`
      = a file that holds kernels ends in `.cu`: rename it, or write `cuferry.toml`
    ");
    assert_snapshot!(check("p", "== a.cpp\nint main() {}\n"), @"
    `p` holds no CUDA source: `a.cpp`
      = a file that holds kernels ends in `.cu`: rename it, or write `cuferry.toml`
    ");
    assert_snapshot!(check("p", "== a.cu\n== b.cpp\n== examples/c.cpp\nint main() {}\n"), @"
    no source of `p` defines `main` outside of folders for tests, examples and builds (`examples/c.cpp` left out): `a.cu`, `b.cpp`
      = a macro may hide it: name its file with `cuferry init --main FILE`; a library alone needs a program that uses it
    ");
    assert_snapshot!(check("p", "== a.cu\nint main() {}\n== tools/b.cpp\n\n\nint main() {}\n"), @"
    `p` holds 2 programs: `main` is defined at a.cu:1, tools/b.cpp:3
      = name the one to build with `cuferry init --main a.cu`, and edit the `cuferry.toml` that it writes: a `[[program]]` for each
    ");
    let folder = Folder::new("== a.cu\nint main() {}\n");
    let tree = FileTree::new(["a.cu", "b.cu"].map(Utf8PathBuf::from));
    let error = infer("p", &tree, &|path| folder.read(path)).unwrap_err();
    assert_snapshot!(shown(Err(error), &folder), @"
    cannot read `b.cu`
      = make it readable, or write a `cuferry.toml` that does without it
    ");
}

#[test]
fn one_of_several_programs_can_be_named() {
    let folder = Folder::new(
        "== a.cu\nint main() {}\n== tools/b.cpp\nint main() {}\n== examples/c.cu\nint main() {}\n== common.cu\n",
    );
    let named = |main: &str| {
        let inferred = infer_from_main("p", &folder.tree(), &|path| folder.read(path), main.into());
        shown(inferred, &folder)
    };
    assert_snapshot!(named("examples/c.cu"), @r#"
    name = "p"
    # the program is the one whose `main` is at examples/c.cu:1
    # `a.cu` is left out: it has a `main` of its own, on line 1
    # `tools/b.cpp` is left out: it has a `main` of its own, on line 1
    sources = ["common.cu", "examples/c.cu"]
    # nothing was read about optimisation: `-O2`, since compilers take none by default
    host-flags = ["-O2"]
    "#);
    assert_snapshot!(named("tools/c.cu"), @"
    `tools/c.cu` is not a source of this project
      = name a file that ends in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`, relative to the project's folder
    ");
}

#[test]
fn names_come_from_the_folder_where_they_can() {
    let named = |folder: &str, file: &str| {
        let inferred = Folder::new(&format!("== {file}\nint main() {{}}\n")).infer(folder).unwrap();
        format!("{} {}", inferred.project.name, inferred.project.targets[0].name)
    };
    assert_eq!(named("My Camera", "a.cu"), "My-Camera My-Camera");
    assert_eq!(named("build", "a.cu"), "build a");
    assert_eq!(named("", "a.cu"), "a a");
    assert_eq!(named("..", "clean.cu"), "app app");
}

proptest::proptest! {
    #[test]
    fn any_folder_is_understood_or_refused(
        files in proptest::collection::btree_map(
            "(a|b_neon|src/b|include/c|tests/d|Makefile|x\\*|y\n)(\\.cu|\\.h|\\.cpp|\\.mk)?",
            "(int main\\(\\) \\{\\}|#include \"(a.h|b.cu|\\.\\./a.cu|c.h|src/b.cpp)\"|#include <span>|__device__ int f\\(\\);|-lm -arch=sm_87|\n|\\PC){0,12}",
            0..8,
        )
    ) {
        let files = files.into_iter().map(|(path, text)| (Utf8PathBuf::from(path), text.into_bytes())).collect();
        let folder = Folder { files };
        if let Ok(inferred) = folder.infer("p") {
            let text = crate::to_toml(&inferred);
            let read = crate::parse(&text, FILE_NAME, &folder.tree());
            proptest::prop_assert!(read.is_ok(), "{:?}\n{}", read.err().map(|errors| errors.mistakes().to_vec()), text);
            proptest::prop_assert_eq!(read.ok(), Some(inferred.project));
        }
    }
}
