//! Absolute paths: served where the kernel allows it, as root and as an ordinary user, and otherwise said.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use cuferry_testkit::lacking;
use cuferry_wrap::{Namespace, NamespaceUse, Obstacle, Places, Pretence, WrapError};

use crate::project::Project;

pub(crate) const TRIALS: &[(&str, fn())] = &[
    ("namespace::the_toolkit_and_tools_are_served_where_they_are_named", served),
    ("namespace::the_user_stays_the_same", same_user),
    ("namespace::nothing_is_seen_outside", nothing_outside),
    ("namespace::a_real_build_with_absolute_paths", real_build),
    ("namespace::a_folder_is_covered_entry_by_entry_where_overlays_are_not_to_be_had", refilled),
    ("namespace::a_toolkit_in_the_place_that_it_serves", own_place),
    ("namespace::a_jetson_has_its_release_file", jetson),
    ("namespace::what_is_installed_beside_goes_where_it_belongs", installed),
    ("namespace::a_run_writes_where_it_may_alone", confined),
    ("namespace::each_path_leads_to_its_own_compiler", each_path_its_own),
    ("namespace::a_script_before_a_compiler_reaches_it", wrapper_first),
    ("namespace::an_ordinary_user_has_it_all", ordinary_user),
    ("namespace::without_one_the_build_runs_and_the_reason_is_said", fallback),
];

/// A project whose build runs in a namespace; nothing where there is none to be had.
fn project() -> Option<Project> {
    let mut project = Project::real();
    project.namespace = NamespaceUse::Always;
    project.places = Places::usual();
    let session = project.prepare();
    match project.try_run(&session, "true".as_ref(), &[], &[]) {
        Err(WrapError::Namespace { obstacle }) => {
            lacking(&format!("there are no namespaces here: {obstacle}"));
            None
        }
        done => {
            done.unwrap().expect(0);
            drop(session);
            Some(project)
        }
    }
}

fn served() {
    let Some(mut project) = project() else { return };
    project.places.toolkit.push("/usr/local/cuda-10.2".into());
    project.places.toolkit.push("/opt/nvidia/toolkit/cuda".into());
    project.places.toolkit.push("/cuda".into());
    let done = project
        .sh("/usr/local/cuda/bin/nvcc -c a.cu && /usr/local/cuda-10.2/bin/nvcc --version && /opt/nvidia/toolkit/cuda/bin/nvcc -c b.cu && /usr/bin/aarch64-linux-gnu-gcc --version && realpath /usr/bin/gcc && ls /usr/local/bin >&2 && touch here")
        .expect(0);
    assert_eq!(project.called(), "nvcc|-c|a.cu\nnvcc|--version\nnvcc|-c|b.cu\n");
    assert!(done.stdout.starts_with("gcc (") && done.stdout.ends_with("/usr/bin/gcc\n"), "{}", done.stdout);
    assert_eq!(done.run.calls.len(), 4);
    let Namespace::Used { served, unserved } = &done.run.namespace else {
        panic!("{:?}", done.run.namespace)
    };
    let expected = ["/opt/nvidia/toolkit/cuda", "/usr/bin", "/usr/local/cuda", "/usr/local/cuda-10.2"];
    assert_eq!(served, &expected);
    assert_eq!(unserved[0].path, "/cuda");
}

fn same_user() {
    let Some(project) = project() else { return };
    let done = project.sh("id -u; id -g; touch mine; stat -c %u /etc/passwd; pwd").expect(0);
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let owner = if user.is_root() { 0 } else { 65534 };
    assert_eq!(
        done.stdout,
        format!("{}\n{}\n{owner}\n{}\n", user.as_raw(), group.as_raw(), project.folder())
    );
    assert_eq!(fs::metadata(project.folder().join("mine")).unwrap().uid(), user.as_raw());
}

fn nothing_outside() {
    let Some(project) = project() else { return };
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let done = project.sh("test -e /usr/bin/.cuferry-session && grep -c . /proc/self/mountinfo").expect(0);
    assert!(done.stdout.trim().parse::<usize>().unwrap() > before.lines().count());
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    assert!(!fs::exists("/usr/bin/.cuferry-session").unwrap());
}

