//! Which way is taken, one line a case: the program, the GPUs that are here, what is asked, and what comes of it.

use cuferry_arch::{GpuArch, Host};
use cuferry_inspect::Question;
use cuferry_run::{Ask, Choice, Reason, Refusal, choose};
use cuferry_testkit::inventory;

/// `program` as `cuferry_testkit::inventory` has it, or `script`; `gpus` such as `86 90`; `ask` such as `soft` or `native`.
fn ask(program: &str, gpus: &str, ask: &str) -> Result<Choice, Refusal> {
    let gpus: Vec<Question> = gpus
        .split_whitespace()
        .map(|gpu| Question {
            host: Host::X86_64,
            gpu: GpuArch::base(gpu.parse().expect("it is a number")),
            driver: None,
        })
        .collect();
    let mut asked = Ask::default();
    for word in ask.split_whitespace() {
        asked.device = asked.device.or(word.parse().ok());
        asked.way = asked.way.or(word.parse().ok());
    }
    let inventory = (program != "script").then(|| inventory(program));
    choose(inventory.as_ref(), &gpus, asked)
}

#[track_caller]
fn check(program: &str, gpus: &str, asked: &str, expected: &str) {
    let found = match ask(program, gpus, asked) {
        Ok(choice) => {
            let reason = match &choice.reason {
                Reason::Asked(fact) => format!("asked {}", fact.id()),
                Reason::FitsGpu(fact) => format!("fits {}", fact.id()),
                Reason::NoGpu(fact) => format!("no-gpu {}", fact.id()),
                Reason::GpuCannot(gpu, soft) => format!("gpu-cannot {} {}", gpu.id(), soft.id()),
                Reason::NothingInside { .. } => "nothing-inside".to_owned(),
                Reason::Script { .. } => "script".to_owned(),
            };
            format!("{} {reason}", choice.way)
        }
        Err(refusal) => match refusal {
            Refusal::NotAProgram(form) => format!("not a program: {form:?}"),
            Refusal::ForeignMachine(_) => "foreign".to_owned(),
            Refusal::NoGpu => "no GPU".to_owned(),
            Refusal::GpuCannot { gpu, soft } => {
                format!("gpu cannot {} {}", gpu.id(), soft.map_or("-", |fact| fact.id()))
            }
            Refusal::NowhereHere(fact) => format!("nowhere {}", fact.id()),
            Refusal::SoftCannot(fact) => format!("soft cannot {}", fact.id()),
            Refusal::Contradiction => "contradiction".to_owned(),
        },
    };
    assert_eq!(found, expected, "`{program}` with GPUs `{gpus}`, asked for `{asked}`");
}

#[test]
fn a_gpu_that_fits_is_used_and_none_is_replaced() {
    check("x86_64; sm_90 compute_90@8.0", "90", "", "native fits CF3001");
    check("x86_64; compute_80@8.0", "90", "", "native fits CF3002");
    check("x86_64; sm_90 compute_90@8.0", "", "", "emulate no-gpu CF3004");
    check("x86_64; sm_90 compute_90@8.0", "80", "", "emulate gpu-cannot CF3013 CF3004");
    check("x86_64; sm_90 compute_90@8.0", "80 90", "", "native fits CF3001");
}

#[test]
fn what_is_asked_for_is_done_or_refused() {
    for soft in ["soft", "emulate", "emulate soft"] {
        check("x86_64; sm_90 compute_90@8.0", "90", soft, "emulate asked CF3004");
        check("x86_64; sm_90", "90", soft, "soft cannot CF3030");
    }
    for gpu in ["gpu", "native", "native gpu"] {
        check("x86_64; sm_90 compute_90@8.0", "90", gpu, "native asked CF3001");
        check("x86_64; sm_90 compute_90@8.0", "80", gpu, "gpu cannot CF3013 -");
        check("x86_64; sm_90 compute_90@8.0", "", gpu, "no GPU");
    }
    check("x86_64; sm_90 compute_90@8.0", "90", "native soft", "contradiction");
    check("x86_64; sm_90 compute_90@8.0", "90", "emulate gpu", "contradiction");
    check("x86_64; sm_90 compute_90@8.0", "90", "hybrid", "contradiction");
}

#[test]
fn an_arm_program_runs_where_its_device_half_does() {
    check("aarch64; sm_87 compute_87@8.5", "90", "", "hybrid fits CF3002");
    check("aarch64; sm_87 compute_87@8.5", "", "", "emulate no-gpu CF3004");
    check("aarch64; sm_87 compute_87@8.5", "90", "soft", "emulate asked CF3004");
    check("aarch64; sm_87 compute_87@8.5", "90", "native", "contradiction");
    check("aarch64; sm_87 compute_87@8.5", "80", "", "emulate gpu-cannot CF3013 CF3004");
    check("aarch64; sm_87", "90", "", "gpu cannot CF3012 CF3030");
    check("aarch64; sm_87", "", "soft", "soft cannot CF3030");
    check("aarch64", "90", "", "hybrid nothing-inside");
    check("aarch64", "", "", "emulate nothing-inside");
    check("aarch64; needs libnvbufsurface.so.1.0.0", "90", "", "nowhere CF3020");
    check("aarch64; needs libnvbufsurface.so.1.0.0; sm_90", "90", "", "gpu cannot CF3020 CF3020");
}

#[test]
fn what_nothing_here_runs_is_refused_with_the_fact() {
    check("x86_64; sm_87", "90", "", "gpu cannot CF3012 CF3030");
    check("x86_64; sm_87", "", "", "soft cannot CF3030");
    check("arm32", "", "", "foreign");
    check("sm_87", "90", "", "not a program: Fatbin");
    check("x86_64; soname libx.so; sm_90", "90", "", "not a program: SharedLibrary");
}

#[test]
fn without_device_code_in_it_the_device_is_what_is_here() {
    check("x86_64", "90", "", "native nothing-inside");
    check("x86_64", "", "", "emulate nothing-inside");
    check("x86_64", "90", "soft", "emulate nothing-inside");
    check("x86_64", "", "gpu", "no GPU");
    check("script", "", "", "emulate script");
    check("script", "90", "", "native script");
}
