//! Two sources, compiled by nvcc in every way that changes what is in the result, and compared with cuobjdump one by one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;

use super::compare::check_file;
use super::nvidia::{Nvidia, nvidia, scratch, stderr, stdout};
use cuferry_testkit::lacking;

use crate::project::find;

/// Constants, a device variable, shared memory, two instances of a template.
const SCALE: &str = r"
__constant__ float weights[16];
__device__ int calls;
template <class V> __global__ void scale(V *out, V const *in, int count) {
  __shared__ V tile[64];
  int at = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x & 63] = in[at];
  __syncthreads();
  if (at < count) out[at] = tile[(threadIdx.x + 1) & 63] * V(weights[at & 15]);
  if (at == 0) atomicAdd(&calls, 1);
}
template __global__ void scale<float>(float *, float const *, int);
template __global__ void scale<double>(double *, double const *, int);
";

/// Recursion, whose stack nobody knows; a table in a constant bank of the function's own; and the program.
const ADD: &str = r"
__device__ __noinline__ float deep(float value, int depth) {
  float many[20];
  for (int at = 0; at < 20; ++at) many[at] = value * at;
  return depth ? deep(many[depth % 20], depth - 1) + many[depth * 7 % 20] : value;
}
__global__ void add(float *at, int depth) { *at += deep(*at, depth); }
__global__ void choose(int *at, int which) {
  switch (which) {
    case 0: at[1] = 3; break;
    case 1: at[2] += 4; break;
    case 2: at[9] -= at[1]; break;
    case 3: at[4] *= at[2]; break;
    case 4: at[5] /= at[7]; break;
    case 5: at[6] = 0; break;
  }
}
int main() {
  add<<<1, 1>>>(nullptr, 3);
  return cudaDeviceSynchronize() != cudaSuccess;
}
";

/// Machine code for two GPUs, PTX for the newer.
const TWO: &str = "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]";

/// What makes a file.
enum Tool {
    Nvcc,
    /// nvcc for aarch64.
    Arm,
    Ar,
    /// In the shell's words, what no tool of CUDA's does.
    Copy,
}

use Tool::{Ar, Arm, Copy, Nvcc};

/// Each in the order of what it needs: `wave` 1 needs sources only. `TWO` stands for the two GPUs.
const FILES: &[(u32, Tool, &str, &str)] = &[
    (1, Nvcc, "scale.o", "TWO -c scale.cu"),
    (1, Nvcc, "add.o", "TWO -c add.cu"),
    (1, Nvcc, "none.o", "TWO -c scale.cu --compress-mode=none"),
    (1, Nvcc, "speed.o", "TWO -c scale.cu --compress-mode=speed"),
    (1, Nvcc, "balance.o", "TWO -c scale.cu --compress-mode=balance"),
    (1, Nvcc, "size.o", "TWO -c scale.cu --compress-mode=size"),
    (1, Nvcc, "all-speed.o", "TWO -c scale.cu --compress-mode=speed -Xfatbin -compress-all"),
    (1, Nvcc, "debug.o", "TWO -c scale.cu -g -G"),
    (1, Nvcc, "folder/lines.o", "TWO -c folder/we.ird.cu -lineinfo"),
    (1, Nvcc, "ptx-only.o", "-c add.cu -gencode arch=compute_90,code=compute_90"),
    (1, Nvcc, "sass-only.o", "-c add.cu -gencode arch=compute_90,code=sm_90"),
    (
        1,
        Nvcc,
        "suffixes.o",
        "-c scale.cu -gencode arch=compute_90a,code=[sm_90a,compute_90a] -gencode arch=compute_100f,code=[sm_100f,compute_100f]",
    ),
    (1, Nvcc, "concat.o", "TWO -c scale.cu --concat"),
    (1, Nvcc, "rdc.o", "TWO -rdc=true -c scale.cu"),
    (1, Nvcc, "dc.o", "TWO -dc add.cu"),
    (1, Nvcc, "lto.o", "-arch=sm_90 -dlto -dc scale.cu"),
    (1, Nvcc, "lto-main.o", "-arch=sm_90 -dlto -dc add.cu"),
    (
        1,
        Nvcc,
        "lto-and-sass.o",
        "-dc scale.cu -gencode arch=compute_80,code=[sm_80,lto_80] -gencode arch=compute_90,code=[lto_90,sm_90]",
    ),
    (1, Nvcc, "scale.fatbin", "TWO -fatbin scale.cu"),
    (1, Nvcc, "size.fatbin", "TWO -fatbin add.cu --compress-mode=size"),
    (1, Nvcc, "add.cubin", "-arch=sm_90a -cubin add.cu"),
    (1, Nvcc, "blackwell.cubin", "-arch=sm_120f -cubin scale.cu"),
    (1, Arm, "arm-scale.o", "TWO -c scale.cu"),
    (1, Arm, "arm-add.o", "TWO -c add.cu -lineinfo"),
    (1, Arm, "arm-rdc.o", "TWO -rdc=true -c scale.cu"),
    (1, Arm, "arm-dc.o", "TWO -dc add.cu"),
    (1, Arm, "arm-lto.o", "-arch=sm_90 -dlto -dc scale.cu"),
    (1, Arm, "arm-lto-main.o", "-arch=sm_90 -dlto -dc add.cu"),
    (
        1,
        Arm,
        "arm-size.so",
        "-arch=sm_87 -shared -Xcompiler -fPIC -cudart shared --compress-mode=size scale.cu",
    ),
    (2, Nvcc, "program", "TWO scale.o add.o"),
    (2, Nvcc, "program-shared", "TWO -cudart shared size.o add.o"),
    (2, Nvcc, "program-debug", "TWO debug.o add.o"),
    (2, Nvcc, "program-rdc", "TWO rdc.o dc.o"),
    (2, Nvcc, "program-lto", "-arch=sm_90 -dlto lto.o lto-main.o"),
    (2, Nvcc, "linked.o", "TWO -dlink rdc.o dc.o"),
    (2, Nvcc, "libscale.so", "TWO -shared -cudart shared -Xcompiler -fPIC scale.cu"),
    (2, Arm, "arm-program", "TWO arm-scale.o arm-add.o"),
    (2, Arm, "arm-program-shared", "TWO -cudart shared arm-scale.o arm-add.o"),
    (2, Arm, "arm-program-rdc", "TWO arm-rdc.o arm-dc.o"),
    (2, Arm, "arm-program-lto", "-arch=sm_90 -dlto arm-lto.o arm-lto-main.o"),
    (2, Ar, "libboth.a", "scale.o add.o"),
    (2, Ar, "libmixed.a", "folder/lines.o host.o rdc.o ptx-only.o"),
    (2, Ar, "librdc.a", "rdc.o dc.o lto.o"),
    (2, Ar, "libarm.a", "arm-scale.o arm-rdc.o arm-lto.o"),
    (2, Nvcc, "libnvcc.a", "-lib scale.o add.o"),
    // Two containers in one file; a name with several dots; the same source name twice, which gives the same names twice.
    (2, Copy, "both.fatbin", "cat scale.fatbin size.fatbin"),
    (2, Copy, "libmany.so.1.2.3", "cat program"),
    (3, Ar, "librepeated.a", "folder/lines.o debug.o folder/lines.o"),
];

