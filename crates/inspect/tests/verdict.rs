//! Verdicts, one line a case: what a file holds, where it is to run, and what becomes of it.

use cuferry_arch::{GpuArch, Host};
use cuferry_inspect::verdict::Way;
use cuferry_inspect::{Question, Verdict, verdict};
use cuferry_testkit::inventory as file;

/// Asks about a GPU number, with a driver if there is one, on x86_64.
fn ask(text: &str, gpu: u16, driver: &str) -> Verdict {
    let question = Question { host: Host::X86_64, gpu: GpuArch::base(gpu), driver: driver.parse().ok() };
    verdict(&file(text), &question)
}

/// `OUTCOME ID`, with `h+` or `h-` where hybrid is a question, and `e+` or `e-` where emulate is.
#[track_caller]
fn check(text: &str, gpu: u16, driver: &str, expected: &str) {
    let verdict = ask(text, gpu, driver);
    let way = |letter: &str, way: &Option<Way>| match way {
        Some(way) => format!(" {letter}{}", if way.works { "+" } else { "-" }),
        None => String::new(),
    };
    let found = format!(
        "{} {}{}{}",
        verdict.outcome.as_str(),
        verdict.fact.id(),
        way("h", &verdict.hybrid),
        way("e", &verdict.emulate)
    );
    assert_eq!(found, expected, "`{text}` on sm_{gpu} with driver `{driver}`: {}", verdict.fact);
}

#[test]
fn a_program_for_this_machine_runs_as_its_device_code_says() {
    check("x86_64; sm_80 compute_80@8.0", 80, "", "native CF3001 e+");
    check("x86_64; sm_80 compute_80@8.0", 86, "", "native CF3001 e+");
    check("x86_64; sm_80 compute_80@8.0", 90, "", "jit CF3002 e+");
    check("x86_64; sm_80 compute_80@8.0", 75, "", "rebuild CF3013 e+");
    check("x86_64; sm_80", 90, "", "rebuild CF3012 e-");
    check("x86_64; sm_86", 80, "", "rebuild CF3012 e-");
    check("x86_64; sm_90a", 100, "", "rebuild CF3012 e-");
    check("x86_64; compute_90a@8.0", 90, "", "jit CF3002 e+");
    check("x86_64; compute_90a@8.0", 100, "", "rebuild CF3013 e+");
    check("x86_64; sm_100f", 103, "", "native CF3001 e-");
    check("x86_64; sm_100f", 120, "", "rebuild CF3012 e-");
    check("x86_64", 90, "", "native CF3003");
    check("x86_64; lto_90", 90, "", "rebuild CF3014 e-");
}

#[test]
fn jetson_code_runs_on_no_desktop_gpu_and_its_ptx_on_newer_ones_only() {
    check("aarch64; sm_87", 86, "", "rebuild CF3010 h- e-");
    check("aarch64; sm_87", 89, "", "rebuild CF3010 h- e-");
    check("aarch64; sm_87 compute_87@8.5", 80, "", "rebuild CF3010 h- e+");
    check("aarch64; sm_87 compute_87@8.5", 86, "", "rebuild CF3010 h- e+");
    check("aarch64; sm_87 compute_87@8.5", 89, "", "rebuild CF3010 h+ e+");
    check("aarch64; sm_87 compute_87@8.5", 90, "550.54", "rebuild CF3010 h- e+");
    check("aarch64; sm_87 compute_87@8.5", 90, "555.42", "rebuild CF3010 h+ e+");
    check("aarch64; compute_110@9.0", 100, "", "rebuild CF3010 h- e+");
    check("aarch64; compute_110@9.0", 120, "", "rebuild CF3010 h+ e+");
    check("aarch64; sm_90", 90, "", "rebuild CF3010 h+ e-");
    check("aarch64", 90, "", "rebuild CF3010 h+");
    // Without a host half the device code alone decides.
    check("sm_87 compute_87@8.5", 89, "", "jit CF3002 e+");
}

