//! Programs made by NVIDIA's own compilers, run on the software device: `tests/cuda`, with CUDA 11.8 and 13.0, the
//! runtime linked statically and shared; and the ways in which a program cannot run.

use std::fs;
use std::process::{Command, Output};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::Host;
use cuferry_testkit::{companion, scratch, toolkit};
use object::{Object as _, ObjectSymbol as _};

/// The library, as cargo built it for this test.
fn library() -> Utf8PathBuf {
    let program = std::env::current_exe().expect("this test runs");
    let folder = program.parent().expect("it lies in a folder").to_owned();
    let library = folder.join("libcuferry_softgpu.so");
    Utf8PathBuf::from_path_buf(library).expect("its path is UTF-8")
}

/// A folder with the library under the name that programs look for.
fn driver_folder(scratch: &Utf8Path) -> Utf8PathBuf {
    let folder = scratch.join("driver");
    fs::create_dir_all(&folder).expect("a folder");
    std::os::unix::fs::symlink(library(), folder.join("libcuda.so.1")).expect("a link");
    folder
}

/// An installed compiler.
struct Compiler {
    root: Utf8PathBuf,
    host: Option<Utf8PathBuf>,
}

impl Compiler {
    fn find(release: &str, libraries: &[&str]) -> Option<Self> {
        let root = toolkit(release.parse().expect("a release"), &[Host::X86_64], libraries)?;
        // CUDA 11.8 takes no newer one.
        let host = match release {
            "11.8" => Some(companion("gcc-11")?.join("bin/g++")),
            _ => None,
        };
        Some(Self { root, host })
    }

    fn call(&self, words: &[&str]) {
        let mut command = Command::new(self.root.join("bin/nvcc"));
        if let Some(host) = &self.host {
            command.args(["-ccbin", host.as_str()]);
        }
        let output = command.arg("-std=c++17").args(words).output().expect("nvcc starts");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn run(&self, program: &Utf8Path, driver: &Utf8Path, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", format!("{driver}:{}", self.root.join("lib64")));
        // Whatever goes wrong ends.
        command.env("CUFERRY_SOFT_FUEL", "2000000000").envs(settings.iter().copied());
        command.output().expect("it starts")
    }
}

#[track_caller]
fn check(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let failed: Vec<&str> = text.lines().filter(|line| line.starts_with("FAILED")).collect();
    assert!(failed.is_empty(), "{}\n{errors}", failed.join("\n"));
    let passed = text.lines().filter(|line| line.starts_with("ok")).count();
    assert!(passed >= 110, "{text}\n{errors}");
    assert!(text.contains(" cases, "), "it did not end by itself ({}): {text}\n{errors}", output.status);
}

/// The files of `tests/cuda`, by their names without an ending.
fn cases() -> Vec<Utf8PathBuf> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cuda");
    let files =
        folder.read_dir_utf8().expect("the cases are there").map(|entry| entry.expect("it can be read"));
    let mut files: Vec<Utf8PathBuf> =
        files.map(|entry| entry.path().to_owned()).filter(|path| path.extension() == Some("cu")).collect();
    files.sort();
    files
}

fn features(release: &str, options: &[&str]) {
    let Some(compiler) = Compiler::find(release, &["nvrtc"]) else { return };
    let (_guard, folder) = scratch();
    let sources = cases();
    let object = |source: &Utf8Path| folder.join(format!("{}.o", source.file_stem().expect("a file")));
    // Two at a time: as many as a small machine has processors.
    for pair in sources.chunks(2) {
        thread::scope(|scope| {
            for source in pair {
                let (compiler, object) = (&compiler, object(source));
                scope.spawn(move || {
                    let mut words = options.to_vec();
                    if source.file_stem() == Some("per_thread") {
                        words.extend(["--default-stream", "per-thread"]);
                    }
                    words.extend(["-c", "-o", object.as_str(), source.as_str()]);
                    compiler.call(&words);
                });
            }
        });
    }
    let objects: Vec<String> = sources.iter().map(|source| object(source).into_string()).collect();
    let driver = driver_folder(&folder);
    for runtime in ["static", "shared"] {
        let program = folder.join(runtime);
        let mut words = vec!["-cudart", runtime, "-o", program.as_str(), "-ldl", "-lnvrtc"];
        words.extend(objects.iter().map(String::as_str));
        compiler.call(&words);
        check(&compiler.run(&program, &driver, &[]));
    }
}

#[test]
fn features_with_cuda_13() {
    let ptx = ["-gencode", "arch=compute_75,code=compute_75", "-gencode", "arch=compute_90,code=compute_90"];
    features("13.0", &ptx);
}

