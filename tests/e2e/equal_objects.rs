//! A project that is x86_64's already: what cuferry's way of building makes is, to the byte, what the build makes by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cuferry_testkit::{lacking, variable};
use tempfile::TempDir;

use crate::project::find;
use crate::real::SURROUNDINGS;

/// With everything that a build repeats the same way: `--keep`, since nvcc otherwise writes its process id into objects.
const MAKEFILE: &str = "\
all: robot shared
robot: main.o part.o kernel.o libpart.a
\t$(NVCC) -keep -keep-dir keep -arch=sm_90 -o $@ main.o kernel.o -L. -lpart
shared: libshared.so
libshared.so: part.c
\t$(CC) -shared -fPIC -O2 -march=x86-64-v2 -g -o $@ part.c -lm
libpart.a: part.o
\t$(AR) rcsD $@ part.o
%.o: %.cpp
\t$(CXX) -std=c++17 -O3 -mavx2 -Wall -g -MD -c -o $@ $<
%.o: %.c
\t$(CC) -O2 -mtune=haswell -funroll-loops -c -o $@ $<
%.o: %.cu keep
\t$(NVCC) -keep -keep-dir keep -std=c++17 -O2 -Xcompiler -Wall,-mavx2 -gencode arch=compute_90,code=[sm_90,compute_90] -c -o $@ $<
keep:
\tmkdir keep
";

const LISTS: &str = "\
cmake_minimum_required(VERSION 3.18)
project(robot LANGUAGES C CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_library(part STATIC part.c)
add_library(shared SHARED part.c)
add_executable(robot main.cpp stand_in.cpp)
target_compile_options(robot PRIVATE -mavx2 -Wall -g)
target_link_libraries(robot PRIVATE part)
";

const SOURCES: [(&str, &str); 4] = [
    ("part.c", "#include <math.h>\nint part(int x) { return (int)lrint(sqrt((double)x)) + __LINE__; }\n"),
    (
        "main.cpp",
        "#include <cstdio>\n#include <vector>\nextern \"C\" int part(int);\nfloat kernel(float);\n\
         int main(int count, char** words) { std::vector<int> all(count, part(count)); std::printf(\"%s %d %g\\n\", __FILE__, all.back(), kernel(2)); \
         return words == nullptr; }\n",
    ),
    (
        "kernel.cu",
        "#include <cstdio>\n#include <cassert>\nnamespace { __device__ float factor = 3; }\n\
         __global__ void scale(float* x) { assert(x != nullptr); *x *= factor; }\n\
         float kernel(float x) { float* there = nullptr; cudaMalloc(&there, sizeof x); scale<<<1, 1>>>(there); cudaFree(there); return x; }\n",
    ),
    ("stand_in.cpp", "float kernel(float x) { return x; }\n"),
];

/// The project in a folder that stays the same: nvcc's module ids, and what `-g` notes, depend on where it lies.
struct Project {
    folder: TempDir,
    toolkit: PathBuf,
}

impl Project {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made the folder");
        let mut install = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        install.args(["toolchain", "install", "13.0"]).env_clear().envs(surroundings());
        let install = install.output().expect("the command was built with these tests");
        if !install.status.success() {
            lacking("CUDA 13.0 is not here and cannot be fetched");
            return None;
        }
        let toolkit = String::from_utf8(install.stdout).expect("it prints a path").trim().into();
        Some(Self { folder, toolkit })
    }

    /// A fresh build by these commands; answers the bytes of everything that was made.
    #[track_caller]
    fn build(&self, commands: &[Vec<&str>]) -> BTreeMap<String, Vec<u8>> {
        let root = self.folder.path().join("robot");
        if root.exists() {
            std::fs::remove_dir_all(&root).expect("it was made here");
        }
        std::fs::create_dir(&root).expect("cargo made the folder");
        for (name, text) in SOURCES.into_iter().chain([("Makefile", MAKEFILE), ("CMakeLists.txt", LISTS)]) {
            std::fs::write(root.join(name), text).expect("it is writable");
        }
        for words in commands {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).current_dir(&root).env_clear().envs(surroundings());
            let path = variable("PATH").expect("these tests need a PATH");
            command.env("PATH", format!("{}/bin:{path}", self.toolkit.display())).env("NVCC", "nvcc");
            let output = command.output().unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let mut made = BTreeMap::new();
        collect(&root, &root, &mut made);
        made
    }
}

fn surroundings() -> impl Iterator<Item = (&'static str, String)> {
    SURROUNDINGS.iter().filter_map(|name| Some((*name, variable(name)?)))
}

/// Objects, archives, libraries and programs.
fn collect(root: &Path, folder: &Path, made: &mut BTreeMap<String, Vec<u8>>) {
    for entry in folder.read_dir().expect("it is there").flatten() {
        let path = entry.path();
        let name = path.strip_prefix(root).expect("it lies in it").to_string_lossy().into_owned();
        // CMake's trials of compilers, and what nvcc keeps on its way.
        if path.is_dir()
            && !["keep", "out/CMakeFiles/3", "out/CMakeFiles/CMake"].iter().any(|skip| name.starts_with(skip))
        {
            collect(root, &path, made);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("it is readable");
            if bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"!<arch>") {
                made.insert(name, bytes);
            }
        }
    }
}

#[track_caller]
fn check(project: &Project, count: usize, plain: &[Vec<&str>], ours: &[Vec<&str>]) {
    let (plain, ours) = (project.build(plain), project.build(ours));
    let names = |made: &BTreeMap<String, Vec<u8>>| made.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&plain), names(&ours));
    assert_eq!(plain.len(), count, "{:?}", names(&plain));
    let differ: Vec<&String> = plain.keys().filter(|name| plain[*name] != ours[*name]).collect();
    assert!(differ.is_empty(), "{differ:?} differ");
}

#[test]
fn make_makes_the_same_bytes() {
    let Some(project) = Project::new() else { return };
    let cuferry = env!("CARGO_BIN_EXE_cuferry");
    // main.o, part.o, kernel.o, libpart.a, libshared.so, robot.
    check(&project, 6, &[vec!["make", "-j2"]], &[vec![cuferry, "make", "--toolkit", "13.0", "-j2"]]);
}

#[test]
fn cmake_makes_the_same_bytes() {
    let Some(project) = Project::new() else { return };
    if find("cmake").is_none() {
        lacking("CMake is not here");
        return;
    }
    let cuferry = env!("CARGO_BIN_EXE_cuferry");
    let configure = ["cmake", "-S", ".", "-B", "out", "-DCMAKE_BUILD_TYPE=Release"].to_vec();
    let build = ["cmake", "--build", "out"].to_vec();
    let ours = |words: &[&'static str]| [&[cuferry][..], words].concat();
    // Four objects, libpart.a, libshared.so, robot.
    check(&project, 7, &[configure.clone(), build.clone()], &[ours(&configure), ours(&build)]);
}
