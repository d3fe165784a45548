//! C++ compilers that are not there, or do not fit.

use crate::project::{TestProject, fixture};

#[test]
fn no_compiler() {
    let project = TestProject::with_sources();
    let run = project.cuferry(["rebuild"]).env("PATH", project.path("home")).run().expect(3);
    insta::assert_snapshot!(run.error(), @"
    toolchain::no_compiler

      × no C++ compiler for x86_64 on this machine
      help: Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`; CUDA 13.0 takes g++ up to 15
    ");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_compiler_too_new() {
    let project = TestProject::with_sources();
    std::fs::remove_file(project.path("bin/g++")).unwrap();
    std::os::unix::fs::symlink(fixture("too-new/g++-99"), project.path("bin/g++-99")).unwrap();
    // Otherwise g++ 11 is fetched.
    insta::assert_snapshot!(project.run(["rebuild", "--offline"]).expect(3).error(), @"
    toolchain::compiler_too_new

      × CUDA 13.0 takes g++ up to 15 and clang++ up to 20, but this machine has g++ 99.1.0 (`[TEMP]/
      │ bin/g++-99`)
      help: Debian, Ubuntu: `apt install g++-15`; Fedora: `dnf install gcc15-c++`
    ");
}

#[test]
fn a_compiler_that_is_named_and_not_there() {
    let project = TestProject::with_sources();
    let run = project.run(["rebuild", "--compiler", "g++-77"]).expect(3);
    let error = run.error();
    let (message, others) = error.split_once("there is ").unwrap();
    insta::assert_snapshot!(message, @"
    toolchain::unknown_compiler

      × no C++ compiler `g++-77` for x86_64 on this machine
      help:
    ");
    assert!(others.ends_with("(`[TEMP]/bin/g++`)"), "{others}");
}

#[test]
fn no_archiver() {
    let project = TestProject::with_sources();
    std::fs::remove_file(project.path("bin/ar")).unwrap();
    let run = project.run(["rebuild"]).expect(3);
    insta::assert_snapshot!(run.error(), @"
    toolchain::no_ar

      × no `ar` for x86_64 on PATH
      help: Debian, Ubuntu: `apt install binutils`; Fedora: `dnf install binutils`
    ");
}
