//! Whole builds: output, exit codes, signals, job servers, and many at once.

use std::fs;
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use cuferry_wrap::{Build, NamespaceUse, WrapError};
use rustix::process::{Pid, Signal, kill_process};

use crate::project::Project;

pub(crate) const SENDS_A_SIGNAL: &str = "running::signals_are_passed_on";

pub(crate) const TRIALS: &[(&str, fn())] = &[
    ("running::a_make_build_is_recorded_whole", make),
    ("running::cmake_keeps_the_session_in_its_cache", cmake),
    ("running::output_and_exit_codes_stay", output),
    ("running::a_program_that_is_not_there_is_said", no_program),
    ("running::a_background_process_does_not_hold_the_build", background),
    ("running::a_terminal_stays_one", terminal),
    (SENDS_A_SIGNAL, signals),
    ("running::the_job_server_reaches_the_tools", job_server),
    ("running::ten_builds_at_once", ten_at_once),
    ("running::old_runs_are_forgotten", old_runs),
    ("running::variables_lead_into_the_session", variables),
    ("running::a_build_in_a_build_finds_the_machines_tools", build_in_build),
];

const MAKEFILE: &str = "
CC = aarch64-linux-gnu-gcc
all: program
program: a.o b.o
\t$(CC) -o $@ $^ -lm
%.o: %.c
\t$(CC) -mcpu=cortex-a78ae -c -o $@ $<
";

fn sources(project: &Project) {
    project.file("a.c", "int b(void);\nint main(void) { return b(); }\n");
    project.file("b.c", "int b(void) { return 0; }\n");
    project.file("Makefile", MAKEFILE);
}

fn make() {
    let project = Project::real();
    sources(&project);
    let session = project.prepare();
    let done = project.run(&session, "make", &["-j4"], &[]).expect(0);
    assert!(Command::new(project.folder().join("program")).status().unwrap().success());
    let calls = &done.run.calls;
    assert_eq!(calls.len(), 3, "{calls:?}");
    assert!(calls[2].outputs == [project.folder().join("program")], "{:?}", calls[2]);
    assert!(calls.iter().all(|call| call.folder == project.folder()));
    let made = fs::metadata(project.folder().join("program")).unwrap().modified().unwrap();
    assert!(done.run.started <= made);
}

fn cmake() {
    let project = Project::real();
    project.file(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\nproject(p C)\ninclude(CheckCSourceRuns)\ncheck_c_source_runs(\"int main(void){return 0;}\" RUNS)\nif(NOT RUNS)\nmessage(FATAL_ERROR no)\nendif()\nadd_executable(p a.c)\ntarget_compile_options(p PRIVATE -mcpu=cortex-a57)\n",
    );
    project.file("a.c", "int main(void) { return 0; }\n");
    let session = project.prepare();
    project.run(&session, "cmake", &["-S", ".", "-B", "build dir"], &[]).expect(0);
    let cache = fs::read_to_string(project.folder().join("build dir/CMakeCache.txt")).unwrap();
    assert!(cache.contains(&format!("CMAKE_C_COMPILER:FILEPATH={}/cc", session.bin())), "{cache}");
    let done = project.run(&session, "cmake", &["--build", "build dir", "--verbose"], &[]).expect(0);
    assert_eq!(done.run.calls.len(), 2);
    // Later calls, by the paths in the cache alone, are served as well.
    fs::write(project.folder().join("a.c"), "int main(void) { return 1; }\n").unwrap();
    let later =
        Command::new("make").args(["-C", "build dir"]).current_dir(project.folder()).output().unwrap();
    assert!(later.status.success(), "{later:?}");
}

fn output() {
    let project = Project::real();
    let done = project.sh("echo out; echo err >&2; exit 7").expect(7);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(done.run.output.text(), "err\n");
    assert_eq!(project.sh("kill -TERM $$").run.exit_code(), 128 + 15);

    // One file for both: nothing is out of order, byte for byte.
    let session = project.prepare();
    let script = "for i in $(seq 500); do echo out $i; echo err $i >&2; done; printf '\\377\\000x' >&2";
    let environment = project.environment(&session, &[]);
    let both = tempfile::NamedTempFile::new().unwrap();
    let run = session
        .run(&Build {
            program: "sh".as_ref(),
            args: &["-c".into(), script.into()],
            folder: project.folder().as_std_path(),
            environment: &environment,
            namespace: NamespaceUse::Never,
            stdout: both.as_file().as_fd(),
            stderr: both.as_file().as_fd(),
            writable: None,
            no_namespace: &|_| (),
        })
        .unwrap();
    let expected = Command::new("sh").args(["-c", &format!("exec 2>&1; {script}")]).output().unwrap();
    assert_eq!(fs::read(both.path()).unwrap(), expected.stdout);
    assert_eq!(run.output.length(), expected.stdout.len() as u64);
}

fn no_program() {
    for namespace in [NamespaceUse::Never, NamespaceUse::Auto] {
        let mut project = Project::real();
        project.namespace = namespace;
        project.places.toolkit = vec!["/usr/local/cuda".into()];
        let session = project.prepare();
        let error = project.try_run(&session, "no-such-program".as_ref(), &[], &[]).err();
        assert!(matches!(error, Some(WrapError::Start { .. })), "{namespace:?}: {error:?}");
    }
}

fn background() {
    let project = Project::real();
    let begun = Instant::now();
    let done = project.sh("exec >/dev/null; (sleep 5; echo late >&2) & (while :; do echo noise >&2; sleep 0.05; done) & echo $! >&2; exit 2").expect(2);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let noisy: i32 = done.stderr.lines().find_map(|line| line.parse().ok()).unwrap();
    let _ = kill_process(Pid::from_raw(noisy).unwrap(), Signal::KILL);
}

/// A terminal, and what is written to it.
fn pseudo_terminal() -> (fs::File, std::os::fd::OwnedFd) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let path = std::path::PathBuf::from(name.into_string().unwrap());
    let theirs = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let size = rustix::termios::Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size).unwrap();
    (ours.into(), theirs.into())
}

