//! What several files together say: findings that the rest of the project answers.

use cuferry_scan::{FileReport, Options, answered, scan_file};

/// Each file that still has a finding of `rule` once the project is known.
fn left(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
    let options = Options::default();
    let reports: Vec<FileReport> =
        files.iter().map(|(path, text)| scan_file((*path).into(), text.as_bytes(), &options)).collect();
    let all: Vec<&FileReport> = reports.iter().collect();
    let answered = answered(&all, &options, &|at| Some(files[at].1.as_bytes().to_vec()));
    let mut left = Vec::new();
    for (file, report) in reports.iter().enumerate() {
        let stays = |(at, finding): (usize, &cuferry_scan::Finding)| {
            finding.rule.as_str() == rule && !answered.contains(&(file, at))
        };
        if report.findings.iter().enumerate().any(stays) {
            left.push(report.path.to_string());
        }
    }
    left
}

const USE: &str = "__fp16 twice(__fp16 x) { return x; }\n";
const HALF: &str =
    "#pragma once\n#ifdef __aarch64__\n#include <arm_neon.h>\n#else\ntypedef struct half __fp16;\n#endif\n";

#[test]
fn a_type_is_known_where_a_header_defines_it() {
    let through = "#include \"half.h\"\n";
    let user = |include: &str| format!("#include {include}\n{USE}");
    let (direct, via, up, other) =
        (user("\"half.h\""), user("<lib/all.h>"), user("\"../lib/half.h\""), user("<stdint.h>"));
    let files = [
        ("src/lib/half.h", HALF),
        ("src/lib/all.h", through),
        ("src/direct.c", direct.as_str()),
        ("src/via.cpp", via.as_str()),
        ("src/x/up.cu", up.as_str()),
        ("src/other.c", other.as_str()),
    ];
    assert_eq!(left("CF1096", &files), ["src/other.c"]);
}

#[test]
fn a_definition_for_arm_alone_helps_nobody() {
    let header = "#ifdef __aarch64__\ntypedef short __fp16;\n#endif\n";
    let user = format!("#include \"half.h\"\n{USE}");
    let guarded = format!("#ifdef __aarch64__\n#include \"good.h\"\n#endif\n{USE}");
    let files = [
        ("half.h", header),
        ("user.c", user.as_str()),
        ("good.h", "#define __fp16 short\n"),
        ("guarded.c", guarded.as_str()),
    ];
    assert_eq!(left("CF1096", &files), ["user.c", "guarded.c"]);
}

#[test]
fn a_definition_under_an_open_condition_counts() {
    let header = "#ifdef PLAIN\n#define USE_FLOAT\n#else\ntypedef short __fp16;\n#endif\n";
    let user = format!("#include \"half.h\"\n{USE}");
    assert!(left("CF1096", &[("half.h", header), ("user.c", user.as_str())]).is_empty());
}

#[test]
fn headers_that_include_each_other_come_to_an_end() {
    let user = format!("#include \"a.h\"\n{USE}");
    let files = [
        ("a.h", "#include \"b.h\"\n"),
        ("b.h", "#include \"a.h\"\n"),
        ("c.h", "#define __fp16 short\n"),
        ("user.c", user.as_str()),
    ];
    assert_eq!(left("CF1096", &files), ["user.c"]);
}

#[test]
fn intrinsics_of_the_projects_own_are_known() {
    let header = "static inline V vaddq_f32(V a, V b) { return a; }\n";
    let files = [
        ("portable.h", header),
        ("a.c", "#include \"portable.h\"\nV g(V a) { return vaddq_f32(a, a); }\n"),
        ("b.c", "V g(V a) { return vaddq_f32(a, a); }\n"),
    ];
    assert_eq!(left("CF1001", &files), ["b.c"]);
}

#[test]
fn an_old_standard_matters_near_what_needs_a_newer_one() {
    let makefile = "NVCC = nvcc\nall:\n\tnvcc -std=c++11 x.cu\n";
    let files = [
        ("plain/Makefile", makefile),
        ("plain/x.cu", "#include <vector>\n// #include <thrust/sort.h>\n"),
        ("sorts/Makefile", makefile),
        ("sorts/src/x.cu", "#  include <thrust/sort.h>\n"),
        ("groups/build/Makefile", makefile),
        ("groups/x.cu", "#include \"cooperative_groups/reduce.h\"\n"),
    ];
    assert_eq!(left("CF1036", &files), ["sorts/Makefile", "groups/build/Makefile"]);
    assert_eq!(left("CF1036", &files[..1]), ["plain/Makefile"], "without a source nothing is known");
}

#[test]
fn a_module_may_be_the_projects_own() {
    let user = ("app/main.py", "import jetson_utils\nimport jetson.inference\n");
    assert_eq!(left("CF1057", &[user]), ["app/main.py"]);
    assert_eq!(left("CF1057", &[user, ("python/jetson_utils/__init__.py", "")]), ["app/main.py"]);
    let own = [user, ("python/jetson_utils/__init__.py", ""), ("python/jetson/inference.py", "")];
    assert!(left("CF1057", &own).is_empty());
}
