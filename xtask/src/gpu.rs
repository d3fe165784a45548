//! What a machine with a GPU is to check: the examples' images for `tests/gpu/check.sh`, programs whose fate `inspect`
//! foretells for `tests/gpu/verdicts.sh`, and programs for ARM for `tests/gpu/hybrid.sh`. Built here, run there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process::{call, cargo, release_binary, root};

/// The examples, in the order in which they are checked.
const EXAMPLES: [&str; 4] = ["vector-add", "edge-camera", "separable", "sgemm-cublas"];

/// Programs of `tests/gpu/verdict.cu`: the name, the CUDA release, nvcc's flags. Between them each rule of what runs where.
const VERDICTS: [(&str, &str, &str); 17] = [
    ("sass-80", "13.0", "-gencode arch=compute_80,code=sm_80"),
    ("sass-86", "13.0", "-gencode arch=compute_86,code=sm_86"),
    ("sass-87", "13.0", "-gencode arch=compute_87,code=sm_87"),
    ("sass-89", "13.0", "-gencode arch=compute_89,code=sm_89"),
    ("sass-90", "13.0", "-gencode arch=compute_90,code=sm_90"),
    ("sass-90a", "13.0", "-gencode arch=compute_90a,code=sm_90a"),
    ("sass-100", "13.0", "-gencode arch=compute_100,code=sm_100"),
    ("ptx-75", "13.0", "-gencode arch=compute_75,code=compute_75"),
    ("ptx-87", "13.0", "-gencode arch=compute_87,code=compute_87"),
    ("ptx-90", "13.0", "-gencode arch=compute_90,code=compute_90"),
    ("ptx-90a", "13.0", "-gencode arch=compute_90a,code=compute_90a"),
    ("ptx-100", "13.0", "-gencode arch=compute_100,code=compute_100"),
    ("sass-87-ptx-87", "13.0", "-gencode arch=compute_87,code=[sm_87,compute_87]"),
    (
        "sass-75-80-120",
        "13.0",
        "-gencode arch=compute_75,code=sm_75 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_120,code=sm_120",
    ),
    ("sass-90-cuda13.5", "13.5", "-gencode arch=compute_90,code=sm_90"),
    ("ptx-80-cuda13.5", "13.5", "-gencode arch=compute_80,code=compute_80"),
    ("sass-90-rdc", "13.0", "-rdc=true -gencode arch=compute_90,code=sm_90"),
];

/// Builds each example's image for `--gpu` (the first argument; `sm_80,sm_90` otherwise) into `target/gpu/`.
pub(crate) fn bundle(args: &[String]) -> Result<()> {
    let gpus = args.first().map_or("sm_80,sm_90", String::as_str);
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let folder = root().join("target/gpu");
    std::fs::create_dir_all(&folder)?;
    for example in EXAMPLES {
        let image = folder.join(format!("{example}.tar"));
        let project = format!("examples/{example}");
        call(
            release_binary(),
            &["rebuild", &project, "--gpu", gpus, "--image", &image.display().to_string()],
        )?;
    }
    verdicts()
}

/// Builds the programs of `tests/gpu/verdict.cu`, and puts the command beside them.
fn verdicts() -> Result<()> {
    let folder = root().join("target/gpu/verdicts");
    std::fs::create_dir_all(&folder)?;
    for (name, release, flags) in VERDICTS {
        let nvcc = toolkit(release)?.join("bin/nvcc");
        let program = folder.join(name).display().to_string();
        let mut words = vec!["-o", &program, "tests/gpu/verdict.cu"];
        words.extend(flags.split(' '));
        call(nvcc, &words)?;
    }
    std::fs::copy(release_binary(), root().join("target/gpu/cuferry"))?;
    Ok(())
}

