//! `cuferry scan` and ripgrep over a tree of 100,000 made-up files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::{RUNS, median, timed_ending};
use crate::process::{answers, cargo, output, release_binary};

/// Files of the tree; an argument says another number.
const FILES: usize = 100_000;

/// Findings, and matches, make an exit code of their own.
const FOUND_OR_NOT: [i32; 2] = [0, 1];

/// Files a folder.
const FOLDER: usize = 100;

/// What a file is: its name's ending, its lines on the average, and how many of 100 files are such.
/// Shares and lengths are near those of the projects that docs/scan.md names.
const SORTS: &[(Sort, usize, usize)] = &[
    (Sort::C, 240, 18),
    (Sort::Header, 120, 30),
    (Sort::Cpp, 210, 26),
    (Sort::Cuda, 230, 10),
    (Sort::Cmake, 50, 5),
    (Sort::Python, 150, 8),
    (Sort::Shell, 40, 3),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    C,
    Header,
    Cpp,
    Cuda,
    Cmake,
    Python,
    Shell,
}

/// `cargo xtask bench scan [FILES]`.
pub(super) fn bench(args: &[String]) -> Result<()> {
    let files = args.first().map_or(Ok(FILES), |text| text.parse()).context("a number of files")?;
    if !answers("rg", "--version") {
        bail!("the peer is ripgrep: install the package `ripgrep`");
    }
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let folder = std::env::temp_dir().join(format!("cuferry-bench-{}", std::process::id()));
    let result = measure(&folder, files);
    fs::remove_dir_all(&folder)?;
    result
}

fn measure(folder: &Path, files: usize) -> Result<()> {
    let tree = folder.join("tree");
    let lines = write_tree(&tree, files)?;
    let words = folder.join("words");
    // The words by which the rules choose the files that they read.
    let mut listing = Command::new("cargo");
    listing.args([
        "bench",
        "--quiet",
        "--locked",
        "--package",
        "cuferry-scan",
        "--bench",
        "ripgrep",
        "--",
        "--words",
    ]);
    fs::write(&words, output(&mut listing)?)?;
    let scan = || {
        let mut command = Command::new(release_binary());
        command.args(["scan", "--format", "json", "--output"]).arg(folder.join("report.json")).arg(&tree);
        command
    };
    let ripgrep = || {
        let mut command = Command::new("rg");
        command.args(["--fixed-strings", "--count-matches", "--hidden", "--file"]).arg(&words).arg(&tree);
        command
    };
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        peer.push(timed_ending(&mut ripgrep(), &FOUND_OR_NOT)?);
        ours.push(timed_ending(&mut scan(), &FOUND_OR_NOT)?);
    }
    println!("{files} files, {lines} lines; median of {RUNS} alternating runs, wall clock");
    println!("| | cuferry scan | rg | ratio |\n|---|---|---|---|");
    let (ours, peer) = (median(&mut ours), median(&mut peer));
    for (name, share) in [("100,000 files", files), ("100,000 lines", lines)] {
        #[expect(clippy::cast_precision_loss, reason = "lines of a tree are far below 2^52")]
        let factor = 1e5 / share as f64;
        println!("| {name} | {:.3} s | {:.3} s | {:.1} |", ours * factor, peer * factor, ours / peer);
    }
    Ok(())
}

/// Numbers that look random and are the same in every run: a linear congruential generator, with Knuth's multiplier.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}

/// Writes the tree, and says how many lines it has.
fn write_tree(tree: &Path, files: usize) -> Result<usize> {
    let mut dice = Dice(4);
    let mut lines = 0;
    for file in 0..files {
        let folder = tree.join(format!("part{}/module{}", file / FOLDER / 20, file / FOLDER));
        if file % FOLDER == 0 {
            fs::create_dir_all(&folder)?;
        }
        let (sort, usual) = sort(&mut dice);
        let text = text(sort, file, usual / 2 + dice.below(usual), &mut dice);
        lines += text.lines().count();
        fs::write(folder.join(name(sort, file)), text)?;
    }
    Ok(lines)
}

