//! The software device against the same kernels as scalar C++ and by PoCL, an OpenCL for CPUs.
//!
//! `benches/soft` has three programs that print a line a kernel: its name, the least seconds that a run took, and a sum of
//! what came out, which has to be the same in all three.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::remove;
use crate::process::{cargo, output, release_binary, root};

/// How often each program is run, in turn; of each kernel the least time counts, which neighbours disturb least.
const ROUNDS: usize = 3;

/// How far two sums may lie apart: rounding differs with the order of additions and with fused operations.
const TOLERANCE: f64 = 1e-3;

/// What a program said of a kernel.
#[derive(Clone, Copy)]
struct Said {
    seconds: f64,
    sum: f64,
}

/// By kernel.
type Answer = BTreeMap<String, Said>;

/// `cargo xtask bench soft`.
pub(super) fn bench(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "`bench soft` takes nothing");
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let toolkit = output(Command::new(release_binary()).args(["toolchain", "install", "13.0"]))?;
    let library = output(Command::new(release_binary()).args(["run", "--library-folder"]))?;
    let folder = std::env::temp_dir().join(format!("cuferry-bench-soft-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(Path::new(toolkit.trim()), Path::new(library.trim()), &folder);
    remove(&folder)?;
    result
}

fn measure(toolkit: &Path, library: &Path, folder: &Path) -> Result<()> {
    let sources = root().join("benches/soft");
    let compile = |compiler: PathBuf, words: &[&str]| -> Result<()> {
        output(Command::new(compiler).args(words).current_dir(&sources)).map(drop)
    };
    let place = |name: &str| folder.join(name).display().to_string();
    let (cuda, scalar, opencl) = (place("cuda"), place("scalar"), place("opencl"));
    let ptx = "arch=compute_75,code=compute_75";
    compile(toolkit.join("bin/nvcc"), &["-O3", "-gencode", ptx, "-o", &cuda, "cuda.cu"])?;
    compile("g++".into(), &["-O3", "-fno-tree-vectorize", "-o", &scalar, "scalar.cpp"])?;
    compile("g++".into(), &["-O2", "-o", &opencl, "opencl.cpp", "-lOpenCL"]).context(
        "the peer is PoCL: install the packages `pocl-opencl-icd`, `ocl-icd-opencl-dev` and `opencl-headers`",
    )?;
    let soft = |settings: &[(&str, &str)], words: &[&str]| {
        let mut command = Command::new(&cuda);
        command.args(words).env("LD_LIBRARY_PATH", library).envs(settings.iter().copied());
        command
    };
    let one = ("CUFERRY_SOFT_WORKERS", "1");
    let mut runs = [
        soft(&[one], &[]),
        soft(&[one, ("CUFERRY_SOFT_CHECKS", "off")], &[]),
        Command::new(&scalar),
        Command::new(&opencl),
        soft(&[one], &["wall"]),
        soft(&[("CUFERRY_SOFT_WORKERS", "2")], &["wall"]),
    ];
    runs[3].arg(&sources).env("POCL_MAX_PTHREAD_COUNT", "1");
    let mut best: Vec<Answer> = vec![Answer::new(); runs.len()];
    for _ in 0..ROUNDS {
        for (run, best) in runs.iter_mut().zip(&mut best) {
            for (kernel, said) in parse(&output(run)?)? {
                let least = best.entry(kernel).or_insert(said);
                least.seconds = least.seconds.min(said.seconds);
            }
        }
    }
    report(&best)
}

fn parse(text: &str) -> Result<Answer> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [kernel, seconds, sum] = words[..] else { bail!("`{line}` is no line of a benchmark") };
        Ok((kernel.to_owned(), Said { seconds: seconds.parse()?, sum: sum.parse()? }))
    };
    text.lines().map(line).collect()
}

fn report(best: &[Answer]) -> Result<()> {
    let [soft, unchecked, scalar, pocl, one, two] = best else { bail!("six runs were made") };
    println!("one core, CPU seconds, the least of {ROUNDS} rounds; the last two: wall clock");
    println!("| kernel | software device | scalar C++ | ratio | PoCL | ratio | checks cost | two workers |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut logs = [0.0; 4];
    for (kernel, ours) in soft {
        let of = |answer: &Answer| answer.get(kernel).copied().context("each program runs each kernel");
        let (plain, peer) = (of(scalar)?, of(pocl)?);
        for other in [plain, peer, of(unchecked)?, of(two)?] {
            let apart = (other.sum - ours.sum).abs() / ours.sum.abs();
            ensure!(apart < TOLERANCE, "{kernel}: results differ, {} and {}", ours.sum, other.sum);
        }
        let ratios = [
            ours.seconds / plain.seconds,
            ours.seconds / peer.seconds,
            ours.seconds / of(unchecked)?.seconds,
            of(one)?.seconds / of(two)?.seconds,
        ];
        for (log, ratio) in logs.iter_mut().zip(ratios) {
            *log += ratio.ln();
        }
        println!(
            "| {kernel} | {:.3} ms | {:.3} ms | {:.2} | {:.3} ms | {:.2} | {:+.0} % | {:.2} times |",
            ours.seconds * 1e3,
            plain.seconds * 1e3,
            ratios[0],
            peer.seconds * 1e3,
            ratios[1],
            (ratios[2] - 1.0) * 100.0,
            ratios[3],
        );
    }
    let kernels = f64::from(u32::try_from(soft.len())?);
    let [plain, peer, checks, workers] = logs.map(|log| (log / kernels).exp());
    println!(
        "| geometric mean | | | {plain:.2} | | {peer:.2} | {:+.0} % | {workers:.2} times |",
        (checks - 1.0) * 100.0
    );
    Ok(())
}
