//! What becomes of a file on a given machine: runs as it is, is compiled by the driver, must be rebuilt, or cannot be.
//!
//! Pure: an [`Inventory`] and a [`Question`] in, a [`Verdict`] out, with the fact that decides.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use cuferry_arch::driver::{self, DriverVersion};
use cuferry_arch::run::{self, Obstacle};
use cuferry_arch::tegra::{self, TegraStatus};
use cuferry_arch::{GpuArch, Host, PtxIsa, library};

use crate::fact::{DriverCause, Fact};
use crate::inventory::{Code, CodeKind, Form, Inventory, Machine, Module, Runtime};

/// The machine that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its CPU.
    pub host: Host,
    /// Its GPU's compute capability, without suffix.
    pub gpu: GpuArch,
    /// Its driver; none: as new as it takes.
    pub driver: Option<DriverVersion>,
}

/// What becomes of a file there. From best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It runs as it is.
    Native,
    /// It runs: the driver compiles its PTX when it is loaded.
    Jit,
    /// It does not run; compiled anew from its sources it can.
    Rebuild,
    /// Not even a rebuild helps.
    Impossible,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the file.
    pub outcome: Outcome,
    /// The fact that decides.
    pub fact: Fact,
    /// How its modules fare, each for itself.
    pub modules: Tally,
    /// What the driver must be at least, and what asks for it, if anything does.
    pub driver: Option<DriverNeed>,
    /// Whether an emulated ARM host half would run it on this GPU. None for files that need no such thing.
    pub hybrid: Option<Way>,
    /// Whether a software device would run it, without a GPU.
    pub emulate: Option<Way>,
}

/// Whether a way works, and the fact that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whether it does.
    pub works: bool,
    /// Why, or why not.
    pub fact: Fact,
}

/// How many modules fare how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Machine code that the GPU runs is inside.
    pub native: usize,
    /// PTX that the driver compiles for the GPU is inside.
    pub jit: usize,
    /// Nothing for this GPU: launching a kernel of such a module is error 209.
    pub none: usize,
}

/// A lower bound for the driver, and what sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverNeed {
    /// This version, or newer.
    pub version: DriverVersion,
    /// What sets the bound.
    pub because: DriverCause,
}

/// What becomes of `inventory` on the machine that `question` describes.
pub fn verdict(inventory: &Inventory, question: &Question) -> Verdict {
    let device = device(inventory, question);
    let (outcome, fact) = match host(inventory, question) {
        // The worse of both halves decides; of two that are equally bad, the host half, which no GPU changes.
        Some((outcome, fact)) if outcome >= device.outcome => (outcome, fact),
        _ => (device.outcome, device.fact.clone()),
    };
    let arm = question.host == Host::X86_64
        && inventory.host.as_ref().is_some_and(|host| host.machine == Machine::Host(Host::Aarch64))
        && matches!(inventory.form, Form::Program | Form::SharedLibrary);
    let hybrid = arm.then(|| hybrid(inventory, &device));
    let emulatable = question.host == Host::X86_64
        && inventory.has_device_code()
        && matches!(inventory.form, Form::Program | Form::SharedLibrary | Form::Ptx | Form::Fatbin);
    let emulate = emulatable.then(|| emulate(inventory));
    Verdict { outcome, fact, modules: device.modules, driver: device.driver, hybrid, emulate }
}

/// The driver that the file asks for on any GPU, by its runtime and its machine code.
pub fn driver_floor(inventory: &Inventory) -> Option<DriverNeed> {
    let runtime = inventory.host.as_ref().and_then(|host| host.runtime.major());
    let runtime = runtime.and_then(|major| {
        Some(DriverNeed { version: driver::floor(major)?, because: DriverCause::Runtime(major) })
    });
    let toolkit = inventory.newest_toolkit().filter(|_| !inventory.archs(CodeKind::Sass).is_empty());
    let toolkit = toolkit.and_then(|release| {
        Some(DriverNeed { version: driver::floor(release.major)?, because: DriverCause::Toolkit(release) })
    });
    higher(runtime, toolkit)
}

/// How the device half fares.
struct Device {
    outcome: Outcome,
    fact: Fact,
    modules: Tally,
    driver: Option<DriverNeed>,
}

