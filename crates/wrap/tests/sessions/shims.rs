//! Single calls: what reaches the tool, what is recorded, and how a call ends.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use cuferry_translate::Mode;
use cuferry_wrap::{Gpu, Pretence, WrapError, read_calls};

use crate::project::Project;

pub(crate) const TRIALS: &[(&str, fn())] = &[
    ("shims::words_pass_unharmed", words_pass_unharmed),
    ("shims::a_name_that_the_machine_lacks_is_served_and_recorded", a_name_is_served),
    ("shims::absent_tools_have_no_shims", absent_tools),
    ("shims::a_call_ends_as_its_tool_does", a_call_ends_as_its_tool_does),
    ("shims::a_tool_that_runs_for_a_translated_call_meets_no_shim", nested),
    ("shims::the_toolkit_is_seen_with_a_shim_for_nvcc", toolkit),
    ("shims::arm_flags_are_translated", arm_flags),
    ("shims::a_shim_works_in_an_empty_environment", empty_environment),
    ("shims::a_compiler_that_a_variable_names_by_its_path_is_the_one_that_compiles", named_by_its_path),
    ("shims::more_words_than_a_command_takes_go_through_a_file", many_words),
    ("shims::the_machine_is_named_as_asked", pretence),
    ("shims::nvidia_smi_answers_with_the_gpus_asked_for", nvidia_smi),
    ("shims::a_lost_session_is_said", lost_session),
    ("shims::headers_and_shims_of_an_earlier_build_go", earlier_build),
    ("shims::hostile_requests_are_refused", hostile_requests),
];

fn words_pass_unharmed() {
    let project = Project::new();
    let session = project.prepare();
    let odd = OsStr::from_bytes(b"-DX=\xff\xfe");
    let words = ["-c", "a b.c", "-DS=\"q\\\"'$`\"", "-I größe/\u{10feff}", "", "-Wl,\n"];
    let mut args: Vec<&OsStr> = words.iter().map(AsRef::as_ref).collect();
    args.push(odd);
    let output = project.call(&session.bin().join("gcc"), &args, &[("CUFERRY_RUN", "")]);
    assert!(output.status.success(), "{output:?}");
    let mut expected = b"gcc".to_vec();
    args.iter().for_each(|arg| {
        expected.push(b'|');
        expected.extend(arg.as_bytes());
    });
    expected.push(b'\n');
    assert_eq!(fs::read(project.root.join("out/tools.log")).unwrap(), expected);
}

fn a_name_is_served() {
    let project = Project::new();
    let done = project
        .sh("aarch64-linux-gnu-g++ -c a.cpp -o x/a.o && gcc-9 -c b.c && ar --version && gcc -c c.c")
        .expect(0);
    assert_eq!(project.called(), "g++|-c|a.cpp|-o|x/a.o\ngcc|-c|b.c\nar|--version\ngcc|-c|c.c\n");
    let [first, second, third] = done.run.calls.as_slice() else { panic!("{:?}", done.run.calls) };
    let change = &first.changes[0];
    assert_eq!(
        (change.rule.as_str(), change.was.as_str(), change.now.as_str()),
        ("CF2201", "aarch64-linux-gnu-g++", "g++")
    );
    assert_eq!((first.tool.as_str(), first.mode), ("aarch64-linux-gnu-g++", Some(Mode::Compile)));
    assert_eq!(first.outputs, [project.folder().join("x/a.o")]);
    assert_eq!(first.sources, [project.folder().join("a.cpp")]);
    assert_eq!(first.now[0], project.root.join("machine/g++").as_str());
    assert_eq!(first.was, ["aarch64-linux-gnu-g++", "-c", "a.cpp", "-o", "x/a.o"].map(OsString::from));
    assert_eq!(second.changes[0].was, "gcc-9");
    assert_eq!((third.changes.len(), done.run.torn), (0, 0));
}

fn absent_tools() {
    let mut project = Project::new();
    project.path = format!("{}/machine", project.root);
    project.names = vec!["aarch64-poky-linux-g++".into(), "aarch64-poky-linux-clang".into(), "rm".into()];
    let session = project.prepare();
    let has = |name: &str| session.bin().join(name).exists();
    assert!(has("aarch64-poky-linux-g++") && has("aarch64-linux-gnu-gcc") && has("g++-7"));
    assert!(!has("clang") && !has("aarch64-poky-linux-clang") && !has("rm") && !has("nvcc"));
}

fn a_call_ends_as_its_tool_does() {
    let project = Project::new();
    let done = project.sh("gcc --fail words; echo $?; echo in | g++ --echo").expect(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("3\nin\n", "words\n"));
    project.tool("machine/gcc", "#!/bin/sh\nkill -SEGV $$\n");
    // No process stands between the build and its tool.
    let done = project.sh("gcc & echo $!; wait $!; echo $?").expect(0);
    let mut lines = done.stdout.lines();
    assert_eq!(lines.next().unwrap(), done.run.calls[0].pid.to_string());
    assert_eq!(lines.next(), Some("139"));
    fs::remove_file(project.root.join("machine/gcc")).unwrap();
    let session = project.session_folder();
    let output = project.call(&session.join("bin/gcc"), &[], &[]);
    assert_eq!(output.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("cuferry: gcc: cannot run `/"), "{output:?}");
}

