//! What comes as Debian packages, fetched from Debian: CUDA 11.8 compiles and links with the g++ that belongs to it, for GPUs
//! that newer releases have dropped; SIMDe has the headers that it is there for; and qemu runs
//! programs for ARM with nothing of this system.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

use std::fs;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_testkit::{companion, lacking, scratch, shared_libraries, skipped, toolkit};

const KERNEL: &str = r"
#include <thrust/version.h>
#include <nvToolsExt.h>
#include <cublas_v2.h>
__device__ int twice(int value);
__global__ void fill(int *out) { out[threadIdx.x] = twice(threadIdx.x); }
int main() {
    int count = THRUST_VERSION;
    cudaGetDeviceCount(&count);
    fill<<<1, 32>>>(nullptr);
}
";

const DEVICE: &str = "__device__ int twice(int value) { return 2 * value; }";

const NEON: &str = r#"
#include <simde/arm/neon.h>
#include <cstdio>
int main() {
    const float numbers[] = {1, 2, 3, 4};
    simde_float32x4_t sum = simde_vaddq_f32(simde_vld1q_f32(numbers), simde_vdupq_n_f32(1));
    std::printf("%g\n", simde_vgetq_lane_f32(sum, 3));
}
"#;

/// g++ needs the machine's assembler, linker and C library.
fn machine_can_compile() -> bool {
    let there = Host::of_this_program() == Host::X86_64
        && ["/usr/bin/as", "/usr/bin/ld", "/usr/include/stdio.h"]
            .iter()
            .all(|path| fs::exists(path).unwrap());
    if !there {
        lacking("binutils and the headers of the C library are not here, or this is no x86_64");
    }
    there
}

/// What a command prints; it has nothing in its environment but the machine's own programs.
fn run(folder: &Utf8Path, program: &Utf8Path, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {args:?}:\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Links below `folder` that lead nowhere.
fn dangling(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            dangling(entry.path(), found);
        } else if !entry.path().exists() {
            found.push(entry.into_path());
        }
    }
}

#[test]
fn cuda_11_compiles_and_links_with_its_own_compiler() {
    if !machine_can_compile() {
        return;
    }
    let Some(root) = toolkit(CudaRelease::new(11, 8), &[Host::X86_64], &[]) else { return };
    let Some(gcc) = companion("gcc-11") else { return };
    let (nvcc, gxx) = (root.join("bin/nvcc"), gcc.join("bin/g++-11"));
    let (_guard, folder) = scratch();
    fs::write(folder.join("main.cu"), KERNEL).unwrap();
    fs::write(folder.join("device.cu"), DEVICE).unwrap();
    let text = run(&folder, &nvcc, &["--version"]);
    assert!(text.contains("V11.8.89"), "{text}");
    // The GPUs of a Jetson Nano and a Jetson Xavier: CUDA 13 knows neither.
    let archs = ["-gencode=arch=compute_53,code=sm_53", "-gencode=arch=compute_72,code=sm_72"];
    let mut args = vec!["-ccbin", gxx.as_str(), "-rdc=true", "-o", "program", "main.cu", "device.cu"];
    args.extend(archs);
    // The driver's functions are linked from the stub where there is no driver.
    args.extend(["-Xlinker", "--no-as-needed", "-lcuda", "-lnvToolsExt"]);
    run(&folder, &nvcc, &args);
    let elfs = run(&folder, &root.join("bin/cuobjdump"), &["--list-elf", "program"]);
    for arch in ["sm_53", "sm_72"] {
        assert!(elfs.contains(arch), "no {arch} in:\n{elfs}");
    }
    run(&folder, &nvcc, &["-ccbin", gxx.as_str(), "-arch=sm_53", "-c", "device.cu", "-o", "device.o"]);
    let sass = run(&folder, &root.join("bin/cuobjdump"), &["-sass", "device.o"]);
    assert!(sass.contains("code for sm_53"), "{sass}");
    let mut found = Vec::new();
    dangling(&root, &mut found);
    assert!(found.is_empty(), "{found:?}");
    for file in [
        "nvvm/libdevice/libdevice.10.bc",
        "include/cublas_v2.h",
        "lib64/libcudart.so.11.0",
        "lib64/stubs/libcuda.so",
    ] {
        assert!(root.join(file).exists(), "{file}");
    }
    assert!(fs::read_dir(root.join("licences")).unwrap().count() > 5);
}

