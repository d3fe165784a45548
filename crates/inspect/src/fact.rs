//! The facts that decide a verdict. Each has an id that `cuferry explain` knows, and one sentence.

use std::fmt;

use cuferry_arch::driver::DriverVersion;
use cuferry_arch::run::Obstacle;
use cuferry_arch::{CudaRelease, GpuArch, Host, PtxIsa};

use crate::inventory::Machine;

/// The one fact that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Machine code that the GPU runs.
    MachineCode {
        /// For which architecture it was compiled.
        code: GpuArch,
    },
    /// PTX that the driver compiles for the GPU.
    Ptx {
        /// For which architecture it was written.
        target: GpuArch,
        /// Its version.
        isa: Option<PtxIsa>,
    },
    /// PTX that the software device runs.
    Emulated {
        /// For which architecture it was written.
        target: GpuArch,
    },
    /// No device code: any GPU, or none, will do.
    HostOnly,
    /// No device code that the CUDA runtime would load, but PTX as text among the strings.
    PtxText {
        /// What it is written for.
        targets: Vec<GpuArch>,
    },
    /// The host half is for another CPU.
    OtherHost {
        /// The file's.
        machine: Machine,
        /// The machine's that is asked about.
        host: Host,
    },
    /// NVIDIA's own library, for another CPU: it is installed, not rebuilt.
    OwnLibrary {
        /// The file's CPU.
        machine: Machine,
        /// What it is: `cuBLAS`.
        component: String,
        /// Where its counterpart comes from.
        from: String,
    },
    /// Machine code only, and none of it for this GPU.
    NoPtx {
        /// The code that came nearest.
        code: GpuArch,
        /// Why it does not run.
        obstacle: Obstacle,
    },
    /// Neither the machine code nor the PTX is for this GPU.
    NoFit {
        /// The PTX that came nearest.
        target: GpuArch,
        /// Why it does not compile.
        obstacle: Obstacle,
    },
    /// Device code, but of kinds that no driver loads: IR that a linker needs.
    OnlyIr,
    /// The driver cannot read PTX so new.
    PtxNewerThanDriver {
        /// The PTX's version.
        isa: PtxIsa,
        /// The driver that can; none is known for PTX newer than all tables.
        needs: Option<DriverVersion>,
        /// The driver that is asked about.
        has: DriverVersion,
    },
    /// The driver is older than the CUDA runtime, or the code's toolkit, allows.
    OldDriver {
        /// What sets the limit.
        because: DriverCause,
        /// The driver that is needed.
        needs: DriverVersion,
        /// The driver that is asked about.
        has: DriverVersion,
    },
    /// The last driver for this GPU is older than the code needs.
    DriverEnded {
        /// What sets the limit.
        because: DriverCause,
        /// The driver that is needed.
        needs: DriverVersion,
        /// The last branch for this GPU.
        last: u16,
    },
    /// A library that exists on Jetson alone.
    Tegra {
        /// As the file names it.
        library: String,
        /// What it is.
        what: String,
        /// The nearest thing on x86_64.
        answer: String,
    },
    /// A library of no bytes.
    Placeholder,
    /// No CPU that CUDA serves.
    ForeignMachine {
        /// Which.
        machine: Machine,
    },
    /// The device code could not be read.
    Unreadable {
        /// The first problem.
        problem: String,
    },
    /// No PTX for the software device to run.
    NothingToEmulate {
        /// What is there instead.
        archs: Vec<GpuArch>,
        /// In how many modules.
        modules: usize,
        /// How many modules there are.
        of: usize,
    },
}

/// What asks for a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverCause {
    /// The CUDA runtime that the file brings or loads: this major release.
    Runtime(u16),
    /// Machine code written by a toolkit of this release.
    Toolkit(CudaRelease),
    /// PTX of this version, which the driver has to compile.
    Ptx(PtxIsa),
    /// The GPU itself, which older drivers do not know.
    Gpu(GpuArch),
}

