//! What users of ARM CUDA software met and reported: the error that each of them saw finds its explanation.
//!
//! Each line names the thread, what was printed there, and the entry that must come first.

use cuferry_explain::catalogue;

#[track_caller]
fn check(thread: &str, printed: &str, expected: &str) {
    let found = catalogue().find(printed);
    let ids: Vec<_> = found.matches.iter().map(|found| found.entry.id.as_str()).collect();
    assert_eq!(ids.first(), Some(&expected), "{thread}: `{printed}` finds {ids:?}");
}

#[test]
fn building_across_the_two_architectures() {
    check("NVIDIA/nvidia-docker#1179", "/bin/sh: 1: cicc: not found", "compiler-cicc");
    check("NVIDIA/nvidia-docker#1558", "NO CMAKE_CUDA_COMPILER could be found", "compiler-no-nvcc");
    check("NVIDIA/nvidia-docker#1558", "No CMAKE_CUDA_COMPILER could be found.", "compiler-no-nvcc");
    check(
        "dusty-nv/jetson-inference#1290",
        "/usr/lib/aarch64-linux-gnu/libcublas.so  file not recognized: File truncated",
        "loader-too-short",
    );
    check(
        "dusty-nv/jetson-containers#40",
        "ImportError: libcudart.so.10.2: cannot open shared object file: No such file or directory",
        "loader-cudart",
    );
    check("dusty-nv/jetson-inference#1116", "Can I use it on my x64 PC?", "container-jetson-on-pc");
    check("dusty-nv/jetson-inference#952", "Jetson program is slow on PC", "jetson-zero-copy");
}

#[test]
fn emulated_containers() {
    check("docker/buildx#2810", "buildx arm64 build slow", "emulation-slow");
    check(
        "docker/buildx#1169",
        "#7 99.79 qemu: uncaught target signal 11 (Segmentation fault) - core dumped",
        "emulation-segfault",
    );
    check(
        "docker/buildx#314",
        "installed libc-bin package post-installation script subprocess returned error exit status 139",
        "emulation-segfault",
    );
    check(
        "tonistiigi/binfmt#215",
        "qemu: uncaught target signal 11 (Segmentation fault) - core dumped\nSegmentation fault (core dumped)",
        "emulation-segfault",
    );
    check("NVIDIA/nvidia-docker#1306", "exec /bin/bash: no such file or directory", "emulation-handler");
    check(
        "NVIDIA/nvidia-docker#1116",
        "standard_init_linux.go:211: exec user process caused \"exec format error\"",
        "loader-exec-format",
    );
    check(
        "dusty-nv/jetson-containers#52",
        "standard_init_linux.go:228: exec user process caused: exec format error",
        "loader-exec-format",
    );
}

#[test]
fn arm_binaries_on_x86_gpus() {
    check(
        "dusty-nv/jetson-inference#647",
        "libnvrm_gpu.so: NvRmGpuLibOpen failed\n[cuda]      unknown error (error 30) (hex 0x1E)",
        "jetson-nvrm",
    );
    check("dusty-nv/jetson-inference#647", "[cuda]      unknown error (error 30) (hex 0x1E)", "cuda-999");
    check(
        "dusty-nv/jetson-inference#1292",
        "OCI runtime create failed: unable to retrieve OCI runtime error (open /run/containerd/io.containerd.runtime.v2.task/moby/27fc/log.json: no such file or directory): exec: \"nvidia-container-runtime\": executable file not found in $PATH: unknown.",
        "container-runtime-missing",
    );
    check("vosen/ZLUDA#47", "cuGetExportTable returned an error", "loader-export-table");
    check(
        "lupinemachines/lupine#883",
        "CUDA calls succeed but nothing is computed",
        "emulation-version-skew",
    );
    check(
        "chelsea0x3b/cudarc#525",
        "Expected symbol in library: DlSym { desc: \"/lib/aarch64-linux-gnu/libcuda.so: undefined symbol: cuCtxGetDevice_v2\" }",
        "loader-driver-symbol",
    );
    check("XpuOS/xsched#19", "undefined symbol: cuProfilerStart", "loader-driver-symbol");
    check("anduril/jetpack-nixos#184", "ERROR_JIT_COMPILER_NOT_FOUND", "cuda-221");
    check("ollama/ollama#6591", "CUDA error: PTX JIT compiler library not found", "cuda-221");
}

