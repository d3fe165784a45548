//! Compiler caches in front of the compilers: calls are translated all the same, and what was kept under one policy is not
//! given out under another.

use std::net::TcpListener;
use std::process::Command;

use cuferry_testkit::lacking;
use cuferry_translate::{Policy, Semantics};

use crate::project::{Project, policy};

pub(crate) const TRIALS: &[(&str, fn())] =
    &[("caches::ccache_keeps_policies_apart", ccache), ("caches::sccache_keeps_policies_apart", sccache)];

/// Ends with 1 where `char` has a sign. gcc for x86_64 refuses the flag of ARM's.
const SOURCE: &str = "int main(void) { char c = (char)-1; return c < 0; }\n";
const BUILD: &str = "$LAUNCHER gcc -mcpu=cortex-a57 -c -o a.o a.c && gcc -o a a.o";

fn policies() -> [(Policy, i32); 2] {
    let unsigned = Semantics { unsigned_char: true, ..policy().semantics };
    [(policy(), 1), (Policy { semantics: unsigned, ..policy() }, 0)]
}

/// Builds under each policy, twice, and answers what `hits` counted after each build.
fn builds(launcher: &str, variables: &[(&str, &str)], hits: impl Fn() -> usize) -> Option<Vec<usize>> {
    if Command::new(launcher).arg("--version").output().is_err() {
        lacking(&format!("`{launcher}` is not here"));
        return None;
    }
    let mut project = Project::real();
    project.file("a.c", SOURCE);
    let mut counts = Vec::new();
    for first in [true, false] {
        for (policy, expected) in policies() {
            project.policy = policy;
            let session = project.prepare();
            let more = [variables, &[("LAUNCHER", launcher)]].concat();
            let done = project.run(&session, "sh", &["-c", BUILD], &more).expect(0);
            // Of what the cache holds the compiler is not asked again.
            assert!(!first || done.rules().contains(&"CF2001"), "{:?}", done.run.calls);
            let program = Command::new(project.folder().join("a")).status().unwrap();
            assert_eq!(program.code(), Some(expected), "{:?}", project.policy.semantics);
            counts.push(hits());
        }
    }
    Some(counts)
}

fn ccache() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let hits = || {
        let output = Command::new("ccache").arg("--print-stats").env("CCACHE_DIR", folder).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|count| count.trim().parse::<usize>().ok())
                .unwrap_or_else(|| panic!("{name} in {text}"))
        };
        count("direct_cache_hit") + count("preprocessed_cache_hit")
    };
    let counts = builds("ccache", &[("CCACHE_DIR", folder)], hits);
    assert!(
        counts.is_none_or(|counts| counts == [0, 0, 1, 2]),
        "the cache is used, and for the same policy alone"
    );
}

fn sccache() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    // Its server is this test's own, and lives no longer.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let ask = |args: &[&str]| {
        let mut command = Command::new("sccache");
        command.args(args).env("SCCACHE_SERVER_PORT", &port).env("SCCACHE_DIR", folder);
        String::from_utf8(command.output().map(|output| output.stdout).unwrap_or_default()).unwrap()
    };
    let hits = || {
        let text = ask(&["--show-stats"]);
        let line = text.lines().find_map(|line| line.strip_prefix("Cache hits  "));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
    };
    let variables =
        [("SCCACHE_DIR", folder), ("SCCACHE_SERVER_PORT", port.as_str()), ("SCCACHE_IDLE_TIMEOUT", "60")];
    let counts = builds("sccache", &variables, hits);
    ask(&["--stop-server"]);
    assert!(
        counts.is_none_or(|counts| counts == [0, 0, 1, 2]),
        "the cache is used, and for the same policy alone"
    );
}
