//! GPU architectures, and machines without GPUs.

use cuferry_testkit::skipped;

use crate::project::TestProject;

#[track_caller]
fn error(gpu: &str, code: i32) -> String {
    TestProject::with_sources().run(["rebuild", "--toolkit", "13.0", "--gpu", gpu]).expect(code).error()
}

#[test]
fn an_architecture_that_nobody_knows() {
    insta::assert_snapshot!(error("sm_42", 2), @"
    gpu::unknown

      × unknown GPU architecture `sm_42`
      help: known are: sm_35, sm_37, sm_50, sm_52, sm_53, sm_60, sm_61, sm_62, sm_70, sm_72, sm_75, sm_80,
            sm_86, sm_87, sm_88, sm_89, sm_90, sm_100, sm_101, sm_103, sm_107, sm_110, sm_120, sm_121
    ");
}

#[test]
fn an_architecture_that_the_toolkit_dropped() {
    insta::assert_snapshot!(error("sm_50", 2), @"
    gpu::not_in_toolkit

      × CUDA 13.0 cannot build for `sm_50`
      help: it was dropped after CUDA 12.9: install CUDA 10.2 to 12.9 and set `CUDA_HOME`, or name a newer
            architecture
    ");
}

#[test]
fn not_an_architecture() {
    let run = TestProject::with_sources().run(["rebuild", "--gpu", "fast"]).expect(2);
    insta::assert_snapshot!(run.stderr, @"
    error: invalid value 'fast' for '--gpu <LIST|native|all-major>': `fast` is not a GPU architecture: a form such as `sm_86`, `sm_90a`, `8.6` or `compute_86` expected

    For more information, try '--help'.
    ");
}

#[test]
fn native_without_a_gpu() {
    if std::path::Path::new("/proc/driver/nvidia/version").exists() {
        return skipped("this machine has NVIDIA's driver");
    }
    insta::assert_snapshot!(error("native", 3), @"
    gpu::none

      × `native` asks for this machine's GPUs, and it has none that a driver reports
      help: name the GPU that the image is for, such as `--gpu sm_86`, or build for all with `--gpu all-major`
    ");
}

/// Without `--gpu` and without a GPU the image is for all.
#[test]
fn the_default_without_a_gpu() {
    if std::path::Path::new("/proc/driver/nvidia/version").exists() {
        return skipped("this machine has NVIDIA's driver");
    }
    let project = TestProject::new().file("main.cu", "int main() {}\n");
    let gpu = project.run(["plan", "--format", "json"]).expect(0).json()["gpu"].clone();
    insta::assert_snapshot!(gpu, @r#"{"real":["sm_75","sm_80","sm_90","sm_100","sm_120"],"ptx":["compute_120"],"source":"default: no GPU here, and none was named","notes":[]}"#);
}

/// Jetson's own architectures become those of desktop GPUs, and that is said.
#[test]
fn the_same_as_the_arm_build() {
    let project = TestProject::new().file("main.cu", "int main() {}\n").file(
        "cuferry.toml",
        "[project]\nname = \"orin\"\n[build]\ngpu = \"same-as-arm\"\n\
         device-flags = [\"-gencode\", \"arch=compute_87,code=sm_87\"]\n\
         [[program]]\nname = \"orin\"\nsources = [\"main.cu\"]\n",
    );
    let gpu = project.run(["plan", "--format", "json"]).expect(0).json()["gpu"].clone();
    insta::assert_snapshot!(gpu, @r#"{"real":["sm_80","sm_86"],"ptx":["compute_86"],"source":"cuferry.toml","notes":["sm_87 (Jetson Orin) runs on Jetson only: built for sm_80, sm_86 instead, the same generation on the desktop"]}"#);
}
