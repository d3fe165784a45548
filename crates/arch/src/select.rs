//! Which device code to build: a policy, what is known of the machine and the project, and a toolkit's limits go in;
//! a list of architectures comes out, with a note for each that was replaced.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::table::{self, ToolkitRow};
use crate::{CudaRelease, Flavor, GpuArch, Host, ParseGpuArchError};

/// What device code a user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuPolicy {
    /// The GPUs of this machine.
    Native,
    /// The first architecture of each generation that the toolkit knows.
    AllMajor,
    /// What the ARM build's own flags ask for.
    SameAsArm,
    /// These.
    List(Vec<GpuRequest>),
}

/// One entry of a list: machine code (`sm_86`) or PTX (`compute_86`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GpuRequest {
    /// Machine code.
    Real(GpuArch),
    /// PTX, which the driver compiles when the program starts.
    Virtual(GpuArch),
}

/// Where the policy came from; earlier ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// `--gpu`.
    CommandLine,
    /// `gpu` in `cuferry.toml`.
    Manifest,
    /// The GPUs that the driver reports.
    Detected,
    /// Nobody said, and no GPU is here.
    Default,
}

/// Device code to build: machine code and PTX, each sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceCode {
    /// Architectures to assemble machine code (SASS) for.
    pub real: BTreeSet<GpuArch>,
    /// Architectures to embed PTX for.
    pub ptx: BTreeSet<GpuArch>,
}

/// The answer, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuSelection {
    /// What to build.
    pub code: DeviceCode,
    /// Who asked.
    pub source: PolicySource,
    /// What differs from what was asked, and why.
    pub notes: Vec<GpuNote>,
}

/// One difference between what was asked for and what is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuNote {
    /// A Jetson architecture gave way to desktop ones.
    Mapped {
        /// Asked for.
        was: GpuArch,
        /// Built.
        now: Vec<GpuArch>,
        /// The products of `was`.
        products: &'static str,
        /// Whether the same generation's desktop GPUs are too old for the toolkit, so that its oldest were taken.
        raised: bool,
    },
    /// No PTX was embedded, because no architecture asked for has PTX that later GPUs could use.
    NoPtx {
        /// The highest architecture asked for.
        highest: GpuArch,
    },
}

/// Why no device code could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// `native`, but the driver reports no GPU.
    #[error("`native` asks for this machine's GPUs, and it has none that a driver reports")]
    NoGpu,
    /// A number that no table knows.
    #[error("unknown GPU architecture `{arch}`")]
    Unknown {
        /// Asked for.
        arch: GpuArch,
        /// What would be known.
        known: Vec<GpuArch>,
    },
    /// The toolkit cannot assemble it.
    #[error("CUDA {toolkit} cannot build for `{arch}`")]
    NotInToolkit {
        /// Asked for.
        arch: GpuArch,
        /// The toolkit in question.
        toolkit: CudaRelease,
        /// The oldest toolkit known that can.
        first: Option<CudaRelease>,
        /// The newest toolkit known that can.
        last: Option<CudaRelease>,
    },
    /// The toolkit has no row in the table.
    #[error("CUDA {toolkit} is not in cuferry's table of toolkits")]
    UnknownToolkit {
        /// The toolkit in question.
        toolkit: CudaRelease,
    },
    /// `same-as-arm`, but the project's flags name no architecture.
    #[error(
        "`same-as-arm` needs the architectures of the ARM build, and the project's device flags name none"
    )]
    NoArmArchs,
    /// nvcc has one slot for a base and a family target of the same number.
    #[error("`{base}` and `{family}` cannot be built together: nvcc keeps one slot for both")]
    BaseAndFamily {
        /// `sm_100`.
        base: GpuArch,
        /// `sm_100f`.
        family: GpuArch,
    },
    /// Neither machine code nor PTX is left.
    #[error("the list of GPU architectures is empty")]
    Empty,
}

/// What [`select`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct SelectInput<'a> {
    /// `--gpu`.
    pub command_line: Option<&'a GpuPolicy>,
    /// `gpu` of the manifest.
    pub manifest: Option<&'a GpuPolicy>,
    /// What the driver reports; empty without a GPU.
    pub detected: &'a [GpuArch],
    /// What the ARM build's flags ask for.
    pub arm: &'a [GpuRequest],
    /// The host half's processor: Jetson architectures are replaced on x86_64 only.
    pub host: Host,
    /// Whether PTX of the highest architecture is to be added.
    pub embed_ptx: bool,
}

