//! ARM programs on this machine: in qemu, their driver calls on the software device; as programs and as images.
//!
//! What is run is built for ARM here, by nvcc or by a cross compiler, and not touched any more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cuferry_arch::Host;
use cuferry_testkit::{companion, lacking, toolkit, variable};
use serde_json::Value;
use tempfile::TempDir;

use crate::project::REPOSITORY;
use crate::real::{Example, SURROUNDINGS, docker, text};

/// A folder with programs for ARM.
struct Programs {
    folder: TempDir,
}

impl Programs {
    /// None where this machine has not what ARM programs need.
    #[track_caller]
    fn new() -> Option<Self> {
        companion("qemu")?;
        companion("arm-root")?;
        Some(Self { folder: tempfile::tempdir().expect("there is a folder for temporary files") })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Compiles C, by the cross compiler.
    #[track_caller]
    fn c(&self, name: &str, source: &str) -> Option<()> {
        std::fs::write(self.at(&format!("{name}.c")), source).expect("the folder is new");
        let mut compiler = Command::new("aarch64-linux-gnu-gcc");
        compiler.args(["-O1", "-pthread", "-o"]).arg(self.at(name)).arg(self.at(&format!("{name}.c")));
        let Ok(status) = compiler.status() else {
            lacking("aarch64-linux-gnu-gcc is not here");
            return None;
        };
        assert!(status.success());
        Some(())
    }

    /// Calls nvcc for ARM, in the folder.
    #[track_caller]
    fn nvcc(&self, words: &[&str]) -> Option<()> {
        let root = toolkit("13.0".parse().expect("a release"), &[Host::X86_64, Host::Aarch64], &[])?;
        let mut nvcc = Command::new(root.join("bin/nvcc"));
        nvcc.args(["-std=c++17", "-ccbin", "aarch64-linux-gnu-g++", "--target-directory", "sbsa-linux"]);
        nvcc.args(["-gencode", "arch=compute_90,code=compute_90", "--threads", "2"]).args(words);
        let output = nvcc.current_dir(self.folder.path()).output().expect("nvcc starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(())
    }

    /// Compiles a program of one source.
    #[track_caller]
    fn cuda(&self, name: &str, source: &str, options: &[&str]) -> Option<()> {
        let file = format!("{name}.cu");
        std::fs::write(self.at(&file), source).expect("the folder is new");
        self.nvcc(&[&["-o", name, &file], options].concat())
    }

    /// `cuferry run …` in the folder.
    fn run(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        command.arg("run").args(args).current_dir(self.folder.path()).env_clear();
        command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.run(args).output().expect("the command was built with these tests")
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const ANNOUNCED: &str = "cuferry: emulate on the software device, its ARM host half in qemu: ";

/// From the sources to PASS, compiled for ARM.
#[track_caller]
fn check_example(name: &'static str) {
    let Some(programs) = Programs::new() else { return };
    let example = Example::new(name);
    let Some(_) = example.rebuild(&["--host", "aarch64", "--gpu", "sm_90", "--no-image"]) else { return };
    let program = example.root.join("target/cuferry/aarch64").join(name);
    let output = programs
        .run(&["--device", "soft"])
        .arg(&program)
        .current_dir(&example.root)
        .output()
        .expect("the command was built with these tests");
    let (stdout, stderr) = (words(&output.stdout), words(&output.stderr));
    assert!(output.status.success() && stdout.contains("PASS"), "{stdout}\n{stderr}");
    assert!(stderr.starts_with(ANNOUNCED), "{stderr}");
}

#[test]
fn vector_add_for_arm() {
    check_example("vector-add");
}

#[test]
fn separable_for_arm() {
    check_example("separable");
}

#[test]
fn edge_camera_for_arm() {
    check_example("edge-camera");
}

/// Every case of the feature tests, with the runtime inside and as a shared library, which is fetched.
#[test]
fn features_for_arm() {
    let Some(programs) = Programs::new() else { return };
    let folder = Path::new(REPOSITORY).join("tests/cuda");
    let entries = folder.read_dir().expect("it is there").map(|entry| entry.expect("it can be read").path());
    let mut sources: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
        .map(|path| path.to_str().expect("its path is UTF-8").to_owned())
        .collect();
    sources.sort();
    // One is compiled otherwise, and NVRTC's library has 100 MB.
    let (one, others): (Vec<&str>, Vec<&str>) = sources
        .iter()
        .map(String::as_str)
        .filter(|path| !path.ends_with("/nvrtc.cu"))
        .partition(|path| path.ends_with("/per_thread.cu"));
    let compiled = programs.nvcc(&[&["-c"], others.as_slice()].concat());
    if compiled.and(programs.nvcc(&["-c", "--default-stream", "per-thread", one[0]])).is_none() {
        return;
    }
    let files = programs.folder.path().read_dir().expect("it is there").flatten();
    let mut objects: Vec<String> = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "o"))
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    objects.sort();
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    for runtime in ["static", "shared"] {
        programs.nvcc(&[&["-cudart", runtime, "-o", runtime, "-ldl"], objects.as_slice()].concat());
        let output = programs.output(&["-q", "--device", "soft", &format!("./{runtime}")]);
        let (stdout, stderr) = (words(&output.stdout), words(&output.stderr));
        let failed: Vec<&str> = stdout.lines().filter(|line| line.starts_with("FAILED")).collect();
        assert!(failed.is_empty(), "{runtime}: {}\n{stderr}", failed.join("\n"));
        let passed = stdout.lines().filter(|line| line.starts_with("ok")).count();
        assert!(output.status.success() && passed >= 100, "{runtime}: {stdout}\n{stderr}");
    }
}

/// The device's `printf` keeps its place among the program's words, though both are buffered, in two C libraries.
#[test]
fn what_a_kernel_prints_keeps_its_place() {
    let Some(programs) = Programs::new() else { return };
    let source = r#"
            #include <cstdio>
            __global__ void kernel(int n) { printf("device %d\n", n); }
            int main() {
                printf("first\n");
                for (int n = 0; n < 3; ++n) {
                    kernel<<<1, 1>>>(n);
                    cudaDeviceSynchronize();
                    printf("host %d\n", n);
                }
                return 0;
            }
        "#;
    if programs.cuda("print", source, &["-cudart", "shared"]).is_none() {
        return;
    }
    let output = programs.output(&["-q", "--device", "soft", "./print"]);
    let expected = "first\ndevice 0\nhost 0\ndevice 1\nhost 1\ndevice 2\nhost 2\n";
    assert_eq!(words(&output.stdout), expected, "{}", words(&output.stderr));
}

/// An arm64 image as Docker has it: by `cuferry run`, and by hand as an image of its own.
#[test]
fn an_arm_image_without_a_gpu() {
    if Programs::new().is_none() {
        return;
    }
    let example = Example::new("vector-add");
    let Some(report) = example.rebuild(&["--host", "aarch64", "--gpu", "sm_90"]) else { return };
    if !docker(&["info"]).is_some_and(|output| output.status.success()) {
        return lacking("Docker does not answer");
    }
    let path = text(&report["image"]["path"]);
    let cuferry = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
        command.args(args).current_dir(&example.root).env_clear();
        command.envs(SURROUNDINGS.iter().filter_map(|name| Some((name, variable(name)?))));
        command.output().expect("the command was built with these tests")
    };
    let run = cuferry(&["run", "--device", "soft", path]);
    assert!(words(&run.stdout).contains("PASS"), "{run:?}");

    let made = cuferry(&["image", "--allow-soft", "--output", "hybrid.tar", path]);
    assert!(made.status.success(), "{}", words(&made.stderr));
    let again = cuferry(&["image", "--allow-soft", "--output", "again.tar", path]);
    assert!(again.status.success(), "{}", words(&again.stderr));
    let bytes = |name: &str| std::fs::read(example.root.join(name)).expect("it was written");
    assert!(bytes("hybrid.tar") == bytes("again.tar"), "the same image, the same bytes");
    let name = format!("{}-x86_64", text(&report["image"]["name"]));
    let load = docker(
        &["load", "--quiet", "--input"]
            .into_iter()
            .chain([example.root.join("hybrid.tar").to_str().expect("its path is UTF-8")])
            .collect::<Vec<_>>(),
    );
    assert!(load.expect("it answered before").status.success());
    let inspect = docker(&["image", "inspect", &name]).expect("it answered before");
    let inspect: Value = serde_json::from_slice(&inspect.stdout).expect("docker prints JSON");
    assert_eq!(inspect[0]["Architecture"], "amd64");
    assert_eq!(inspect[0]["Config"]["WorkingDir"], "/app");
    assert_eq!(inspect[0]["Config"]["User"], "65532:65532");
    let by_hand = docker(&["run", "--rm", "--network=none", &name]).expect("it answered before");
    let stderr = words(&by_hand.stderr);
    assert!(words(&by_hand.stdout).contains("PASS"), "{by_hand:?}");
    assert!(stderr.contains("cuferry: no GPU is here") && stderr.contains("takes its place"), "{stderr}");

    // Without the user's leave there is no such device: the program hears that there is no driver, in its own words.
    let strict = cuferry(&["image", "--output", "strict.tar", "--name", &format!("{name}-strict"), path]);
    assert!(strict.status.success(), "{}", words(&strict.stderr));
    let archive = example.root.join("strict.tar");
    docker(&["load", "--quiet", "--input", archive.to_str().expect("its path is UTF-8")]);
    let run =
        docker(&["run", "--rm", "--network=none", &format!("{name}-strict")]).expect("it answered before");
    assert_eq!(run.status.code(), Some(3), "{run:?}");
    assert!(words(&run.stderr).contains("no driver could be loaded"), "{run:?}");
    // Another command than the image's own: what it names is not there.
    let other = docker(&["run", "--rm", "--network=none", "--entrypoint=/nothing", &name]);
    assert!(!other.expect("it answered before").status.success());
    docker(&["rmi", "--force", &name, &format!("{name}-strict")]);
}

/// Arguments, environment, standard streams, working folder and exit code are as for a native program.
#[test]
fn a_program_has_what_it_would_have_natively() {
    let Some(programs) = Programs::new() else { return };
    let source = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(int count, char **words) {
            char folder[4096], line[64];
            printf("%d %s|%s|%s\n", count, words[1], words[2], getenv("GIVEN"));
            puts(getcwd(folder, sizeof folder));
            if (fgets(line, sizeof line, stdin)) printf("read %s", line);
            fputs("to the error stream\n", stderr);
            return 42;
        }
    "#;
    if programs.c("tell", source).is_none() {
        return;
    }
    let mut child = programs
        .run(&["-q", "./tell", "a b", "--device"])
        .env("GIVEN", "x, y")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("it is a pipe").write_all(b"a line\n").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let folder = programs.folder.path().canonicalize().expect("it is there");
    assert_eq!(words(&output.stdout), format!("3 a b|--device|x, y\n{}\nread a line\n", folder.display()));
    assert_eq!(words(&output.stderr), "to the error stream\n");
    assert_eq!(output.status.code(), Some(42));
}

/// ARM programs and scripts that a program starts run, too; and a program of this machine that it starts is none of ours.
#[test]
fn a_program_starts_others() {
    let Some(programs) = Programs::new() else { return };
    let child = r#"
        #include <stdio.h>
        int main(int count, char **words) {
            printf("%s %s %d\n", words[0], words[1], count);
            return 5;
        }
    "#;
    let parent = r#"
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static int run(char *path, char **words) {
            int status;
            fflush(stdout);
            pid_t child = fork();
            if (child == 0) { execv(path, words); perror(path); _exit(99); }
            waitpid(child, &status, 0);
            return WEXITSTATUS(status);
        }
        int main() {
            printf("%d\n", run("./child", (char *[]){"named", "one", 0}));
            printf("%d\n", run("./script", (char *[]){"script", "two", "three", 0}));
            printf("%d\n", run("/bin/echo", (char *[]){"echo", "native", 0}));
            printf("%d\n", run("./plain", (char *[]){"plain", 0}));
            fflush(stdout);
            return WEXITSTATUS(system("./child by system; exit 6"));
        }
    "#;
    if programs.c("child", child).is_none() || programs.c("parent", parent).is_none() {
        return;
    }
    let interpreter = programs.at("child");
    std::fs::write(programs.at("script"), format!("#!{} -x\n", interpreter.display())).expect("written");
    std::fs::write(programs.at("plain"), "no program\n").expect("written");
    let chmod = Command::new("chmod").arg("+x").arg(programs.at("script")).arg(programs.at("plain")).status();
    assert!(chmod.expect("chmod is there").success());
    let output = programs.output(&["-q", "./parent"]);
    let expected =
        format!("named one 2\n5\n{} -x 5\n5\nnative\n0\n99\n./child by 3\n", interpreter.display());
    assert_eq!(words(&output.stdout), expected, "{}", words(&output.stderr));
    assert!(words(&output.stderr).contains("./plain: Exec format error"), "{}", words(&output.stderr));
    assert_eq!(output.status.code(), Some(6));
}

/// A program that waits for a kernel which never ends.
const ENDLESS: &str = r#"
    #include <cstdio>
    #include <cstdlib>
    #include <cstring>
    __global__ void spin(volatile int *flag) { while (*flag == 0) {} }
    int main(int count, char **words) {
        int *flag;
        cudaMallocHost(&flag, sizeof *flag);
        *flag = 0;
        if (count > 1 && strcmp(words[1], "segv") == 0) return *reinterpret_cast<volatile int *>(16);
        if (count > 1 && strcmp(words[1], "abort") == 0) abort();
        spin<<<1, 1>>>(flag);
        puts("spinning");
        fflush(stdout);
        return cudaDeviceSynchronize();
    }
"#;

/// Its end shows: by its own fault, or by a signal that comes while it waits in the driver. Nothing is left behind.
#[test]
fn a_program_ends_as_it_would_natively() {
    let Some(programs) = Programs::new() else { return };
    if programs.cuda("endless", ENDLESS, &[]).is_none() {
        return;
    }
    for (word, signal) in [("segv", "SIGSEGV"), ("abort", "SIGABRT")] {
        let output = programs.output(&["-q", "--device", "soft", "./endless", word]);
        assert_eq!(output.status.signal().map(name), Some(signal), "{output:?}");
    }
    for signal in ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] {
        let mut child = waiting(&programs);
        let process = child.id();
        let kill = Command::new("kill").args(["-s", &signal[3..], &process.to_string()]).status();
        assert!(kill.expect("kill is there").success());
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal().map(name), Some(signal));
        assert!(!Path::new(&format!("/proc/{process}")).exists());
    }
    let left: Vec<_> = programs.folder.path().read_dir().expect("it is there").flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// The program, once it waits for its kernel.
