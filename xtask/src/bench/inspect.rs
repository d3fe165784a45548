//! `inspect` against cuobjdump, on the largest library with device code that NVIDIA publishes, and on an image.
//!
//! CPU seconds (user and system) and peak memory are the kernel's own count of each process.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use wait4::Wait4 as _;

use super::remove;
use crate::process::{cargo, output, release_binary};

/// How often each is run; the median counts.
const RUNS: usize = 3;

/// How large the image is.
const IMAGE: u64 = 2_000_000_000;

/// What a run took.
#[derive(Clone, Copy)]
struct Cost {
    /// User and system time.
    cpu_seconds: f64,
    /// The largest resident set, mapped files included.
    peak_bytes: u64,
}

/// `cargo xtask bench inspect [--image-only]`.
pub(super) fn bench(args: &[String]) -> Result<()> {
    let image_only = match args {
        [] => false,
        [word] if word == "--image-only" => true,
        _ => bail!("`bench inspect` takes `--image-only` or nothing"),
    };
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let words = ["toolchain", "install", "13.5", "--host", "x86_64,aarch64", "--with", "cublas"];
    let toolkit = PathBuf::from(output(Command::new(release_binary()).args(words))?.trim());
    // Not in /tmp, which may be memory: 4 GB are written.
    let folder = crate::process::root().join(format!("target/bench-inspect-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut result = Ok(());
    if !image_only {
        result = library(&toolkit, &folder);
    }
    let result = result.and_then(|()| image(&toolkit, &folder));
    remove(&folder)?;
    result
}

/// cuferry and cuobjdump in turn.
fn library(toolkit: &Path, folder: &Path) -> Result<()> {
    let library = toolkit.join("targets/sbsa-linux/lib/libcublasLt.so.13");
    let cuobjdump = toolkit.join("bin/cuobjdump");
    let size = std::fs::metadata(&library)?.len();
    println!("libcublasLt.so.13 for aarch64, {} MB; medians of {RUNS} alternating runs", size / 1_000_000);
    println!(
        "| job | cuferry: CPU, peak | cuobjdump: CPU, peak | CPU ratio | wanted |\n|---|---|---|---|---|"
    );
    // cuobjdump cannot list both kinds of code without reading the file once; ours does as well.
    let jobs: [(&str, &[&str], &[&str], &str); 3] = [
        ("list", &["--list"], &["-lelf", "-lptx"], "50, and 100 MB at most"),
        ("resources", &["--resources"], &["-res-usage"], "2.5"),
        ("extract all", &["--extract", "."], &["-xelf", "all", "-xptx", "all"], "5"),
    ];
    for (name, ours, theirs, wanted) in jobs {
        let (mut our, mut their) = (Vec::new(), Vec::new());
        // The first run of each fills the page cache and the folder, and does not count.
        for run in 0..=RUNS {
            let mut cuferry = Command::new(release_binary());
            cuferry.arg("inspect").arg(&library).args(ours);
            let cost = in_own_folder(&mut cuferry, folder, &format!("cuferry {name}"))?;
            our.extend((run > 0).then_some(cost));
            let mut peer = Command::new(&cuobjdump);
            peer.args(theirs).arg(&library);
            let cost = in_own_folder(&mut peer, folder, &format!("cuobjdump {name}"))?;
            their.extend((run > 0).then_some(cost));
        }
        let (our, their) = (median(&mut our), median(&mut their));
        let ratio = their.cpu_seconds / our.cpu_seconds;
        println!("| {name} | {} | {} | {ratio:.1} | {wanted} |", show(our), show(their));
    }
    Ok(())
}

/// An image of real ELF files and filler, read in place.
fn image(toolkit: &Path, folder: &Path) -> Result<()> {
    let archive = docker_archive(toolkit, &folder.join("image"))?;
    let size = std::fs::metadata(&archive)?.len();
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(release_binary());
        command.arg("inspect").arg(&archive).args(["--gpu", "sm_80,sm_90"]);
        // 1: nothing in it runs there, which is an answer too.
        costs.push(measured(&mut command, &[0, 1])?);
    }
    println!("\nan image of {} MB in docker's archive form; median of {RUNS} runs", size / 1_000_000);
    println!("| job | cuferry: CPU, peak | wanted |\n|---|---|---|");
    println!("| inspect for sm_80 and sm_90 | {} | under 2 s |", show(median(&mut costs)));
    Ok(())
}

/// Four layers: the machine's own libraries, CUDA's for aarch64, a data file, a removed file.
fn docker_archive(toolkit: &Path, folder: &Path) -> Result<PathBuf> {
    let layers = ["base", "cuda", "data", "cleanup"];
    let tree = |layer: &str| folder.join(layer);
    for layer in layers {
        std::fs::create_dir_all(tree(layer).join("usr/lib"))?;
    }
    copy_libraries(Path::new("/usr/lib/x86_64-linux-gnu"), &tree("base").join("usr/lib"), 400_000_000)?;
    let cuda = toolkit.join("targets/sbsa-linux/lib");
    copy_libraries(&cuda, &tree("cuda").join("usr/lib"), 1_200_000_000)?;
    std::fs::write(tree("cleanup").join("usr/lib/.wh.libnvblas.so.13"), "")?;
    let so_far: u64 = layers.iter().map(|layer| size_of(&tree(layer))).sum::<Result<u64>>()?;
    fill(&tree("data").join("weights.bin"), IMAGE.saturating_sub(so_far))?;
    let parts = folder.join("parts");
    std::fs::create_dir(&parts)?;
    let (mut names, mut digests) = (Vec::new(), Vec::new());
    for layer in layers {
        let name = format!("{layer}.tar");
        tar(&parts.join(&name), &tree(layer), &["."])?;
        let sum = output(Command::new("sha256sum").arg(parts.join(&name)))?;
        let digest = sum.split_whitespace().next().context("sha256sum prints a digest")?;
        digests.push(format!("\"sha256:{digest}\""));
        names.push(name);
    }
    let config = format!(
        r#"{{"architecture":"arm64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        digests.join(",")
    );
    std::fs::write(parts.join("config.json"), config)?;
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let manifest =
        format!(r#"[{{"Config":"config.json","RepoTags":["bench:1"],"Layers":[{}]}}]"#, quoted.join(","));
    std::fs::write(parts.join("manifest.json"), manifest)?;
    let archive = folder.join("image.tar");
    let files: Vec<&str> = names.iter().map(String::as_str).chain(["config.json", "manifest.json"]).collect();
    tar(&archive, &parts, &files)?;
    Ok(archive)
}

/// The largest files first, each library once, until there are `most` bytes.
fn copy_libraries(from: &Path, to: &Path, most: u64) -> Result<()> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(from)?.flatten() {
        // `libcublas.so` is a link to `libcublas.so.13`: one file.
        let Ok(path) = entry.path().canonicalize() else { continue };
        let is_library = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so."));
        if is_library && path.is_file() {
            files.insert((std::fs::metadata(&path)?.len(), path));
        }
    }
    let mut total = 0;
    for (size, path) in files.into_iter().rev() {
        if total + size <= most {
            total += size;
            std::fs::copy(&path, to.join(path.file_name().context("it is a file")?))?;
        }
    }
    ensure!(total > 0, "no libraries in {}", from.display());
    Ok(())
}

/// Bytes that do not compress, and hold no device code: a counter, mixed.
fn fill(file: &Path, size: u64) -> Result<()> {
    let mut block = vec![0; 1 << 20];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = File::create(file)?;
    let mut left = size;
    while left > 0 {
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let part = usize::try_from(left).unwrap_or(block.len()).min(block.len());
        std::io::Write::write_all(&mut out, &block[..part])?;
        left -= part as u64;
    }
    Ok(())
}

fn tar(archive: &Path, folder: &Path, names: &[&str]) -> Result<()> {
    output(Command::new("tar").arg("-C").arg(folder).arg("-cf").arg(archive).args(names)).map(drop)
}

fn size_of(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        size += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(size)
}

/// What a command takes that may write into the folder where it is started: one of its own.
///
/// Later runs write over the files of earlier ones. Making and removing them each time would measure ext4, which goes to
/// great lengths not to use an inode again soon.
fn in_own_folder(command: &mut Command, parent: &Path, name: &str) -> Result<Cost> {
    let folder = parent.join(name);
    std::fs::create_dir_all(&folder)?;
    measured(command.current_dir(&folder), &[0])
}

fn measured(command: &mut Command, codes: &[i32]) -> Result<Cost> {
    let what = format!("{command:?}");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| what.clone())?;
    let used = child.wait4()?;
    ensure!(used.status.code().is_some_and(|code| codes.contains(&code)), "{what}: {}", used.status);
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok(Cost { cpu_seconds: cpu.as_secs_f64(), peak_bytes: used.rusage.maxrss })
}

fn median(costs: &mut [Cost]) -> Cost {
    costs.sort_by(|one, other| one.cpu_seconds.total_cmp(&other.cpu_seconds));
    costs[costs.len() / 2]
}

fn show(cost: Cost) -> String {
    format!("{:.3} s, {} MB", cost.cpu_seconds, cost.peak_bytes / 1_000_000)
}