/// The files, made once for all tests.
pub(super) struct Matrix {
    folder: TempDir,
}

impl Matrix {
    /// None where a tool is lacking.
    #[track_caller]
    pub(super) fn get() -> Option<&'static Self> {
        static MATRIX: OnceLock<Option<Matrix>> = OnceLock::new();
        let nvidia = nvidia()?;
        for program in ["aarch64-linux-gnu-g++", "g++", "ar"] {
            if find(program).is_none() {
                lacking(&format!("`{program}` is not on PATH"));
                return None;
            }
        }
        MATRIX.get_or_init(|| Some(make(nvidia))).as_ref()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn make(nvidia: &Nvidia) -> Matrix {
    let matrix = Matrix { folder: scratch() };
    std::fs::create_dir(matrix.file("folder")).expect("the folder is new");
    for (name, text) in
        [("scale.cu", SCALE), ("add.cu", ADD), ("folder/we.ird.cu", SCALE), ("host.c", "int one = 1;\n")]
    {
        std::fs::write(matrix.file(name), text).expect("the folder is writable");
    }
    let mut host = Command::new("gcc");
    finish(host.args(["-c", "host.c"]).current_dir(matrix.folder.path()));
    let waves = FILES.iter().map(|(wave, ..)| *wave).max().unwrap_or_default();
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    for wave in 1..=waves {
        let rows = Mutex::new(FILES.iter().filter(|(of, ..)| *of == wave));
        let next = || rows.lock().expect("no worker failed with it").next();
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((_, tool, name, words)) = next() {
                        make_file(nvidia, matrix.folder.path(), tool, name, words);
                    }
                });
            }
        });
    }
    matrix
}

fn make_file(nvidia: &Nvidia, folder: &Path, tool: &Tool, name: &str, words: &str) {
    let words = words.replace("TWO", TWO);
    let mut words = words.split(' ');
    let mut command = match tool {
        Nvcc => nvidia.program("nvcc", folder),
        Arm => {
            let mut command = nvidia.program("nvcc", folder);
            command.args(["-ccbin", "aarch64-linux-gnu-g++", "-target-dir", "sbsa-linux", "-L"]);
            command.arg(nvidia.libraries("sbsa-linux"));
            command
        }
        Ar => Command::new("ar"),
        Copy => Command::new(words.next().expect("it names a program")),
    };
    command.current_dir(folder);
    match tool {
        Nvcc | Arm => finish(command.args(words).args(["-o", name])),
        // With `q` a name may come twice.
        Ar => finish(command.args(["qcs", name]).args(words)),
        Copy => {
            let output = command.args(words).output().expect("it is there");
            std::fs::write(folder.join(name), output.stdout).expect("the folder is writable");
        }
    }
}

#[track_caller]
fn finish(command: &mut Command) {
    let output = command.output().expect("it was found");
    assert!(output.status.success(), "{command:?}: {}{}", stdout(&output), stderr(&output));
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Arm,
    Archive,
    Object,
    Bare,
    Linked,
}

fn group(name: &str) -> Group {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        _ if name.starts_with("arm") => Group::Arm,
        Some("a") => Group::Archive,
        Some("o") => Group::Object,
        Some("fatbin" | "cubin") => Group::Bare,
        _ => Group::Linked,
    }
}

#[track_caller]
fn check(wanted: Group) {
    let (Some(nvidia), Some(matrix)) = (nvidia(), Matrix::get()) else { return };
    for (_, _, name, _) in FILES.iter().filter(|(_, _, name, _)| group(name) == wanted) {
        check_file(nvidia, &matrix.file(name));
    }
}

#[test]
fn objects() {
    check(Group::Object);
}

#[test]
fn programs_and_libraries() {
    check(Group::Linked);
}

#[test]
fn files_of_aarch64() {
    check(Group::Arm);
}

#[test]
fn archives() {
    check(Group::Archive);
}

#[test]
fn bare_device_code() {
    check(Group::Bare);
}
