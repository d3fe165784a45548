//! Which way a program goes: natively on the GPU, or with the software device in the GPU's place. Pure: what the program
//! holds, what the machine has and what the user asks in; a choice, or the reason why there is none, out.

use std::fmt;
use std::str::FromStr;

use cuferry_arch::Host;
use cuferry_inspect::inventory::{Form, Inventory, Machine};
use cuferry_inspect::{Fact, Outcome, Question, Verdict, verdict};

/// What answers the calls of `libcuda.so.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// NVIDIA's driver and its GPU.
    Gpu,
    /// The software device.
    Soft,
}

/// One of the three ways, and the plain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The program's own CPU and a GPU.
    Native,
    /// An ARM program's host half emulated, its driver calls on the real GPU.
    Hybrid,
    /// No GPU: the software device runs the PTX.
    Emulate,
}

/// What the user asks for; nothing: whatever works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// `--device`.
    pub device: Option<Device>,
    /// `--way`.
    pub way: Option<Way>,
}

/// How it runs, and why so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The way.
    pub way: Way,
    /// What answers its driver calls.
    pub device: Device,
    /// The CPU that it is for: another one than this machine's is emulated. A script has none.
    pub host: Host,
    /// Why.
    pub reason: Reason,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The user.
    Asked(Fact),
    /// A GPU is here, and the program's device code runs on it.
    FitsGpu(Fact),
    /// No GPU is here, and the software device runs the program's PTX.
    NoGpu(Fact),
    /// The GPU that is here cannot run it, for the first reason; the software device can, by the second.
    GpuCannot(Fact, Fact),
    /// The program itself holds no device code: what its libraries bring, or what it compiles, decides as it runs.
    NothingInside {
        /// Whether a GPU is here.
        gpu: bool,
    },
    /// It is no ELF file: a script.
    Script {
        /// Whether a GPU is here.
        gpu: bool,
    },
}

/// Why it does not run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Neither a program nor a script.
    NotAProgram(Form),
    /// A program for another CPU than ARM's or this one.
    ForeignMachine(Machine),
    /// A GPU is asked for, and none is here.
    NoGpu,
    /// The GPU that is here cannot run it, and the software device neither (or was not asked to).
    GpuCannot {
        /// Why the GPU cannot.
        gpu: Box<Fact>,
        /// Why the software device cannot, if it cannot.
        soft: Option<Box<Fact>>,
    },
    /// Neither a GPU nor the software device is what it lacks: a Jetson's own libraries.
    NowhereHere(Fact),
    /// No GPU is here, or none is asked for, and the software device cannot run it.
    SoftCannot(Fact),
    /// The way and the device that are asked for exclude one another.
    Contradiction,
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gpu" => Ok(Self::Gpu),
            "soft" => Ok(Self::Soft),
            _ => Err("`gpu` or `soft` expected".to_owned()),
        }
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "native" => Ok(Self::Native),
            "hybrid" => Ok(Self::Hybrid),
            "emulate" => Ok(Self::Emulate),
            _ => Err("`native`, `hybrid` or `emulate` expected".to_owned()),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Native => "native",
            Self::Hybrid => "hybrid",
            Self::Emulate => "emulate",
        })
    }
}

/// Decides for a program on an x86_64 machine with these GPUs (none: there is no driver, or no GPU).
///
/// `inventory` is none for what is no ELF file: a script, whose interpreter the system starts.
pub fn choose(inventory: Option<&Inventory>, gpus: &[Question], ask: Ask) -> Result<Choice, Refusal> {
    let device = wanted_device(ask)?;
    let Some(inventory) = inventory else {
        return without_code(device, Host::X86_64, !gpus.is_empty(), |gpu| Reason::Script { gpu });
    };
    if inventory.form != Form::Program {
        return Err(Refusal::NotAProgram(inventory.form));
    }
    let machine = inventory.host.as_ref().map_or(Machine::None, |host| host.machine);
    let host = match machine {
        Machine::Host(Host::X86_64) if ask.way == Some(Way::Hybrid) => return Err(Refusal::Contradiction),
        Machine::Host(Host::Aarch64) if ask.way == Some(Way::Native) => return Err(Refusal::Contradiction),
        Machine::Host(host) => host,
        other => return Err(Refusal::ForeignMachine(other)),
    };
    if !inventory.has_device_code() {
        // What is left to say is whether it wants a Jetson's own libraries.
        return match asked_about(inventory, gpus.first()).hybrid {
            Some(way) if !way.works => Err(Refusal::NowhereHere(way.fact)),
            _ => without_code(device, host, !gpus.is_empty(), |gpu| Reason::NothingInside { gpu }),
        };
    }
    // The best of the GPUs that are here decides: the program may choose among them, too.
    let on_gpu = gpus.iter().map(|question| on_gpu(inventory, question)).min_by_key(|fit| fit.outcome);
    let soft = asked_about(inventory, gpus.first()).emulate;
    let soft = soft.map(|way| if way.works { Ok(way.fact) } else { Err(way.fact) });
    decide(device, host, on_gpu, soft)
}