#[test]
fn features_with_cuda_11() {
    features("11.8", &["-gencode", "arch=compute_75,code=compute_75"]);
}

/// What measures on GPUs (`tests/gpu/overhead.sh`) is known to work by running it here, with small arguments.
#[test]
fn benchmarks_for_gpus_run_here() {
    let Some(compiler) = Compiler::find("13.0", &[]) else { return };
    let (_guard, folder) = scratch();
    let driver = driver_folder(&folder);
    let run = |name: &str, words: &[&str]| {
        let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/gpu/{name}.cu"));
        let program = folder.join(name);
        let code = "arch=compute_75,code=compute_75";
        compiler.call(&["-O2", "-gencode", code, "-o", program.as_str(), source.as_str()]);
        let mut command = Command::new(&program);
        let output = command.env("LD_LIBRARY_PATH", &driver).args(words).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    assert_eq!(run("start", &[]), "");
    let text = run("overhead", &["0.01"]);
    let is_line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        words.len() == 3 && words[1].parse::<f64>().is_ok_and(|value| value > 0.0)
    };
    assert!(text.lines().count() == 19 && text.lines().all(is_line), "{text}");
    let text = run("busy", &["3", "512"]);
    assert!(text.contains("busy_kernels ") && text.ends_with("\nPASS\n"), "{text}");
}

const SMALL: &str = "#include <cstdio>
__global__ void set(int *p) { *p = 7; }
int main() {
    int *p = nullptr, v = 0;
    cudaError_t e = cudaMalloc(&p, sizeof v);
    if (e == cudaSuccess) set<<<1, 1>>>(p), e = cudaGetLastError();
    if (e == cudaSuccess) e = cudaMemcpy(&v, p, sizeof v, cudaMemcpyDeviceToHost);
    printf(\"%d %d\\n\", e, v);
}
";

#[test]
fn programs_that_cannot_run_are_told_why() {
    let Some(compiler) = Compiler::find("13.0", &[]) else { return };
    let (_guard, folder) = scratch();
    let driver = driver_folder(&folder);
    let source = folder.join("small.cu");
    fs::write(&source, SMALL).expect("a file");
    let build = |name: &str, code: &str| {
        let program = folder.join(name);
        compiler.call(&["-gencode", code, "-o", program.as_str(), source.as_str()]);
        program
    };
    let run = |program: &Utf8Path, settings: &[(&str, &str)]| {
        let output = compiler.run(program, &driver, settings);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (text(&output.stdout), text(&output.stderr))
    };

    // Machine code alone.
    let program = build("machine", "arch=compute_80,code=sm_80");
    let (answer, words) = run(&program, &[]);
    assert_eq!(answer, "209 0");
    assert!(words.contains("(sm_80) and no PTX") && words.contains("code=compute_90"), "{words}");

    // PTX for a newer GPU than the setting says; without the setting, the device is that GPU.
    let program = build("newer", "arch=compute_120,code=compute_120");
    let (answer, words) = run(&program, &[("CUFERRY_SOFT_COMPUTE_CAPABILITY", "9.0")]);
    assert_eq!(answer, "209 0");
    assert!(words.contains("its PTX is for compute_120, and the device is sm_90"), "{words}");
    assert_eq!(run(&program, &[]), ("0 7".to_owned(), String::new()));

    // A setting that there is not.
    let (answer, words) = run(&program, &[("CUFERRY_SOFT_THREADS", "2")]);
    assert_eq!(answer, "999 0");
    assert!(words.contains("CUFERRY_SOFT_THREADS"), "{words}");

    // What is never freed, and each call.
    let log = folder.join("log");
    let (_, words) = run(&program, &[("CUFERRY_SOFT_LEAKS", "on"), ("CUFERRY_SOFT_LOG", log.as_str())]);
    assert!(words.contains("never freed: device memory, 4 bytes"), "{words}");
    let log = fs::read_to_string(log).expect("it was written");
    assert!(log.contains(" cuLaunchKernel(f=") && log.contains(" = CUDA_SUCCESS"), "{log}");
}

#[test]
fn the_library_exports_the_driver_api_and_nothing_else() {
    let bytes = fs::read(library()).expect("cargo built it");
    let file = object::File::parse(&*bytes).expect("it is an ELF file");
    let mut exported: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_global() && symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    exported.sort_unstable();
    let functions = cuferry_driver::FUNCTIONS.iter();
    let mut wanted: Vec<&str> =
        functions.flat_map(|function| [Some(function.symbol), function.per_thread]).flatten().collect();
    wanted.sort_unstable();
    assert_eq!(exported, wanted);
}