/// How one module fares.
enum Fit {
    Native(GpuArch),
    Jit(GpuArch, Option<PtxIsa>),
    /// PTX for this GPU, which the driver is too old to read.
    NewPtx(PtxIsa, Option<DriverVersion>),
    None(Option<Near>),
}

/// The code that came nearest to running.
#[derive(Clone, Copy)]
enum Near {
    Ptx(GpuArch, Obstacle),
    Sass(GpuArch, Obstacle),
}

fn device(inventory: &Inventory, question: &Question) -> Device {
    let modules: Vec<&Module> = inventory.loadable().collect();
    if modules.is_empty() {
        let (outcome, fact) = match inventory.problems.first() {
            Some(problem) if inventory.form != Form::Placeholder => {
                (Outcome::Impossible, Fact::Unreadable { problem: problem.to_string() })
            }
            _ if !inventory.ptx_texts.is_empty() => {
                (Outcome::Native, Fact::PtxText { targets: inventory.ptx_texts.iter().copied().collect() })
            }
            _ => (Outcome::Native, Fact::HostOnly),
        };
        return Device { outcome, fact, modules: Tally::default(), driver: None };
    }
    let fits: Vec<Fit> = modules.iter().map(|module| fit(module, question)).collect();
    let tally = Tally {
        native: fits.iter().filter(|fit| matches!(fit, Fit::Native(_))).count(),
        jit: fits.iter().filter(|fit| matches!(fit, Fit::Jit(..))).count(),
        none: fits.iter().filter(|fit| matches!(fit, Fit::NewPtx(..) | Fit::None(_))).count(),
    };
    let (outcome, fact) = decide(&fits, question);
    let mut device =
        Device { outcome, fact, modules: tally, driver: driver_need(inventory, question, &fits) };
    check_driver(&mut device, question);
    device
}

fn fit(module: &Module, question: &Question) -> Fit {
    let of = |kind: CodeKind| module.codes.iter().filter(move |code| code.kind == kind);
    let native = of(CodeKind::Sass).filter(|code| run::machine_code_runs(code.arch, question.gpu).is_ok());
    // The driver takes the code nearest to the GPU, and of one number the most specific.
    if let Some(code) = native.max_by_key(|code| code.arch) {
        return Fit::Native(code.arch);
    }
    let jit = of(CodeKind::Ptx).filter(|code| run::ptx_runs(code.arch, question.gpu).is_ok());
    let Some(code) = jit.max_by_key(|code| code.arch) else {
        return Fit::None(nearest(&module.codes, question));
    };
    if let (Some(isa), Some(has)) = (code.isa, question.driver) {
        let needs = run::driver_for_ptx(isa);
        if needs.is_none_or(|needs| has < needs) {
            return Fit::NewPtx(isa, needs);
        }
    }
    Fit::Jit(code.arch, code.isa)
}

/// How near code comes to a GPU: older than it first, then by distance.
fn rank(arch: GpuArch, question: &Question) -> impl Ord + use<> {
    let distance = arch.number().abs_diff(question.gpu.number());
    (arch.number() <= question.gpu.number(), Reverse(distance), arch)
}

/// Which code says best why nothing runs: PTX before machine code, the newest that is older than the GPU first, then the
/// oldest that is newer.
fn nearest(codes: &[Code], question: &Question) -> Option<Near> {
    let of = |kind: CodeKind| {
        let archs = codes.iter().filter(|code| code.kind == kind).map(|code| code.arch);
        archs.max_by_key(|arch| rank(*arch, question))
    };
    let ptx =
        of(CodeKind::Ptx).and_then(|arch| Some(Near::Ptx(arch, run::ptx_runs(arch, question.gpu).err()?)));
    ptx.or_else(|| {
        of(CodeKind::Sass)
            .and_then(|arch| Some(Near::Sass(arch, run::machine_code_runs(arch, question.gpu).err()?)))
    })
}

