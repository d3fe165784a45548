//! What tools print, and what is said of it. The words are as the tools print them, in projects made for the purpose.

use cuferry_arch::CudaRelease;
use cuferry_needs::{Advice, Context, Needs, Remedy, Verdict, diagnose, read};

fn advice(log: &str, needs: &Needs, release: &str) -> Vec<Advice> {
    let toolkits = ["11.8", "13.0", "13.5"].map(|release| release.parse().expect("a release"));
    let context =
        Context { release: Some(release.parse().expect("a release")), toolkits: &toolkits, gpus: &[] };
    diagnose(log.as_bytes(), needs, &context)
}

/// One line, one piece of advice: its id, its subject, and part of what to do.
#[track_caller]
fn check(log: &str, id: &str, subject: &str, todo: &str) -> Advice {
    let found = advice(log, &Needs::default(), "13.0");
    assert_eq!(found.len(), 1, "{log}: {found:#?}");
    let advice = found.into_iter().next().expect("there is one");
    assert_eq!((advice.id, advice.subject.as_str()), (id, subject), "{log}");
    assert!(advice.todo.contains(todo), "{log}: {}", advice.todo);
    advice
}

#[track_caller]
fn check_none(log: &str) {
    assert_eq!(advice(log, &Needs::default(), "13.0"), [], "{log}");
}

#[test]
fn a_projects_own_errors_get_no_advice() {
    check_none("a.cu(3): error: identifier \"undefined_variable\" is undefined\n");
    check_none("a.c:1:10: fatal error: my_own.h: No such file or directory\n");
    check_none("a.cpp:2:5: error: 'foo' was not declared in this scope\n");
    check_none(
        "/usr/bin/ld: a.o: undefined reference to `f()'\ncollect2: error: ld returned 1 exit status\n",
    );
    check_none("/usr/bin/ld: cannot find -lmine: No such file or directory\n");
    check_none("make: *** No rule to make target 'a.o', needed by 'all'.  Stop.\n");
    check_none("a.cpp:2:9: error: 'struct point' has no member named 'clockRate'\n");
    check_none("make: ./gen.sh: Permission denied\n");
    check_none(
        "-- Could NOT find OpenCV (missing: OpenCV_DIR)\n-- Configuring done\nmake: *** [all] Error 1\n",
    );
    check_none(
        "CMake Warning at CMakeLists.txt:3 (find_package):\n  By not providing \"FindOpenCV.cmake\" in CMAKE_MODULE_PATH this project has\n",
    );
    check_none("/bin/sh: 1: nvidia-smi: not found\nmake: 'all' is up to date.\n");
    check_none("checking for gl.h... no\n");
    check_none("error: no such instruction: `foo'\n");
    check_none("");
}

#[test]
fn functions_of_npp_are_told() {
    let line = "a.cpp:5:9: error: 'nppiFilterBox_8u_C1R' was not declared in this scope\n";
    check(line, "CF4007", "nppiFilterBox_8u_C1R", "`nppiFilterBox_8u_C1R_Ctx`");
    check_none("a.cpp:5:9: error: 'nppiOfMine' was not declared in this scope\n");
    assert_eq!(advice(line, &Needs::default(), "11.8"), []);
}

#[test]
fn the_library_of_checks_is_named() {
    let line = "/usr/bin/ld: cannot find /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.ubsan_standalone-x86_64.a: No such file or directory\n";
    check(line, "CF4002", "libclang_rt.ubsan", "`apt install libclang-rt-14-dev`");
    check(
        "/usr/bin/ld: cannot find -lubsan: No such file or directory\n",
        "CF4002",
        "ubsan",
        "libgcc-12-dev",
    );
}

