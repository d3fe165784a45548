//! The same messages, printed by the tools of this machine: a projects' files are written, the tool is run, and what it
//! prints is understood.

use std::fs;
use std::process::Command;

use camino::Utf8Path;
use cuferry_arch::{CudaRelease, Host};
use cuferry_needs::{Context, Needs, diagnose};

/// Runs `command` in a folder with these files; the ids and subjects of the advice on what it prints.
fn said(files: &[(&str, &str)], command: &[&str], release: &str) -> Option<Vec<String>> {
    let (_guard, folder) = cuferry_testkit::scratch();
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("the folder is the test's own");
    }
    let output = match Command::new(command[0])
        .args(&command[1..])
        .current_dir(&folder)
        .env("LC_ALL", "C.UTF-8")
        .output()
    {
        Ok(output) => output,
        Err(error) => {
            cuferry_testkit::lacking(&format!("`{}` cannot be run: {error}", command[0]));
            return None;
        }
    };
    assert!(!output.status.success(), "{command:?} went well");
    let log = [output.stdout, output.stderr].concat();
    let toolkits = ["11.8", "13.0", "13.5"].map(|release| release.parse().expect("a release"));
    let context =
        Context { release: Some(release.parse().expect("a release")), toolkits: &toolkits, gpus: &[] };
    let found = diagnose(&log, &Needs::default(), &context);
    Some(found.iter().map(|advice| format!("{} {}", advice.id, advice.subject)).collect())
}

#[track_caller]
fn check(files: &[(&str, &str)], command: &[&str], expected: &[&str]) {
    if let Some(said) = said(files, command, "13.0") {
        assert_eq!(said, expected, "{command:?}");
    }
}

#[test]
fn compilers_and_linkers() {
    let main = "int main() { return 0; }\n";
    check(&[("a.cpp", "#include <cudla.h>\n")], &["g++", "-c", "a.cpp"], &["CF4012 cudla.h"]);
    check(
        &[("a.cpp", "#include <pcl/no_such_header.h>\n")],
        &["g++", "-c", "a.cpp"],
        &["CF4001 pcl/no_such_header.h"],
    );
    check(&[("a.cpp", "#include <arm_neon.h>\n")], &["g++", "-c", "a.cpp"], &["CF4019 arm_neon.h"]);
    check(&[("a.cpp", "#include \"mine.h\"\n")], &["g++", "-c", "a.cpp"], &[]);
    check(&[("a.cpp", "int f() { return x; }\n")], &["g++", "-c", "a.cpp"], &[]);
    check(&[("a.cpp", main)], &["g++", "a.cpp", "-lnvbuf_utils"], &["CF4012 nvbuf_utils"]);
    check(&[("a.cpp", main)], &["g++", "a.cpp", "-lcusparse"], &["CF4006 cusparse"]);
    check(&[("a.cpp", "int f(); int main() { return f(); }\n")], &["g++", "a.cpp"], &[]);
    check(&[("a.cpp", main)], &["g++", "-mfpu=neon", "-c", "a.cpp"], &["CF4026 -mfpu=neon"]);
    check(&[("a.cpp", main)], &["g++", "-march=armv8-a", "-c", "a.cpp"], &["CF4026 armv8-a"]);
    check(
        &[("a.cpp", "void f() { asm volatile(\"dmb ish\"); }\n")],
        &["g++", "-c", "a.cpp"],
        &["CF4018 dmb ish"],
    );
}

#[test]
fn make_and_shells() {
    check(&[("Makefile", "a:\n\tdoxygen-no-such x\n")], &["make"], &[]);
    check(
        &[("Makefile", "a:\n\t/usr/local/cuda-0.1/bin/nvcc a.cu\n")],
        &["make"],
        &["CF4023 /usr/local/cuda-0.1/bin/nvcc"],
    );
    check(
        &[("Makefile", "a:\n\t@true && /usr/local/cuda-0.1/bin/nvcc a.cu\n")],
        &["make"],
        &["CF4023 /usr/local/cuda-0.1/bin/nvcc"],
    );
    check(&[("Makefile", "a:\n\ttegrastats\n")], &["make"], &["CF4029 tegrastats"]);
    check(&[("Makefile", "a: b\n")], &["make"], &[]);
    check(
        &[("a.py", "import torch.no_such_module_of_torch\n")],
        &["python3", "-I", "-S", "a.py"],
        &["CF4027 torch"],
    );
}

#[test]
fn cmake() {
    let project = |rest: &str| format!("cmake_minimum_required(VERSION 3.18)\nproject(a NONE)\n{rest}\n");
    let run = ["cmake", "-B", "build", "."];
    check(&[("CMakeLists.txt", &project("find_package(realsense2 REQUIRED)"))], &run, &["CF4003 realsense2"]);
    check(&[("CMakeLists.txt", &project("find_package(MyOwn REQUIRED)"))], &run, &[]);
    check(&[("CMakeLists.txt", "cmake_minimum_required(VERSION 99.0)\n")], &run, &["CF4031 99.0"]);
    check(
        &[(
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.18)\nset(CMAKE_CUDA_COMPILER /usr/local/cuda-0.1/bin/nvcc)\nproject(a CUDA)\n",
        )],
        &run,
        &["CF4016 "],
    );
    check(&[("CMakeLists.txt", &project("message(FATAL_ERROR \"no\")"))], &run, &[]);
}

#[test]
fn nvcc() {
    let Some(root) = cuferry_testkit::toolkit(CudaRelease::new(13, 0), &[Host::X86_64], &[]) else { return };
    let nvcc = root.join("bin/nvcc");
    let nvcc = nvcc.as_str();
    let kernel = "__global__ void k() {}\n";
    check(&[("a.cu", kernel)], &[nvcc, "-arch=sm_53", "-c", "a.cu"], &["CF4009 sm_53"]);
    check(&[("a.cu", "#include <cudnn.h>\n")], &[nvcc, "-c", "a.cu"], &["CF4006 cudnn.h"]);
    check(&[("a.cu", "int f() { return undefined_variable; }\n")], &[nvcc, "-c", "a.cu"], &[]);
    check(&[("a.cu", "#include <cub/cub.cuh>\n")], &[nvcc, "-std=c++11", "-c", "a.cu"], &["CF4010 "]);
    assert!(Utf8Path::new(nvcc).is_absolute());
}