/// One outcome for all modules. A library may hold modules for some GPUs only; one that fits nowhere decides nothing
/// as long as another fits, and the tally tells of it.
fn decide(fits: &[Fit], question: &Question) -> (Outcome, Fact) {
    let native = fits.iter().filter_map(|fit| match fit {
        Fit::Native(code) => Some(*code),
        _ => None,
    });
    let jit = fits.iter().filter_map(|fit| match fit {
        Fit::Jit(target, isa) => Some((*target, *isa)),
        _ => None,
    });
    if let Some(code) = native.max() {
        return (Outcome::Native, Fact::MachineCode { code });
    }
    if let Some((target, isa)) = jit.max() {
        return (Outcome::Jit, Fact::Ptx { target, isa });
    }
    for fit in fits {
        if let (Fit::NewPtx(isa, needs), Some(has)) = (fit, question.driver) {
            return (Outcome::Rebuild, Fact::PtxNewerThanDriver { isa: *isa, needs: *needs, has });
        }
    }
    let nears = fits.iter().filter_map(|fit| match fit {
        Fit::None(near) => *near,
        _ => None,
    });
    // PTX says best why nothing runs: that there is none in other modules is no reason.
    let near = nears.max_by_key(|near| match *near {
        Near::Ptx(arch, _) => (true, rank(arch, question)),
        Near::Sass(arch, _) => (false, rank(arch, question)),
    });
    let fact = match near {
        Some(Near::Ptx(target, obstacle)) => Fact::NoFit { target, obstacle },
        Some(Near::Sass(code, obstacle)) => Fact::NoPtx { code, obstacle },
        None => Fact::OnlyIr,
    };
    (Outcome::Rebuild, fact)
}

/// The highest of the bounds: runtime, machine code's toolkit, PTX that must be compiled, the GPU itself.
fn driver_need(inventory: &Inventory, question: &Question, fits: &[Fit]) -> Option<DriverNeed> {
    let mut need = driver_floor(inventory);
    for fit in fits {
        if let Fit::Jit(_, Some(isa)) = fit {
            let version = run::driver_for_ptx(*isa);
            need =
                higher(need, version.map(|version| DriverNeed { version, because: DriverCause::Ptx(*isa) }));
        }
    }
    let gpu = driver::first_for(question.gpu)
        .map(|version| DriverNeed { version, because: DriverCause::Gpu(question.gpu) });
    higher(need, gpu)
}

/// Turns an outcome that would be good into what the driver makes of it.
fn check_driver(device: &mut Device, question: &Question) {
    let Some(need) = device.driver.filter(|_| device.outcome <= Outcome::Jit) else { return };
    if let Some(last) = driver::last_branch(question.gpu).filter(|last| *last < need.version.major) {
        let DriverNeed { version: needs, because } = need;
        (device.outcome, device.fact) = (Outcome::Rebuild, Fact::DriverEnded { because, needs, last });
    } else if let Some(has) = question.driver.filter(|has| *has < need.version) {
        let DriverNeed { version: needs, because } = need;
        (device.outcome, device.fact) = (Outcome::Rebuild, Fact::OldDriver { because, needs, has });
    }
}

fn higher(left: Option<DriverNeed>, right: Option<DriverNeed>) -> Option<DriverNeed> {
    match (left, right) {
        (Some(left), Some(right)) if right.version > left.version => Some(right),
        (Some(left), _) => Some(left),
        (None, right) => right,
    }
}

/// What stands in the way on the host's side, if anything does.
fn host(inventory: &Inventory, question: &Question) -> Option<(Outcome, Fact)> {
    if inventory.form == Form::Placeholder {
        return Some((Outcome::Impossible, Fact::Placeholder));
    }
    let host = inventory.host.as_ref()?;
    let machine = match host.machine {
        Machine::Host(machine) if machine == question.host => return None,
        Machine::Host(_) | Machine::Arm32 => host.machine,
        Machine::Other(_) => {
            return Some((Outcome::Impossible, Fact::ForeignMachine { machine: host.machine }));
        }
        Machine::None => return None,
    };
    if let Some(fact) = tegra_without_answer(inventory).filter(|_| question.host == Host::X86_64) {
        return Some((Outcome::Impossible, fact));
    }
    let own = host.soname.as_deref().and_then(library::by_soname);
    let fact = match own {
        Some(row) => Fact::OwnLibrary {
            machine,
            component: row.component.clone(),
            from: row.package_for(question.host),
        },
        None => Fact::OtherHost { machine, host: question.host },
    };
    Some((Outcome::Rebuild, fact))
}