#[test]
fn missing_headers_are_named_with_their_package() {
    let found = check(
        "src/a.cpp:3:10: fatal error: opencv2/opencv.hpp: No such file or directory\n    3 | #include\n",
        "CF4001",
        "opencv2/opencv.hpp",
        "`apt install libopencv-dev`",
    );
    assert_eq!(found.place.map(|place| place.to_string()).as_deref(), Some("src/a.cpp:3"));
    assert!(matches!(found.remedy, Remedy::Package(package) if package.name == "OpenCV"));
    check(
        "a.c:1:10: fatal error: 'GL/glew.h' file not found\n",
        "CF4001",
        "GL/glew.h",
        "apt install libglew-dev",
    );
    check(
        "a.cu:1:10: fatal error: NvInfer.h: No such file or directory\n",
        "CF4001",
        "NvInfer.h",
        "NVIDIA's own repository",
    );
    let found = check(
        "a.cu:1:10: fatal error: cudnn.h: No such file or directory\n",
        "CF4006",
        "cudnn.h",
        "`--with cudnn`",
    );
    assert!(matches!(found.remedy, Remedy::CudaLibrary(library) if library.name == "cudnn"));
    check(
        "a.c:1:10: fatal error: arm_neon.h: No such file or directory\n",
        "CF4019",
        "arm_neon.h",
        "cuferry make",
    );
}

#[test]
fn a_header_that_the_project_has_is_not_missing_elsewhere() {
    let needs = read([("third/opencv2/opencv.hpp", "")]);
    assert_eq!(
        advice("a.c:1:10: fatal error: opencv2/opencv.hpp: No such file or directory\n", &needs, "13.0"),
        []
    );
}

#[test]
fn what_only_a_jetson_has_is_refused_by_name() {
    let found = check(
        "a.cpp:1:10: fatal error: cudla.h: No such file or directory\n",
        "CF4012",
        "cudla.h",
        "TensorRT",
    );
    assert_eq!(found.verdict, Verdict::JetsonOnly);
    check(
        "/usr/bin/ld: cannot find -lnvbuf_utils: No such file or directory\n",
        "CF4012",
        "nvbuf_utils",
        "cudaMalloc",
    );
    check(
        "/usr/bin/ld: cannot find -lnvscibuf: No such file or directory\n",
        "CF4012",
        "nvscibuf",
        "leave that part out",
    );
    check(
        "make: *** No rule to make target '/usr/src/jetson_multimedia_api/samples/common/classes/NvBuffer.o', needed by 'a'.  Stop.\n",
        "CF4012",
        "/usr/src/jetson_multimedia_api/samples/common/classes/NvBuffer.o",
        "Video Codec SDK",
    );
}

#[test]
fn missing_libraries_are_named_with_their_package() {
    check(
        "/usr/bin/ld: cannot find -lopencv_core: No such file or directory\n",
        "CF4002",
        "opencv_core",
        "libopencv-dev",
    );
    check(
        "/usr/bin/ld: cannot find -lcublas: No such file or directory\n",
        "CF4006",
        "cublas",
        "--with cublas",
    );
    let found = check(
        "/usr/bin/ld: cannot find -lcurand_static: No such file or directory\n",
        "CF4006",
        "curand_static",
        "link `-lcurand`: cuferry does so by itself, but not in a link that is `-static`; or `--toolkit 11.8 --with curand_static`",
    );
    assert_eq!(found.other_toolkit, Some(CudaRelease::new(11, 8)));
    let log = "/usr/bin/ld: cannot find -lcurand_static: No such file or directory\n";
    let found = advice(log, &Needs::default(), "11.8");
    assert_eq!(found[0].todo, "`--with curand_static`, which lets cuferry fetch it");
    check(
        "ld.lld: error: unable to find library -lboost_system\n",
        "CF4002",
        "boost_system",
        "libboost-all-dev",
    );
    let found = check(
        "/usr/bin/ld: cannot find -lnvToolsExt: No such file or directory\n",
        "CF4007",
        "nvToolsExt",
        "--toolkit 11.8",
    );
    assert_eq!(found.other_toolkit, Some("11.8".parse().unwrap()));
}

