//! `cuferry run` in sentences: which way and why, or why not, and what to do instead.

use std::io;

use camino::Utf8Path;
use cuferry_arch::Host;
use cuferry_inspect::inventory::Form;
use cuferry_run::{Choice, Device, Reason, Refusal};

use crate::failure::{Failure, Fault};

/// One line on standard error, before the program has its say.
pub(crate) fn announce(choice: &Choice) {
    eprintln!("cuferry: {}", way(choice));
}

/// `emulate on the software device: no GPU is here, and …`.
pub(crate) fn way(choice: &Choice) -> String {
    let host = if choice.host == Host::of_this_program() { "" } else { ", its ARM host half in qemu" };
    format!("{} on {}{host}: {}", choice.way, device(choice.device), reason(choice))
}

fn device(device: Device) -> &'static str {
    match device {
        Device::Gpu => "the GPU",
        Device::Soft => "the software device",
    }
}

fn reason(choice: &Choice) -> String {
    match &choice.reason {
        Reason::Asked(fact) => format!("as you asked; {fact}"),
        Reason::FitsGpu(fact) => fact.to_string(),
        Reason::NoGpu(fact) => format!("no GPU is here, and {fact}"),
        Reason::GpuCannot(gpu, soft) => format!("the GPU that is here cannot run it ({gpu}), but {soft}"),
        Reason::NothingInside { gpu } => {
            format!("{}; the program itself holds no device code: its libraries decide", presence(*gpu))
        }
        Reason::Script { gpu } => format!("{}; it is a script", presence(*gpu)),
    }
}

const fn presence(gpu: bool) -> &'static str {
    if gpu { "a GPU is here" } else { "no GPU is here" }
}

/// Why it does not run, and the next move.
pub(crate) fn refused(path: &Utf8Path, refusal: &Refusal) -> Failure {
    let (fault, code, message, help) = match refusal {
        Refusal::NotAProgram(form) => (
            Fault::Usage,
            "run::not_a_program",
            format!("`{path}` is no program: {}", form_words(*form)),
            "`cuferry inspect` says what it holds".to_owned(),
        ),
        Refusal::ForeignMachine(machine) => (
            Fault::Project,
            "run::foreign_machine",
            format!("`{path}` is a program for {machine}: neither this machine nor any of the three ways runs it"),
            "rebuild it from its sources: `cuferry rebuild DIR`".to_owned(),
        ),
        Refusal::NowhereHere(fact) => (
            Fault::Project,
            "run::jetson_only",
            format!("`{path}` runs on a Jetson alone: {fact}"),
            "`cuferry inspect` names each such library with its nearest answer on x86_64; with the sources at hand: \
             `cuferry rebuild DIR`"
                .to_owned(),
        ),
        Refusal::NoGpu => (
            Fault::Machine,
            "run::no_gpu",
            "a GPU is asked for, and NVIDIA's driver reports none here".to_owned(),
            "`cuferry doctor` says what is missing; `--device soft` does without a GPU".to_owned(),
        ),
        Refusal::GpuCannot { gpu, soft: None } => (
            Fault::Project,
            "run::gpu_cannot",
            format!("`{path}` does not run on the GPU that is here: {gpu}"),
            "rebuild it for this GPU: `cuferry rebuild DIR --gpu native`; `--device soft` runs it without".to_owned(),
        ),
        Refusal::GpuCannot { gpu, soft: Some(soft) } => (
            Fault::Project,
            "run::gpu_cannot",
            format!("`{path}` does not run on the GPU that is here: {gpu}; nor on the software device: {soft}"),
            "rebuild it for this GPU: `cuferry rebuild DIR --gpu native`".to_owned(),
        ),
        Refusal::SoftCannot(fact) => (
            Fault::Project,
            "run::soft_cannot",
            format!("`{path}` does not run on the software device: {fact}"),
            "rebuild it with PTX inside: `cuferry rebuild DIR` embeds it unless told not to; with nvcc alone: \
             `-gencode arch=compute_90,code=compute_90`"
                .to_owned(),
        ),
        Refusal::Contradiction => (
            Fault::Usage,
            "run::contradiction",
            "`--way` and `--device` exclude one another, or the program".to_owned(),
            "`native` and `hybrid` go with `gpu`, `emulate` with `soft`; `hybrid` is for ARM programs, `native` for those of \
             this machine; give one of them, or neither"
                .to_owned(),
        ),
    };
    Failure::say(fault, code, message, help)
}

fn form_words(form: Form) -> &'static str {
    match form {
        Form::Program => "a program",
        Form::SharedLibrary => "a shared library",
        Form::Object => "an object file",
        Form::OtherElf => "an ELF file of another kind",
        Form::Archive => "a static library",
        Form::Fatbin => "device code alone (a fatbin)",
        Form::Cubin => "device code alone (a cubin)",
        Form::Ptx => "device code alone (PTX)",
        Form::Placeholder => "an empty file",
    }
}

pub(crate) fn libraries_missing(program: &Utf8Path, missing: &[String]) -> Failure {
    let help = "copy them from the machine that the program comes from, and name their folder in LD_LIBRARY_PATH, or that \
                machine's whole root: `--root DIR`";
    let message = format!("`{program}` loads what neither its root nor cuferry has: {}", missing.join(", "));
    Failure::say(Fault::Machine, "run::libraries", message, help)
}

pub(crate) fn not_found(what: &str) -> Failure {
    let help = "give a program's path, the name of a command on PATH, a project's folder, or an image";
    Failure::say(Fault::Usage, "run::not_found", format!("`{what}` is not there"), help)
}

pub(crate) fn not_runnable(path: &Utf8Path, kind: &str) -> Failure {
    let help =
        "cuferry runs programs, projects' folders and images (an OCI layout, or an archive of `docker save`)";
    Failure::say(Fault::Usage, "run::not_runnable", format!("`{path}` is a {kind}, which nothing runs"), help)
}

pub(crate) fn own_build(folder: &Utf8Path) -> Failure {
    let help = format!(
        "build it first, `cuferry rebuild {folder} --no-image`, and run what that names: `cuferry run PROGRAM`"
    );
    let message = format!("`{folder}` brings its own build, which does not say what is to be run");
    Failure::say(Fault::Usage, "run::own_build", message, help)
}

pub(crate) fn cannot_start(path: &Utf8Path, error: &io::Error) -> Failure {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => format!("make it executable: `chmod +x {path}`"),
        io::ErrorKind::NotFound => {
            "its interpreter or loader is not there: the first line of a script, or `readelf -l` of a program, names it"
                .to_owned()
        }
        _ => "run it without cuferry to see whether the system takes it".to_owned(),
    };
    Failure::say(Fault::Machine, "run::start", format!("cannot start `{path}`: {error}"), help)
}
