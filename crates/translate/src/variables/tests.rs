//! Variables and arguments of build tools, before and after.

use super::*;
use crate::ArchPolicy;
use crate::tests::{code, policy, words};

fn exactly() -> Policy {
    Policy { archs: ArchPolicy::Exactly(code("sm_80,sm_90,compute_90")), ..policy() }
}

#[track_caller]
fn check(
    translate: fn(&[String], &Policy) -> TranslatedArgs,
    policy: &Policy,
    args: &str,
    expected: &str,
    rules: &str,
) {
    let found = translate(&words(args), policy);
    let ids: Vec<_> = found.changes.iter().map(|change| change.rule.clone()).collect();
    assert_eq!((&found.args, &ids), (&words(expected), &words(rules)), "`{args}`");
    let twice = translate(&found.args, policy);
    assert_eq!((twice.args, twice.changes), (found.args, Vec::new()), "`{args}` twice");
}

#[test]
fn arguments_of_make() {
    let check = |args: &str, expected: &str, rules: &str| {
        check(translate_make_args, &exactly(), args, expected, rules);
    };
    check("-j8 all TARGET_ARCH=aarch64", "-j8 all TARGET_ARCH=x86_64", "CF2031");
    check("TARGET_ARCH=sbsa TARGET_OS=linux", "TARGET_ARCH=x86_64 TARGET_OS=linux", "CF2031");
    check("TARGET_FS=/opt/jetson", "TARGET_FS=", "CF2033");
    check("ARCH=sm_87", "ARCH=sm_80", "CF2017");
    check("ARCH=x86_64 V=1", "ARCH=x86_64 V=1", "");
    check("'SMS=53 62 72'", "'SMS=80 90'", "CF2017");
    check("SMS=72", "SMS=80", "CF2017");
    check("CUDA_ARCH=sm_53,sm_62", "CUDA_ARCH=sm_80,sm_90", "CF2017");
    check("'CUDA_ARCH_BIN=5.3 6.2'", "'CUDA_ARCH_BIN=8.0 9.0'", "CF2017");
    check("CUDA_COMPUTE_CAP=87", "CUDA_COMPUTE_CAP=80", "CF2017");
    check(
        "CUDA_ARCH=-arch=sm_53",
        "'CUDA_ARCH=-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]'",
        "CF2017",
    );
    check(
        "'GENCODE_FLAGS=-gencode arch=compute_87,code=sm_87'",
        "'GENCODE_FLAGS=-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]'",
        "CF2017",
    );
    check(
        "'MY_OWN=-gencode arch=compute_87,code=sm_87'",
        "'MY_OWN=-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]'",
        "CF2017",
    );
    check("CROSS_COMPILE=/opt/l4t/bin/aarch64-linux-gnu-", "CROSS_COMPILE=", "CF2032");
    check("CC=aarch64-linux-gnu-gcc-9 CXX=clang++", "CC=gcc CXX=clang++", "CF2032");
    check(
        "'CC=aarch64-poky-linux-gcc -mcpu=cortex-a57 --sysroot=/x -O2'",
        "'CC=gcc -march=x86-64-v3 -mtune=generic -O2'",
        "CF2032",
    );
    check("HOST_COMPILER=aarch64-linux-gnu-g++", "HOST_COMPILER=g++", "CF2032");
    check("'CXXFLAGS+=-O2 -mfpu=neon -L/usr/lib/aarch64-linux-gnu'", "CXXFLAGS+=-O2", "CF2006 CF2013");
    check("--host=aarch64-linux-gnu --build=x86_64-linux-gnu", "--build=x86_64-linux-gnu", "CF2033");
    check("YEAR=2020 ARCH=2020 SM=x -DX=87", "YEAR=2020 ARCH=2020 SM=x -DX=87", "");
}

#[test]
fn arguments_of_make_that_serve_stay() {
    let check = |args: &str, expected: &str, rules: &str| {
        check(translate_make_args, &policy(), args, expected, rules);
    };
    check(
        "'SMS=75 80 86' ARCH=sm_80 CUDA_COMPUTE_CAP=75",
        "'SMS=75 80 86' ARCH=sm_80 CUDA_COMPUTE_CAP=75",
        "",
    );
    check("'SMS=72 80'", "'SMS=75 80'", "CF2022");
    check("ARCH=sm_87", "ARCH=sm_80", "CF2022");
    check("ARCH=sm_53", "ARCH=sm_75", "CF2022");
}