/// Chooses device code for one toolkit.
pub fn select(input: &SelectInput<'_>, release: CudaRelease) -> Result<GpuSelection, SelectError> {
    let toolkit = table::toolkit(release).ok_or(SelectError::UnknownToolkit { toolkit: release })?;
    let (policy, source) = input.policy();
    let requests = match policy {
        GpuPolicy::Native if input.detected.is_empty() => return Err(SelectError::NoGpu),
        GpuPolicy::Native => input.detected.iter().copied().map(GpuRequest::Real).collect(),
        GpuPolicy::AllMajor => all_major(toolkit),
        GpuPolicy::SameAsArm if input.arm.is_empty() => return Err(SelectError::NoArmArchs),
        GpuPolicy::SameAsArm => input.arm.to_vec(),
        GpuPolicy::List(list) => list,
    };
    let mut notes = Vec::new();
    let mut code = DeviceCode::default();
    for request in requests {
        for (request, note) in replace(request, input.host, toolkit, release)? {
            match request {
                GpuRequest::Real(arch) => code.real.insert(arch),
                GpuRequest::Virtual(arch) => code.ptx.insert(arch),
            };
            if let Some(note) = note.filter(|note| !notes.contains(note)) {
                notes.push(note);
            }
        }
    }
    if input.embed_ptx {
        embed_ptx(&mut code, &mut notes);
    }
    code.check()?;
    Ok(GpuSelection { code, source, notes })
}

impl SelectInput<'_> {
    fn policy(&self) -> (GpuPolicy, PolicySource) {
        if let Some(policy) = self.command_line {
            (policy.clone(), PolicySource::CommandLine)
        } else if let Some(policy) = self.manifest {
            (policy.clone(), PolicySource::Manifest)
        } else if self.detected.is_empty() {
            (GpuPolicy::AllMajor, PolicySource::Default)
        } else {
            (GpuPolicy::Native, PolicySource::Detected)
        }
    }
}

/// The lowest desktop architecture of each generation.
fn all_major(toolkit: &ToolkitRow) -> Vec<GpuRequest> {
    let mut majors = BTreeSet::new();
    let base = toolkit.archs.iter().filter(|arch| arch.flavor() == Flavor::Base && !is_jetson(**arch));
    base.filter(|arch| majors.insert(arch.major())).copied().map(GpuRequest::Real).collect()
}

fn is_jetson(arch: GpuArch) -> bool {
    table::gpu(arch).is_some_and(|gpu| gpu.jetson)
}

type Replaced = Vec<(GpuRequest, Option<GpuNote>)>;

/// One request, as the toolkit can build it for the host: itself, or what stands in for a Jetson architecture.
fn replace(
    request: GpuRequest,
    host: Host,
    toolkit: &ToolkitRow,
    release: CudaRelease,
) -> Result<Replaced, SelectError> {
    let arch = request.arch();
    let known = || table::gpus().iter().map(|gpu| GpuArch::base(gpu.number)).collect();
    let gpu = table::gpu(arch).ok_or_else(|| SelectError::Unknown { arch, known: known() })?;
    if host == Host::X86_64 && gpu.jetson {
        let desktop: Vec<_> = gpu.desktop.iter().map(|number| GpuArch::base(*number)).collect();
        let kept: Vec<_> = desktop.iter().copied().filter(|arch| toolkit.assembles(*arch)).collect();
        let oldest = toolkit.archs.iter().copied().find(|arch| !is_jetson(*arch));
        let (now, raised) = match (kept.is_empty(), oldest) {
            (false, _) => (kept, false),
            (true, Some(oldest)) if desktop.iter().all(|arch| *arch < oldest) => (vec![oldest], true),
            (true, _) => return Err(not_in_toolkit(desktop[0], release)),
        };
        let note = GpuNote::Mapped { was: arch, now: now.clone(), products: &gpu.products, raised };
        return Ok(now.into_iter().map(|arch| (request.with(arch), Some(note.clone()))).collect());
    }
    if toolkit.assembles(arch) { Ok(vec![(request, None)]) } else { Err(not_in_toolkit(arch, release)) }
}

fn not_in_toolkit(arch: GpuArch, toolkit: CudaRelease) -> SelectError {
    let mut able = table::toolkits().iter().filter(|row| row.assembles(arch)).map(|row| row.release);
    let first = able.next();
    SelectError::NotInToolkit { arch, toolkit, first, last: able.next_back().or(first) }
}