#[test]
fn choosing_the_gpu_architecture() {
    check(
        "Narsil/bindgen_cuda#4",
        "`nvidia-smi` failed. Ensure that you have CUDA installed and that `nvidia-smi` is in your PATH.: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
        "compiler-native-no-gpu",
    );
    check(
        "EricLBuehler/mistral.rs#893",
        "Failed to get compute cap: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
        "compiler-native-no-gpu",
    );
    check(
        "microsoft/onnxruntime#5282",
        "CUDA failure 209: no kernel image is available for execution on the device ; GPU=0",
        "cuda-209",
    );
    check(
        "jax-ml/jax#22723",
        "CUDA_ERROR_NO_BINARY_FOR_GPU: no kernel image is available for execution on the device",
        "cuda-209",
    );
    check(
        "ultralytics/ultralytics#18931",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "cuda-209",
    );
    check(
        "pytorch/pytorch#174065",
        "ValueError: Unknown CUDA arch (12.1(2.0)) or GPU not supported",
        "compiler-torch-arch-list",
    );
    check(
        "vllm-project/vllm#38484",
        "NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
        "python-torch-capability",
    );
    check(
        "modular/modular#6593",
        "ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'",
        "compiler-arch-unsupported",
    );
    check(
        "NVIDIA/cuDecomp#97",
        "Not building NVFP4 as no compatible archs were found.",
        "compiler-arch-dropped",
    );
    check(
        "pytorch/pytorch#157517",
        "relocation truncated to fit: R_X86_64_PC32 against `.nv_fatbin'",
        "compiler-binary-size",
    );
}

#[test]
fn host_compilers_and_host_code() {
    check(
        "NVIDIA/cuda-samples#250",
        "#error -- unsupported GNU version! gcc versions later than 12 are not supported! The nvcc flag '-allow-unsupported-compiler' can be used to override this version check; however, using an unsupported host compiler may cause compilation failure or incorrect run time execution. Use at your own risk.",
        "compiler-gnu-version",
    );
    check("any1/neatvnc#7", "gcc: error: unrecognized command line option '-mfpu=neon'", "compiler-arm-flag");
    check(
        "BLAKE3-team/BLAKE3#312",
        "aarch64-alt-linux-gcc: error: unrecognized command-line option '-mfpu=neon'",
        "compiler-arm-flag",
    );
    check(
        "xmrig/xmrig#2325",
        "cc1: error: bad value ('armv8-a+crypto') for '-march=' switch",
        "compiler-arm-flag",
    );
    check("simd-everywhere/simde#159", "fatal error: arm_neon.h: No such file or directory", "compiler-neon");
    check("cupy/cupy#8410", "char signedness", "abi-char");
    check(
        "nanoprintf#280",
        "warning: comparison is always true due to limited range of data type [-Wtype-limits]",
        "abi-char",
    );
}

#[test]
fn caches() {
    check(
        "mozilla/sccache#2862",
        "sccache: error: Failed to generate compile commands\nsccache: caused by: Missing \"cubin\" file output",
        "compiler-sccache",
    );
    check("ccache/ccache#1294", "uncacheable calls", "compiler-ccache");
}

#[test]
fn running_and_machines_without_a_gpu() {
    check(
        "NVIDIA/nvidia-container-toolkit#152",
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=11.8",
        "container-require-cuda",
    );
    check(
        "SyneRBI/PETRIC2#27",
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version, or use an earlier cuda container",
        "container-require-cuda",
    );
    check("NVIDIA/numba-cuda#177", "CI without a GPU", "emulation-no-gpu-ci");
    check("mlverse/torch#785", "no CUDA-capable device is detected", "cuda-100");
}

#[test]
fn jetson_media() {
    check("prominenceai/deepstream-services-library#942", "NVBUF_MEM_SURFACE_ARRAY", "jetson-nvbufsurface");
    check(
        "isaac_ros_compression#15",
        "libnvbufsurface.so: cannot open shared object file: No such file or directory",
        "loader-tegra",
    );
    check("jetson-inference#1312", "/usr/bin/ld: could not find -lnvbuf_utils", "compiler-tegra-library");
    check("jetson-utils#204", "gstBufferManager -- failed to map EGLImage from NVMM buffer", "jetson-nvmm");
    check(
        "dusty-nv/jetson-inference#1609",
        "[cuda]      OS call failed or operation not supported on this OS (error 304) (hex 0x130)",
        "cuda-304",
    );
}

/// Names and numbers in the forms in which samples, frameworks and tools print them.
#[test]
fn numbers_and_names() {
    for (printed, expected) in [
        ("209", "cuda-209"),
        ("48", "cuda-209"),
        ("0x1E", "cuda-999"),
        ("35", "cuda-35"),
        ("error 35", "cuda-35"),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", "cuda-209"),
        ("cudaerrornokernelimagefordevice", "cuda-209"),
        ("CUDA error at main.cu:12 code=35(cudaErrorInsufficientDriver) \"cudaSetDevice(0)\"", "cuda-35"),
        (
            "cudaGetDeviceCount returned 35\n-> CUDA driver version is insufficient for CUDA runtime version",
            "cuda-35",
        ),
        ("GPUassert: invalid device function x.cu 12", "cuda-98"),
        ("CUDA Error: out of memory", "cuda-2"),
        ("cf2003", "CF2003"),
        ("(CF2017)", "CF2017"),
        ("install::network", "install::network"),
        ("-mcpu=cortex-a78ae", "CF2001"),
        ("CUDA driver version is insufficient", "cuda-35"),
        ("GLIBC_2.38 not found", "loader-glibc"),
        ("libcudart.so.12", "loader-cudart"),
        ("capabilities: [[gpu]]", "container-no-gpu"),
        ("NvRmGpuLibOpen", "jetson-nvrm"),
    ] {
        check("numbers and names", printed, expected);
    }
}