#[test]
fn arm_code_and_pointers_are_told() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let needs = read([
        ("libspconv/lib/x86_64/libspconv.so", pointer.as_bytes().to_vec()),
        ("libspconv/lib/aarch64/libspconv.so", pointer.as_bytes().to_vec()),
        ("lib/libfilter.so", arm()),
    ]);
    let missing = advice("/usr/bin/ld: cannot find -lspconv: No such file or directory\n", &needs, "13.0");
    assert!(missing[0].cause.contains("lib/x86_64/libspconv.so"), "{}", missing[0].cause);
    let log = "/usr/bin/ld:libspconv/lib/x86_64/libspconv.so: file format not recognized; treating as linker script\n/usr/bin/ld:libspconv/lib/x86_64/libspconv.so:1: syntax error\n";
    let found = advice(log, &needs, "13.0");
    assert_eq!(found.iter().map(|advice| advice.id).collect::<Vec<_>>(), ["CF4013"]);
    assert!(found[0].todo.contains("git lfs pull"));
    let log = "/usr/bin/ld: skipping incompatible ./lib/libfilter.so when searching for -lfilter\n/usr/bin/ld: cannot find -lfilter: No such file or directory\n";
    assert_eq!(advice(log, &needs, "13.0").iter().map(|advice| advice.id).collect::<Vec<_>>(), ["CF4014"]);
    assert_eq!(advice(log, &Needs::default(), "13.0").len(), 1);
    check(
        "/usr/bin/ld: obj/a.o: Relocations in generic ELF (EM: 183)\n/usr/bin/ld: obj/a.o: error adding symbols: file in wrong format\n",
        "CF4014",
        "obj/a.o",
        "make clean",
    );
    check_none("/usr/bin/ld: a.txt: file format not recognized; treating as linker script\n");
}

fn arm() -> Vec<u8> {
    let mut head = vec![0_u8; 64];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[18..20].copy_from_slice(&183_u16.to_le_bytes());
    head
}

#[test]
fn cmakes_errors_are_read_whole() {
    let found = check(
        "CMake Error at CMakeLists.txt:5 (find_package):\n  By not providing \"FindOpenCV.cmake\" in CMAKE_MODULE_PATH this project has\n  asked CMake to find a package configuration file provided by \"OpenCV\", but\n  CMake did not find one.\n\n  Could not find a package configuration file provided by \"OpenCV\" with any of\n  the following names:\n\n    OpenCVConfig.cmake\n    opencv-config.cmake\n\n\n-- Configuring incomplete, errors occurred!\n",
        "CF4003",
        "OpenCV",
        "libopencv-dev",
    );
    assert_eq!(found.place.map(|place| place.to_string()).as_deref(), Some("CMakeLists.txt:5"));
    let found = check(
        "CMake Error at /usr/share/cmake-3.25/Modules/FindPackageHandleStandardArgs.cmake:230 (message):\n  Could NOT find GLEW (missing: GLEW_INCLUDE_DIRS GLEW_LIBRARIES)\nCall Stack (most recent call first):\n  /usr/share/cmake-3.25/Modules/FindPackageHandleStandardArgs.cmake:600 (_FPHSA_FAILURE_MESSAGE)\n  src/CMakeLists.txt:7 (find_package)\n\n",
        "CF4003",
        "GLEW",
        "libglew-dev",
    );
    assert_eq!(found.place.map(|place| place.to_string()).as_deref(), Some("src/CMakeLists.txt:7"));
    let found = check(
        "CMake Error at /usr/share/cmake-3.25/Modules/FindPackageHandleStandardArgs.cmake:230 (message):\n  Could NOT find CUDA: Found unsuitable version \"13.0\", but required is exact\n  version \"11.8\" (found /usr/local/cuda)\nCall Stack (most recent call first):\n  CMakeLists.txt:3 (find_package)\n",
        "CF4025",
        "11.8",
        "--toolkit 11.8",
    );
    assert_eq!(found.other_toolkit, Some("11.8".parse().unwrap()));
    check(
        "CMake Error: CMake was unable to find a build program corresponding to \"Ninja\".  CMAKE_MAKE_PROGRAM is not set.  You probably need to select a different build tool.\n",
        "CF4005",
        "Ninja",
        "ninja-build",
    );
    check(
        "CMake Error at CMakeLists.txt:2 (project):\n  No CMAKE_CUDA_COMPILER could be found.\n\n  Tell CMake where to find the compiler by setting either the environment\n",
        "CF4016",
        "",
        "cuferry cmake",
    );
    check(
        "CMake Error: The current CMakeCache.txt directory /tmp/b/CMakeCache.txt is different than the directory /home/nano/b where CMakeCache.txt was created.\n",
        "CF4017",
        "/tmp/b/CMakeCache.txt",
        "delete",
    );
    check(
        "CMake Error at /usr/share/cmake-3.25/Modules/FindPkgConfig.cmake:607 (message):\n  The following required packages were not found:\n\n   - gstreamer-1.0\n\nCall Stack (most recent call first):\n",
        "CF4004",
        "gstreamer-1.0",
        "libgstreamer1.0-dev",
    );
    check(
        "CMake Error at CMakeLists.txt:1 (cmake_minimum_required):\n  CMake 3.28 or higher is required.  You are running version 3.25.1\n\n",
        "CF4031",
        "3.28",
        "pip install",
    );
    let found = check(
        "CMake Error at cuda/FindCUDA.cmake:1809 (add_library):\n  add_library cannot create target \"jetson-utils-python-311\" because another\n  target with the same name already exists.  The existing target is a shared\n  library created in source directory \"/home/nano/jetson-utils/python/bindings\".\n  See documentation for policy CMP0002 for more details.\nCall Stack (most recent call first):\n  python/bindings/CMakeLists.txt:57 (cuda_add_library)\n\n",
        "CF4034",
        "jetson-utils-python-311",
        "CMAKE_IGNORE_PATH",
    );
    assert_eq!(
        found.place.map(|place| place.to_string()).as_deref(),
        Some("python/bindings/CMakeLists.txt:57")
    );
}

