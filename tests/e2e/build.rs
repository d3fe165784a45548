//! A project's own build, unedited: `make`, `cmake`, `wrap`, and `rebuild` of what has no cuferry.toml. With the machine's
//! own make, CMake and compilers; none of these projects holds CUDA (see `build_real` for those that do).

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use cuferry_testkit::variable;
use serde_json::Value;

use crate::project::{Run, TestProject, wait_until};

/// As a Jetson's project has it: an ARM compiler, ARM flags, an ARM library folder.
const MAKEFILE: &str = "\
CXX = aarch64-linux-gnu-g++
CXXFLAGS = -O2 -mcpu=cortex-a57 -funroll-loops
LDFLAGS = -L/usr/lib/aarch64-linux-gnu/tegra

robot: main.o
\t$(CXX) $^ -o $@ $(LDFLAGS)
%.o: %.cpp
\t$(CXX) $(CXXFLAGS) -c $< -o $@
clean:
\trm -f *.o robot
";

const MAIN: &str = "#include <cstdio>\nint main() { std::puts(\"moving\"); }\n";

fn robot() -> TestProject {
    TestProject::new().file("Makefile", MAKEFILE).file("main.cpp", MAIN)
}

/// cuferry with the machine's own PATH: these builds call whatever they like.
pub(crate) fn cuferry(project: &TestProject, args: &[&str]) -> Run {
    project.cuferry(args).env("PATH", variable("PATH").expect("these tests need a PATH")).run()
}

fn report(project: &TestProject) -> Value {
    let text = std::fs::read_to_string(project.at("../report.json")).expect("the report was asked for");
    serde_json::from_str(&text).expect("it is JSON")
}