fn nested() {
    let project = Project::new();
    project.tool(
        "cuda/bin/nvcc",
        &format!("#!/bin/sh\ngcc -c inner.c\n'{}/bin/g++' -c by-path.c\n", project.session_folder()),
    );
    let done = project.sh("nvcc -c a.cu").expect(0);
    assert_eq!(project.called(), "gcc|-c|inner.c\ng++|-c|by-path.c\n");
    assert_eq!(done.run.calls.len(), 1, "{:?}", done.run.calls);

    // A cache in front of the compiler asks for the compiler by its own name.
    project.tool("bin/ccache", "#!/bin/sh\nPATH=\"${PATH#*/cache:}\" exec \"${0##*/}\" -cached \"$@\"\n");
    fs::create_dir(project.root.join("cache")).unwrap();
    std::os::unix::fs::symlink("../bin/ccache", project.root.join("cache/gcc")).unwrap();
    let mut project = project;
    project.path = format!("{}/cache:{}", project.root, project.path);
    let done = project.sh("gcc -c cached.c").expect(0);
    assert!(project.called().ends_with("gcc|-cached|-c|cached.c\n"), "{}", project.called());
    assert_eq!(done.run.calls.len(), 1);
}

fn toolkit() {
    let project = Project::new();
    let done = project
        .sh("command -v nvcc; nvcc --version; \"$CUDA_HOME\"/bin/nvcc -c a.cu; ls \"$CUDA_HOME\"/targets; ptxas x; echo \"$LD_LIBRARY_PATH\"")
        .expect(0);
    let cuda = project.session_folder().join("cuda");
    assert_eq!(
        done.stdout,
        format!(
            "{cuda}/bin/nvcc\naarch64-linux\naarch64-qnx\narmv7-linux-gnueabihf\nsbsa-linux\nx86_64-linux\n{cuda}/lib64\n"
        )
    );
    assert_eq!(project.called(), "nvcc|--version\nnvcc|-c|a.cu\nptxas|x\n");
    let modes: Vec<_> = done.run.calls.iter().map(|call| call.mode).collect();
    assert_eq!(modes, [Some(Mode::Query), Some(Mode::Compile)]);
}

fn arm_flags() {
    let project = Project::new();
    let done = project.sh("NVCC_APPEND_FLAGS=-lineinfo gcc -mcpu=cortex-a78ae -c a.c").expect(0);
    assert!(!project.called().contains("cortex"), "{}", project.called());
    assert!(!done.rules().is_empty());
    assert_ne!(done.run.calls[0].was[1..], done.run.calls[0].now[1..]);
}

fn empty_environment() {
    let project = Project::new();
    let log = project.root.join("out/tools.log");
    let done = project
        .sh(&format!(
            "env -i TOOL_LOG={log} {}/bin/gcc -c a.c",
            project.session_folder().to_string().replace(' ', "\\ ")
        ))
        .expect(0);
    assert_eq!((project.called().as_str(), done.run.calls.len()), ("gcc|-c|a.c\n", 1));
}

/// A compiler outside PATH, which a variable names: it is the one that compiles, with its words translated.
fn named_by_its_path() {
    let mut project = Project::new();
    project.tool("opt/gcc/bin/g++", "#!/bin/sh\necho opt $0 \"$@\" >> \"$TOOL_LOG\"\n");
    let own = project.root.join("opt/gcc/bin/g++");
    std::os::unix::fs::symlink(project.root.join("opt/gcc"), project.root.join("opt/latest")).unwrap();
    let linked = project.root.join("opt/latest/bin/g++");
    let variables = [("CXX".into(), format!("{linked} -m64").into()), ("CC".into(), "gcc".into())];
    project.own = cuferry_wrap::named_tools(&variables.into());
    assert_eq!(project.own, [linked.as_path()]);
    let session = project.prepare();
    let value = format!("{linked} -m64");
    // The session's folder has a blank in its name.
    let script = "\"${CXX% -m64}\" -m64 -mcpu=cortex-a57 -c a.cpp; g++ -mcpu=cortex-a57 -c b.cpp; case $CXX in *-m64) ;; *) exit 3; esac";
    let done = project.run(&session, "sh", &["-c", script], &[("CXX", &value)]).expect(0);
    assert_eq!(
        project.called(),
        format!(
            "opt {own} -m64 -march=x86-64-v3 -mtune=generic -c a.cpp\ng++|-march=x86-64-v3|-mtune=generic|-c|b.cpp\n"
        )
    );
    let served: Vec<_> = done.run.calls.iter().map(|call| call.served_by.clone()).collect();
    assert_eq!(served, [own.into_std_path_buf(), project.root.join("machine/g++").into_std_path_buf()]);
}