#[test]
fn another_toolkit_is_named() {
    let found = check(
        "nvcc fatal   : Unsupported gpu architecture 'compute_53'\n",
        "CF4009",
        "sm_53",
        "--toolkit 11.8",
    );
    assert_eq!(found.other_toolkit, Some("11.8".parse().unwrap()));
    check(
        "/x/cccl/cuda/std/__cccl/dialect.h:35:4: error: #error \"libcu++ requires at least C++ 17. Define X\"\n",
        "CF4010",
        "",
        "--toolkit 11.8",
    );
    let log = "a.cu(1): error: identifier \"cudaGraphConditionalHandleCreate\" is undefined\n";
    let found = advice(log, &Needs::default(), "11.8");
    assert_eq!((found[0].id, found[0].other_toolkit), ("CF4008", Some("13.5".parse().unwrap())));
    check_none(log);
    let log = "nvcc fatal   : Value 'c++20' is not defined for option 'std'\n";
    assert_eq!(advice(log, &Needs::default(), "11.8")[0].other_toolkit, Some("13.5".parse().unwrap()));
    let log = "/x/crt/host_config.h:132:2: error: #error -- unsupported GNU version! gcc versions later than 11 are not supported! The nvcc flag\n";
    let found = advice(log, &Needs::default(), "11.8");
    assert_eq!((found[0].id, found[0].subject.as_str()), ("CF4011", "11"));
}

#[test]
fn names_that_cuda_removed_are_told_from_the_projects_own() {
    let found = check("a.cu(1): error: texture is not a template\n", "CF4007", "texture", "--toolkit 11.8");
    assert_eq!(found.other_toolkit, Some("11.8".parse().unwrap()));
    check(
        "a.cu(1): error: identifier \"cudaBindTexture\" is undefined\n",
        "CF4007",
        "cudaBindTexture",
        "--toolkit 11.8",
    );
    check(
        "a.cu(9): error: class \"cudaDeviceProp\" has no member \"clockRate\"\n",
        "CF4007",
        "clockRate",
        "build through cuferry",
    );
    // No toolkit has it for the GPUs of today.
    let found = check(
        "a.cu(1): error: identifier \"__shfl_down\" is undefined\n",
        "CF4007",
        "__shfl_down",
        "__shfl_down_sync",
    );
    assert_eq!(found.other_toolkit, None);
    check_none("a.cu(1): error: identifier \"texture\" is undefined\n");
    check_none("a.cu(1): error: class \"device\" has no member \"clockRate\"\n");
    assert_eq!(advice("a.cu(1): error: texture is not a template\n", &Needs::default(), "11.8"), []);
}