#[test]
fn what_only_jetson_has_stops_hybrid_and_sometimes_everything() {
    check("aarch64; needs libnvbufsurface.so.1.0.0; sm_90", 90, "", "rebuild CF3010 h- e-");
    check("aarch64; needs libnvmedia.so; compute_87@8.5", 90, "", "impossible CF3020 h- e-");
    check("aarch64; soname libcublas.so.12; sm_90", 90, "", "rebuild CF3011 h+ e-");
    check("arm32; compute_53@6.5", 90, "", "rebuild CF3010 e+");
}

#[test]
fn the_driver_has_the_last_word() {
    let runtime = "x86_64; cudart 12.6; toolkit 12.6; sm_90 compute_90@8.5";
    check(runtime, 90, "525.60.13", "native CF3001 e+");
    check(runtime, 90, "520.61", "rebuild CF3016 e+");
    // Minor-version compatibility is for machine code, not for PTX of a newer release.
    check(runtime, 100, "525.60.13", "rebuild CF3015 e+");
    check(runtime, 100, "570.26", "jit CF3002 e+");
    // Blackwell is unknown to a driver that reads the PTX well enough.
    check("x86_64; compute_90@8.0", 100, "550.54", "rebuild CF3016 e+");
    // R580 is the last branch for Volta.
    check("x86_64; cudart 13.1; compute_70@8.0", 70, "", "jit CF3002 e+");
    check("x86_64; compute_70@9.1", 70, "", "rebuild CF3017 e+");
    // PTX newer than all that is known: no driver is known to read it.
    check("x86_64; compute_90@99.0", 90, "580.65", "rebuild CF3015 e+");
    check("x86_64; compute_90@99.0", 90, "", "jit CF3002 e+");
}

#[test]
fn modules_are_counted_each_for_itself() {
    let modules = ask("x86_64; sm_80 | compute_80@8.0 | sm_90 | sm_90a", 90, "").modules;
    assert_eq!((modules.native, modules.jit, modules.none), (2, 1, 1));
}

#[test]
fn what_was_not_linked_counts_only_where_nothing_was() {
    check("x86_64; sm_90 | rdc sm_80", 80, "", "rebuild CF3012 e-");
    check("x86_64; rdc sm_80", 80, "", "native CF3001 e-");
    // The software device links the PTX that each object kept.
    check("x86_64; sm_90 | rdc sm_90 compute_90", 90, "", "native CF3001 e+");
    check("x86_64; sm_90 | rdc sm_90 compute_90 | rdc sm_90", 90, "", "native CF3001 e-");
    check("x86_64; sm_90 | sm_90 | rdc sm_90 compute_90", 90, "", "native CF3001 e-");
}

#[test]
fn what_device_linking_leaves_is_no_device_code() {
    assert!(!file("x86_64; stub sm_80").has_device_code());
    check("x86_64; stub sm_80", 90, "", "native CF3003");
    check("x86_64; stub sm_80 | sm_90", 90, "", "native CF3001 e-");
    assert_eq!(ask("x86_64; stub sm_80 | sm_90", 90, "").modules.none, 0);
}

#[test]
fn the_highest_bound_on_the_driver_is_named_with_its_cause() {
    let need =
        |text, gpu| ask(text, gpu, "").driver.map(|need| format!("{}: {}", need.version, need.because));
    assert_eq!(need("x86_64; cudart 12.6; sm_80", 80).as_deref(), Some("525.60.13: the CUDA 12 runtime"));
    assert_eq!(need("x86_64; cudart 12.0; compute_80@8.5", 80).as_deref(), Some("555.42.02: PTX ISA 8.5"));
    assert!(need("x86_64; cudart 12.0; sm_120", 120).is_some_and(|text| text.ends_with("a GPU of sm_120")));
}

#[test]
fn on_a_jetson_itself_its_code_is_native() {
    let question = Question { host: Host::Aarch64, gpu: GpuArch::base(87), driver: None };
    let found = verdict(&file("aarch64; needs libcudla.so.1; sm_87"), &question);
    assert_eq!((found.outcome.as_str(), found.hybrid, found.emulate), ("native", None, None));
}