#[test]
fn the_unpacked_compiler_finds_its_own_parts() {
    if !machine_can_compile() {
        return;
    }
    let Some(root) = companion("gcc-11") else { return };
    let (_guard, folder) = scratch();
    let source = "#include <omp.h>\n#include <iostream>\n#include <vector>\n\
        int main() { std::vector<int> v(3); try { v.at(9) = omp_get_max_threads(); } \
        catch (const std::exception &) { std::cout << __VERSION__ << '\\n'; } }\n";
    fs::write(folder.join("main.cc"), source).unwrap();
    let gxx = root.join("bin/g++-11");
    run(&folder, &gxx, &["-O2", "-flto", "-fopenmp", "main.cc", "-o", "program"]);
    assert_eq!(run(&folder, &folder.join("program"), &[]), "11.3.0\n");
    let cc1plus = run(&folder, &gxx, &["-print-prog-name=cc1plus"]);
    assert!(Utf8Path::new(cc1plus.trim()).canonicalize_utf8().unwrap().starts_with(&root), "{cc1plus}");
    fs::write(folder.join("main.c"), "int main(void) { return 0; }\n").unwrap();
    run(&folder, &root.join("bin/gcc"), &["main.c", "-o", "c"]);
    let mut found = Vec::new();
    dangling(&root, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn simde_has_arms_functions() {
    let Some(root) = companion("simde") else { return };
    assert!(root.join("include/simde/arm/neon.h").exists());
    assert!(root.join("licences/libsimde-dev/copyright").exists());
    if !machine_can_compile() {
        return;
    }
    let Some(gcc) = companion("gcc-11") else { return };
    let (_guard, folder) = scratch();
    fs::write(folder.join("main.cc"), NEON).unwrap();
    let include = format!("-I{root}/include");
    run(&folder, &gcc.join("bin/g++-11"), &[&include, "main.cc", "-o", "program"]);
    assert_eq!(run(&folder, &folder.join("program"), &[]), "5\n");
}

/// An emulator of its own loader and libraries, and what ARM programs load: nothing of this system takes part.
#[test]
fn qemu_runs_programs_for_arm_and_loads_plugins() {
    if Host::of_this_program() != Host::X86_64 {
        return skipped("ARM runs ARM programs itself");
    }
    let (Some(qemu), Some(root)) = (companion("qemu"), companion("arm-root")) else { return };
    for file in ["bin/qemu-aarch64", "lib/libcapstone.so.4", "licences/qemu-user/copyright"] {
        assert!(qemu.join(file).exists(), "{file}");
    }
    assert!(!qemu.join("bin/qemu-aarch64_be").exists());
    let mut found = Vec::new();
    dangling(&qemu, &mut found);
    dangling(&root, &mut found);
    assert!(found.is_empty(), "{found:?}");

    let loader = qemu.join("glibc/ld-linux-x86-64.so.2");
    let libraries = format!("{qemu}/glibc:{qemu}/lib");
    let (_guard, folder) = scratch();
    let emulate = |args: &[&str]| {
        let program = qemu.join("bin/qemu-aarch64");
        let own = ["--library-path", libraries.as_str(), "--argv0", "qemu-aarch64", program.as_str()];
        run(&folder, &loader, &[own.as_slice(), args].concat())
    };
    assert!(emulate(&["--version"]).starts_with("qemu-aarch64 version 7.2."));
    let program = qemu.join("bin/qemu-aarch64");
    let resolved = run(&folder, &loader, &["--library-path", libraries.as_str(), "--list", program.as_str()]);
    let paths = resolved.lines().filter_map(|line| line.split_once(" => ")?.1.split(' ').next());
    let foreign: Vec<&str> = paths.filter(|path| !path.starts_with(qemu.as_str())).collect();
    assert!(resolved.contains("libglib-2.0.so.0 => ") && foreign.is_empty(), "{resolved}");

    let arm = "aarch64-linux-gnu-g++";
    let lacks = |program: &str| Command::new(program).arg("--version").output().is_err();
    if lacks(arm) || lacks("g++") {
        return lacking("there is no compiler for ARM or none for this machine");
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("main.cc", ARM_PROGRAM);
    write("plugin.cc", PLUGIN);
    run(&folder, Utf8Path::new(arm), &["-O1", "-fopenmp", "main.cc", "-o", "program", "-ldl"]);
    assert_eq!(emulate(&["-L", root.as_str(), "./program"]), "4 103 C.UTF-8 caught\n");
    let libraries = ["-Wl,--no-as-needed", "-ldl", "-lpthread", "-lrt", "-lm"];
    let plugin = ["-shared", "-fPIC", "plugin.cc", "-o", "plugin.so"];
    run(&folder, Utf8Path::new("g++"), &[plugin.as_slice(), &libraries].concat());
    let text = emulate(&["-plugin", "./plugin.so", "-L", root.as_str(), "./program"]);
    assert_eq!(text, "4 103 C.UTF-8 caught\nthe plugin saw the end\n");
}

#[test]
fn shared_libraries_for_arm_come_by_their_sonames() {
    if Host::of_this_program() != Host::X86_64 {
        return skipped("ARM runs ARM programs itself");
    }
    let names = ["libcudart.so.13".to_owned(), "libcublas.so.12".to_owned()];
    let Some(found) = shared_libraries(&names, Host::Aarch64) else { return };
    assert_eq!(found.missing, ["libcublas.so.12"], "no release of CUDA 12 is pinned");
    let [folder] = found.folders.as_slice() else { panic!("{found:?}") };
    let runtime = fs::read(folder.join("libcudart.so.13")).unwrap();
    // ELF's e_machine: EM_AARCH64.
    assert_eq!(runtime.get(18..20), Some(183_u16.to_le_bytes().as_slice()));
}

/// What programs use of a system's libraries: threads, exceptions, OpenMP, a locale, a library loaded by name.
const ARM_PROGRAM: &str = r#"
#include <atomic>
#include <dlfcn.h>
#include <iostream>
#include <locale>
#include <stdexcept>
#include <thread>
#include <vector>
int main() {
    std::atomic<int> count{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { ++count; });
    for (auto &thread : threads) thread.join();
#pragma omp parallel for
    for (int i = 0; i < 100; ++i) ++count;
    std::cout << sizeof(long double) / 4 << ' ' << count << ' ' << std::locale("C.UTF-8").name();
    if (!dlopen("libz.so.1", RTLD_NOW)) return 1;
    try { threads.at(9); } catch (const std::out_of_range &) { std::cout << " caught\n"; }
}
"#;

/// The least that qemu takes for a plugin (its `qemu-plugin.h`, version 1 of the interface).
const PLUGIN: &str = r#"
#include <cstdint>
#include <iostream>
extern "C" {
int qemu_plugin_version = 1;
void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t, void *), void *data);
static void end(uint64_t, void *) { std::cout << "the plugin saw the end\n" << std::flush; }
int qemu_plugin_install(uint64_t id, const void *, int, char **) {
    qemu_plugin_register_atexit_cb(id, end, nullptr);
    return 0;
}
}
"#;
