//! `jetson-makefile` and `jetson-cmake`: sources with NEON, compiled file by file.

use std::fs;

use cuferry_testkit::companion;

use crate::{ARM_COMPILER, Bench, example, header_options, printed, repository};

/// A program of several files, and what an ARM build of it printed with `--cpu`.
struct Program {
    example: &'static str,
    files: &'static [&'static str],
    golden: &'static str,
}

const EDGE_DETECT: Program = Program {
    example: "jetson-makefile",
    files: &["main.cpp", "grey.cpp", "histogram.cpp", "sobel.cu"],
    golden: "edge-detect.txt",
};

const VIBRATION: Program = Program {
    example: "jetson-cmake",
    files: &["main.cpp", "filter.cpp", "gain.cpp", "spectrum.cu"],
    golden: "vibration.txt",
};

impl Program {
    /// Compiles and links; the host's files with `compiler`, the device's with nvcc.
    #[track_caller]
    fn build(&self, bench: &Bench, made: &str, compiler: &str, gpu: &str, options: &[&str]) {
        let root = example(self.example);
        let include = format!("-I{root}/include");
        let mut objects = Vec::new();
        for file in self.files {
            let source = root.join("src").join(file);
            let object = format!("{made}-{file}.o");
            if source.extension() == Some("cu") {
                let arch = format!("-arch={gpu}");
                let args =
                    ["-ccbin", compiler, "-allow-unsupported-compiler", "-std=c++17", "-O2", &arch, &include];
                bench.nvcc(&[&args[..], &["-c", source.as_str(), "-o", &object]].concat());
            } else {
                let args = ["-std=c++17", "-O2", "-Wall", "-Werror", &include];
                bench.call(compiler, &[&args[..], options, &["-c", source.as_str(), "-o", &object]].concat());
            }
            objects.push(object);
        }
        let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        bench
            .nvcc(&[&["-ccbin", compiler, "-allow-unsupported-compiler", "-o", made][..], &objects].concat());
    }

    #[track_caller]
    fn check(&self) {
        let (Some(bench), Some(simde)) = (Bench::new(), companion("simde")) else { return };
        self.build(&bench, "arm", ARM_COMPILER, "sm_87", &["-march=armv8.2-a+fp16+dotprod"]);
        let expected = bench.run_arm("arm", &["--cpu"]);
        let golden = repository().join("tests/e2e/jetson").join(self.golden);
        assert_eq!(
            expected,
            fs::read_to_string(golden).expect("it is there"),
            "the golden file is not what ARM computes"
        );
        let headers = header_options(&simde);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        for (compiler, options) in [
            ("g++", &[][..]),
            ("g++", &["-march=x86-64-v3"]),
            ("g++", &["-march=x86-64-v3", "-D__ARM_NEON=1", "-O3"]),
            ("clang++", &["-march=x86-64-v3"]),
        ] {
            self.build(&bench, "x86_64", compiler, "sm_90", &[&headers[..], options].concat());
            let actual = printed(&bench.run("x86_64", &["--cpu"]));
            assert_eq!(actual, expected, "{compiler} {options:?}");
        }
        assert_eq!(bench.run("x86_64", &["--gpu"]).status.code(), Some(2), "it knows no such word");
    }
}

#[test]
fn the_makefile_example_computes_what_it_does_on_arm() {
    EDGE_DETECT.check();
}

#[test]
fn the_cmake_example_computes_what_it_does_on_arm() {
    VIBRATION.check();
}