/// What a program that was built prints.
pub(crate) fn runs(project: &TestProject, program: &str) -> String {
    let output = Command::new(project.at(program)).output().expect("it is a program for this machine");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn an_arm_makefile_makes_an_x86_64_program() {
    let project = robot();
    let run = cuferry(&project, &["make", "--report", "../report.json", "-j2"]).expect(0);
    assert_eq!(runs(&project, "robot"), "moving\n");
    assert!(
        run.stdout.contains("aarch64-linux-gnu-g++ -O2 -mcpu=cortex-a57"),
        "make's own words: {}",
        run.stdout
    );
    assert!(run.stderr.contains("-mcpu=cortex-a57 -> ") && run.stderr.contains("CF2001"), "{}", run.stderr);
    assert!(run.stderr.contains("made      robot: program"), "{}", run.stderr);
    let report = report(&project);
    let rules: Vec<&str> = report["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|change| change["rule"].as_str())
        .collect();
    assert!(rules.contains(&"CF2001") && rules.contains(&"CF2013"), "{rules:?}");
    assert_eq!((report["exit_code"].as_u64(), report["calls"].as_u64()), (Some(0), Some(2)));
    assert_eq!(report["artefacts"][0]["machine"], "x86_64");
}

#[test]
fn a_second_call_with_nothing_to_do_is_judged_by_what_is_there() {
    let project = robot();
    cuferry(&project, &["make"]).expect(0);
    let run = cuferry(&project, &["make"]).expect(0);
    assert!(run.stderr.contains("made      robot: program"), "{}", run.stderr);
    cuferry(&project, &["make", "clean"]).expect(0);
    assert!(!project.at("robot").exists());
}

#[test]
fn a_build_that_makes_nothing_is_no_success() {
    let project = TestProject::new().file("Makefile", "all:\n\t@echo waived on this machine\n");
    let run = cuferry(&project, &["make"]).expect(1);
    let error = run.error_in_one_line();
    assert!(error.contains("no program and no library came of it"), "{error}");
    assert!(error.contains("no compiler was called"), "{error}");
    cuferry(&project, &["make", "--no-check"]).expect(0);
}

#[test]
fn a_default_goal_that_links_nothing_is_answered_with_the_others() {
    let makefile = "part.o: part.c\n\tgcc -c -o $@ $<\nall: robot\nrobot: part.o\n\tgcc -o $@ $<\nclean:\n\trm -f robot\n";
    let project =
        TestProject::new().file("Makefile", makefile).file("part.c", "int main(void) { return 0; }\n");
    let error = cuferry(&project, &["make"]).expect(1).error_in_one_line();
    assert!(error.contains("nothing was linked"), "{error}");
    assert!(error.contains("(the makefile has `all`, `robot`)"), "{error}");
    cuferry(&project, &["make", "all"]).expect(0);
}

#[test]
fn a_build_that_fails_by_itself_ends_with_its_own_words_and_code() {
    let project = TestProject::new()
        .file("build.sh", "g++ -c broken.cpp; echo after >&2; exit 7\n")
        .file("broken.cpp", "int main() { return undeclared; }\n");
    let run = cuferry(&project, &["wrap", "--", "sh", "build.sh"]).expect(7);
    assert!(run.stderr.contains("undeclared"), "{}", run.stderr);
    assert!(!run.stderr.contains("  cause "), "no advice where the project itself is wrong: {}", run.stderr);
    let run = cuferry(&project, &["wrap", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(run.code, Some(137));
    let run = cuferry(&project, &["wrap", "--", "no-such-program"]).expect(2);
    assert!(run.error_in_one_line().contains("cannot start `no-such-program`"), "{}", run.stderr);
}

#[test]
fn a_missing_header_is_named_with_its_package() {
    let project = robot().file("main.cpp", "#include <opencv2/opencv.hpp>\nint main() {}\n");
    if std::path::Path::new("/usr/include/opencv4").exists() {
        return;
    }
    let run = cuferry(&project, &["make"]).expect(2);
    assert!(run.stderr.contains("libopencv-dev"), "{}", run.stderr);
}

#[test]
fn arm_code_that_a_build_leaves_is_no_success() {
    // The first 64 bytes of an ELF program for AArch64 (183), with no sections.
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, 0, 183, 0, 1, 0, 0, 0]);
    header.resize(52, 0);
    header.extend([64, 0, 56, 0, 0, 0, 64, 0, 0, 0, 0, 0]);
    let project = robot();
    std::fs::write(project.path("arm"), header).expect("/tmp is writable");
    let run = cuferry(&project, &["wrap", "--", "sh", "-c", "make && cp ../arm leftover"]).expect(1);
    assert!(run.error_in_one_line().contains("leftover is aarch64 code"), "{}", run.stderr);
}

#[test]
fn arm_code_among_the_sources_is_named_before_the_build_stops_at_it() {
    let mut arm = vec![0_u8; 64];
    arm[..6].copy_from_slice(b"\x7fELF\x02\x01");
    arm[18] = 183;
    let project = robot();
    std::fs::create_dir(project.at("lib")).expect("/tmp is writable");
    std::fs::write(project.at("lib/libvision.so"), &arm).expect("/tmp is writable");
    cuferry(&project, &["make", "--report", "../report.json"]).expect(0);
    let notes = report(&project)["notes"].to_string();
    assert!(notes.contains("`lib/libvision.so` is machine code for ARM"), "{notes}");
}

#[test]
fn absolute_paths_of_compilers_are_served() {
    let project = robot();
    let makefile = MAKEFILE.replace("CXX = ", "CXX = /usr/bin/");
    project.write("Makefile", &makefile);
    let run = cuferry(&project, &["make", "--namespace", "always"]);
    if run.stderr.contains("absolute paths cannot be served") {
        cuferry_testkit::skipped("a mount namespace is not to be had here");
        return;
    }
    run.expect(0);
    assert_eq!(runs(&project, "robot"), "moving\n");
}

/// Another compiler than the machine's `g++`, named by its path in each way that a user can.
#[test]
fn a_compiler_that_is_named_by_its_path_compiles_translated() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = robot();
    project.write("Makefile", &MAKEFILE.replace("CXX = aarch64-linux-gnu-g++", "CXX ?= g++"));
    project.write("../opt/gcc/bin/g++", "#!/bin/sh\necho \"$@\" >> ../opt/log\nexec /usr/bin/g++ \"$@\"\n");
    let own = project.path("opt/gcc/bin/g++");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).expect("it was just written");
    let own = own.to_str().expect("/tmp has a plain name");
    let path = variable("PATH").expect("these tests need a PATH");
    let before = format!("{}:{path}", project.path("opt/gcc/bin").display());
    let argument = format!("CXX={own}");
    let cases: [(&[&str], Option<&str>, &str); 4] = [
        (&["make"], Some(own), &path),
        (&["make", "--namespace", "never"], Some(own), &path),
        (&["make", &argument], None, &path),
        (&["make"], None, &before),
    ];
    for (args, variable, path) in cases {
        let mut run = project.cuferry(args).env("PATH", path);
        if let Some(own) = variable {
            run = run.env("CXX", own);
        }
        let run = run.run().expect(0);
        assert!(run.stderr.contains("CF2001") && !run.stderr.contains("CF4026"), "{args:?}: {}", run.stderr);
        let log = std::fs::read_to_string(project.path("opt/log")).expect("it compiled");
        let calls = log.lines().filter(|words| words.contains("main.o"));
        assert_eq!(calls.count(), 2, "{args:?}: compile and link, beside what cuferry asks it: {log}");
        std::fs::remove_file(project.path("opt/log")).expect("it is there");
        cuferry(&project, &["make", "clean"]).expect(0);
    }
}

