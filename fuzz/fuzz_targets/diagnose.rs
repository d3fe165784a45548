//! Logs of builds that failed, and the advice that follows; before a NUL stands a Makefile of the project.
#![no_main]

use cuferry_needs::{Context, diagnose, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (makefile, log) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b""[..], bytes),
    };
    let needs = read([("Makefile", makefile)]);
    let toolkits = ["11.8", "13.0", "13.5"].map(|release| release.parse().expect("a release"));
    for release in [None, Some(toolkits[1])] {
        let context = Context { release, toolkits: &toolkits, gpus: &["sm_90".parse().expect("a GPU")] };
        for advice in diagnose(log, &needs, &context) {
            assert!(!advice.todo.is_empty() && !advice.cause.is_empty());
        }
    }
});