fn terminal() {
    use std::io::Read as _;
    let project = Project::real();
    let session = project.prepare();
    let (mut ours, theirs) = pseudo_terminal();
    let environment = project.environment(&session, &[("TERM", "xterm")]);
    let script = "test -t 1 && test -t 2 && stty size <&2 && gcc -fdiagnostics-color=auto -c broken.c";
    project.file("broken.c", "int x = y;\n");
    let run = session
        .run(&Build {
            program: "sh".as_ref(),
            args: &["-c".into(), script.into()],
            folder: project.folder().as_std_path(),
            environment: &environment,
            namespace: NamespaceUse::Never,
            stdout: theirs.as_fd(),
            stderr: theirs.as_fd(),
            writable: None,
            no_namespace: &|_| (),
        })
        .unwrap();
    drop(theirs);
    let mut seen = Vec::new();
    let _ = ours.read_to_end(&mut seen);
    let seen = String::from_utf8_lossy(&seen);
    assert_eq!(run.exit_code(), 1, "{seen}");
    assert!(seen.starts_with("33 77\r\n"), "{seen:?}");
    assert!(seen.contains("\x1b[") && seen.contains("error:"), "{seen:?}");
    assert!(run.output.text().contains("error:"));
}

fn signals() {
    let project = Project::real();
    let session = project.prepare();
    let ready = project.root.join("ready");
    let sender = std::thread::spawn(move || {
        let begun = Instant::now();
        while !ready.exists() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(rustix::process::getpid(), Signal::HUP).unwrap();
    });
    let script = "trap 'echo asked to end; exit 5' HUP; touch ../ready; while :; do sleep 0.02; done";
    let done = project.run(&session, "sh", &["-c", script], &[]).expect(5);
    sender.join().unwrap();
    assert_eq!(done.stdout, "asked to end\n");
}

fn job_server() {
    let project = Project::real();
    project.tool("bin/gcc", "#!/bin/sh\nprintf '%s\\n' \"$MAKEFLAGS\" >> \"$TOOL_LOG\"\nfor fd in $(echo \"$MAKEFLAGS\" | sed -n 's/.*auth=\\([0-9]*\\),\\([0-9]*\\).*/\\1 \\2/p'); do test -e /proc/self/fd/$fd && echo open >> \"$TOOL_LOG\"; done\n");
    let mut project = project;
    project.path = format!("{}/bin:{}", project.root, project.path);
    project.file("Makefile", "all:\n\t+gcc -c a.c\n");
    let session = project.prepare();
    project.run(&session, "make", &["-j3"], &[]).expect(0);
    let called = project.called();
    assert!(called.contains("jobserver"), "{called}");
    assert!(called.contains("fifo:") || called.matches("open").count() == 2, "{called}");
}