/// Adds PTX of the highest architecture whose PTX later GPUs can use, unless the list itself asks for PTX.
fn embed_ptx(code: &mut DeviceCode, notes: &mut Vec<GpuNote>) {
    if !code.ptx.is_empty() {
        return;
    }
    let base = code.real.iter().rev().find(|arch| arch.flavor() == Flavor::Base);
    match (base.copied(), code.real.last()) {
        (Some(base), _) => drop(code.ptx.insert(base)),
        (None, Some(highest)) => notes.push(GpuNote::NoPtx { highest: *highest }),
        (None, None) => {}
    }
}

impl DeviceCode {
    fn check(&self) -> Result<(), SelectError> {
        if self.real.is_empty() && self.ptx.is_empty() {
            return Err(SelectError::Empty);
        }
        for base in self.real.iter().filter(|arch| arch.flavor() == Flavor::Base) {
            let family = GpuArch::new(base.number(), Flavor::Family);
            if self.real.contains(&family) {
                return Err(SelectError::BaseAndFamily { base: *base, family });
            }
        }
        Ok(())
    }

    /// nvcc's flags: one `-gencode` a virtual architecture, so that PTX and machine code of one share their compile.
    pub fn gencode(&self) -> Vec<String> {
        let all: BTreeSet<GpuArch> = self.real.union(&self.ptx).copied().collect();
        let mut flags = Vec::new();
        for arch in all {
            let code = match (self.real.contains(&arch), self.ptx.contains(&arch)) {
                (true, true) => format!("[{},{}]", arch.real(), arch.virtual_()),
                (true, false) => arch.real(),
                (false, _) => arch.virtual_(),
            };
            flags.extend(["-gencode".to_owned(), format!("arch={},code={code}", arch.virtual_())]);
        }
        flags
    }

    /// The lowest compute capability that this code can run on.
    pub fn lowest(&self) -> Option<GpuArch> {
        self.real.iter().chain(&self.ptx).min().copied()
    }
}

impl fmt::Display for DeviceCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let real = self.real.iter().map(|arch| arch.real());
        let ptx = self.ptx.iter().map(|arch| format!("PTX {}", arch.virtual_()));
        formatter.pad(&real.chain(ptx).collect::<Vec<_>>().join(", "))
    }
}

impl GpuRequest {
    /// The architecture, whichever form is asked for.
    pub const fn arch(self) -> GpuArch {
        match self {
            Self::Real(arch) | Self::Virtual(arch) => arch,
        }
    }

    const fn with(self, arch: GpuArch) -> Self {
        match self {
            Self::Real(_) => Self::Real(arch),
            Self::Virtual(_) => Self::Virtual(arch),
        }
    }
}

/// Reads `sm_86`, `8.6`, `86` (machine code) and `compute_86` (PTX), each with an optional `a` or `f`.
impl FromStr for GpuRequest {
    type Err = ParseGpuArchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |_| ParseGpuArchError { text: text.to_owned() };
        match text.strip_prefix("compute_") {
            Some(rest) => format!("sm_{rest}").parse().map(Self::Virtual).map_err(error),
            None => text.parse().map(Self::Real),
        }
    }
}