fn waiting(programs: &Programs) -> Child {
    let mut child = programs
        .run(&["-q", "--device", "soft", "./endless"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is a pipe")).read_line(&mut line).expect("it prints");
    assert_eq!(line, "spinning\n");
    child
}

fn name(signal: i32) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        6 => "SIGABRT",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        _ => "another signal",
    }
}

/// Each call with its arguments, as lines and as a Chrome trace; and the summary.
#[test]
fn calls_are_traced() {
    let Some(programs) = Programs::new() else { return };
    let source = r"
            #include <cstdio>
            int main() {
                static char bytes[1000];
                void *device;
                if (cudaMalloc(&device, sizeof bytes)) return 1;
                return cudaMemcpy(device, bytes, sizeof bytes, cudaMemcpyHostToDevice);
            }
        ";
    if programs.cuda("copy", source, &[]).is_none() {
        return;
    }
    let output = programs.output(&["-q", "--device", "soft", "--summary", "--trace", "calls.json", "./copy"]);
    assert!(output.status.success(), "{output:?}");
    let events: Value =
        serde_json::from_slice(&std::fs::read(programs.at("calls.json")).expect("it was written"))
            .expect("a Chrome trace is JSON");
    let events = events.as_array().expect("it is a list");
    let copy = events.iter().find(|event| event["name"] == "cuMemcpyHtoD_v2").expect("the program copies");
    assert_eq!(copy["args"]["ByteCount"], "1000");
    assert_eq!(copy["args"]["result"], "CUDA_SUCCESS");
    assert!(copy["dur"].as_f64().is_some_and(|time| time > 0.0) && copy["ph"] == "X");
    let stderr = words(&output.stderr);
    let row = stderr.lines().find(|line| line.ends_with("cuMemcpyHtoD_v2")).expect("it is in the summary");
    let row: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((row[0], row[4]), ("1", "1000"), "{stderr}");

    let output = programs.output(&["-q", "--device", "soft", "--trace", "-", "./copy"]);
    let stderr = words(&output.stderr);
    assert!(
        stderr.contains("cuMemAlloc_v2(dptr=0x") && stderr.contains(", bytesize=1000) = CUDA_SUCCESS"),
        "{stderr}"
    );
}

/// What cannot work is refused before it starts.
#[test]
fn what_cannot_run_is_refused() {
    let Some(programs) = Programs::new() else { return };
    if programs.c("plain", "int main(void) { return 0; }").is_none() {
        return;
    }
    let output = programs.output(&["--way", "native", "./plain"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output.stderr).contains("run::contradiction"));
    let output = programs.output(&["--root", "./nowhere", "./plain"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output.stderr).contains("run::root"));
    let output = programs.output(&["--way", "hybrid", "./plain"]);
    assert_eq!(output.status.code(), Some(3), "no GPU is here");
    assert!(words(&output.stderr).contains("run::no_gpu"));
}
