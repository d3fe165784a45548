//! How fast PTX is parsed, on one core, beside what it costs to look at every line of the same text.
//!
//! `cargo bench -p cuferry-ptx -- FILE|DIR...` measures the `.ptx` files named, each by its fastest run of five, in time of
//! the CPU: the kernel's part, which hands out memory, is in it; what other processes take away is not.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::hint::black_box;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const RUNS: u32 = 5;

fn main() -> Result<(), Error> {
    let mut files = Vec::new();
    for named in std::env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
        collect(Path::new(&named), &mut files)?;
    }
    if files.is_empty() {
        println!("name files or folders with PTX: cargo bench -p cuferry-ptx -- FILE|DIR...");
        return Ok(());
    }
    files.sort();
    let (mut bytes, mut instructions, mut errors) = (0, 0, 0);
    let mut times = [Duration::ZERO; 3];
    for file in &files {
        let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
        let parsed = cuferry_ptx::parse(&text);
        let bodies = parsed.module.functions().filter_map(|function| function.body.as_ref());
        instructions += bodies.map(|body| body.instructions().count()).sum::<usize>();
        errors += parsed.errors.len();
        bytes += text.len();
        times[0] += fastest(|| drop(black_box(cuferry_ptx::parse(black_box(&text)))));
        times[1] += fastest(|| drop(black_box(parsed.module.to_string())));
        times[2] += fastest(|| {
            black_box(black_box(&text).lines().filter(|line| line.ends_with(';')).count());
        });
    }
    println!("{} files, {bytes} bytes, {instructions} instructions, {errors} errors", files.len());
    for (name, time) in ["parse and drop", "print", "lines that end in `;`"].iter().zip(times) {
        #[expect(clippy::cast_precision_loss, reason = "files are far smaller than 2^52 bytes")]
        let speed = bytes as f64 / 1e6 / time.as_secs_f64();
        println!("{name}: {:.0} ms, {speed:.0} MB/s", time.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// The time of the fastest run.
fn fastest(mut run: impl FnMut()) -> Duration {
    let times = (0..RUNS).map(|_| {
        let start = cpu_time();
        run();
        cpu_time().saturating_sub(start)
    });
    times.min().unwrap_or_default()
}

/// What this thread has used.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "ptx") {
            collect(&path, files)?;
        }
    }
    Ok(())
}