fn sort(dice: &mut Dice) -> (Sort, usize) {
    let mut at = dice.below(SORTS.iter().map(|(_, _, share)| share).sum());
    for &(sort, lines, share) in SORTS {
        if at < share {
            return (sort, lines);
        }
        at -= share;
    }
    (Sort::C, 100)
}

fn name(sort: Sort, file: usize) -> String {
    match sort {
        Sort::C => format!("part_{file}.c"),
        Sort::Header => format!("part_{file}.h"),
        Sort::Cpp => format!("part_{file}.cpp"),
        Sort::Cuda => format!("kernel_{file}.cu"),
        Sort::Cmake => format!("part_{file}.cmake"),
        Sort::Python => format!("tool_{file}.py"),
        Sort::Shell => format!("run_{file}.sh"),
    }
}

/// A file of about so many lines; one in twelve holds something of ARM's.
fn text(sort: Sort, file: usize, lines: usize, dice: &mut Dice) -> String {
    let mut out = String::with_capacity(lines * 40);
    let (usual, arm): (&[&str], &[&str]) = match sort {
        Sort::C | Sort::Header => (C, C_ARM),
        Sort::Cpp => (CPP, C_ARM),
        Sort::Cuda => (CUDA, CUDA_ARM),
        Sort::Cmake => (CMAKE, CMAKE_ARM),
        Sort::Python => (PYTHON, PYTHON_ARM),
        Sort::Shell => (SHELL, SHELL_ARM),
    };
    let marked = file.is_multiple_of(12);
    let mut written = 0;
    while written < lines {
        let of_arm = marked && dice.below(8) == 0;
        let part = if of_arm { arm[dice.below(arm.len())] } else { usual[dice.below(usual.len())] };
        let number = dice.below(10_000).to_string();
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}", part.replace('@', &number));
        written += part.lines().count();
    }
    out
}

