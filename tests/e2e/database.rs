//! `rebuild` by a compilation database: the compiles of another build, repeated. With the machine's own make and compilers.

use cuferry_testkit::variable;
use serde_json::json;

use crate::build::{cuferry, runs};
use crate::project::TestProject;

const MAIN: &str =
    "#include <cstdio>\n#include \"arm.h\"\nint main() { std::puts(arm() ? \"moving\" : \"still\"); }\n";

/// As a Jetson wrote it, in a folder that is not here: ARM compilers by absolute paths, ARM flags, lists of dependencies.
fn robot() -> TestProject {
    let home = "/home/nvidia/robot";
    let compile = |compiler: &str, source: &str| {
        json!({
            "directory": format!("{home}/build"),
            "file": format!("../{source}"),
            "command": format!(
                "/usr/bin/{compiler} -DNAME=\\\"my\\ robot\\\" -I{home}/include -mcpu=cortex-a78ae -MD -MF {source}.d -o {source}.o -c ../{source}"
            ),
        })
    };
    let database = json!([
        compile("aarch64-linux-gnu-g++", "src/main.cpp"),
        compile("aarch64-linux-gnu-gcc", "src/arm.c")
    ]);
    TestProject::new()
        .file("compile_commands.json", &database.to_string())
        .file("include/arm.h", "#ifdef __cplusplus\nextern \"C\"\n#endif\nint arm(void);\n")
        .file("src/main.cpp", MAIN)
        .file(
            "src/arm.c",
            "#include \"arm.h\"\n#include <math.h>\nint arm(void) { return sizeof NAME == 9; }\n",
        )
}

#[test]
fn what_a_jetson_compiled_becomes_a_program_and_an_image() {
    let project = robot();
    let run = cuferry(&project, &["rebuild"]).expect(0);
    assert_eq!(runs(&project, "target/cuferry/x86_64/project"), "moving\n");
    assert!(
        run.stdout.contains("image    [TEMP]/project/target/cuferry/project-x86_64.tar"),
        "{}",
        run.stdout
    );
    let words = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "rebuild by its compilation database",
        "what it has in /home/nvidia/robot is taken from [TEMP]/project",
        "2 of 2 objects are linked into the program `project`",
        "-mcpu=cortex-a78ae -> ",
        "aarch64-linux-gnu-gcc -> gcc",
    ] {
        assert!(words.contains(expected), "{expected} in {words}");
    }
    let files: Vec<_> = project.at("build").read_dir().expect("the compiles ran in it").collect();
    assert!(files.is_empty(), "objects and lists of dependencies go elsewhere: {files:?}");
    // A header that nobody lists is heeded all the same.
    project.write(
        "include/arm.h",
        "#define NAME \"x\"\n#ifdef __cplusplus\nextern \"C\"\n#endif\nint arm(void);\n",
    );
    project
        .write("src/arm.c", "#undef NAME\n#include \"arm.h\"\nint arm(void) { return sizeof NAME == 9; }\n");
    cuferry(&project, &["rebuild", "--no-image"]).expect(0);
    assert_eq!(runs(&project, "target/cuferry/x86_64/project"), "still\n");
}

#[test]
fn another_database_is_named() {
    let project = robot();
    let database = std::fs::read_to_string(project.at("compile_commands.json")).expect("it was written");
    std::fs::remove_file(project.at("compile_commands.json")).expect("it was written");
    project.write("../given.json", &database);
    // A build that does not work here, and that the user therefore passes over.
    project.write("Makefile", "all:\n\tfalse\n\tg++ -o never src/main.cpp\n");
    let args = ["rebuild", "--no-image", "--compile-commands", "../given.json"];
    cuferry(&project, &args).expect(0);
    assert_eq!(runs(&project, "target/cuferry/x86_64/project"), "moving\n");
    let plan = cuferry(&project, &["plan", "--compile-commands", "../given.json"]).expect(0);
    assert!(plan.stdout.contains("aarch64-linux-gnu-g++ '-DNAME=\"my robot\"'"), "{}", plan.stdout);
}

#[test]
fn without_main_it_is_a_library_and_with_several_a_question() {
    let project = robot().file("src/main.cpp", "#include \"arm.h\"\nint twice() { return 2 * arm(); }\n");
    let run = cuferry(&project, &["rebuild", "--no-image"]).expect(0);
    assert!(project.at("target/cuferry/x86_64/libproject.a").is_file(), "{}", run.stderr);
    project.write("src/main.cpp", MAIN);
    project.write("src/arm.c", "int arm(void) { return 0; }\nint main(void) { return 0; }\n");
    let error = cuferry(&project, &["rebuild", "--no-image"]).expect(2).error_in_one_line();
    assert!(
        error.contains("`main` ([TEMP]/project/src/main.cpp), `arm` ([TEMP]/project/src/arm.c)"),
        "{error}"
    );
    cuferry(&project, &["rebuild", "--program", "arm"]).expect(0);
    assert!(project.at("target/cuferry/x86_64/arm").is_file());
}

#[test]
fn what_is_wrong_in_it_is_said_with_its_place() {
    let project = robot();
    let error = |text: &str| {
        project.write("compile_commands.json", text);
        cuferry(&project, &["rebuild"]).expect(2).error_in_one_line()
    };
    let entry =
        |command: &str| format!(r#"[{{"directory": "/x", "file": "src/arm.c", "command": "{command}"}}]"#);
    assert!(
        error("[\n{\"directory\": 3}]").contains("compile_commands.json`: line 2, column 15: invalid type")
    );
    assert!(error(&entry("rustc src/arm.c")).contains("entry 1 (`src/arm.c`) runs `rustc`"));
    assert!(error(&entry("gcc -c src/arm.c && true")).contains("with `&&`"));
    let missing = error(r#"[{"directory": "/x", "file": "none.c", "command": "gcc -c none.c"}]"#);
    assert!(missing.contains("entry 1 names `/x/none.c`, which is not here"), "{missing}");
    let broken = entry("gcc -DNAME=arm( -c src/arm.c");
    project.write("compile_commands.json", &broken);
    let run = cuferry(&project, &["rebuild"]).expect(2);
    assert!(run.stderr.contains("src/arm.c:"), "the compiler's own words: {}", run.stderr);
}

#[test]
fn what_a_link_lacks_is_the_users_to_name() {
    let project =
        robot().file("src/arm.c", "#include <zlib.h>\nint arm(void) { return zlibVersion() != 0; }\n");
    if !std::path::Path::new("/usr/include/zlib.h").exists() {
        return;
    }
    let run = cuferry(&project, &["rebuild", "--no-image"]);
    assert!(run.code != Some(0) && run.stderr.contains("zlibVersion"), "{}", run.stderr);
    let run = project
        .cuferry(["rebuild", "--no-image"])
        .env("PATH", variable("PATH").expect("these tests need a PATH"))
        .env("LDLIBS", "-lz")
        .run();
    run.expect(0);
    assert_eq!(runs(&project, "target/cuferry/x86_64/project"), "moving\n");
}
