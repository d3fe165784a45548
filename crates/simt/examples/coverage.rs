//! Says of PTX files which kernels the machine runs, and what keeps the others from running.
//!
//! `cargo run --release -p cuferry-simt --example coverage FILE.ptx…`: a line a file, and one a reason.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use cuferry_simt::{Device, Memory, MemorySettings, Program, Settings, Source};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: coverage FILE.ptx...");
        return ExitCode::from(2);
    }
    let (mut kernels, mut refused, mut whole) = (0, 0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for file in &files {
        let counted = match look_at(file) {
            Ok(counted) => counted,
            Err(error) => {
                println!("{file}: {error}");
                *reasons.entry("not loaded".to_owned()).or_default() += 1;
                continue;
            }
        };
        println!("{file}: {} kernels, {} refused", counted.kernels, counted.refused);
        for reason in counted.reasons {
            println!("  {reason}");
            *reasons.entry(reason).or_default() += 1;
        }
        kernels += counted.kernels;
        refused += counted.refused;
        whole += usize::from(counted.refused == 0);
    }
    println!("{} files, {whole} of them whole; {kernels} kernels, {refused} refused", files.len());
    for (reason, files) in reasons {
        println!("  {reason}: {files} files");
    }
    ExitCode::SUCCESS
}

/// What was found in a file.
struct Counted {
    kernels: usize,
    refused: usize,
    /// In order, each once.
    reasons: Vec<String>,
}

fn look_at(file: &str) -> Result<Counted, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let memory = Memory::new(&MemorySettings { reserve: 1 << 36, limit: 1 << 34 })?;
    let device = Device::new(Settings::default(), Arc::new(memory), Box::new(Vec::new()));
    let program = Program::load(&device, vec![Source { name: file.to_owned(), text }])?;
    let mut counted = Counted { kernels: 0, refused: 0, reasons: Vec::new() };
    for name in program.kernels().map(|kernel| kernel.name.clone()).collect::<Vec<_>>() {
        let Some(kernel) = program.kernel(&name) else { continue };
        let refusals = program.unsupported(kernel, &device);
        counted.kernels += 1;
        counted.refused += usize::from(!refusals.is_empty());
        for refusal in refusals {
            let reason = format!("{}: {}", refusal.what, refusal.why);
            if !counted.reasons.contains(&reason) {
                counted.reasons.push(reason);
            }
        }
    }
    Ok(counted)
}
