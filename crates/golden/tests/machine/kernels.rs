//! Test kernels from CUDA sources, compiled by nvcc.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Mutex;

use cuferry_arch::{CudaRelease, Host};
use cuferry_golden::bundle::compile;
use cuferry_golden::compare::compare;
use cuferry_golden::kernels::Kernel;
use cuferry_golden::vectors::{Vectors, digest};
use cuferry_simt::Isa;
use libtest_mimic::Failed;

use crate::lists::List;
use crate::machine::{Machine, Shape, Stopped};

/// What `kernels/control.cu` printed on the GPU.
const PRINTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/printed.txt");

pub(crate) fn check(kernel: &Kernel, vectors: &Vectors) -> Result<(), Failed> {
    let Some(answer) = vectors.answers.get(&kernel.title()).filter(|answer| answer.error == 0) else {
        return Ok(());
    };
    let Some(text) = ptx(kernel.file) else { return Ok(()) };
    let input = kernel.input();
    if digest(std::slice::from_ref(&input)) != answer.inputs {
        return Err("the input is not what was recorded: record anew".into());
    }
    let machine = Machine::new(Isa::best());
    let program = machine.load(kernel.file, text)?;
    let shape = Shape {
        grid: kernel.grid,
        block: kernel.block,
        shared: kernel.shared,
        cooperative: kernel.cooperative,
    };
    let this = BTreeSet::from([kernel.title()]);
    let none = BTreeSet::new();
    let got = match machine.run(&program, &kernel.name, &shape, &[input], &[kernel.output], None) {
        Ok(got) => got,
        Err(Stopped::Fault(fault)) => return judge(&this, &none, &[fault]),
        Err(Stopped::Refused(why)) => {
            return judge(&this, &this, &[]).map_err(|failed| with_reason(&failed, &why));
        }
    };
    let report = compare(kernel.accuracy, answer, &got, &|_| 0.0);
    let mut wrong: Vec<String> = Vec::new();
    for difference in report.wrong.iter().take(8) {
        wrong.push(format!(
            "value {} of {}: the GPU says {:#x}, the machine {:#x}",
            difference.case, report.values, difference.expected, difference.got
        ));
    }
    if kernel.name == "prints" {
        let expected = std::fs::read_to_string(PRINTED)?;
        if machine.printed() != expected {
            wrong.push(format!("the GPU printed\n{expected}\nthe machine\n{}", machine.printed()));
        }
    }
    judge(&this, &none, &wrong)
}

fn with_reason(failed: &Failed, why: &str) -> Failed {
    format!("{}: {why}", failed.message().unwrap_or_default()).into()
}

fn judge(this: &BTreeSet<String>, refused: &BTreeSet<String>, wrong: &[String]) -> Result<(), Failed> {
    let none = BTreeSet::new();
    let mut complaints = List::Refused.judge(this, refused);
    complaints.extend(List::Wrong.judge(this, if wrong.is_empty() { &none } else { this }));
    if complaints.is_empty() { Ok(()) } else { Err([complaints, wrong.to_vec()].concat().join("\n").into()) }
}

/// The PTX of a file of kernels; none where there is no nvcc.
fn ptx(file: &'static str) -> Option<String> {
    static DONE: Mutex<Option<HashMap<&'static str, String>>> = Mutex::new(None);
    let mut done = DONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(text) = done.as_ref().and_then(|done| done.get(file)) {
        return Some(text.clone());
    }
    let release = CudaRelease::new(13, 0);
    let root = cuferry_testkit::toolkit(release, &[Host::X86_64], &[])?;
    let (_guard, folder) = cuferry_testkit::scratch();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("kernels/{file}.cu"));
    let target = folder.join("kernels.ptx");
    compile(root.join("bin/nvcc").as_std_path(), &source, target.as_std_path()).expect("the kernels compile");
    let text = std::fs::read_to_string(target).expect("nvcc wrote it");
    done.get_or_insert_default().insert(file, text.clone());
    Some(text)
}