fn real_build() {
    let Some(project) = project() else { return };
    project.file(
        "Makefile",
        "CXX := /usr/bin/aarch64-linux-gnu-g++\nall: a b\na: a.cpp\n\t$(CXX) -mcpu=cortex-a57 -o $@ $<\nb: a.cpp\n\t/usr/bin/clang++ -o $@ $<\n",
    );
    project.file("a.cpp", "#include <iostream>\nint main() { std::cout << __VERSION__; }\n");
    let session = project.prepare();
    let target = if fs::exists("/usr/bin/clang++").unwrap() { "all" } else { "a" };
    let done = project.run(&session, "make", &["-j2", target], &[]).expect(0);
    assert!(Command::new(project.folder().join("a")).status().unwrap().success());
    assert_eq!(done.run.calls.len(), if target == "all" { 2 } else { 1 }, "{:?}", done.run.calls);
    assert!(done.run.calls.iter().any(|call| !call.changes.is_empty()));
}

/// Tools and another place in one folder: an overlay alone cannot serve both.
fn refilled() {
    let Some(mut project) = project() else { return };
    let tools = project.root.join("tools");
    for name in ["gcc", "other", "aarch64-poky-linux-gcc"] {
        project.tool(&format!("tools/{name}"), "#!/bin/sh\necho own ${0##*/}\n");
    }
    std::os::unix::fs::symlink("other", tools.join("link")).unwrap();
    fs::create_dir(tools.join("folder")).unwrap();
    project.places.tools = vec![tools.clone()];
    project.places.toolkit = vec![tools.join("cuda")];
    project.names = vec!["aarch64-poky-linux-gcc".into()];
    let done = project
        .sh("cd ../tools; ./gcc -dumpversion; ./aarch64-poky-linux-gcc -dumpversion; ./other; ./link; ./cuda/bin/nvcc -c x.cu; touch folder/new; touch new 2>/dev/null || echo refused")
        .expect(0);
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(lines[2..], ["own other", "own link", "refused"], "{}", done.stderr);
    assert!(lines[0] == lines[1] && !lines[0].starts_with("own"), "{lines:?}");
    assert!(tools.join("folder/new").exists() && !tools.join("new").exists() && !tools.join("cuda").exists());
    assert_eq!(project.called(), "nvcc|-c|x.cu\n");
}

fn own_place() {
    let Some(mut project) = project() else { return };
    project.places.toolkit = vec![project.root.join("cuda")];
    // Its compilers as well: their own names are served, and are what serves them.
    project.tool("own/gcc", "#!/bin/sh\necho own $*\n");
    project.path = format!("{}/own:{}", project.root, project.path);
    project.places.tools = vec![project.root.join("own")];
    let root = project.root.clone();
    let done = project
        .sh(&format!("{root}/cuda/bin/nvcc -c x.cu; {root}/cuda/bin/ptxas y; {root}/own/gcc -c a.c"))
        .expect(0);
    assert_eq!(project.called(), "nvcc|-c|x.cu\nptxas|y\n", "{}{:?}", done.stderr, done.run.namespace);
    assert_eq!((done.stdout.as_str(), done.run.calls.len()), ("own -c a.c\n", 2));
}

fn jetson() {
    let Some(mut project) = project() else { return };
    project.pretence = Pretence::Jetson {
        l4t: 35,
        revision: "4.1".into(),
        model: "NVIDIA Jetson AGX Orin Developer Kit".into(),
    };
    let done =
        project.sh("cat /etc/nv_tegra_release; uname -m; /usr/bin/uname -m; test -s /etc/passwd").expect(0);
    assert!(done.stdout.starts_with("# R35 (release), REVISION: 4.1, "), "{}", done.stdout);
    assert!(done.stdout.ends_with("aarch64\naarch64\n"), "{}", done.stdout);
    assert!(!fs::exists("/etc/nv_tegra_release").unwrap());
}

fn installed() {
    let Some(mut project) = project() else { return };
    let prefix = project.root.join("local");
    fs::create_dir_all(prefix.join("lib")).unwrap();
    project.places.toolkit = vec![prefix.join("cuda")];
    project.sh("cp /etc/hostname ../local/lib/libmine.so; mkdir ../local/new").expect(1);
    assert!(prefix.join("lib/libmine.so").exists(), "what is installed beside the toolkit is lost");
    assert!(!prefix.join("new").exists());
}

/// An install step that keeps to its folder, and one that does not.
fn confined() {
    let Some(mut project) = project() else { return };
    let stage = project.root.join("the stage");
    let outside = project.root.join("outside");
    for folder in [&stage, &outside] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(outside.join("kept"), "kept").unwrap();
    project.writable = Some(vec![stage.clone(), project.folder()]);
    let script = "gcc -c a.c; echo x > '../the stage/program' && echo x > built && echo x > /dev/null
        for there in ../outside/new ../outside/kept ../new /usr/lib/new /etc/new /new; do
            (echo x > $there) 2>/dev/null && echo wrote $there; done
        rm -f ../outside/kept 2>/dev/null; rmdir ../outside 2>/dev/null; cat ../outside/kept";
    let done = project.sh(script).expect(0);
    assert_eq!(done.stdout, "kept", "{}", done.stderr);
    assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
    assert!(stage.join("program").exists() && project.folder().join("built").exists());
    assert_eq!(done.run.calls.len(), 1, "calls are recorded as ever: {}", done.stderr);
    // The next run is free again.
    project.writable = None;
    project.sh("echo x > ../outside/new").expect(0);
    assert!(outside.join("new").exists());
}