fn many_words() {
    let mut project = Project::new();
    project.tool("machine/gcc", "#!/bin/sh\ntest $# = 1 && cp \"${1#@}\" \"$TOOL_LOG\"\n");
    project.policy.include_first = (0..20_000).map(|number| format!("/odd \\ b'\"{number}").into()).collect();
    let script = "ulimit -s 1024; gcc -c a.c";
    let session = project.prepare();
    let done = project.run(&session, "sh", &["-c", script], &[]).expect(0);
    let words = project.called();
    assert!(!done.run.log.with_file_name("words").exists(), "what was for one call stays");
    // What stands in the file is what gcc reads in it.
    let some: Vec<&str> = words.split_inclusive('\n').filter(|line| line.contains("1999")).collect();
    let some = some.concat();
    project.file("some", &some);
    project.file("a.c", "");
    let output = std::process::Command::new("gcc")
        .args(["@some", "-E", "-P", "-v", "a.c"])
        .env("LC_ALL", "C")
        .current_dir(project.folder())
        .output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("directory \"/odd \\ b'\"19999\""), "{some}{said}");
}

fn pretence() {
    let mut project = Project::real();
    let truth = project.sh("uname -m").expect(0);
    assert_eq!((truth.stdout.as_str(), truth.run.calls.len()), ("x86_64\n", 0));
    project.pretence = Pretence::Aarch64;
    let done = project.sh("uname -m; uname -s; gcc -dumpmachine").expect(0);
    assert_eq!(done.stdout, "aarch64\nLinux\nx86_64-linux-gnu\n");
    let modes: Vec<_> = done.run.calls.iter().map(|call| call.mode).collect();
    assert_eq!(modes, [None, Some(Mode::Other), Some(Mode::Query)]);
    let change = &done.run.calls[0].changes[0];
    assert_eq!(
        (change.rule.as_str(), change.was.as_str(), change.now.as_str()),
        ("CF2203", "uname -m", "aarch64")
    );
}

fn nvidia_smi() {
    let mut project = Project::new();
    project.path = format!("{}/machine:/bin", project.root);
    project.gpus = vec![Gpu { name: "NVIDIA H100".into(), capability: "9.0".into() }];
    let done = project.sh("nvidia-smi --query-gpu=compute_cap --format=csv,noheader; nvidia-smi; echo $?");
    let mut lines = done.stdout.lines();
    assert_eq!((lines.next(), done.stdout.lines().last()), (Some("9.0"), Some("9")));
    assert_eq!(done.rules(), ["CF2203"]);
    project.tool("machine/nvidia-smi", "#!/bin/sh\necho real\n");
    assert_eq!(project.sh("nvidia-smi").expect(0).stdout, "real\n");
}

fn lost_session() {
    let project = Project::new();
    let session = project.prepare();
    fs::remove_file(session.folder().join("session.json")).unwrap();
    let output = project.call(&session.bin().join("gcc"), &[], &[]);
    assert_eq!(output.status.code(), Some(126));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read"), "{output:?}");
    fs::write(session.folder().join("session.json"), "{}").unwrap();
    let output = project.call(&session.bin().join("gcc"), &[], &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is not a session of this version"),
        "{output:?}"
    );
}

fn earlier_build() {
    let mut project = Project::new();
    project.headers =
        [("first/cuda.h".into(), "1".into()), ("last/neon/arm_neon.h".into(), "2".into())].into();
    project.names = vec!["aarch64-poky-linux-gcc".into()];
    let folder = project.session_folder();
    drop(project.prepare());
    assert_eq!(fs::read_to_string(folder.join("include/last/neon/arm_neon.h")).unwrap(), "2");
    project.headers = [("first/cuda.h".into(), "3".into())].into();
    project.names.clear();
    let session = project.prepare();
    assert_eq!(fs::read_to_string(folder.join("include/first/cuda.h")).unwrap(), "3");
    assert!(!folder.join("include/last").exists() && !session.bin().join("aarch64-poky-linux-gcc").exists());

    // While one build runs, another of the project takes nothing away from it, and cannot exchange its toolkit.
    project.names = vec!["aarch64-poky-linux-gcc".into()];
    let second = project.prepare();
    project.names.clear();
    let third = project.prepare();
    assert!(third.bin().join("aarch64-poky-linux-gcc").exists());
    project.tool("cuda/bin/new-tool", "");
    assert!(matches!(project.try_prepare(), Err(WrapError::InUse { .. })));
    drop((session, second, third));
    drop(project.prepare());
    assert!(folder.join("cuda/bin/new-tool").exists());
}

fn hostile_requests() {
    let mut project = Project::new();
    project.headers = [("../../escape.h".into(), String::new())].into();
    assert!(matches!(project.try_prepare(), Err(WrapError::Header { .. })));
    project.headers.clear();
    fs::remove_file(project.root.join("cuda/bin/nvcc")).unwrap();
    assert!(matches!(project.try_prepare(), Err(WrapError::Toolkit { .. })));
    assert_eq!(read_calls(&project.root.join("none")).unwrap().calls.len(), 0);
}
