//! The library as ARM's own tools and programs see it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cuferry_driver::FUNCTIONS;
use cuferry_guest::{Frame, NUMBER, count, library};
use cuferry_testkit::lacking;

struct Folder(tempfile::TempDir);

impl Folder {
    /// With the library in it.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
        fs::write(folder.path().join("libcuda.so.1"), library()).expect("it can be written");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn library(&self) -> PathBuf {
        self.path().join("libcuda.so.1")
    }
}

/// What a tool prints; none if it is not here.
fn tool(name: &str, arguments: &[&str], file: &Path) -> Option<String> {
    let Ok(output) = Command::new(name).args(arguments).arg(file).output() else {
        lacking(&format!("{name} is not here"));
        return None;
    };
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("tools print text"))
}

#[test]
fn the_same_bytes_each_time() {
    assert_eq!(library(), library());
}

/// `readelf` finds nothing to warn of, and each function of the API, under its own name.
#[test]
fn every_function_is_exported() {
    let folder = Folder::new();
    let Some(text) = tool("aarch64-linux-gnu-readelf", &["--wide", "--dyn-syms"], &folder.library()) else {
        return;
    };
    let exported: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(" FUNC ") && !line.contains(" UND "))
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    let wanted: Vec<&str> = FUNCTIONS
        .iter()
        .flat_map(|function| [Some(function.symbol), function.per_thread])
        .flatten()
        .collect();
    assert_eq!(exported, wanted);
    assert!(wanted.len() < count());
}

/// The assembler's own disassembler reads the common code as it is meant: it, and not this crate, says what the words are.
#[test]
fn the_code_is_what_a_disassembler_says() {
    let folder = Folder::new();
    let arguments = ["--disassemble", "--no-show-raw-insn", "--section=.text"];
    let Some(text) = tool("aarch64-linux-gnu-objdump", &arguments, &folder.library()) else { return };
    let instructions: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim_start().split_once(":\t"))
        .map(|(_, instruction)| {
            let instruction = instruction.split(['/', '<']).next().unwrap_or_default();
            instruction.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    assert_eq!(instructions.iter().filter(|line| **line == "svc #0x0").count(), 2);
    assert!(instructions.contains(&format!("mov x8, #{NUMBER:#x}")));
    assert!(instructions.contains(&format!("sub sp, sp, #{:#x}", size_of::<Frame>())));
    assert!(instructions.iter().all(|line| !line.contains("undefined")));
    // Two instructions an entry, and nothing but these before the common code.
    for (index, pair) in instructions.chunks(2).take(count()).enumerate() {
        assert_eq!(pair[0], format!("mov x16, #{index:#x}"));
        assert!(pair[1].starts_with("b "), "{}", pair[1]);
    }
}

/// Without the plugin, a function says so; and the arguments of the C library's functions are untouched.
#[test]
fn a_program_loads_it_and_is_told_that_nobody_is_there() {
    let folder = Folder::new();
    let source = folder.path().join("program.c");
    fs::write(
        &source,
        r#"
            #include <stdio.h>
            int cuInit(unsigned), cuMemGetInfo_v2(void *, void *), cuCtxSynchronize(void);
            int main(void) {
                double kept = 1.5;
                printf("%d %d %d %.1f\n", cuInit(0), cuMemGetInfo_v2(0, 0), cuCtxSynchronize(), kept);
                return 0;
            }
        "#,
    )
    .unwrap();
    let program = folder.path().join("program");
    let compiled = Command::new("aarch64-linux-gnu-gcc")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .arg(folder.library())
        .status();
    match compiled {
        Ok(status) => assert!(status.success()),
        Err(_) => return lacking("aarch64-linux-gnu-gcc is not here"),
    }
    let output = Command::new("qemu-aarch64-static")
        .args(["-L", "/usr/aarch64-linux-gnu", "-E"])
        .arg(format!("LD_LIBRARY_PATH={}", folder.path().display()))
        .arg(&program)
        .output();
    let Ok(output) = output else { return lacking("qemu-aarch64-static is not here") };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "304 304 304 1.5\n");
}