/// Two compilers of one name, the second of which the user names: each path leads to its own.
fn each_path_its_own() {
    let Some(mut project) = project() else { return };
    for folder in ["first", "second"] {
        let text = format!("#!/bin/sh\necho {folder} ${{0##*/}} \"$@\"\n");
        project.tool(&format!("{folder}/gcc"), &text);
    }
    let (first, second) = (project.root.join("first"), project.root.join("second"));
    project.path = format!("{first}:{second}:{}", project.path);
    project.places.tools = vec![first.clone(), second.clone()];
    project.own = vec![second.join("gcc"), second.join("aarch64-linux-gnu-gcc")];
    let script = format!(
        "gcc -mcpu=cortex-a57 -c a.c; {first}/gcc -c b.c; {second}/gcc -mcpu=cortex-a57 -c c.c; \
         {second}/aarch64-linux-gnu-gcc -c d.c"
    );
    let done = project.sh(&script).expect(0);
    let flags = "-march=x86-64-v3 -mtune=generic";
    assert_eq!(
        done.stdout,
        format!("first gcc {flags} -c a.c\nfirst gcc -c b.c\nsecond gcc {flags} -c c.c\nfirst gcc -c d.c\n")
    );
    assert_eq!(done.run.calls.len(), 4);
}

/// A script that goes before a compiler on PATH, and calls it by its path: below a translated call that leads to the compiler,
/// and not back to the script.
fn wrapper_first() {
    let Some(mut project) = project() else { return };
    let (first, second) = (project.root.join("first"), project.root.join("second"));
    project.tool("second/gcc", "#!/bin/sh\necho compiler \"$@\"\n");
    project.tool("first/gcc", &format!("#!/bin/sh\nexec {second}/gcc -wrapped \"$@\"\n"));
    project.path = format!("{first}:{second}:{}", project.path);
    project.places.tools = vec![second.clone()];
    let done = project.sh(&format!("gcc -c a.c; {second}/gcc -c b.c")).expect(0);
    assert_eq!(done.stdout, "compiler -wrapped -c a.c\ncompiler -wrapped -c b.c\n");
    assert_eq!(done.run.calls.len(), 2);
}

/// What root was tested with, once more as somebody else: that is another way into the namespace.
fn ordinary_user() {
    if !rustix::process::getuid().is_root() || project().is_none() {
        return; // Tested already, or not to be had.
    }
    let (_guard, scratch) = cuferry_testkit::scratch();
    let exe = scratch.join("tests");
    fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let temporary = scratch.join("tmp");
    fs::create_dir(&temporary).unwrap();
    for (path, mode) in [(&scratch, 0o755), (&exe, 0o755), (&temporary, 0o1777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", exe.as_str(), "namespace::"])
        .env("TMPDIR", &temporary)
        .current_dir(&temporary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let all = format!("\ntest result: ok. {} passed", TRIALS.len());
    assert!(output.status.success() && said.contains(&all), "{said}");
}

/// A machine without namespaces, as a first process reports it.
fn fallback() {
    let mut project = Project::real();
    project.places = Places::usual();
    project.namespace = NamespaceUse::Auto;
    let session = project.prepare();
    fs::remove_file(session.bin().join(".cuferry-enter")).unwrap();
    project.tool(
        "refuses",
        "#!/bin/sh\nprintf '{\"not-entered\":\"filter\"}' > \"$CUFERRY_RUN/namespace.json\"\nexit 126\n",
    );
    fs::rename(project.root.join("refuses"), session.bin().join(".cuferry-enter")).unwrap();
    let done = project.run(&session, "sh", &["-c", "gcc --version > /dev/null; exit 4"], &[]).expect(4);
    assert_eq!(done.run.namespace, Namespace::NotToBeHad(Obstacle::Filter));
    assert_eq!((project.obstacles.borrow().as_slice(), done.run.calls.len()), (&[Obstacle::Filter][..], 1));
    project.namespace = NamespaceUse::Always;
    let error = project.try_run(&session, "true".as_ref(), &[], &[]).err();
    assert!(matches!(error, Some(WrapError::Namespace { obstacle: Obstacle::Filter })), "{error:?}");
}