impl Fact {
    /// Stable: `cuferry explain` knows it.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::MachineCode { .. } => "CF3001",
            Self::Ptx { .. } => "CF3002",
            Self::HostOnly => "CF3003",
            Self::Emulated { .. } => "CF3004",
            Self::PtxText { .. } => "CF3005",
            Self::OtherHost { .. } => "CF3010",
            Self::OwnLibrary { .. } => "CF3011",
            Self::NoPtx { .. } => "CF3012",
            Self::NoFit { .. } => "CF3013",
            Self::OnlyIr => "CF3014",
            Self::PtxNewerThanDriver { .. } => "CF3015",
            Self::OldDriver { .. } => "CF3016",
            Self::DriverEnded { .. } => "CF3017",
            Self::Tegra { .. } => "CF3020",
            Self::Placeholder => "CF3021",
            Self::ForeignMachine { .. } => "CF3022",
            Self::Unreadable { .. } => "CF3023",
            Self::NothingToEmulate { .. } => "CF3030",
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MachineCode { code } => write!(formatter, "its {code} code runs there"),
            Self::Ptx { target, isa: Some(isa) } => {
                write!(formatter, "the driver compiles its {} PTX (ISA {isa})", target.virtual_())
            }
            Self::Ptx { target, isa: None } => {
                write!(formatter, "the driver compiles its {} PTX", target.virtual_())
            }
            Self::Emulated { target } => {
                write!(formatter, "the software device runs its {} PTX", target.virtual_())
            }
            Self::HostOnly => write!(formatter, "no device code inside"),
            Self::PtxText { targets } => {
                let names: Vec<_> = targets.iter().map(|target| target.real()).collect();
                write!(
                    formatter,
                    "no fatbin inside, but PTX as text for {}, which only the program itself can load",
                    names.join(", ")
                )
            }
            Self::OtherHost { machine, host } => {
                write!(formatter, "its host half is {machine} code, and the machine is {host}")
            }
            Self::OwnLibrary { machine, component, from } => {
                write!(formatter, "NVIDIA's {component} for {machine}: take the other build, {from}")
            }
            Self::NoPtx { obstacle, .. } => write!(formatter, "no PTX inside, and {}", barrier(*obstacle)),
            Self::NoFit { obstacle, .. } => {
                write!(formatter, "no machine code for it, and of the PTX: {}", barrier(*obstacle))
            }
            Self::OnlyIr => write!(formatter, "only IR inside, which a device link turns into code"),
            Self::PtxNewerThanDriver { isa, needs: Some(needs), has } => {
                write!(
                    formatter,
                    "no code for it, and PTX ISA {isa} needs driver {needs} or newer, not {has}"
                )
            }
            Self::PtxNewerThanDriver { isa, needs: None, has } => {
                write!(
                    formatter,
                    "no code for it, and PTX ISA {isa} is newer than driver {has} is known to read"
                )
            }
            Self::OldDriver { because, needs, has } => {
                write!(formatter, "{because} needs driver {needs} or newer, not {has}")
            }
            Self::DriverEnded { because, needs, last } => write!(
                formatter,
                "{because} needs driver {needs} or newer, and the last for this GPU is branch {last}"
            ),
            Self::Tegra { library, what, answer } => {
                write!(formatter, "needs {library} ({what}), which only Jetson has; nearest: {answer}")
            }
            Self::Placeholder => {
                write!(formatter, "a file of no bytes, over which a Jetson mounts the real one")
            }
            Self::ForeignMachine { machine } => write!(formatter, "its host half is {machine} code"),
            Self::Unreadable { problem } => {
                write!(formatter, "its device code could not be read: {problem}")
            }
            Self::NothingToEmulate { archs, modules, of } => {
                let archs: Vec<_> = archs.iter().map(|arch| arch.real()).collect();
                write!(formatter, "machine code only ({})", archs.join(", "))?;
                if modules != of {
                    write!(formatter, " in {modules} of {of} modules")?;
                }
                write!(formatter, ", and the software device runs PTX")
            }
        }
    }
}

/// Why code stays off a GPU, without the GPU's name: verdicts stand beside it, and equal ones together.
fn barrier(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::TegraIsland { code, tegra, .. } if code == tegra => {
            format!("{code} code is a Jetson's, which no other GPU runs")
        }
        Obstacle::TegraIsland { code, .. } => format!("a Jetson runs no {code} code"),
        Obstacle::OtherGeneration { code, .. } => format!("{code} code stays inside its generation"),
        Obstacle::OlderGpu { code, .. } => format!("code for {code} needs that GPU or a newer one"),
        Obstacle::ArchSpecific { code, .. } => format!("code for {code} is for that one architecture alone"),
        Obstacle::OutsideFamily { code, .. } => format!("code for {code} is for its family alone"),
    }
}

impl fmt::Display for DriverCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(major) => write!(formatter, "the CUDA {major} runtime"),
            Self::Toolkit(release) => write!(formatter, "code by CUDA {release}"),
            Self::Ptx(isa) => write!(formatter, "PTX ISA {isa}"),
            Self::Gpu(arch) => write!(formatter, "a GPU of {arch}"),
        }
    }
}