#[test]
fn the_machines_troubles_are_told() {
    check(
        "bash: line 1: ninja: command not found\nmake: *** [Makefile:2: all] Error 127\n",
        "CF4005",
        "ninja",
        "ninja-build",
    );
    check(
        "/bin/sh: 1: /usr/local/cuda-10.2/bin/nvcc: not found\nmake: *** [a.o] Error 127\n",
        "CF4023",
        "/usr/local/cuda-10.2/bin/nvcc",
        "cuferry",
    );
    check(
        "make: /usr/local/cuda-10.2/bin/nvcc: No such file or directory\nmake: *** [Makefile:9: a.o] Error 127\n",
        "CF4023",
        "/usr/local/cuda-10.2/bin/nvcc",
        "cuferry",
    );
    check(
        "make: aarch64-linux-gnu-g++: No such file or directory\nmake: *** [a.o] Error 127\n",
        "CF4033",
        "aarch64-linux-gnu-g++",
        "cuferry",
    );
    check("/bin/sh: 1: nvidia-smi: not found\nmake: *** [a] Error 127\n", "CF4029", "nvidia-smi", "--gpu");
    check(
        "Package opencv4 was not found in the pkg-config search path.\nPerhaps you should add\n",
        "CF4004",
        "opencv4",
        "libopencv-dev",
    );
    check("ModuleNotFoundError: No module named 'numpy'\n", "CF4027", "numpy", "pip install numpy");
    check("c++: fatal error: Killed signal terminated program cc1plus\n", "CF4020", "cc1plus", "-j1");
    check(
        "/tmp/ccA.s: fatal error: error writing to /tmp/x.o: No space left on device\n",
        "CF4021",
        "No space left on device",
        "TMPDIR",
    );
    check(
        "Assembler messages:\nFatal error: can't create obj/a.o: Read-only file system\n",
        "CF4022",
        "obj/a.o",
        "copy",
    );
    check(
        "install: cannot create regular file '/usr/local/lib/a.so': Permission denied\n",
        "CF4022",
        "/usr/local/lib/a.so",
        "DESTDIR",
    );
    check(
        "fatal: unable to access 'https://x.invalid/': Could not resolve host: x.invalid\n",
        "CF4015",
        "Could not resolve host: x.invalid",
        "fetch it",
    );
    check("/tmp/ccB.s:12: Error: no such instruction: `dmb ish'\n", "CF4018", "dmb ish", "cuferry scan");
    check(
        "g++: error: unrecognized command-line option ‘-mfpu=neon’\n",
        "CF4026",
        "-mfpu=neon",
        "cuferry make",
    );
    check(
        "cc1plus: error: bad value (‘cortex-a57’) for ‘-mtune=’ switch\n",
        "CF4026",
        "cortex-a57",
        "cuferry make",
    );
}

#[test]
fn each_thing_is_said_once_and_in_order() {
    let log = "a.c:1:10: fatal error: \u{1b}[01m\u{1b}[Kzlib.h\u{1b}[m: No such file or directory\n"
        .repeat(3)
        + "b.c:9:1: fatal error: png.h: No such file or directory\r\n";
    let found = advice(&log, &Needs::default(), "13.0");
    let lines: Vec<_> = found.iter().map(|advice| (advice.subject.as_str(), advice.line)).collect();
    assert_eq!(lines, [("zlib.h", 1), ("png.h", 4)]);
}
