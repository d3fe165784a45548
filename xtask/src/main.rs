//! The chores of this workspace. The list below is the help; CI is one line: `cargo xtask ci`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod bench;
mod gpu;
mod process;
mod setup;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::process::cargo;

struct Task {
    name: &'static str,
    run: fn(&[String]) -> Result<()>,
    help: &'static str,
}

const TASKS: &[Task] = &[
    Task {
        name: "rebuild",
        run: rebuild,
        help: "set up what is missing, build cuferry, run `cuferry rebuild` with the rest",
    },
    Task {
        name: "setup",
        run: setup::setup,
        help: "install the system packages that building and testing need",
    },
    Task { name: "ci", run: ci, help: "everything CI runs, in CI's order" },
    Task { name: "test", run: test, help: "unit tests and end-to-end tests" },
    Task { name: "tidy", run: tidy::tidy, help: "layers, file headers" },
    Task {
        name: "bless",
        run: bless,
        help: "rewrite the snapshots that tests compare with (those inside sources need `cargo insta accept` after it)",
    },
    Task {
        name: "driver-api",
        run: driver_api,
        help: "write crates/driver/src/generated anew, from CUDA's headers",
    },
    Task { name: "bench", run: bench::bench, help: "measure builds and images against named peers" },
    Task {
        name: "gpu-bundle",
        run: gpu::bundle,
        help: "build the examples' images, ready for tests/gpu/check.sh on a GPU machine",
    },
    Task {
        name: "gpu-arm",
        run: gpu::arm,
        help: "build programs for ARM, ready for tests/gpu/hybrid.sh on a GPU machine",
    },
    Task {
        name: "golden",
        run: golden,
        help: "golden vectors: list the legal forms, write the bundle for tests/gpu/golden.sh, keep its answers",
    },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next();
    let Some(task) = TASKS.iter().find(|task| Some(task.name) == name.as_deref()) else {
        println!("cargo xtask TASK\n");
        for task in TASKS {
            println!("  {:<11} {}", task.name, task.help);
        }
        return ExitCode::from(if name.is_none() { 0 } else { 2 });
    };
    match (task.run)(&args.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<process::Failed>() {
            // The program said why itself; its exit code is part of its answer.
            Some(failed) if failed.speaks_for_itself => ExitCode::from(failed.code),
            _ => {
                println!("xtask {}: {error:#}", task.name);
                ExitCode::FAILURE
            }
        },
    }
}

/// `cargo xtask rebuild [DIR] [options]`: the main job, from a bare machine.
fn rebuild(args: &[String]) -> Result<()> {
    setup::ensure_compiler()?;
    eprintln!("xtask: building cuferry (the first time takes a few minutes)");
    cargo(&["build", "--release", "--locked", "--package", "cuferry", "--quiet"])?;
    let program = process::release_binary();
    let mut words = vec!["rebuild".to_owned()];
    words.extend(args.iter().cloned());
    process::speak(&program, &words)
}

fn ci(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        bail!("`ci` takes no arguments");
    }
    setup::setup(&[])?;
    step("format", || cargo(&["fmt", "--all", "--check"]))?;
    step("clippy", || {
        cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
    })?;
    step("tidy", || tidy::tidy(&[]))?;
    step("tests", || test(&[]))?;
    step("documentation", || {
        process::cargo_with(
            &["doc", "--locked", "--workspace", "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    })?;
    step("licences", deny)?;
    println!("\nci: all passed");
    Ok(())
}

fn test(args: &[String]) -> Result<()> {
    let mut words = vec!["test", "--locked", "--workspace"];
    words.extend(args.iter().map(String::as_str));
    cargo(&words)
}

fn golden(args: &[String]) -> Result<()> {
    let mut words = vec!["run", "--release", "--locked", "--quiet", "--package", "cuferry-golden", "--"];
    words.extend(args.iter().map(String::as_str));
    cargo(&words)
}

fn bless(_: &[String]) -> Result<()> {
    process::cargo_with(&["test", "--locked", "--workspace"], &[("INSTA_UPDATE", "always")])
}

fn driver_api(_: &[String]) -> Result<()> {
    cargo(&["run", "--locked", "--quiet", "--package", "driver-api"])
}

/// Licences, sources and duplicates; advisories only where their database can be reached.
fn deny() -> Result<()> {
    if !process::answers("cargo-deny", "--version") {
        cargo(&["install", "--locked", "--quiet", "cargo-deny"])?;
    }
    cargo(&["deny", "--locked", "check", "licenses", "bans", "sources"])?;
    if cargo(&["deny", "--locked", "check", "advisories"]).is_err() {
        println!(
            "advisories: not checked, or not clean (the line above says which); not counted as a failure here"
        );
    }
    Ok(())
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = std::time::Instant::now();
    println!("\n== {name}");
    run()?;
    println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