const C: &[&str] = &[
    "/* Part @ keeps the state of one channel: the caller\n * holds the lock, and frees the buffer. */",
    "#include <stdio.h>\n#include <string.h>\n#include \"part_@.h\"\n",
    "static int step_@(struct state *s, const unsigned char *in, size_t n)\n{\n    size_t i;\n    for (i = 0; i < n; i++) {\n        s->sum += in[i] * @;\n        if (s->sum > LIMIT_@)\n            s->sum -= LIMIT_@;\n    }\n    return s->sum == 0 ? -1 : 0;\n}\n",
    "#ifdef HAVE_PART_@\nextern int part_@(int mode, const char *name);\n#else\n#define part_@(mode, name) (0)\n#endif\n",
    "typedef struct node_@ {\n    struct node_@ *next;\n    double weight;\n    int count;\n} node_@;\n",
    "int parse_@(const char *text, int *out)\n{\n    char *end;\n    long value = strtol(text, &end, 10);\n    if (end == text || value > @)\n        return -1;\n    *out = (int)value;\n    return 0;\n}\n",
    "void print_@(const char *name)\n{\n    for (const char *p = name; *p; p++)\n        if (*p == '\\n') putchar(' ');\n        else putchar(*p);\n}\n",
];
const CPP: &[&str] = &[
    "// Keeps what belongs to channel @ together.",
    "#include <algorithm>\n#include <memory>\n#include <vector>\n\nnamespace part_@ {",
    "template <typename T>\nclass Queue@ {\npublic:\n    void push(T value) { items_.push_back(std::move(value)); }\n    bool empty() const noexcept { return items_.empty(); }\nprivate:\n    std::vector<T> items_;\n};\n",
    "std::string join_@(const std::vector<std::string>& parts, const std::string& between)\n{\n    std::string out;\n    for (const auto& part : parts) {\n        if (!out.empty()) out += between;\n        out += part;\n    }\n    return out;\n}\n",
    "float mean_@(const float* data, std::size_t n)\n{\n    double sum = 0;\n    for (std::size_t i = 0; i < n; ++i) sum += data[i];\n    return n ? static_cast<float>(sum / n) : 0.f;\n}\n",
    "bool is_name_@(const std::string& text)\n{\n    for (char c : text)\n        if (!(c >= 'a' && c <= 'z') && c != '_') return false;\n    return !text.empty();\n}\n",
];
const CUDA: &[&str] = &[
    "// One thread an element, @ elements a block.",
    "__global__ void scale_@(float* out, const float* in, float factor, int n)\n{\n    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n) out[i] = in[i] * factor + @.f;\n}\n",
    "__global__ void sum_@(float* out, const float* in, int n)\n{\n    __shared__ float part[256];\n    int i = threadIdx.x;\n    part[i] = i < n ? in[i] : 0.f;\n    __syncthreads();\n    for (int step = 128; step > 0; step >>= 1) {\n        if (i < step) part[i] += part[i + step];\n        __syncthreads();\n    }\n    if (i == 0) *out = part[0];\n}\n",
    "void run_@(float* out, const float* in, int n, cudaStream_t stream)\n{\n    const int block = 256;\n    scale_@<<<(n + block - 1) / block, block, 0, stream>>>(out, in, 2.f, n);\n    cudaError_t error = cudaGetLastError();\n    if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));\n}\n",
];
const CMAKE: &[&str] = &[
    "# The library of part @.",
    "add_library(part_@ STATIC part_@.c part_@.cpp)\ntarget_include_directories(part_@ PUBLIC include)",
    "if(BUILD_TESTS)\n  add_executable(test_@ test_@.cpp)\n  add_test(NAME test_@ COMMAND test_@)\nendif()",
];
const PYTHON: &[&str] = &[
    "# What tool @ is for.",
    "import os\nimport sys\n",
    "def read_@(path):\n    with open(path) as file:\n        lines = [line.strip() for line in file]\n    return [line for line in lines if line]\n",
    "class Item@:\n    def __init__(self, name, size=@):\n        self.name = name\n        self.size = size\n\n    def __repr__(self):\n        return f\"{self.name}: {self.size}\"\n",
];
const SHELL: &[&str] = &[
    "# Runs part @.",
    "set -e\nfor file in out/*.log; do\n    grep -q \"part @\" \"$file\" && echo \"$file\"\ndone",
    "if [ ! -d build@ ]; then\n    mkdir -p build@\nfi",
];
const C_ARM: &[&str] = &[
    "#include <arm_neon.h>\nvoid add_@(float *out, const float *a, const float *b)\n{\n    vst1q_f32(out, vaddq_f32(vld1q_f32(a), vld1q_f32(b)));\n}\n",
    "#if defined(__aarch64__)\nstatic inline void fence_@(void) { __asm__ volatile(\"dmb ish\" ::: \"memory\"); }\n#else\nstatic inline void fence_@(void) { __sync_synchronize(); }\n#endif\n",
    "int sign_@(char c)\n{\n    return c < 0;\n}\n",
    "long double exact_@(long double x) { return x * @; }\n",
];
const CUDA_ARM: &[&str] = &[
    "void wait_@(void) { cudaThreadSynchronize(); }\n",
    "void map_@(float** device, float* host)\n{\n    cudaHostGetDevicePointer((void**)device, host, 0);\n}\n",
    "__device__ float fold_@(float v) { return v + __shfl_down(v, 16); }\n",
];
const CMAKE_ARM: &[&str] = &[
    "set(CMAKE_CUDA_ARCHITECTURES 72 87)",
    "set(CMAKE_CXX_FLAGS \"${CMAKE_CXX_FLAGS} -march=armv8.2-a -mcpu=cortex-a78ae\")",
    "link_directories(/usr/lib/aarch64-linux-gnu/tegra)",
];
const PYTHON_ARM: &[&str] =
    &["import Jetson.GPIO as GPIO", "model = open(\"/proc/device-tree/model\").read()"];
const SHELL_ARM: &[&str] = &["tegrastats --interval @ &", "nvcc -arch=sm_87 part_@.cu -o part_@"];
