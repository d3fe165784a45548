//! What nvcc of several releases writes for this repository's own kernels, with and without debug information: it is
//! understood whole, and what we print of it gives the same machine code.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_ptx::{Body, parse};
use cuferry_testkit::{companion, scratch, skipped, toolkit};
use object::{Object as _, ObjectSection as _};

use crate::round_trip::assert_round_trip;

/// A file of `examples/edge-camera/src` for one architecture.
struct Case {
    source: &'static str,
    arch: &'static str,
    flags: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { source: "statistics.cu", arch: "75", flags: &[] },
    Case { source: "statistics.cu", arch: "90", flags: &["-lineinfo"] },
    Case { source: "sharpen.cu", arch: "90", flags: &["-g", "-G"] },
];

#[test]
fn ptx_of_cuda_13_5() {
    check(CudaRelease::new(13, 5), CASES, &[]);
    check(
        CudaRelease::new(13, 5),
        &[Case { source: "demosaic.cu", arch: "100", flags: &["-rdc=true"] }],
        &[],
    );
}

#[test]
fn ptx_of_cuda_13_0() {
    check(CudaRelease::new(13, 0), &CASES[1..], &[]);
}

#[test]
fn ptx_of_cuda_11_8() {
    let Some(gcc) = companion("gcc-11") else { return };
    check(CudaRelease::new(11, 8), &CASES[1..], &[&format!("-ccbin={gcc}/bin/g++")]);
}

fn check(release: CudaRelease, cases: &[Case], flags: &[&str]) {
    let Some(toolkit) = toolkit(release, &[Host::X86_64], &[]) else { return };
    if !toolkit.join("bin/nvcc").exists() {
        return skipped("this toolkit has no nvcc");
    }
    let (_guard, folder) = scratch();
    for case in cases {
        let ptx = compile(&toolkit, &folder, case, flags);
        let text = fs::read_to_string(&ptx).expect("nvcc wrote it");
        assert_round_trip(&text);
        let module = parse(&text).module;
        let bodies = module.functions().filter_map(|function| function.body.as_ref());
        let instructions: Vec<_> = bodies.flat_map(Body::instructions).collect();
        assert!(instructions.len() > 20, "{} instructions", instructions.len());
        for instruction in instructions {
            let opcode = &instruction.opcode;
            assert!(opcode.mnemonic.is_some() && opcode.unknown().next().is_none(), "{}", opcode.text);
        }
        let printed = folder.join("printed.ptx");
        // with `debug` the machine code follows the lines of the text, so that it depends on how that is laid out
        let optimised = |text: &str| text.replace(", debug", "");
        fs::write(&ptx, optimised(&text)).expect("the folder is ours");
        fs::write(&printed, optimised(&module.to_string())).expect("the folder is ours");
        assert_eq!(code(&toolkit, &ptx, case), code(&toolkit, &printed, case), "{}", case.source);
    }
}

/// nvcc's PTX.
fn compile(toolkit: &Utf8Path, folder: &Utf8Path, case: &Case, flags: &[&str]) -> Utf8PathBuf {
    let project = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/edge-camera");
    let output = folder.join("a.ptx");
    let run = Command::new(toolkit.join("bin/nvcc"))
        .args(["-ptx", "-std=c++17", &format!("-arch=compute_{}", case.arch), "-o", output.as_str()])
        .arg(format!("-I{project}/include"))
        .args(flags)
        .args(case.flags)
        .arg(project.join("src").join(case.source))
        .output()
        .expect("nvcc starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    output
}

/// The names and bytes of what a GPU runs: code, constants, variables.
fn code(toolkit: &Utf8Path, ptx: &Utf8Path, case: &Case) -> Vec<(String, Vec<u8>)> {
    let cubin = ptx.with_extension("cubin");
    let run = Command::new(toolkit.join("bin/ptxas"))
        .args(["-c", &format!("-arch=sm_{}", case.arch), "-o", cubin.as_str(), ptx.as_str()])
        .output()
        .expect("ptxas starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    sections(&fs::read(cubin).expect("ptxas wrote it"))
}

/// The sections of a cubin that a GPU runs or reads.
pub(crate) fn sections(cubin: &[u8]) -> Vec<(String, Vec<u8>)> {
    let file = object::File::parse(cubin).expect("a cubin is ELF");
    let run = |name: &str| {
        [".text", ".nv.constant", ".nv.global", ".nv.info."].iter().any(|start| name.starts_with(start))
    };
    let named = file.sections().map(|section| (section.name().unwrap_or_default().to_owned(), section));
    let run = named.filter(|(name, _)| run(name));
    run.map(|(name, section)| (name, section.data().unwrap_or_default().to_vec())).collect()
}
