//! Text that ptxas accepts, and text in which it finds errors of syntax: we agree, and ptxas is asked whether that is true.

use std::fs;
use std::process::Command;

use camino::Utf8Path;
use cuferry_arch::{CudaRelease, Host};
use cuferry_ptx::{Body, Parsed, parse};
use cuferry_testkit::{scratch, skipped, toolkit};

use crate::real::sections;
use crate::round_trip::assert_round_trip;

/// What stands before each kernel of the lists.
const HEAD: &str = ".version 9.3
.target sm_100a
.address_size 64
";
/// What the lines in kernels may use.
const DECLARATIONS: &str = ".global .align 16 .b32 garr[64]; .const .b32 carr[8];
.global .texref gtex; .global .surfref gsurf;
.func (.reg .b32 rr) gfun (.reg .b32 aa) { mov.b32 rr, aa; ret; }
";
const REGISTERS: &str =
    ".reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<40>; .reg .b64 %rd<10>; .reg .b128 %q<3>;
.reg .f32 %f<40>; .reg .f64 %fd<8>; .reg .v4 .f32 vf; .reg .v2 .b32 vb;
.shared .align 16 .b8 sarr[1024]; .local .align 8 .b8 larr[64];";

/// A list: lines to be tried in a kernel, and lines that are modules.
struct List {
    kernels: Vec<&'static str>,
    modules: Vec<&'static str>,
}

fn list(text: &'static str) -> List {
    let (kernels, modules) = text.split_once("# in a module\n").expect("both lists have both parts");
    let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with("# ")).collect();
    List { kernels: lines(kernels), modules: lines(modules) }
}

fn accepted() -> List {
    list(include_str!("data/accepted.txt"))
}

fn rejected() -> List {
    list(include_str!("data/rejected.txt"))
}

fn kernel(name: &str, line: &str) -> String {
    format!(
        ".entry {name}(.param .u64 p0, .param .align 64 .b8 tm[128]) {{\n{REGISTERS}\n{line}\nLend: ret;\n}}\n"
    )
}

/// Each line as a module of its own.
fn each(list: &List) -> impl Iterator<Item = (&'static str, String)> {
    let kernels =
        list.kernels.iter().map(|line| (*line, format!("{HEAD}{DECLARATIONS}{}", kernel("k", line))));
    kernels.chain(list.modules.iter().map(|line| (*line, format!("{HEAD}{line}\n"))))
}

/// All lines for kernels in one module.
fn together(list: &List) -> String {
    let kernels = list.kernels.iter().enumerate().map(|(index, line)| kernel(&format!("k{index}"), line));
    format!("{HEAD}{DECLARATIONS}{}", kernels.collect::<String>())
}

#[test]
fn accepts_what_ptxas_accepts() {
    for (line, text) in each(&accepted()) {
        let Parsed { module, errors } = parse(&text);
        assert_eq!(errors, [], "{line}");
        for instruction in
            module.functions().filter_map(|function| function.body.as_ref()).flat_map(Body::instructions)
        {
            assert!(instruction.opcode.mnemonic.is_some(), "{line}");
            assert_eq!(instruction.opcode.unknown().next(), None, "{line}");
        }
        assert_round_trip(&text);
    }
}

#[test]
fn finds_errors_where_ptxas_does() {
    for (line, text) in each(&rejected()) {
        let errors = parse(&text).errors;
        let first = errors.first().unwrap_or_else(|| panic!("no error in: {line}"));
        assert!(first.span.range().end <= text.len() && first.column > 0, "{line}");
    }
}

#[test]
fn ptxas_agrees_with_the_lists() {
    let Some(toolkit) = toolkit(CudaRelease::new(13, 5), &[Host::X86_64], &[]) else { return };
    let ptxas = toolkit.join("bin/ptxas");
    if !ptxas.exists() {
        return skipped("this toolkit has no ptxas");
    }
    let (_guard, folder) = scratch();
    let assemble = |text: &str| assemble(&ptxas, &folder, text);
    let text = together(&accepted());
    let cubin = assemble(&text).expect("ptxas accepts the kernels together");
    let printed = assemble(&parse(&text).module.to_string()).expect("ptxas accepts what was printed");
    assert_eq!(sections(&cubin), sections(&printed));
    for module in accepted().modules {
        let text = format!("{HEAD}{module}\n");
        let cubin = assemble(&text).unwrap_or_else(|error| panic!("{module}: {error}"));
        let printed = assemble(&parse(&text).module.to_string());
        assert_eq!(printed.as_ref(), Ok(&cubin), "{module}");
    }
    for (line, text) in each(&rejected()) {
        assert!(assemble(&text).is_err(), "ptxas accepts: {line}");
    }
}

/// The cubin, or what ptxas says.
fn assemble(ptxas: &Utf8Path, folder: &Utf8Path, text: &str) -> Result<Vec<u8>, String> {
    let (input, output) = (folder.join("a.ptx"), folder.join("a.cubin"));
    fs::write(&input, text).expect("the folder is ours");
    let run = Command::new(ptxas)
        .args(["-arch=sm_100a", "-o", output.as_str(), input.as_str()])
        .output()
        .expect("ptxas starts");
    if run.status.success() {
        Ok(fs::read(&output).expect("ptxas wrote it"))
    } else {
        Err(String::from_utf8_lossy(&run.stderr).into_owned())
    }
}
