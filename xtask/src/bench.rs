//! Measures against named peers in the same run: what is reported are ratios of medians.

mod inspect;
mod scan;
mod soft;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::{answers, cargo, output, release_binary, root};

/// How often each is run; the median counts.
const RUNS: usize = 5;

/// `cargo xtask bench [GPUS]`: edge-camera, cold and unchanged, by cuferry and by CMake with Ninja.
/// `cargo xtask bench inspect`: device code listed, measured and extracted, by cuferry and by cuobjdump.
/// `cargo xtask bench scan`: 100,000 made-up files searched, by cuferry and by ripgrep.
/// `cargo xtask bench soft`: kernels on the software device, as scalar C++ and by PoCL.
pub(crate) fn bench(args: &[String]) -> Result<()> {
    match args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("inspect", rest)) => return inspect::bench(rest),
        Some(("scan", rest)) => return scan::bench(rest),
        Some(("soft", rest)) => return soft::bench(rest),
        _ => {}
    }
    let gpus = args.first().map_or("80,90", String::as_str);
    if !answers("cmake", "--version") || !answers("ninja", "--version") {
        bail!("the peers are CMake and Ninja: install the packages `cmake` and `ninja-build`");
    }
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let folder = std::env::temp_dir().join(format!("cuferry-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(&folder, gpus);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn measure(folder: &Path, gpus: &str) -> Result<()> {
    let project = folder.join("edge-camera");
    copy(&root().join("examples/edge-camera"), &project)?;
    let jobs = std::thread::available_parallelism()?.get().to_string();
    let ours = || {
        let mut command = Command::new(release_binary());
        command.args(["rebuild", "--no-image", "--gpu", gpus, "--jobs", &jobs]).arg(&project);
        command
    };
    // The first run fetches the toolkit; its report names the tools that the peer is to use as well.
    let report = output(ours().args(["--format", "json"]))?;
    let nvcc = field(&report, "root").context("the report names the toolkit")? + "/bin/nvcc";
    let compiler = field(&report, "path").context("the report names the compiler")?;
    let build = folder.join("ninja");
    let configure = || {
        let mut command = Command::new("cmake");
        command.args(["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-S"]).arg(&project).arg("-B").arg(&build);
        command
            .arg(format!("-DCMAKE_CUDA_COMPILER={nvcc}"))
            .arg(format!("-DCMAKE_CUDA_HOST_COMPILER={compiler}"));
        command.arg(format!("-DCMAKE_CXX_COMPILER={compiler}"));
        command.arg(format!("-DCMAKE_CUDA_ARCHITECTURES={}", cmake_archs(gpus)));
        command
    };
    let ninja = || {
        let mut command = Command::new("ninja");
        command.arg("-C").arg(&build).args(["-j", &jobs]);
        command
    };
    let (mut cold, mut peer_cold, mut warm, mut peer_warm) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        remove(&build)?;
        timed(&mut configure())?;
        peer_cold.push(timed(&mut ninja())?);
        remove(&project.join("target"))?;
        cold.push(timed(&mut ours())?);
        peer_warm.push(timed(&mut ninja())?);
        warm.push(timed(&mut ours())?);
    }
    println!("edge-camera for {gpus}, {jobs} jobs, median of {RUNS} alternating runs (wall clock)");
    println!(
        "| build | cuferry | CMake + Ninja (build only, configured before) | ratio |\n|---|---|---|---|"
    );
    row("cold", &mut cold, &mut peer_cold);
    row("nothing changed", &mut warm, &mut peer_warm);
    Ok(())
}

fn row(name: &str, ours: &mut [Duration], peer: &mut [Duration]) {
    let (ours, peer) = (median(ours), median(peer));
    println!("| {name} | {ours:.3} s | {peer:.3} s | {:.2} |", ours / peer);
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

/// `80,90` or `sm_80,sm_90` as CMake spells it: machine code for each, PTX for the last.
fn cmake_archs(gpus: &str) -> String {
    let numbers: Vec<&str> = gpus.split(',').map(|gpu| gpu.trim_start_matches("sm_")).collect();
    let last = numbers.len() - 1;
    let suffixed = numbers
        .iter()
        .enumerate()
        .map(|(place, gpu)| if place == last { (*gpu).to_owned() } else { format!("{gpu}-real") });
    suffixed.collect::<Vec<_>>().join(";")
}

/// The first string under `name` in JSON text: enough for the two that are wanted here.
fn field(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\": \""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn timed(command: &mut Command) -> Result<Duration> {
    timed_ending(command, &[0])
}

/// The same for a command that says something by its exit code: `codes` are those of success.
fn timed_ending(command: &mut Command, codes: &[i32]) -> Result<Duration> {
    let what = format!("{command:?}");
    let start = Instant::now();
    let status =
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().with_context(|| what.clone())?;
    let time = start.elapsed();
    if status.code().is_some_and(|code| codes.contains(&code)) {
        Ok(time)
    } else {
        bail!("{what} failed: {status}")
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { Ok(std::fs::remove_dir_all(folder)?) } else { Ok(()) }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()))?;
            }
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