/// The first library wanted that exists on Jetson alone, if there is nothing like it on x86_64.
fn tegra_without_answer(inventory: &Inventory) -> Option<Fact> {
    let needs = tegra_needs(inventory);
    needs
        .into_iter()
        .find(|(_, row)| row.status == TegraStatus::None)
        .map(|(name, row)| tegra_fact(name, row))
}

fn tegra_fact(library: &str, row: &tegra::TegraLibrary) -> Fact {
    Fact::Tegra { library: library.to_owned(), what: row.what.clone(), answer: row.answer.clone() }
}

/// The libraries that the file wants and that only Jetson has.
pub fn tegra_needs(inventory: &Inventory) -> Vec<(&str, &'static tegra::TegraLibrary)> {
    let Some(host) = &inventory.host else { return Vec::new() };
    if host.machine == Machine::Host(Host::X86_64) {
        return Vec::new();
    }
    let needed = host.needed.iter().map(String::as_str).collect::<BTreeSet<_>>();
    needed.into_iter().filter_map(|name| Some((name, tegra::library(name)?))).collect()
}

/// An ARM file whose host half is emulated, and whose driver calls go to the real driver.
fn hybrid(inventory: &Inventory, device: &Device) -> Way {
    if let Some((name, row)) = tegra_needs(inventory).first() {
        return Way { works: false, fact: tegra_fact(name, row) };
    }
    Way { works: device.outcome <= Outcome::Jit, fact: device.fact.clone() }
}

/// A file on the software device: each of its modules must hold PTX.
fn emulate(inventory: &Inventory) -> Way {
    if let Some((name, row)) = tegra_needs(inventory).first() {
        return Way { works: false, fact: tegra_fact(name, row) };
    }
    let has_ptx = |module: &&Module| module.codes.iter().any(|code| code.kind == CodeKind::Ptx);
    let modules: Vec<&Module> = inventory.loadable().collect();
    let without: Vec<&&Module> = modules.iter().filter(|module| !has_ptx(module)).collect();
    // What `-rdc=true` linked is machine code alone, but each object's own PTX is kept beside it, to be linked anew.
    let objects: Vec<&Module> = inventory.modules.iter().filter(|module| module.relocatable).collect();
    if without.len() == 1 && !objects.is_empty() && objects.iter().all(has_ptx) {
        return emulated(modules.iter().copied().chain(objects));
    }
    let sass = without.iter().flat_map(|module| &module.codes).filter(|code| code.kind == CodeKind::Sass);
    let archs: BTreeSet<GpuArch> = sass.map(|code| code.arch).collect();
    match without.len() {
        lacking @ 1.. if !archs.is_empty() => {
            let archs = archs.into_iter().collect();
            Way { works: false, fact: Fact::NothingToEmulate { archs, modules: lacking, of: modules.len() } }
        }
        1.. => Way { works: false, fact: Fact::OnlyIr },
        0 => emulated(modules.into_iter()),
    }
}

/// By the newest PTX that each of them has.
fn emulated<'a>(modules: impl Iterator<Item = &'a Module>) -> Way {
    let newest = |module: &Module| {
        module.codes.iter().filter(|code| code.kind == CodeKind::Ptx).map(|code| code.arch).max()
    };
    let best = modules.filter_map(newest).min();
    Way { works: true, fact: best.map_or(Fact::HostOnly, |target| Fact::Emulated { target }) }
}

impl Outcome {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Jit => "jit",
            Self::Rebuild => "rebuild",
            Self::Impossible => "impossible",
        }
    }

    /// Whether the file runs there as it is.
    pub const fn runs(self) -> bool {
        matches!(self, Self::Native | Self::Jit)
    }
}

impl Runtime {
    /// For people: `12.6, static`.
    pub fn describe(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Shared { soname, .. } => Some(soname.clone()),
            Self::Static { release: Some(release) } => Some(format!("CUDA {release}, linked statically")),
            Self::Static { release: None } => Some("linked statically".to_owned()),
        }
    }
}
