//! Compilers of this machine, and runs of what they make.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_testkit::{companion, lacking, scratch};

/// A compiler with its options, what its files are called, and what runs its programs.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    pub(crate) name: &'static str,
    pub(crate) program: String,
    pub(crate) options: Vec<String>,
    pub(crate) extension: &'static str,
    pub(crate) emulator: Option<&'static str>,
}

impl Compiler {
    /// A compiler of the machine, for itself, with the headers of this crate and SIMDe; none where one of them is lacking.
    pub(crate) fn x86_64(
        name: &'static str,
        program: &str,
        extension: &'static str,
        options: &[&str],
        headers: &Utf8Path,
    ) -> Option<Self> {
        if !answers(program) {
            lacking(&format!("there is no {program}"));
            return None;
        }
        let simde = companion("simde")?.join("include");
        let mut all: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        all.extend([format!("-I{headers}"), format!("-I{simde}")]);
        Some(Self { name, program: program.to_owned(), options: all, extension, emulator: None })
    }

    /// gcc for aarch64, whose programs qemu runs; none where one of them is lacking.
    pub(crate) fn aarch64(name: &'static str, program: &str, options: &[&str]) -> Option<Self> {
        for needed in [program, QEMU] {
            if !answers(needed) {
                lacking(&format!("there is no {needed}"));
                return None;
            }
        }
        let options = options.iter().chain(&["-static"]).map(|option| (*option).to_owned()).collect();
        Some(Self { name, program: program.to_owned(), options, extension: "c", emulator: Some(QEMU) })
    }

    /// What a program prints, compiled in a folder under a name of its own.
    #[track_caller]
    pub(crate) fn run(&self, folder: &Utf8Path, stem: &str, source: &str) -> String {
        let file = folder.join(format!("{stem}.{}", self.extension));
        let made = folder.join(format!("{stem}.{}.out", self.name));
        fs::write(&file, source).expect("the folder is writable");
        let mut command = Command::new(&self.program);
        command.args(&self.options).arg(&file).arg("-o").arg(&made).arg("-lm");
        let output = command.output().expect("it answered before");
        assert!(output.status.success(), "{}: {command:?}\n{}", self.name, words(&output));
        let mut command = match self.emulator {
            Some(emulator) => {
                let mut command = Command::new(emulator);
                command.arg(&made);
                command
            }
            None => Command::new(&made),
        };
        let output = command.output().expect("it was made just now");
        assert!(output.status.success(), "{}: {command:?}\n{}", self.name, words(&output));
        fs::remove_file(made).expect("it was made just now");
        String::from_utf8(output.stdout).expect("it prints ASCII")
    }

    /// What each of many programs prints, put together. They are compiled side by side.
    pub(crate) fn run_all(&self, folder: &Utf8Path, sources: &[String]) -> BTreeMap<String, String> {
        let waiting = Mutex::new(sources.iter().enumerate());
        let results = Mutex::new(BTreeMap::new());
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let Some((index, source)) = waiting.lock().expect("no worker died").next() else {
                            break;
                        };
                        let printed = self.run(folder, &format!("{}-{index}", self.name), source);
                        let lines = printed.lines().filter_map(|line| line.split_once(' '));
                        let lines = lines.map(|(name, sums)| (name.to_owned(), sums.to_owned()));
                        results.lock().expect("no worker died").extend(lines);
                    }
                });
            }
        });
        results.into_inner().expect("no worker died")
    }
}

const QEMU: &str = "qemu-aarch64-static";

pub(crate) fn answers(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn words(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr);
    words.lines().take(12).collect::<Vec<_>>().join("\n")
}

/// A folder for a test, with the headers of this crate in `arm/`.
pub(crate) fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let (guard, root) = scratch();
    for header in cuferry_compat::arm_headers() {
        let path = root.join("arm").join(header.path);
        let folder = path.parent().expect("it lies in `arm`");
        fs::create_dir_all(folder).expect("the folder is writable");
        fs::write(path, header.text).expect("the folder is writable");
    }
    (guard, root)
}