/// Builds what `tests/gpu/hybrid.sh` runs, for a GPU (the first argument; `sm_90` otherwise), into `target/gpu/arm/`.
pub(crate) fn arm(args: &[String]) -> Result<()> {
    let gpu = args.first().map_or("sm_90", String::as_str);
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let folder = root().join("target/gpu/arm");
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin)?;
    std::fs::copy(release_binary(), folder.join("cuferry"))?;
    for example in EXAMPLES {
        let project = format!("examples/{example}");
        call(release_binary(), &["rebuild", &project, "--host", "aarch64", "--gpu", gpu, "--no-image"])?;
        let program = root().join(&project).join("target/cuferry/aarch64").join(example);
        std::fs::copy(program, bin.join(format!("example-{example}")))?;
    }
    for release in ["11.8", "13.0"] {
        cases(release, gpu, &bin)?;
    }
    let compiler = ArmCompiler::find("13.0", gpu)?;
    for program in ["start", "overhead", "busy"] {
        let output = bin.join(program).display().to_string();
        compiler.call(&["-O2", "-o", &output, &format!("tests/gpu/{program}.cu")])?;
    }
    // This machine may have a qemu of its own, which the other one has not.
    let home = folder.join("home");
    let mut install = Command::new(release_binary());
    install.args(["toolchain", "install", "qemu"]).env("CUFERRY_HOME", &home).stdout(Stdio::null());
    ensure!(install.status()?.success(), "qemu cannot be fetched");
    // What a run fetches, for a machine without a network: a run that needs no GPU fetches it, whatever comes of it.
    for entry in std::fs::read_dir(&bin)? {
        let program = entry?.path();
        let mut run = Command::new(release_binary());
        run.args(["run", "--quiet", "--device", "soft"]).arg(&program).arg("0");
        run.env("CUFERRY_HOME", &home).stdout(Stdio::null()).stderr(Stdio::null());
        run.status()?;
    }
    Ok(())
}

/// The cases of `tests/cuda`, with the runtime inside and as a library.
fn cases(release: &str, gpu: &str, bin: &Path) -> Result<()> {
    let compiler = ArmCompiler::find(release, gpu)?;
    let objects = bin.with_file_name(format!("objects-{release}"));
    std::fs::create_dir_all(&objects)?;
    let mut made = Vec::new();
    let mut sources: Vec<_> = std::fs::read_dir(root().join("tests/cuda"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    sources.sort();
    for source in sources.iter().filter(|path| path.extension().is_some_and(|extension| extension == "cu")) {
        let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // NVRTC's library has 100 MB; and CUDA 11.8's front end does not read the `<map>` of Debian's cross compiler.
        if stem == "nvrtc" || (release == "11.8" && stem == "callbacks") {
            continue;
        }
        let (source, object) = (source.display().to_string(), objects.join(format!("{stem}.o")));
        let object = object.display().to_string();
        let mut words = vec!["-c", "-o", &object, &source];
        if stem == "per_thread" {
            words.extend(["--default-stream", "per-thread"]);
        }
        compiler.call(&words)?;
        made.push(object);
    }
    for runtime in ["static", "shared"] {
        let output = bin.join(format!("cases-{release}-{runtime}")).display().to_string();
        let mut words = vec!["-cudart", runtime, "-o", &output, "-ldl"];
        words.extend(made.iter().map(String::as_str));
        compiler.call(&words)?;
    }
    Ok(())
}

/// nvcc, for ARM.
struct ArmCompiler {
    nvcc: PathBuf,
    options: Vec<String>,
}

impl ArmCompiler {
    fn find(release: &str, gpu: &str) -> Result<Self> {
        let mut install = Command::new(release_binary());
        install.args(["toolchain", "install", release, "--host", "x86_64,aarch64"]);
        let output = install.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let folder = String::from_utf8(output.stdout)?;
        let folder = Path::new(folder.lines().last().context("it prints the toolkit's folder")?);
        let number = gpu.strip_prefix("sm_").context("a GPU is `sm_90`")?;
        let mut options = vec![
            "-std=c++17".to_owned(),
            "-ccbin=aarch64-linux-gnu-g++".to_owned(),
            "--target-directory=sbsa-linux".to_owned(),
            format!("-gencode=arch=compute_{number},code=[sm_{number},compute_{number}]"),
        ];
        // Debian's cross compiler is newer than CUDA 11.8 would have it, and good enough for these sources.
        if release == "11.8" {
            options.push("-allow-unsupported-compiler".to_owned());
        }
        Ok(Self { nvcc: folder.join("bin/nvcc"), options })
    }

    fn call(&self, words: &[&str]) -> Result<()> {
        let all: Vec<&str> = self.options.iter().map(String::as_str).chain(words.iter().copied()).collect();
        call(&self.nvcc, &all)
    }
}

/// The folder of a toolkit, which is fetched unless it is there.
fn toolkit(release: &str) -> Result<PathBuf> {
    let install = Command::new(release_binary()).args(["toolchain", "install", release]).output()?;
    ensure!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
    let folder = String::from_utf8(install.stdout)?;
    Ok(folder.lines().last().context("it prints the toolkit's folder")?.into())
}