#[test]
fn names_with_blanks_and_letters_of_all_kinds() {
    let folder = "Röbot 'x' \"y\"";
    let project = TestProject::new()
        .file(&format!("{folder}/Makefile"), MAKEFILE)
        .file(&format!("{folder}/main.cpp"), MAIN);
    cuferry(&project, &["make", "-C", folder]).expect(0);
    assert_eq!(runs(&project, &format!("{folder}/robot")), "moving\n");
}

#[test]
fn what_uname_says_is_the_users_choice() {
    let project = TestProject::new();
    let machine = |project: &TestProject, pretend: &[&str]| {
        let mut args = vec!["wrap", "--no-check"];
        args.extend(pretend);
        args.extend(["--", "uname", "-m"]);
        cuferry(project, &args).expect(0).stdout
    };
    assert_eq!(machine(&project, &[]), "x86_64\n");
    assert_eq!(machine(&project, &["--pretend", "aarch64"]), "aarch64\n");
}

const LISTS: &str = "\
cmake_minimum_required(VERSION 3.16)
project(robot CXX)
add_library(arm SHARED arm.cpp)
add_executable(robot main.cpp)
target_compile_options(robot PRIVATE -mcpu=cortex-a78ae)
target_link_libraries(robot PRIVATE arm)
install(TARGETS robot arm)
install(FILES data.txt DESTINATION share/robot)
";

fn cmake_robot() -> TestProject {
    TestProject::new()
        .file("CMakeLists.txt", LISTS)
        .file("arm.cpp", "int arm() { return 0; }\n")
        .file("main.cpp", "#include <cstdio>\nint arm();\nint main() { std::puts(\"moving\"); return arm(); }\n")
        .file("data.txt", "calibrated\n")
        .file(
            "jetson.cmake",
            "set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\nset(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)\n",
        )
}

#[test]
fn cmake_is_configured_and_built() {
    let project = cmake_robot();
    let configure = ["cmake", "-S", ".", "-B", "out", "-DCMAKE_TOOLCHAIN_FILE=jetson.cmake"];
    let run = cuferry(&project, &configure).expect(0);
    assert!(run.stderr.contains("CMAKE_TOOLCHAIN_FILE"), "{}", run.stderr);
    let run = cuferry(&project, &["cmake", "--build", "out"]).expect(0);
    assert!(run.stderr.contains("CF2001"), "{}", run.stderr);
    assert_eq!(runs(&project, "out/robot"), "moving\n");
}

#[test]
fn make_in_a_folder_that_cmake_wrote_is_the_same_projects_build() {
    let project = cmake_robot();
    cuferry(&project, &["cmake", "-S", ".", "-B", "out", "-DCMAKE_TOOLCHAIN_FILE=jetson.cmake"]).expect(0);
    let run = cuferry(&project, &["make", "--report", "../report.json", "-C", "out"]).expect(0);
    assert!(run.stderr.contains("CF2001"), "{}", run.stderr);
    assert_eq!(runs(&project, "out/robot"), "moving\n");
    let report = report(&project);
    assert!(report["folder"].as_str().is_some_and(|folder| folder.ends_with("/project")), "{report}");
}

