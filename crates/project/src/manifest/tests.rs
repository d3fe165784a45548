//! Manifests, good and bad.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use cuferry_arch::{CudaRelease, GpuPolicy};
use insta::assert_snapshot;
use miette::Diagnostic as _;

use super::*;
use crate::project::Compression;

fn tree() -> FileTree {
    let paths = [
        "data/luts/night.bin",
        "data/luts/deep/day.bin",
        "data/readme.txt",
        "include/camera.h",
        "kernels/blur.cu",
        "kernels/sum.cu",
        "src/io.cpp",
        "src/main.cu",
        "src/test_io.cpp",
        "src/Upper.CU",
        "vendor/lib/libisp.a",
    ];
    FileTree::new(paths.map(Utf8PathBuf::from))
}

/// Each mistake with its place, its text underlined, and its help; or the order of the targets.
fn check(text: &str) -> String {
    let errors = match parse(text, FILE_NAME, &tree()) {
        Ok(project) => {
            let names: Vec<_> = project.targets.iter().map(|target| target.name.as_str()).collect();
            return format!("ok: {}", names.join(" "));
        }
        Err(errors) => errors,
    };
    let mut shown = format!("{errors}\n");
    for mistake in errors.mistakes() {
        writeln!(shown, "{mistake}").unwrap();
        for label in mistake.labels().unwrap() {
            let (start, end) = (label.offset(), label.offset() + label.len());
            let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
            let line = text[line_start..].lines().next().unwrap_or_default();
            let number = text[..start].lines().count().max(1) + usize::from(start == line_start && start > 0);
            let marks = "^".repeat((end - start).min(line.len() - (start - line_start)).max(1));
            let note = label.label().map(|label| format!(" {label}")).unwrap_or_default();
            writeln!(shown, "{number:3} | {line}\n    | {}{marks}{note}", " ".repeat(start - line_start))
                .unwrap();
        }
        if let Some(help) = mistake.help() {
            writeln!(shown, "    = {help}").unwrap();
        }
    }
    shown
}

const HEAD: &str = "[project]\nname = \"p\"\n";
const MAIN: &str = "[[program]]\nname = \"p\"\nsources = [\"src/main.cu\"]\n";

/// A manifest that is right but for `rest`, which follows its program.
fn after_program(rest: &str) -> String {
    check(&format!("{HEAD}{MAIN}{rest}"))
}

/// A manifest that is right but for `[build]`.
fn with_build(rest: &str) -> String {
    check(&format!("{HEAD}{MAIN}[build]\n{rest}"))
}