#[test]
fn arguments_of_cmake() {
    let check = |args: &str, expected: &str, rules: &str| {
        check(translate_cmake_args, &exactly(), args, expected, rules);
    };
    check(
        "-S . -B b -DCMAKE_CUDA_ARCHITECTURES=72;87",
        "-S . -B b -DCMAKE_CUDA_ARCHITECTURES=80-real;90",
        "CF2017",
    );
    check(
        "-D CMAKE_CUDA_ARCHITECTURES:STRING=native ..",
        "-D CMAKE_CUDA_ARCHITECTURES:STRING=80-real;90 ..",
        "CF2017",
    );
    check("-DCMAKE_CUDA_ARCHITECTURES=OFF", "-DCMAKE_CUDA_ARCHITECTURES=OFF", "");
    check("-DCMAKE_CUDA_ARCHITECTURES=90;80-real", "-DCMAKE_CUDA_ARCHITECTURES=90;80-real", "");
    check(
        "-DCUDA_ARCH_BIN=5.3,6.2,7.2 -DCUDA_ARCH_PTX=7.2",
        "-DCUDA_ARCH_BIN=8.0,9.0 -DCUDA_ARCH_PTX=8.0",
        "CF2017 CF2017",
    );
    check("-DTORCH_CUDA_ARCH_LIST=7.2;8.7", "-DTORCH_CUDA_ARCH_LIST=8.0;9.0+PTX", "CF2017");
    check("-DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake --toolchain x.cmake", "", "CF2033 CF2033");
    check("-DCMAKE_TOOLCHAIN_FILE=/v/vcpkg.cmake", "-DCMAKE_TOOLCHAIN_FILE=/v/vcpkg.cmake", "");
    check(
        "-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64",
        "-DCMAKE_SYSTEM_PROCESSOR=x86_64",
        "CF2031 CF2033",
    );
    check("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_NAME=Linux", "");
    check(
        "'-DCMAKE_CXX_FLAGS=-O3 -mcpu=carmel'",
        "'-DCMAKE_CXX_FLAGS=-O3 -march=x86-64-v3 -mtune=generic'",
        "CF2001",
    );
    check(
        "-DCMAKE_CUDA_HOST_COMPILER=/usr/bin/aarch64-linux-gnu-g++",
        "-DCMAKE_CUDA_HOST_COMPILER=g++",
        "CF2032",
    );
    check("-DCMAKE_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu;/x", "-DCMAKE_LIBRARY_PATH=/x", "CF2013");
    check(
        "-DCUDA_NVCC_FLAGS=-O3;-arch=sm_53",
        "-DCUDA_NVCC_FLAGS=-O3;-gencode;arch=compute_80,code=sm_80;-gencode;arch=compute_90,code=[sm_90,compute_90]",
        "CF2017",
    );
    check("--build b -- TARGET_ARCH=aarch64", "--build b -- TARGET_ARCH=aarch64", "");
    check("-D", "-D", "");
}

#[test]
fn environments() {
    let environment: BTreeMap<String, String> = [
        ("CUDAARCHS", "87"),
        ("TORCH_CUDA_ARCH_LIST", "8.0;9.0+PTX"),
        ("NVCC_APPEND_FLAGS", "-arch=sm_87 -Xcompiler -mcpu=carmel"),
        ("CFLAGS", "-O2"),
        ("CROSS_COMPILE", "aarch64-linux-gnu-"),
        ("PKG_CONFIG_PATH", "/usr/lib/aarch64-linux-gnu/pkgconfig:/opt/x/lib/pkgconfig"),
        ("LD_LIBRARY_PATH", "/usr/lib/aarch64-linux-gnu/tegra"),
        ("HOME", "/home/aarch64-linux-gnu"),
        ("SOME", "-gencode arch=compute_87,code=sm_87"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let found = translate_environment(&environment, &exactly());
    let set: Vec<_> = found.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        set,
        [
            "CUDAARCHS=80-real;90",
            "NVCC_APPEND_FLAGS=-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90] \
             -Xcompiler -march=x86-64-v3,-mtune=generic",
            "PKG_CONFIG_PATH=/usr/lib/x86_64-linux-gnu/pkgconfig:/opt/x/lib/pkgconfig",
        ]
    );
    assert_eq!(found.unset, ["CROSS_COMPILE", "LD_LIBRARY_PATH"]);
    assert_eq!(found.changes.len(), 6);
}