#[test]
fn a_build_folder_of_another_machine_is_refused_until_told() {
    let project = cmake_robot();
    let plain = Command::new("cmake").args(["-S", ".", "-B", "out"]).current_dir(project.at(".")).output();
    assert!(plain.expect("cmake is there").status.success());
    let run = cuferry(&project, &["cmake", "-S", ".", "-B", "out"]).expect(2);
    let error = run.error_in_one_line();
    assert!(error.contains("was configured with other compilers") && error.contains("--fresh"), "{error}");
    cuferry(&project, &["cmake", "--fresh", "-S", ".", "-B", "out"]).expect(0);
    cuferry(&project, &["cmake", "--build", "out"]).expect(0);
}

#[test]
fn rebuild_takes_a_cmake_project_to_an_image_of_what_it_installs() {
    let project = cmake_robot();
    let run = cuferry(&project, &["rebuild", "--format", "json"]).expect(0);
    let report = run.json();
    let files: Vec<String> = report["image"]["layers"]
        .as_array()
        .expect("an image was written")
        .iter()
        .flat_map(|layer| layer["files"].as_array().into_iter().flatten())
        .filter_map(|file| file.as_str().map(str::to_owned))
        .collect();
    assert!(project.at("target/cuferry/project-x86_64.tar").is_file(), "{files:?}");
    assert_eq!(report["commands"].as_array().map(Vec::len), Some(3), "{report}");
}

#[test]
fn rebuild_takes_a_makefile_to_an_image() {
    let project = robot();
    let run = cuferry(&project, &["rebuild"]).expect(0);
    assert!(
        run.stdout.contains("image    [TEMP]/project/target/cuferry/project-x86_64.tar"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("rebuild by make"), "{}", run.stderr);
}

#[test]
fn rebuild_says_what_it_cannot_start() {
    let project =
        TestProject::new().file("MODULE.bazel", "module(name = \"robot\")\n").file("BUILD.bazel", "");
    let error = cuferry(&project, &["rebuild"]).expect(2).error_in_one_line();
    assert!(error.contains("Bazel") && error.contains("cuferry wrap -- bazel build"), "{error}");
    let error = cuferry(&robot(), &["rebuild", "--host", "aarch64"]).expect(2).error_in_one_line();
    assert!(error.contains("cuferry.toml"), "{error}");
}

#[test]
fn ten_builds_at_once() {
    let project = TestProject::new();
    for number in 0..10 {
        project.write(&format!("{number}/Makefile"), MAKEFILE);
        project.write(&format!("{number}/main.cpp"), MAIN);
    }
    let path = variable("PATH").expect("these tests need a PATH");
    let folders: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let builds: Vec<_> = folders
        .iter()
        .map(|folder| project.cuferry(["make", "-C", folder]).env("PATH", &path).start())
        .collect();
    for (folder, mut build) in folders.iter().zip(builds) {
        // What it prints is short enough to wait in the pipes.
        assert!(build.wait().expect("it was started").success(), "in {folder}");
        assert_eq!(runs(&project, &format!("{folder}/robot")), "moving\n");
    }
}

#[test]
fn an_interrupt_ends_the_build_and_all_it_started() {
    let project =
        TestProject::new().file("Makefile", "all:\n\techo started > started; sleep 60; echo late > late\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cuferry"));
    command.arg("make").current_dir(project.at(".")).stdout(Stdio::null()).stderr(Stdio::null());
    // As a terminal does: the signal goes to the whole foreground group.
    command.process_group(0);
    let mut child =
        project.through(command).env("PATH", variable("PATH").expect("these tests need a PATH")).start();
    wait_until("make has started its recipe", || project.at("started").exists());
    let group = format!("-{}", child.id());
    let kill = Command::new("kill").args(["-s", "INT", "--", &group]).status();
    assert!(kill.expect("kill is there").success());
    let status = child.wait().expect("it was started");
    assert_eq!(status.code(), Some(130), "{status:?}");
    assert!(!project.at("late").exists());
}