#[test]
fn a_whole_manifest_becomes_a_project() {
    let text = r#"
[project]
name = "edge-camera"
version = "0.1.0"

[build]
toolkit = "13.0"
host-compiler = "g++-12"
gpu = ["sm_86", "sm_90a", "compute_80"]
ptx = false
std = "c++17"
include = ["include"]
defines = ["NDEBUG", "WIDTH=64"]
host-flags = ["-O2", "-mcpu=cortex-a78ae"]
device-flags = ["-gencode", "arch=compute_87,code=sm_87"]
link-flags = ["-Wl,--as-needed"]

[[program]]
name = "edge-camera"
sources = ["src/**/*.cu", "src/*.cpp", "src/main.cu"]
exclude = ["src/test_*.cpp"]
relocatable-device-code = true
uses = ["kernels"]
cuda-libraries = ["cublas"]
pkg-config = ["opencv4"]
link = ["m"]
link-dirs = ["vendor/lib"]
std = "c++20"
defines = ["DEBUG=1"]

[[library]]
name = "kernels"
kind = "shared"
sources = ["kernels/*.cu"]

[[install]]
from = "data/**/*.bin"
to = "/app/share//"

[[install]]
from = "data/readme.txt"
to = "/app/README"

[image]
name = "acme/edge-camera:1.0"
base = "scratch"
entrypoint = ["edge-camera", "--frames", "8"]
cmd = [""]
user = "1000:1000"
working-dir = "/app"
env = { LOG = "info" }
labels = { "org.opencontainers.image.licenses" = "MIT" }
compression = "zstd"
"#;
    let project = parse(text, FILE_NAME, &tree()).unwrap_or_else(|_| panic!("{}", check(text)));
    let inferred = crate::Inferred { project, notes: Vec::new() };
    assert_snapshot!(crate::to_toml(&inferred), @r#"
    # Written by `cuferry init` from what it found here. It is yours now: a comment says what a guess rests on.

    [project]
    name = "edge-camera"
    version = "0.1.0"

    [build]
    toolkit = "13.0"
    host-compiler = "g++-12"
    gpu = ["sm_86", "sm_90a", "compute_80"]
    ptx = false

    [[library]]
    name = "kernels"
    kind = "shared"
    sources = ["kernels/blur.cu", "kernels/sum.cu"]
    include = ["include"]
    defines = ["NDEBUG", "WIDTH=64"]
    std = "c++17"
    host-flags = ["-O2", "-mcpu=cortex-a78ae"]
    device-flags = ["-gencode", "arch=compute_87,code=sm_87"]
    link-flags = ["-Wl,--as-needed"]

    [[program]]
    name = "edge-camera"
    sources = ["src/io.cpp", "src/main.cu"]
    include = ["include"]
    defines = ["NDEBUG", "WIDTH=64", "DEBUG=1"]
    std = "c++20"
    host-flags = ["-O2", "-mcpu=cortex-a78ae"]
    device-flags = ["-gencode", "arch=compute_87,code=sm_87"]
    link-flags = ["-Wl,--as-needed"]
    relocatable-device-code = true
    uses = ["kernels"]
    cuda-libraries = ["cublas"]
    pkg-config = ["opencv4"]
    link = ["m"]
    link-dirs = ["vendor/lib"]

    [[install]]
    from = "data/luts/deep/day.bin"
    to = "/app/share/luts/deep/day.bin"

    [[install]]
    from = "data/luts/night.bin"
    to = "/app/share/luts/night.bin"

    [[install]]
    from = "data/readme.txt"
    to = "/app/README"

    [image]
    name = "acme/edge-camera:1.0"
    entrypoint = ["edge-camera", "--frames", "8"]
    cmd = [""]
    user = "1000:1000"
    working-dir = "/app"
    compression = "zstd"

    [image.env]
    "LOG" = "info"

    [image.labels]
    "org.opencontainers.image.licenses" = "MIT"
    "#);
}

#[test]
fn the_least_manifest_takes_every_default() {
    let project = parse(&format!("{HEAD}{MAIN}"), FILE_NAME, &tree()).unwrap();
    assert_eq!((project.toolkit, project.gpu.clone(), project.embed_ptx), (None, None, true));
    assert_eq!(project.image, ImageSpec::default());
    assert_eq!(project.image_name(), "p:latest");
}

#[test]
fn values_have_several_shapes() {
    let project = |build: &str| parse(&format!("{HEAD}{MAIN}[build]\n{build}"), FILE_NAME, &tree()).unwrap();
    assert_eq!(project("gpu = \"same-as-arm\"").gpu, Some(GpuPolicy::SameAsArm));
    assert_eq!(project("gpu = \"sm_86\"").gpu, project("gpu = [\"8.6\"]").gpu);
    assert_eq!(project("toolkit = '11.8'").toolkit, Some(CudaRelease::new(11, 8)));
    let image =
        |text: &str| parse(&format!("{HEAD}{MAIN}[image]\n{text}"), FILE_NAME, &tree()).unwrap().image;
    assert_eq!(image("compression = \"none\"").compression, Some(Compression::None));
    assert_eq!(image("base = \"../base.tar\"").base.as_deref(), Some("../base.tar".into()));
    assert_eq!(image("entrypoint = [\"/bin/sh\"]").entrypoint, ["/bin/sh"]);
}

#[test]
fn syntax_is_shown_where_it_breaks() {
    assert_snapshot!(check("[project\nname = \"p\"\n"), @"
    `cuferry.toml` has a mistake
    unclosed table, expected `]`
      1 | [project
        |         ^
    ");
    assert_snapshot!(check("[project]\nname = p\nname = \"x\"\n"), @r#"
    `cuferry.toml` has 2 mistakes
    string values must be quoted, expected literal string
      2 | name = p
        |        ^
    duplicate key
      3 | name = "x"
        | ^^^^
    "#);
    assert_snapshot!(check("[project]\nname = \"x\"\nname = \"y\"\n"), @r#"
    `cuferry.toml` has a mistake
    duplicate key
      3 | name = "y"
        | ^^^^
    "#);
    assert_snapshot!(check("[project]\nname = \"unclosed\n"), @r#"
    `cuferry.toml` has a mistake
    invalid basic string, expected `"`
      2 | name = "unclosed
        |                 ^
    "#);
    assert_snapshot!(check(""), @"
    `cuferry.toml` has 2 mistakes
    the manifest has no `[project]`
      1 | 
        | ^
        = add `[project]` with its `name`
    the project has no program
      1 | 
        | ^
        = add a `[[program]]` with its `name` and `sources`, or let `cuferry init` write one
    ");
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    assert_snapshot!(after_program("source = [\"a\"]\nhost_flags = []\nkind = \"static\"\ncolour = 1\n[buidl]\n"), @r#"
    `cuferry.toml` has 5 mistakes
    unknown key `source` in `[[program]]`
      6 | source = ["a"]
        | ^^^^^^
        = did you mean `sources`?
    unknown key `host_flags` in `[[program]]`
      7 | host_flags = []
        | ^^^^^^^^^^
        = did you mean `host-flags`?
    unknown key `kind` in `[[program]]`
      8 | kind = "static"
        | ^^^^
        = known here: `name`, `sources`, `exclude`, `include`, `defines`, `std`, `host-flags`, `device-flags`, `link-flags`, `relocatable-device-code`, `uses`, `cuda-libraries`, `pkg-config`, `link`, `link-dirs`
    unknown key `colour` in `[[program]]`
      9 | colour = 1
        | ^^^^^^
        = known here: `name`, `sources`, `exclude`, `include`, `defines`, `std`, `host-flags`, `device-flags`, `link-flags`, `relocatable-device-code`, `uses`, `cuda-libraries`, `pkg-config`, `link`, `link-dirs`
    unknown key `buidl` in the manifest
     10 | [buidl]
        |  ^^^^^
        = did you mean `build`?
    "#);
}

#[test]
fn wrong_types_show_how_to_write_it() {
    assert_snapshot!(
        check("project = 1\n[build]\ntoolkit = 13.0\nptx = \"true\"\ngpu = 86\ninclude = \"include\"\nstd = 17\n[program]\nname = \"p\"\n"),
        @r#"
    `cuferry.toml` has 7 mistakes
    `project` is a number, and a table was expected
      1 | project = 1
        |           ^
        = write `[project]`
    `toolkit` is a number, and a text in quotes was expected
      3 | toolkit = 13.0
        |           ^^^^
        = write `"13.0"`
    `ptx` is a text, and `true` or `false` was expected
      4 | ptx = "true"
        |       ^^^^^^
        = write `ptx = true`
    `gpu` is a number, and a text or an array of texts was expected
      5 | gpu = 86
        |       ^^
        = write `gpu = ["sm_86"]`
    `include` is a text, and an array of texts was expected
      6 | include = "include"
        |           ^^^^^^^^^
        = write `include = ["include"]`
    `std` is a number, and a text in quotes was expected
      7 | std = 17
        |       ^^
        = write `"c++17"`
    `program` is a table, and an array of tables was expected
      8 | [program]
        | ^^^^^^^^^
        = write `[[program]]`
    "#
    );
    assert_snapshot!(after_program("[image]\nenv = [\"A=B\"]\nlabels = { a = 1 }\nuser = 1000\n"), @r#"
    `cuferry.toml` has 3 mistakes
    `env` is an array, and a table of texts was expected
      7 | env = ["A=B"]
        |       ^^^^^^^
        = write `env = { NAME = "value" }`
    `a` is a number, and a text in quotes was expected
      8 | labels = { a = 1 }
        |                ^
        = write `"1"`
    `user` is a number, and a text in quotes was expected
      9 | user = 1000
        |        ^^^^
        = write `"1000:1000"`
    "#);
}

#[test]
fn needed_keys_are_missed() {
    assert_snapshot!(check("[project]\n[[program]]\n[[library]]\nname = \"l\"\nsources = []\n[[install]]\n"), @"
    `cuferry.toml` has 6 mistakes
    `[project]` has no `name`
      1 | [project]
        | ^^^^^^^^^
        = add `name = …`
    `[[program]]` has no `name`
      2 | [[program]]
        | ^^^^^^^^^^^
        = add `name = …`
    `[[program]]` has no `sources`
      2 | [[program]]
        | ^^^^^^^^^^^
        = add `sources = …`
    `sources` is an empty list
      5 | sources = []
        |           ^^
        = name something in `sources`, or leave it out
    `[[install]]` has no `from`
      6 | [[install]]
        | ^^^^^^^^^^^
        = add `from = …`
    `[[install]]` has no `to`
      6 | [[install]]
        | ^^^^^^^^^^^
        = add `to = …`
    ");
    assert_snapshot!(check("[project]\nname = \"p\"\n"), @"
    `cuferry.toml` has a mistake
    the project has no program
      1 | [project]
        | ^
        = add a `[[program]]` with its `name` and `sources`, or let `cuferry init` write one
    ");
}

#[test]
fn names_are_checked() {
    assert_snapshot!(
        check(
            "[project]\nname = \"-p\"\nversion = \"1 0\"\n[[program]]\nname = \"clean\"\nsources = [\"src/main.cu\"]\n\
             [[library]]\nname = \"clean\"\nsources = [\"src/main.cu\"]\n\
             [[library]]\nname = \"a/b\"\nkind = \"dynamic\"\nsources = [\"src/main.cu\"]\n"
        ),
        @r#"
    `cuferry.toml` has 7 mistakes
    `-p` is no name for a project
      2 | name = "-p"
        |        ^^^^
        = a name starts with a letter, a digit or `_`, and goes on with those, `.`, `+` and `-`; 128 bytes at most
    `1 0` is no name for a version
      3 | version = "1 0"
        |           ^^^^^
        = a name starts with a letter, a digit or `_`, and goes on with those, `.`, `+` and `-`; 128 bytes at most
    the name `clean` is taken: make targets of that name exist
      5 | name = "clean"
        |        ^^^^^^^
        = choose another name
    the name `clean` is taken: make targets of that name exist
      8 | name = "clean"
        |        ^^^^^^^
        = choose another name
    two targets are named `clean`
      5 | name = "clean"
        |        ^^^^^^^ first here
      8 | name = "clean"
        |        ^^^^^^^ again here
        = choose another name
    `a/b` is no name for a target
     11 | name = "a/b"
        |        ^^^^^
        = a name starts with a letter, a digit or `_`, and goes on with those, `.`, `+` and `-`; 128 bytes at most
    `dynamic` is not one of the values of `kind`
     12 | kind = "dynamic"
        |        ^^^^^^^^^
        = known: `static`, `shared`
    "#
    );
}

#[test]
fn build_values_are_checked() {
    assert_snapshot!(
        with_build(
            "toolkit = \"13\"\nhost-compiler = \"ccache g++\"\ngpu = [\"sm_86\", \"sm_8x\", \"hopper\"]\nstd = \"gnu++17\"\n\
             defines = [\"-DA\", \"A B\", \"1=2\", \"A=\\\"x\\\"\"]\nhost-flags = [\"-O2 -g\", \"\", \"-DX=a b\"]\n"
        ),
        @r#"
    `cuferry.toml` has 10 mistakes
    `13` is not a CUDA release: `MAJOR.MINOR` expected, such as `13.0`
      7 | toolkit = "13"
        |           ^^^^
    `ccache g++` is no compiler: a name on `PATH` or an absolute path expected
      8 | host-compiler = "ccache g++"
        |                 ^^^^^^^^^^^^
    `sm_8x` is not a GPU architecture: a form such as `sm_86`, `sm_90a`, `8.6` or `compute_86` expected
      9 | gpu = ["sm_86", "sm_8x", "hopper"]
        |                 ^^^^^^^
        = or one of `native`, `all-major`, `same-as-arm`
    `hopper` is not a GPU architecture: a form such as `sm_86`, `sm_90a`, `8.6` or `compute_86` expected
      9 | gpu = ["sm_86", "sm_8x", "hopper"]
        |                          ^^^^^^^^
        = or one of `native`, `all-major`, `same-as-arm`
    `gnu++17` is not a C++ standard that nvcc takes
     10 | std = "gnu++17"
        |       ^^^^^^^^^
        = nvcc takes no GNU standards: `c++17`
    `-DA` is no definition: what stands before `=` is no identifier
     11 | defines = ["-DA", "A B", "1=2", "A=\"x\""]
        |            ^^^^^
        = write it without `-D`: `A`
    `A B` is no definition: it has a space in it
     11 | defines = ["-DA", "A B", "1=2", "A=\"x\""]
        |                   ^^^^^
        = write `NAME` or `NAME=VALUE`
    `1=2` is no definition: what stands before `=` is no identifier
     11 | defines = ["-DA", "A B", "1=2", "A=\"x\""]
        |                          ^^^^^
        = write `NAME` or `NAME=VALUE`
    `-O2 -g` holds several flags
     12 | host-flags = ["-O2 -g", "", "-DX=a b"]
        |               ^^^^^^^^
        = each text is one flag: "-O2", "-g"
    `host-flags` holds an empty text
     12 | host-flags = ["-O2 -g", "", "-DX=a b"]
        |                         ^^
        = fill it in, or leave it out
    "#
    );
    assert_snapshot!(with_build("gpu = \"nativ\""), @r#"
    `cuferry.toml` has a mistake
    `nativ` is not a GPU architecture: a form such as `sm_86`, `sm_90a`, `8.6` or `compute_86` expected
      7 | gpu = "nativ"
        |       ^^^^^^^
        = did you mean `native`?
    "#);
    assert_snapshot!(with_build("gpu = []\nstd = \"c++18\""), @r#"
    `cuferry.toml` has 2 mistakes
    `gpu` is an empty list
      7 | gpu = []
        |       ^^
        = name something in `gpu`, or leave it out
    `c++18` is not a C++ standard that nvcc takes
      8 | std = "c++18"
        |       ^^^^^^^
        = known: `c++03`, `c++11`, `c++14`, `c++17`, `c++20`, `c++23`
    "#);
}

#[test]
fn sources_are_checked() {
    assert_snapshot!(
        check(
            "[project]\nname = \"p\"\n[[program]]\nname = \"p\"\nsources = [\n\"src/Main.cu\",\n\"src\",\n\"src/io.cc\",\n\"blur.cu\",\n\
             \"../x.cu\",\n\"/x.cu\",\n\"src/*.{cu\",\n\"include/*.h\",\n\"data/**/*\",\n\"src/upper.cu\",\n\"lib/*.cu\",\n]\n"
        ),
        @r#"
    `cuferry.toml` has 11 mistakes
    no file matches `src/Main.cu`
      6 | "src/Main.cu",
        | ^^^^^^^^^^^^^
        = near it: `src/main.cu`
    no file matches `src`
      7 | "src",
        | ^^^^^
        = it is a folder: `src/**/*` matches all files in it
    no file matches `src/io.cc`
      8 | "src/io.cc",
        | ^^^^^^^^^^^
        = near it: `src/io.cpp`
    no file matches `blur.cu`
      9 | "blur.cu",
        | ^^^^^^^^^
        = near it: `kernels/blur.cu`
    `../x.cu` leads out of the project
     10 | "../x.cu",
        | ^^^^^^^^^
        = paths are relative to the folder of the manifest and stay inside; for libraries of the system use `pkg-config`, or a flag in `host-flags`
    `/x.cu` leads out of the project
     11 | "/x.cu",
        | ^^^^^^^
        = paths are relative to the folder of the manifest and stay inside; for libraries of the system use `pkg-config`, or a flag in `host-flags`
    `src/*.{cu` is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
     12 | "src/*.{cu",
        | ^^^^^^^^^^^
    `include/camera.h` is not a source that can be compiled
     13 | "include/*.h",
        | ^^^^^^^^^^^^^
        = sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; headers are found by `include`
    `data/luts/deep/day.bin` is not a source that can be compiled
     14 | "data/**/*",
        | ^^^^^^^^^^^
        = `data/**/*` also matches 2 other such files; sources end in `.cu`, `.cpp`, `.cc`, `.cxx`, `.C` or `.c`; headers are found by `include`
    no file matches `src/upper.cu`
     15 | "src/upper.cu",
        | ^^^^^^^^^^^^^^
        = near it: `src/Upper.CU`
    no file matches `lib/*.cu`
     16 | "lib/*.cu",
        | ^^^^^^^^^^
        = near it: `kernels/blur.cu`, `kernels/sum.cu`
    "#
    );
    assert_snapshot!(after_program("exclude = [\"src/io.cpp\"]\n"), @r#"
    `cuferry.toml` has a mistake
    `src/io.cpp` excludes none of the sources
      6 | exclude = ["src/io.cpp"]
        |            ^^^^^^^^^^^^
        = take it out, or correct it
    "#);
    assert_snapshot!(after_program("exclude = [\"**/*.cu\"]\n"), @r#"
    `cuferry.toml` has a mistake
    every source of `p` is excluded
      5 | sources = ["src/main.cu"]
        |           ^^^^^^^^^^^^^^^
        = loosen `exclude`
    "#);
}

#[test]
fn folders_and_libraries_are_checked() {
    assert_snapshot!(
        after_program(
            "include = [\"inlcude\", \"/usr/include\", \".\"]\nlink-dirs = [\"lib\"]\nlink = [\"-lm\", \"libisp.so.1\"]\n\
             cuda-libraries = [\"libcublas.so\"]\npkg-config = [\"opencv4 >= 4\"]\n"
        ),
        @r#"
    `cuferry.toml` has 7 mistakes
    the project has no folder `inlcude` with files in it
      6 | include = ["inlcude", "/usr/include", "."]
        |            ^^^^^^^^^
        = did you mean `include`?
    `/usr/include` leads out of the project
      6 | include = ["inlcude", "/usr/include", "."]
        |                       ^^^^^^^^^^^^^^
        = paths are relative to the folder of the manifest and stay inside; for libraries of the system use `pkg-config`, or a flag in `host-flags`
    the project has no folder `lib` with files in it
      7 | link-dirs = ["lib"]
        |              ^^^^^
        = did you mean `vendor/lib`?
    `-lm` is not the plain name of a library
      8 | link = ["-lm", "libisp.so.1"]
        |         ^^^^^
        = write `m`
    `libisp.so.1` is not the plain name of a library
      8 | link = ["-lm", "libisp.so.1"]
        |                ^^^^^^^^^^^^^
        = write `isp`
    `libcublas.so` is not the plain name of a library
      9 | cuda-libraries = ["libcublas.so"]
        |                   ^^^^^^^^^^^^^^
        = write `cublas`
    `opencv4 >= 4` is not the plain name of a library
     10 | pkg-config = ["opencv4 >= 4"]
        |               ^^^^^^^^^^^^^^
    "#
    );
}

#[test]
fn libraries_come_before_their_users() {
    let target = |kind: &str, name: &str, uses: &str| {
        format!("[[{kind}]]\nname = \"{name}\"\nsources = [\"src/main.cu\"]\nuses = [{uses}]\n")
    };
    let with = |targets: &[(&str, &str, &str)]| {
        let targets: String = targets.iter().map(|(kind, name, uses)| target(kind, name, uses)).collect();
        check(&format!("{HEAD}{targets}"))
    };
    assert_eq!(with(&[("program", "p", "'a'"), ("library", "a", "'b'"), ("library", "b", "")]), "ok: b a p");
    assert_eq!(with(&[("library", "b", ""), ("program", "p", "'b'"), ("library", "a", "")]), "ok: b p a");
    assert_snapshot!(with(&[("program", "p", "'a'"), ("library", "a", "'b'"), ("library", "b", "'a'")]), @"
    `cuferry.toml` has a mistake
    libraries use one another in a circle: `a` → `b` → `a`
     14 | uses = ['a']
        |         ^^^
        = join them, or move what both need into a third
    ");
    assert_snapshot!(with(&[("program", "p", "'p', 'kernel'"), ("library", "kernels", "'kernels'")]), @"
    `cuferry.toml` has 3 mistakes
    `p` is a program, and only libraries can be used
      6 | uses = ['p', 'kernel']
        |         ^^^
        = move what both need into a `[[library]]`
    no library of this project is named `kernel`
      6 | uses = ['p', 'kernel']
        |              ^^^^^^^^
        = did you mean `kernels`?
    libraries use one another in a circle: `kernels` → `kernels`
     10 | uses = ['kernels']
        |         ^^^^^^^^^
        = join them, or move what both need into a third
    ");
    assert_snapshot!(with(&[("program", "p", "'cublas'")]), @"
    `cuferry.toml` has a mistake
    no library of this project is named `cublas`
      6 | uses = ['cublas']
        |         ^^^^^^^^
        = CUDA's own go into `cuda-libraries`, the system's into `link` or `pkg-config`
    ");
}

#[test]
fn images_are_checked() {
    assert_snapshot!(
        after_program(
            "[image]\nname = \"Acme/x\"\nentrypoint = [\"q\"]\nuser = \"root\"\nworking-dir = \"app\"\nenv = { \"A-B\" = \"1\" }\n\
             compression = \"gz\"\nlabels = { \"\" = \"x\" }\ncmd = [\"a\\u0000\"]\n"
        ),
        @r#"
    `cuferry.toml` has 8 mistakes
    `Acme/x` is no name for an image: only its tag may have capitals
      7 | name = "Acme/x"
        |        ^^^^^^^^
        = such as `acme/edge-camera:1.0`
    `q` is neither a program of this project nor an absolute path
      8 | entrypoint = ["q"]
        |               ^^^
        = did you mean `p`?
    `root` is no user: `UID:GID` in numbers expected
      9 | user = "root"
        |        ^^^^^^
        = such as `65532:65532`: an image need not hold names of users, and without a group Docker takes root's
    `app` is not an absolute path of the image
     10 | working-dir = "app"
        |               ^^^^^
        = it starts with `/` and has no `..`
    `A-B` is no name for an environment variable
     11 | env = { "A-B" = "1" }
        |         ^^^^^
        = letters, digits and `_`, not starting with a digit
    `gz` is not one of the values of `compression`
     12 | compression = "gz"
        |               ^^^^
        = known: `gzip`, `zstd`, `none`
    `labels` holds an empty text
     13 | labels = { "" = "x" }
        |            ^^
        = fill it in, or leave it out
    `cmd` holds a NUL character, which no command line or path can carry
     14 | cmd = ["a\u0000"]
        |        ^^^^^^^^^
    "#
    );
    let second = "[[program]]\nname = \"q\"\nsources = [\"src/io.cpp\"]\n";
    assert_snapshot!(after_program(second), @r#"
    `cuferry.toml` has a mistake
    the project has several programs, and nothing says which one the image starts
      7 | name = "q"
        |        ^^^
        = add `entrypoint = ["p"]` to `[image]`
    "#);
    assert_snapshot!(after_program(&format!("{second}[image]\nname = \"x\"\n")), @r#"
    `cuferry.toml` has a mistake
    the project has several programs, and nothing says which one the image starts
      9 | [image]
        | ^^^^^^^
        = add `entrypoint = ["p"]` to `[image]`
    "#);
}

#[test]
fn installed_files_are_checked() {
    assert_snapshot!(
        after_program(
            "[[install]]\nfrom = \"data/**/*.bin\"\nto = \"/app\"\n[[install]]\nfrom = \"data\"\nto = \"share/\"\n\
             [[install]]\nfrom = \"data\"\nto = \"/share/\"\n[[install]]\nfrom = \"data/readme.txt\"\nto = \"/share/x\"\n\
             [[install]]\nfrom = \"include/*.h\"\nto = \"/share/../x\"\n[[install]]\nfrom = \"src/io.cpp\"\nto = \"/share/x\"\n"
        ),
        @r#"
    `cuferry.toml` has 5 mistakes
    2 files match `data/**/*.bin`, and `/app` names one
      8 | to = "/app"
        |      ^^^^^^
        = end it in `/` to name a folder: `/app/`
    `share/` is not an absolute path of the image
     11 | to = "share/"
        |      ^^^^^^^^
        = it starts with `/` and has no `..`
    no file matches `data`
     13 | from = "data"
        |        ^^^^^^
        = it is a folder: `data/**/*` matches all files in it
    `/share/../x` is not an absolute path of the image
     20 | to = "/share/../x"
        |      ^^^^^^^^^^^^^
        = it starts with `/` and has no `..`
    `/share/x` would be written twice: from `data/readme.txt` and from `src/io.cpp`
     21 | [[install]]
        | ^^^^^^^^^^^
        = give one of them another `to`
    "#
    );
}

#[test]
fn what_is_installed_keeps_its_path_below_the_fixed_part() {
    let text = format!(
        "{HEAD}{MAIN}[[install]]\nfrom = \"data/**/*.bin\"\nto = \"/a/\"\n[[install]]\nfrom = \"data/readme.txt\"\nto = \"/b/\"\n"
    );
    let project = parse(&text, FILE_NAME, &tree()).unwrap();
    let to: Vec<_> = project.install.iter().map(|file| file.to.as_str()).collect();
    assert_eq!(to, ["/a/luts/deep/day.bin", "/a/luts/night.bin", "/b/readme.txt"]);
}

#[test]
fn the_reference_is_right() {
    let reference = include_str!("../../../../docs/manifest.md");
    for keys in [ROOT_KEYS, PROJECT_KEYS, BUILD_KEYS, target::LIBRARY_KEYS, INSTALL_KEYS, image::KEYS] {
        for key in keys {
            let named = reference.contains(&format!("`{key}`")) || reference.contains(&format!("[{key}]"));
            assert!(named, "docs/manifest.md says nothing of `{key}`");
        }
    }
    let paths = [
        "vector_add.cu",
        "include/a.h",
        "kernels/a.cu",
        "src/a.cu",
        "src/b.cpp",
        "src/test_b.cpp",
        "data/a.bin",
    ];
    let tree = FileTree::new(paths.map(Utf8PathBuf::from));
    let examples: Vec<_> =
        reference.split("```toml\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        assert!(parse(example, FILE_NAME, &tree).is_ok(), "{example}");
    }
}

#[test]
fn hostile_texts_are_refused() {
    let deep = format!("a = {}", "[".repeat(100_000));
    let keys = format!("{} = 1", vec!["a"; 100_000].join("."));
    let uses = |index: usize| {
        format!(
            "[[library]]\nname = \"l{index}\"\nsources = [\"src/main.cu\"]\nuses = [\"l{}\"]\n",
            index + 1
        )
    };
    let chain: String = (0..2_000).map(uses).collect();
    for text in [deep, keys, format!("{HEAD}{MAIN}{chain}")] {
        assert!(parse(&text, FILE_NAME, &tree()).is_err());
    }
}

#[test]
fn images_are_named_after_the_project() {
    let named = |name: &str, version: &str| {
        let text = format!("[project]\nname = \"{name}\"\nversion = \"{version}\"\n{MAIN}");
        parse(&text, FILE_NAME, &tree()).unwrap().image_name()
    };
    assert_eq!(named("Edge_Camera", "1.0+cuda13"), "edge_camera:1.0-cuda13");
    assert_eq!(named("a--b.-c", "2"), "a-b.c:2");
    assert_eq!(named("Edge+Camera", "1.0+cuda13"), "edge-camera:1.0-cuda13");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text, FILE_NAME, &tree());
    }

    #[test]
    fn any_value_is_read_or_refused(
        lines in proptest::collection::vec(("[a-z-]{1,12}", "(\"[^\"\\\\\n]{0,12}\"|[0-9.]{1,4}|\\[\"[*?\\[{a-z/.]{0,9}\"\\]|\\{ a = \"b\" \\})"), 0..6),
        known in proptest::sample::subsequence(
            vec![("build", 0), ("program", 1), ("library", 1), ("install", 1), ("image", 0), ("project", 0)], 0..6),
    ) {
        let keys: Vec<&str> = [ROOT_KEYS, BUILD_KEYS, PROJECT_KEYS, &["sources", "uses", "from", "to", "user", "entrypoint"]].concat();
        let mut text = String::new();
        for (index, (section, array)) in known.iter().enumerate() {
            let (open, close) = if *array == 1 { ("[[", "]]") } else { ("[", "]") };
            writeln!(text, "{open}{section}{close}").unwrap();
            for (number, (key, value)) in lines.iter().enumerate() {
                let key = if number % 3 == 0 { key.as_str() } else { keys[(index * 7 + number * 5 + key.len()) % keys.len()] };
                writeln!(text, "{key} = {value}").unwrap();
            }
        }
        if let Err(errors) = parse(&text, FILE_NAME, &tree()) {
            proptest::prop_assert!(!errors.mistakes().is_empty());
            for mistake in errors.mistakes() {
                proptest::prop_assert!(mistake.span.end <= text.len());
                let _ = mistake.help();
            }
        }
    }
}
