//! Which of the three ways work on a machine.

use camino::Utf8Path;
use cuferry_arch::{CudaRelease, Host};
use cuferry_toolchain::choose::{CompilerError, choose_compiler};
use cuferry_toolchain::compiler::HostCompiler;

use super::{Checkup, State, Way};

/// What a toolkit takes on disk, with its downloads; a CUDA library is up to 2 GB more.
const TOOLKIT: u64 = 1 << 30;

pub(super) fn ways(checkup: &Checkup) -> [Way; 3] {
    [rebuild(checkup), hybrid(checkup), emulate(checkup)]
}

/// For x86_64, whatever this machine is.
fn rebuild(checkup: &Checkup) -> Way {
    let lacking = |reason: String, step: String| Way {
        name: "rebuild",
        state: State::Lacking,
        lacks: vec![reason.clone()],
        reason,
        has: Vec::new(),
        step: Some(step),
    };
    let (release, place, compiler) = match toolchain(checkup) {
        Ok(found) => found,
        Err((reason, step)) => return lacking(reason, step),
    };
    if checkup.archiver.is_none() {
        let (debian, fedora) = match checkup.machine {
            Host::X86_64 => ("binutils", "binutils"),
            Host::Aarch64 => ("binutils-x86-64-linux-gnu", "binutils-x86_64-linux-gnu"),
        };
        return lacking("no `ar` for x86_64".to_owned(), checkup.packages().install(debian, fedora));
    }
    if place == Place::Fetched
        && let Some(room) = checkup.survey.room.as_ref().filter(|room| room.free < TOOLKIT)
    {
        let reason = format!("no room for a toolkit in `{}`", room.folder);
        let step = "make 1 GB of room, or name another folder: `CUFERRY_HOME=FOLDER`".to_owned();
        return lacking(reason, step);
    }
    let toolkit = match place {
        Place::Here => format!("CUDA {release}"),
        Place::Fetched => format!("CUDA {release}, which the first rebuild fetches"),
    };
    let compiler = format!("{} {}", compiler.family, compiler.version);
    let runs = if checkup.has_gpu() { "" } else { "; without a GPU here, the images are for other machines" };
    Way {
        name: "rebuild",
        state: State::Works,
        reason: format!("{compiler} and {toolkit}{runs}"),
        has: vec![compiler, toolkit],
        lacks: Vec::new(),
        step: None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Fetched,
}

/// The first toolkit, here before fetched, that a compiler fits; or what is missing, and what to do.
fn toolchain(checkup: &Checkup) -> Result<(CudaRelease, Place, &HostCompiler), (String, String)> {
    // One without headers for x86_64 cannot build for it.
    let here = checkup.toolkits.iter().filter(|toolkit| toolkit.include(Host::X86_64).is_dir());
    let here = here.map(|toolkit| (toolkit.release, Place::Here));
    let mut fetchable = checkup.fetchable.clone();
    fetchable.sort_unstable();
    let all: Vec<_> = here.chain(fetchable.into_iter().map(|release| (release, Place::Fetched))).collect();
    let mut error = None;
    for (release, place) in &all {
        match choose_compiler(&checkup.compilers, *release, Host::X86_64, None) {
            Ok(compiler) => return Ok((*release, *place, compiler)),
            Err(problem) => error = error.or(Some(problem)),
        }
    }
    let (debian, fedora) = match checkup.machine {
        Host::X86_64 => ("g++", "gcc-c++"),
        Host::Aarch64 => ("g++-x86-64-linux-gnu", "gcc-c++-x86_64-linux-gnu"),
    };
    let packages = checkup.packages();
    Err(match error {
        Some(CompilerError::TooNew { release, gcc, .. }) => (
            format!("CUDA {release} takes g++ up to {gcc}, and each compiler here is newer"),
            packages.install(&format!("{debian}-{gcc}"), &format!("gcc{gcc}-c++")),
        ),
        Some(_) => ("no C++ compiler for x86_64".to_owned(), packages.install(debian, fedora)),
        None => (
            "no CUDA toolkit is here, and none can be fetched".to_owned(),
            "install one, and set `CUDA_HOME`".to_owned(),
        ),
    })
}

const INSTEAD: &str = "with the sources at hand: `cuferry rebuild DIR`";
/// Nothing has to be emulated for ARM programs there.
const NATIVE: &str = "this machine runs ARM programs itself";

/// ARM programs on the real GPU.
fn hybrid(checkup: &Checkup) -> Way {
    let name = "hybrid";
    if checkup.machine == Host::Aarch64 {
        let has = vec!["an ARM CPU".to_owned()];
        return Way {
            name,
            state: State::NotInThisVersion,
            reason: NATIVE.to_owned(),
            has,
            lacks: Vec::new(),
            step: None,
        };
    }
    let (mut has, mut lacks) = (Vec::new(), Vec::new());
    let gpu = "a GPU with its driver".to_owned();
    if checkup.has_gpu() {
        has.push(gpu);
    } else {
        lacks.push(gpu);
    }
    let qemu = plugin_qemu(checkup);
    has.push(qemu.clone());
    if lacks.is_empty() {
        return Way {
            name,
            state: State::Works,
            reason: format!("ARM programs run in {qemu}"),
            has,
            lacks,
            step: None,
        };
    }
    Way {
        name,
        state: State::Lacking,
        reason: "the machine lacks a GPU with its driver".to_owned(),
        has,
        lacks,
        step: Some("the next way does without one".to_owned()),
    }
}

/// Programs without a GPU, with the software device, which cuferry carries.
fn emulate(checkup: &Checkup) -> Way {
    let name = "emulate";
    if checkup.machine == Host::Aarch64 {
        let lacks = vec!["a software device for ARM".to_owned()];
        let reason = "the software device is for x86_64".to_owned();
        let step = Some(INSTEAD.to_owned());
        return Way { name, state: State::NotInThisVersion, reason, has: Vec::new(), lacks, step };
    }
    let qemu = plugin_qemu(checkup);
    let reason = format!("the software device runs the PTX of x86_64 programs, and of ARM ones in {qemu}");
    Way {
        name,
        state: State::Works,
        reason,
        has: vec!["the software device".to_owned(), qemu],
        lacks: Vec::new(),
        step: None,
    }
}

/// The qemu that ARM programs would run in.
fn plugin_qemu(checkup: &Checkup) -> String {
    match qemus(checkup).find(|(_, plugins)| *plugins) {
        Some((path, _)) => format!("a qemu that loads plugins ({path})"),
        None => "a qemu that the first run fetches".to_owned(),
    }
}

/// The emulators that are here, and whether each loads plugins; the one that cuferry installed first.
fn qemus(checkup: &Checkup) -> impl Iterator<Item = (&Utf8Path, bool)> {
    let installed = checkup.emulator.iter().map(|emulator| (emulator.program.as_path(), true));
    installed.chain(checkup.survey.qemu.iter().map(|qemu| (qemu.path.as_path(), qemu.plugins)))
}