fn ten_at_once() {
    let project = Project::real();
    let session = project.prepare();
    drop(session);
    std::thread::scope(|scope| {
        for nth in 0..10 {
            let folder = project.folder().join(nth.to_string());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("a.c"), "int main(void) { return 0; }\n").unwrap();
            let exe = std::env::current_exe().unwrap();
            let (policy, path, session_folder, root) =
                (&project.policy, &project.path, project.session_folder(), &project.root);
            scope.spawn(move || {
                let session = cuferry_wrap::Session::prepare(&cuferry_wrap::Request {
                    folder: &session_folder,
                    exe: &exe,
                    policy,
                    toolkit: Some(&root.join("cuda")),
                    path: path.as_ref(),
                    own: Vec::new(),
                    names: Vec::new(),
                    headers: [].into(),
                    pretence: cuferry_wrap::Pretence::None,
                    gpus: Vec::new(),
                    places: cuferry_wrap::Places::default(),
                })
                .unwrap();
                let given = [("PATH".into(), path.into())].into();
                let environment = session.environment(&given, cuferry_wrap::Starter::Other);
                let null = fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
                let script = "for i in 1 2 3 4 5; do aarch64-linux-gnu-gcc -c a.c -o $i.o & done; wait; gcc [1-5].o -r -o all.o";
                let run = session
                    .run(&Build {
                        program: "sh".as_ref(),
                        args: &["-c".into(), script.into()],
                        folder: folder.as_std_path(),
                        environment: &environment,
                        namespace: NamespaceUse::Never,
                        stdout: null.as_fd(),
                        stderr: null.as_fd(),
                        writable: None,
                        no_namespace: &|_| (),
                    })
                    .unwrap();
                assert_eq!((run.calls.len(), run.torn), (6, 0));
                assert!(run.calls.iter().all(|call| call.folder == folder), "calls of another build");
            });
        }
    });
}

fn old_runs() {
    let project = Project::new();
    let session = project.prepare();
    for _ in 0..20 {
        project.run(&session, "sh", &["-c", "gcc -c a.c"], &[]).expect(0);
    }
    let runs = fs::read_dir(session.folder().join("runs")).unwrap().count();
    assert_eq!(runs, 17, "16 earlier ones and the last");
}

fn variables() {
    let mut project = Project::real();
    project.places = cuferry_wrap::Places::usual();
    let session = project.prepare();
    let environment = project.environment(
        &session,
        &[
            ("CUDA_HOME", "/usr/local/cuda-10.2"),
            ("CC", "/opt/no/bin/gcc-9 -pipe"),
            ("CXX", "clang++"),
            ("NVCC", "/usr/local/cuda/bin/nvcc"),
            ("LD_LIBRARY_PATH", "/mine"),
        ],
    );
    let value = |name: &str| {
        environment.variables.get(std::ffi::OsStr::new(name)).map_or("", |value| value.to_str().unwrap())
    };
    let folder = session.folder();
    assert_eq!(value("CUDA_HOME"), folder.join("cuda"));
    assert_eq!(value("CC"), format!("{folder}/bin/gcc-9 -pipe"));
    assert_eq!(value("CXX"), "clang++");
    assert_eq!(value("NVCC"), format!("{folder}/cuda/bin/nvcc"));
    assert_eq!(value("LD_LIBRARY_PATH"), format!("/mine:{folder}/cuda/lib64"));
    assert!(value("PATH").starts_with(&format!("{folder}/bin:{folder}/cuda/bin:/usr")));
    let rules: Vec<_> = environment.changes.iter().filter(|change| change.rule == "CF2202").collect();
    assert_eq!(rules.len(), 3, "{rules:?}");
    let instead = |path: &str| {
        session.instead_of(path.into()).map(|path| path.to_string().replace(folder.as_str(), ""))
    };
    assert_eq!(instead("/usr/local/cuda/bin/nvcc").as_deref(), Some("/cuda/bin/nvcc"));
    assert_eq!(instead("/usr/bin/gcc").as_deref(), Some("/bin/gcc"));
    assert_eq!(instead("/usr/bin/make"), None);
    assert_eq!(instead("gcc"), None);
}

fn build_in_build() {
    let project = Project::new();
    let outer = project.prepare();
    let mut inner = Project::new();
    inner.path = format!("{}:{}", outer.bin(), project.path);
    let done = inner.sh("gcc -c a.c").expect(0);
    assert_eq!(done.run.calls.len(), 1);
    assert_eq!(inner.called(), "gcc|-c|a.c\n");
}