/// How a program fares on a GPU: its device code alone decides for one whose host half is emulated.
struct Fit {
    outcome: Outcome,
    runs: bool,
    fact: Fact,
}

fn on_gpu(inventory: &Inventory, question: &Question) -> Fit {
    let verdict = asked_about(inventory, Some(question));
    match verdict.hybrid {
        Some(way) => {
            let outcome = if way.works { Outcome::Jit } else { Outcome::Impossible };
            Fit { outcome, runs: way.works, fact: way.fact }
        }
        None => Fit { outcome: verdict.outcome, runs: verdict.outcome.runs(), fact: verdict.fact },
    }
}

fn wanted_device(ask: Ask) -> Result<Option<Device>, Refusal> {
    match (ask.way, ask.device) {
        (None, device) => Ok(device),
        (Some(Way::Native | Way::Hybrid), None | Some(Device::Gpu)) => Ok(Some(Device::Gpu)),
        (Some(Way::Emulate), None | Some(Device::Soft)) => Ok(Some(Device::Soft)),
        (Some(_), Some(_)) => Err(Refusal::Contradiction),
    }
}

/// What becomes of it on this GPU; on any GPU where there is none, which leaves what it is on the software device.
fn asked_about(inventory: &Inventory, question: Option<&Question>) -> Verdict {
    let any = Question { host: Host::X86_64, gpu: cuferry_arch::GpuArch::base(90), driver: None };
    verdict(inventory, question.unwrap_or(&any))
}

fn without_code(
    device: Option<Device>,
    host: Host,
    gpu: bool,
    reason: impl FnOnce(bool) -> Reason,
) -> Result<Choice, Refusal> {
    let device = device.unwrap_or(if gpu { Device::Gpu } else { Device::Soft });
    if device == Device::Gpu && !gpu {
        return Err(Refusal::NoGpu);
    }
    Ok(Choice { way: way_of(device, host), device, host, reason: reason(gpu) })
}

fn decide(
    device: Option<Device>,
    host: Host,
    on_gpu: Option<Fit>,
    soft: Option<Result<Fact, Fact>>,
) -> Result<Choice, Refusal> {
    let choice =
        |device: Device, reason: Reason| Ok(Choice { way: way_of(device, host), device, host, reason });
    match (device, on_gpu, soft) {
        (Some(Device::Soft), _, Some(Ok(fact))) => choice(Device::Soft, Reason::Asked(fact)),
        (None, None, Some(Ok(fact))) => choice(Device::Soft, Reason::NoGpu(fact)),
        (Some(Device::Soft), _, Some(Err(fact))) | (None, None, Some(Err(fact))) => {
            Err(Refusal::SoftCannot(fact))
        }
        (Some(Device::Gpu), Some(fit), _) if fit.runs => choice(Device::Gpu, Reason::Asked(fit.fact)),
        (None, Some(fit), _) if fit.runs => choice(Device::Gpu, Reason::FitsGpu(fit.fact)),
        (None, Some(fit), Some(Ok(fact))) => choice(Device::Soft, Reason::GpuCannot(fit.fact, fact)),
        (_, Some(fit), soft) => {
            let soft = soft.and_then(Result::err).map(Box::new);
            Err(Refusal::GpuCannot { gpu: Box::new(fit.fact), soft })
        }
        // A program with device code always has an answer about the software device: that leaves who asks for a GPU.
        (_, None, _) => Err(Refusal::NoGpu),
    }
}

fn way_of(device: Device, host: Host) -> Way {
    match (device, host) {
        (Device::Gpu, Host::X86_64) => Way::Native,
        (Device::Gpu, Host::Aarch64) => Way::Hybrid,
        (Device::Soft, _) => Way::Emulate,
    }
}
