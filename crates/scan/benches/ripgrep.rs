//! The search against ripgrep's for the same words: time for 100,000 lines, one thread each, both reading the files.
//!
//! `cargo bench -p cuferry-scan --bench ripgrep -- DIR` measures DIR, and `rg` has to be installed. Without DIR it measures cuferry's own
//! sources, which is too little to say much. `--words` prints the words.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fs;
use std::io::{Error, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_scan::{Language, Options, Summary, scan_file};

/// Runs of which the fastest counts.
const RUNS: u32 = 5;

fn main() -> Result<(), Error> {
    let options = Options::default();
    if std::env::args().any(|argument| argument == "--words") {
        options.rules.words().iter().for_each(|word| println!("{word}"));
        return Ok(());
    }
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder =
        Utf8PathBuf::from(named.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/..").to_owned()));
    let mut files = Vec::new();
    collect(folder.as_std_path(), &mut files)?;
    files.sort();
    let mut words = tempfile::NamedTempFile::new()?;
    for word in options.rules.words() {
        writeln!(words, "{word}")?;
    }

    let (scan, summary) = fastest(|| search(&files, &options))?;
    let (grep, ()) = fastest(|| ripgrep(&files, words.path()))?;
    let (read, _) = fastest(|| read_all(&files))?;
    println!("{} files, {} lines, {} findings", summary.files, summary.lines, summary.findings);
    for (name, time) in [("cuferry", scan), ("ripgrep", grep), ("reading alone", read)] {
        #[expect(clippy::cast_precision_loss, reason = "lines of a project are far below 2^52")]
        let per = time.as_secs_f64() * 1e3 * 1e5 / summary.lines.max(1) as f64;
        println!("{name}: {:.0} ms in all, {per:.1} ms for 100,000 lines", time.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn fastest<T>(mut run: impl FnMut() -> Result<T, Error>) -> Result<(Duration, T), Error> {
    let mut best = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        let result = run()?;
        let time = start.elapsed();
        if best.as_ref().is_none_or(|(fastest, _)| time < *fastest) {
            best = Some((time, result));
        }
    }
    Ok(best.expect("there is at least one run"))
}

/// The files that rules read, by name.
fn collect(folder: &Path, files: &mut Vec<Utf8PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(path.as_std_path(), files)?;
        } else if kind.is_file() && Language::of(&path, b"").is_some() {
            files.push(path);
        }
    }
    Ok(())
}

fn search(files: &[Utf8PathBuf], options: &Options) -> Result<Summary, Error> {
    let mut summary = Summary::default();
    for file in files {
        summary.add(&scan_file(Utf8Path::new(file), &fs::read(file)?, options), &options.rules);
    }
    Ok(summary)
}

fn read_all(files: &[Utf8PathBuf]) -> Result<usize, Error> {
    files.iter().map(|file| fs::read(file).map(|bytes| bytes.len())).sum()
}

/// In batches, since a command line has its limit.
fn ripgrep(files: &[Utf8PathBuf], words: &Path) -> Result<(), Error> {
    for batch in files.chunks(5000) {
        Command::new("rg")
            .args(["--threads=1", "--count-matches", "--no-ignore", "--fixed-strings", "--file"])
            .arg(words)
            .args(batch)
            .stdout(Stdio::null())
            .status()?;
    }
    Ok(())
}