/// Reads `native`, `all-major`, `same-as-arm`, or a list separated by commas.
impl FromStr for GpuPolicy {
    type Err = ParseGpuArchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "native" => Ok(Self::Native),
            "all-major" => Ok(Self::AllMajor),
            "same-as-arm" => Ok(Self::SameAsArm),
            list => {
                list.split(',').map(|entry| entry.trim().parse()).collect::<Result<_, _>>().map(Self::List)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<'a>(
        policy: Option<&'a GpuPolicy>,
        detected: &'a [GpuArch],
        arm: &'a [GpuRequest],
    ) -> SelectInput<'a> {
        SelectInput {
            command_line: policy,
            manifest: None,
            detected,
            arm,
            host: Host::X86_64,
            embed_ptx: true,
        }
    }

    #[track_caller]
    fn check(policy: &str, release: &str, expected: &str) {
        let policy: GpuPolicy = policy.parse().unwrap();
        let answer = match select(&input(Some(&policy), &[], &[]), release.parse().unwrap()) {
            Ok(selection) => selection.code.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(answer, expected, "`{policy:?}` with CUDA {release}");
    }

    #[test]
    fn lists_become_code_with_ptx_of_the_highest() {
        check("sm_86", "13.0", "sm_86, PTX compute_86");
        check("90,8.0", "13.0", "sm_80, sm_90, PTX compute_90");
        check("sm_90a,sm_80", "13.0", "sm_80, sm_90a, PTX compute_80");
        check("sm_90a", "13.0", "sm_90a");
        check("compute_80", "13.0", "PTX compute_80");
        check("sm_90,compute_80", "13.0", "sm_90, PTX compute_80");
        check("all-major", "13.0", "sm_75, sm_80, sm_90, sm_100, sm_120, PTX compute_120");
        check("all-major", "11.8", "sm_35, sm_50, sm_60, sm_70, sm_80, sm_90, PTX compute_90");
    }

    #[test]
    fn jetson_gives_way_to_desktop() {
        check("sm_87", "13.0", "sm_80, sm_86, PTX compute_86");
        check("sm_53,sm_62,sm_72", "13.0", "sm_75, PTX compute_75");
        check("sm_53,sm_62,sm_72", "11.8", "sm_52, sm_61, sm_70, PTX compute_70");
        check("sm_110", "13.0", "sm_100, sm_120, PTX compute_120");
        check("sm_101", "13.0", "sm_100, sm_120, PTX compute_120");
        check("compute_87", "13.0", "PTX compute_80, PTX compute_86");
    }

    #[test]
    fn jetson_stays_on_an_arm_host() {
        let policy = "sm_87".parse().unwrap();
        let input = SelectInput { host: Host::Aarch64, ..input(Some(&policy), &[], &[]) };
        let selection = select(&input, CudaRelease::new(13, 0)).unwrap();
        assert_eq!(
            (selection.code.to_string().as_str(), selection.notes.len()),
            ("sm_87, PTX compute_87", 0)
        );
    }

    #[test]
    fn what_cannot_be_built_is_refused_by_name() {
        check(
            "native",
            "13.0",
            "`native` asks for this machine's GPUs, and it has none that a driver reports",
        );
        check(
            "same-as-arm",
            "13.0",
            "`same-as-arm` needs the architectures of the ARM build, and the project's device flags name none",
        );
        check("sm_99", "13.0", "unknown GPU architecture `sm_99`");
        check("sm_50", "13.0", "CUDA 13.0 cannot build for `sm_50`");
        check("sm_110", "12.6", "CUDA 12.6 cannot build for `sm_100`");
        check("sm_80a", "13.0", "CUDA 13.0 cannot build for `sm_80a`");
        check(
            "sm_100,sm_100f",
            "13.0",
            "`sm_100` and `sm_100f` cannot be built together: nvcc keeps one slot for both",
        );
        check("sm_80", "99.0", "CUDA 99.0 is not in cuferry's table of toolkits");
        for text in ["", "sm_80,", "all", "native,sm_80", "sm_80;sm_90"] {
            assert!(text.parse::<GpuPolicy>().is_err(), "`{text}` was taken");
        }
        let error =
            select(&input(Some(&"sm_50".parse().unwrap()), &[], &[]), CudaRelease::new(13, 0)).unwrap_err();
        let SelectError::NotInToolkit { first, last, .. } = error else { panic!("{error}") };
        assert_eq!((first, last), (Some(CudaRelease::new(10, 2)), Some(CudaRelease::new(12, 9))));
    }

    #[test]
    fn explicit_beats_manifest_beats_detected_beats_default() {
        let (explicit, manifest) = ("sm_80".parse().unwrap(), "sm_86".parse().unwrap());
        let hopper = [GpuArch::base(90)];
        let source = |command_line, manifest, detected| {
            let input = SelectInput { command_line, manifest, detected, ..input(None, &[], &[]) };
            select(&input, CudaRelease::new(13, 0)).unwrap().source
        };
        assert_eq!(source(Some(&explicit), Some(&manifest), &hopper), PolicySource::CommandLine);
        assert_eq!(source(None, Some(&manifest), &hopper), PolicySource::Manifest);
        assert_eq!(source(None, None, &hopper), PolicySource::Detected);
        assert_eq!(source(None, None, &[]), PolicySource::Default);
    }

    #[test]
    fn gencode_pairs_ptx_with_its_machine_code() {
        let policy = "sm_80,sm_90a,sm_90".parse().unwrap();
        let selection = select(&input(Some(&policy), &[], &[]), CudaRelease::new(13, 0)).unwrap();
        let flags = selection.code.gencode().join(" ");
        assert_eq!(
            flags,
            "-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90] \
             -gencode arch=compute_90a,code=sm_90a"
        );
    }
}
