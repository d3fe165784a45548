//! A project in a folder of its own, and runs of cuferry on it in an environment that holds nothing else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cuferry_testkit::variable;
use serde_json::Value;
use tempfile::TempDir;

/// Where the fixtures and the examples are.
pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// ```text
/// /tmp/cuferryXXXXXX/      always as long as this: messages are wrapped at the same words everywhere
/// │  project/              where cuferry is started
/// │  toolkit/              the toolkit of shell scripts, as CUDA_HOME
/// │  bin/                  PATH: g++ and ar of the machine
/// │  data/                 CUFERRY_HOME
/// ```
pub(crate) struct TestProject {
    folder: TempDir,
}

impl TestProject {
    /// An empty project.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cuferry").tempdir_in("/tmp").expect("/tmp is writable");
        let project = Self { folder };
        for name in ["project", "bin", "home"] {
            std::fs::create_dir(project.path(name)).expect("the folder is new");
        }
        for name in ["g++", "ar"] {
            std::os::unix::fs::symlink(machines(name), project.path("bin").join(name)).expect("bin is new");
        }
        // Copied by another process: a script that this one still had open for writing could not be started by a
        // command that another test forks at that moment.
        let copy = Command::new("cp").arg("-R").arg(fixture("toolkit")).arg(project.path("toolkit")).status();
        assert!(copy.expect("cp is there").success());
        project
    }

    /// Three sources, two of which include a header.
    pub(crate) fn with_sources() -> Self {
        Self::new()
            .file("scale.h", "int scale(int value);\n#define FACTOR 3\n")
            .file(
                "scale.cu",
                "#include \"scale.h\"\n__device__ int scale(int value) { return value * FACTOR; }\n",
            )
            .file(
                "main.cpp",
                "#include \"scale.h\"\nint other();\nint main() { return scale(1) - other(); }\n",
            )
            .file("other.cpp", "int other() { return 3; }\n")
            .file(
                "cuferry.toml",
                "[project]\nname = \"three\"\n\n[build]\ngpu = [\"sm_80\", \"sm_90\"]\nstd = \"c++17\"\n\n\
                 [[program]]\nname = \"three\"\nsources = [\"*.cu\", \"*.cpp\"]\n",
            )
    }

    /// Writes a file of the project.
    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().expect("it lies in the project")).expect("/tmp is writable");
        std::fs::write(path, text).expect("/tmp is writable");
    }

    /// A file of the project.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.path("project").join(path)
    }

    /// Something beside the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// cuferry, in the project's folder.
    pub(crate) fn cuferry(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Invocation<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        command.args(args).current_dir(self.path("project"));
        self.surround(command)
    }

    /// Another program that starts cuferry.
    pub(crate) fn through(&self, command: Command) -> Invocation<'_> {
        self.surround(command)
    }

    pub(crate) fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        self.cuferry(args).run()
    }

    fn surround(&self, mut command: Command) -> Invocation<'_> {
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("CUDA_HOME", self.path("toolkit"))
            .env("CUFERRY_HOME", self.path("data"))
            .stdin(Stdio::null());
        Invocation { project: self, command }
    }
}

/// One run to be.
pub(crate) struct Invocation<'a> {
    project: &'a TestProject,
    command: Command,
}

impl Invocation<'_> {
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn run(mut self) -> Run {
        let output = self.command.output().expect("the command was built with these tests");
        Run::new(self.project, &output)
    }

    /// Starts it, and comes back while it runs.
    pub(crate) fn start(mut self) -> Child {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().expect("the command was built with these tests")
    }
}

/// What a run said. What differs from run to run is replaced: folders, process ids, times.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn new(project: &TestProject, output: &Output) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("what cuferry prints is UTF-8");
            text.replace(&project.folder.path().to_string_lossy().into_owned(), "[TEMP]")
        };
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Fails with all that was said, unless it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The error at the end: from its code on.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let cross = lines.iter().rposition(|line| line.starts_with("  × "));
        let cross = cross.unwrap_or_else(|| panic!("no error in: {}", self.stderr));
        let lines = lines[cross.saturating_sub(2)..].iter().map(|line| line.trim_end());
        lines.collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// The error in one line: for one with numbers or names in it that differ, and so are wrapped at other words.
    #[track_caller]
    pub(crate) fn error_in_one_line(&self) -> String {
        let error = self.error();
        let words = error.split_whitespace().filter(|word| !["│", "├─▶", "╰─▶"].contains(word));
        words.collect::<Vec<_>>().join(" ")
    }

    /// The one JSON value on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A file beside these tests.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(REPOSITORY).join("tests/e2e").join(name)
}

/// Where the machine has a program.
fn machines(program: &str) -> PathBuf {
    find(program).unwrap_or_else(|| panic!("these tests need `{program}` on PATH"))
}

/// The first file of that name on PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

/// `text` without what stands between `before` and the next `after`.
#[track_caller]
pub(crate) fn masked(text: &str, before: &str, after: &str) -> String {
    let (head, rest) = text.split_once(before).unwrap_or_else(|| panic!("no `{before}` in {text}"));
    let (_, tail) = rest.split_once(after).unwrap_or_else(|| panic!("no `{after}` in {rest}"));
    format!("{head}{before}[…]{after}{tail}")
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(30), "still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every file below a folder, sorted; none if there is no folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}
