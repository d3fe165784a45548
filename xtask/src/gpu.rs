//! What a machine with a GPU is to check: the examples' images for `tests/gpu/check.sh`, and programs whose fate `inspect`
//! foretells for `tests/gpu/verdicts.sh`. Built here, run there.

use std::process::Command;

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

/// The folder of a toolkit, which is fetched unless it is there.
fn toolkit(release: &str) -> Result<std::path::PathBuf> {
    let install = Command::new(release_binary()).args(["toolchain", "install", release]).output()?;
    ensure!(install.status.success(), "{}", String::from_utf8_lossy(&install.stderr));
    let folder = String::from_utf8(install.stdout)?;
    Ok(folder.lines().last().context("it prints the toolkit's folder")?.into())
}
