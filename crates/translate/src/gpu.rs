//! GPU architectures of one command: what its flags ask for, whether that serves, and what is asked for instead.

use std::collections::BTreeSet;

use cuferry_arch::table::{self, ToolkitRow};
use cuferry_arch::{DeviceCode, Flavor, GpuArch, Host, run};

use crate::words;
use crate::{ArchPolicy, Policy, TranslateError};

/// What one code of a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// `sm_87`: machine code.
    Real,
    /// `compute_87`: PTX.
    Virtual,
    /// `lto_87`: for the device linker to optimise.
    Lto,
}

/// `sm_87`, `compute_87`, `lto_87`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Code {
    pub form: Form,
    pub arch: GpuArch,
}

/// What a command asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The architectures that the device half is compiled for on the way (`arch=compute_87`).
    pub virtuals: BTreeSet<GpuArch>,
    /// What is kept of it.
    pub codes: BTreeSet<Code>,
    /// `native`, `all` or `all-major`.
    pub named: Option<Named>,
}

/// Lists that nvcc makes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Native,
    All,
}

/// What the command makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Making {
    /// Anything that holds code of many architectures.
    Many,
    /// PTX, or another text of one architecture.
    OneVirtual,
    /// A cubin.
    OneReal,
}

/// What is asked for instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub code: DeviceCode,
    /// The name of the reason in `data/rules.toml`.
    pub why: Why,
    /// Whether machine code is to be left to the device linker (`lto_90`).
    pub lto: bool,
}

/// Why the list is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Exactly,
    Fitting,
    Native,
}

impl Code {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (prefix, number) = text.split_once('_')?;
        let form = match prefix {
            "sm" => Form::Real,
            "compute" => Form::Virtual,
            "lto" => Form::Lto,
            _ => return None,
        };
        Some(Self { form, arch: format!("sm_{number}").parse().ok()? })
    }
}

impl Asked {
    /// Adds `-gencode`'s value: `arch=compute_87,code=[sm_87,compute_87]`, in either order, with quotes left by a shell.
    pub(crate) fn gencode(&mut self, text: &str) -> Option<()> {
        let text: String = text.chars().filter(|character| !"\"'\\ ".contains(*character)).collect();
        let at = |key: &str| {
            let start =
                if text.starts_with(key) { 0 } else { text.find(&format!(",{key}"))? + 1 } + key.len();
            let end = text[start..].find(",arch=").or_else(|| text[start..].find(",code="));
            Some(&text[start..end.map_or(text.len(), |end| start + end)])
        };
        let codes = at("code=")?;
        let codes = codes.strip_prefix('[').and_then(|codes| codes.strip_suffix(']')).unwrap_or(codes);
        let arch = Code::parse(at("arch=")?).filter(|code| code.form == Form::Virtual)?.arch;
        let codes: BTreeSet<_> = list(codes).map(Code::parse).collect::<Option<_>>()?;
        if codes.is_empty() {
            return None;
        }
        self.virtuals.insert(arch);
        self.codes.extend(codes);
        Some(())
    }

    /// Adds `-arch` and the `-code`s beside it. Alone, `-arch=sm_87` means machine code and PTX of one architecture.
    pub(crate) fn arch_and_code(&mut self, arch: Option<&str>, codes: &[&str]) -> Option<()> {
        let Some(arch) = arch else { return codes.is_empty().then_some(()) };
        self.named = match arch {
            "native" => Some(Named::Native),
            "all" | "all-major" => Some(Named::All),
            _ => self.named,
        };
        if self.named.is_some() {
            return codes.is_empty().then_some(());
        }
        let arch = Code::parse(arch)?;
        self.virtuals.insert(arch.arch);
        if codes.is_empty() {
            self.codes.insert(arch);
            self.codes.insert(Code { form: Form::Virtual, arch: arch.arch });
        }
        for text in codes {
            let elements = words::nvcc_list(text)?;
            self.codes.extend(elements.iter().map(|code| Code::parse(code)).collect::<Option<Vec<_>>>()?);
        }
        Some(())
    }

    /// The architecture that nvcc takes when nothing is said: machine code and PTX.
    pub(crate) fn default_of(policy: &Policy) -> Self {
        let arch = GpuArch::base(match policy.release.major {
            0..=10 => 30,
            11 | 12 => 52,
            _ => 75,
        });
        let codes = [Form::Real, Form::Virtual].map(|form| Code { form, arch });
        Self { virtuals: [arch].into(), codes: codes.into(), named: None }
    }

    fn code(&self) -> DeviceCode {
        let of = |ptx: bool| {
            let codes = self.codes.iter().filter(move |code| (code.form == Form::Virtual) == ptx);
            codes.map(|code| code.arch).collect()
        };
        DeviceCode { real: of(false), ptx: of(true) }
    }

    fn is_lto(&self) -> bool {
        let mut machine = self.codes.iter().filter(|code| code.form != Form::Virtual).peekable();
        machine.peek().is_some() && machine.all(|code| code.form == Form::Lto)
    }
}

/// What to ask for instead; nothing where what is asked for serves.
pub(crate) fn decide(
    asked: &Asked,
    making: Making,
    policy: &Policy,
) -> Result<Option<Decision>, TranslateError> {
    let toolkit =
        table::toolkit(policy.release).ok_or(TranslateError::UnknownToolkit { release: policy.release })?;
    let limits = Limits { toolkit, host: policy.host };
    let found = match (making, &policy.archs) {
        (Making::Many, ArchPolicy::Exactly(code)) => {
            let known = asked.virtuals.iter().all(|arch| toolkit.assembles(*arch));
            let same = asked.named.is_none() && asked.code() == *code && known;
            (!same).then(|| (code.clone(), Why::Exactly))
        }
        (Making::Many, ArchPolicy::Fitting(gpus)) => limits.fitting(asked, gpus),
        (Making::OneVirtual | Making::OneReal, ArchPolicy::Exactly(code)) => {
            let gpus: Vec<_> = code.real.union(&code.ptx).copied().collect();
            limits.single(asked, making, &gpus).map(|code| (code, Why::Exactly))
        }
        (Making::OneVirtual | Making::OneReal, ArchPolicy::Fitting(gpus)) => {
            limits.single(asked, making, gpus).map(|code| (code, Why::Fitting))
        }
    };
    Ok(found.filter(|(code, _)| !(code.real.is_empty() && code.ptx.is_empty())).map(|(code, why)| Decision {
        code,
        why,
        lto: asked.is_lto(),
    }))
}

/// What holds for every command of a session.
#[derive(Clone, Copy)]
struct Limits {
    toolkit: &'static ToolkitRow,
    host: Host,
}

impl Limits {
    /// Whether the toolkit takes all that is asked for, and nothing is a Jetson's.
    fn take(self, asked: &Asked) -> bool {
        let known = |arch: &GpuArch| self.toolkit.assembles(*arch);
        asked.virtuals.iter().all(known)
            && asked.codes.iter().all(|code| known(&code.arch) && !self.is_jetson(code.arch))
    }

    fn is_jetson(self, arch: GpuArch) -> bool {
        self.host == Host::X86_64 && table::gpu(arch).is_some_and(|gpu| gpu.jetson)
    }

    fn fitting(self, asked: &Asked, gpus: &[GpuArch]) -> Option<(DeviceCode, Why)> {
        match asked.named {
            // The toolkit's whole list ends in PTX of its newest, and begins with its oldest.
            Some(Named::All) => return None,
            Some(Named::Native) => {
                let mut code = DeviceCode::default();
                let all = self.all_major();
                for gpu in if gpus.is_empty() { &all } else { gpus } {
                    self.add(&mut code, *gpu);
                }
                Self::embed_ptx(&mut code);
                return Some((code, Why::Native));
            }
            None => {}
        }
        let now = asked.code();
        if self.take(asked) && gpus.iter().all(|gpu| serves(&now, *gpu)) {
            return None;
        }
        let mut code = DeviceCode::default();
        for asked in &asked.codes {
            match asked.form {
                Form::Virtual => code.ptx.extend(self.virtuals_for(asked.arch)),
                Form::Real | Form::Lto => self.reals_for(asked.arch, &mut code),
            }
        }
        for gpu in gpus {
            if !serves(&code, *gpu) {
                self.add(&mut code, *gpu);
            }
        }
        Self::embed_ptx(&mut code);
        Some((code, Why::Fitting))
    }

    /// One architecture for what holds no more than one.
    fn single(self, asked: &Asked, making: Making, gpus: &[GpuArch]) -> Option<DeviceCode> {
        let desktop: Vec<GpuArch> = gpus.iter().copied().filter(|gpu| !self.is_jetson(*gpu)).collect();
        let runs = |gpu: &GpuArch| match making {
            Making::OneReal => asked.codes.iter().any(|code| run::machine_code_runs(code.arch, *gpu).is_ok()),
            _ => asked.virtuals.iter().any(|arch| run::ptx_runs(*arch, *gpu).is_ok()),
        };
        let of_jetson = asked.virtuals.iter().any(|arch| self.is_jetson(*arch));
        let enough = match making {
            // Machine code serves one generation at best.
            Making::OneReal => desktop.is_empty() || desktop.iter().any(runs),
            _ => desktop.iter().all(runs),
        };
        if asked.named.is_none() && self.take(asked) && !of_jetson && enough {
            return None;
        }
        let lowest = match desktop.iter().min() {
            Some(lowest) => *lowest,
            None => self.lowest_for(asked)?,
        };
        let mut code = DeviceCode::default();
        self.add(&mut code, lowest);
        let arch = code.real.first().or(code.ptx.first()).copied()?;
        Some(match making {
            Making::OneReal => DeviceCode { real: [arch].into(), ptx: BTreeSet::new() },
            _ => DeviceCode { real: BTreeSet::new(), ptx: [arch].into() },
        })
    }

    /// The lowest desktop architecture that stands for what is asked for.
    fn lowest_for(self, asked: &Asked) -> Option<GpuArch> {
        let archs = asked.codes.iter().map(|code| code.arch).chain(asked.virtuals.iter().copied());
        let mut code = DeviceCode::default();
        archs.for_each(|arch| self.reals_for(arch, &mut code));
        code.real.first().or(code.ptx.first()).copied().or_else(|| self.all_major().first().copied())
    }

    /// What stands for machine code of `arch`: itself, a Jetson's desktop counterparts, the toolkit's oldest for one that is
    /// too old, and PTX of the toolkit's newest for one that is too new.
    fn reals_for(self, arch: GpuArch, code: &mut DeviceCode) {
        for arch in self.counterparts(arch) {
            self.add(code, arch);
        }
    }

    fn virtuals_for(self, arch: GpuArch) -> Vec<GpuArch> {
        let counterparts = self.counterparts(arch).into_iter();
        counterparts.filter_map(|arch| self.nearest_virtual(arch)).collect()
    }

    fn counterparts(self, arch: GpuArch) -> Vec<GpuArch> {
        match table::gpu(arch) {
            Some(gpu) if self.is_jetson(arch) => {
                let desktop: Vec<_> = gpu.desktop.iter().map(|number| GpuArch::base(*number)).collect();
                let kept: Vec<_> =
                    desktop.iter().copied().filter(|arch| self.toolkit.assembles(*arch)).collect();
                if kept.is_empty() { desktop.into_iter().take(1).collect() } else { kept }
            }
            _ => vec![arch],
        }
    }

    /// Adds code that runs on `arch`: machine code where the toolkit makes it.
    fn add(self, code: &mut DeviceCode, arch: GpuArch) {
        if self.toolkit.assembles(arch) {
            code.real.insert(arch);
        } else if let Some(oldest) = self.oldest().filter(|oldest| arch < *oldest) {
            code.real.insert(oldest);
        } else {
            code.ptx.extend(self.nearest_virtual(arch));
        }
    }

    /// The architecture whose PTX serves `arch` best: itself, or the newest below it, or the toolkit's oldest.
    fn nearest_virtual(self, arch: GpuArch) -> Option<GpuArch> {
        if self.toolkit.assembles(arch) {
            return Some(arch);
        }
        let below = self.desktop().filter(|known| known.number() <= arch.number()).last();
        below.or_else(|| self.oldest())
    }

    fn desktop(self) -> impl Iterator<Item = GpuArch> {
        let base = self.toolkit.archs.iter().copied().filter(|arch| arch.flavor() == Flavor::Base);
        base.filter(|arch| !table::gpu(*arch).is_some_and(|gpu| gpu.jetson))
    }

    fn oldest(self) -> Option<GpuArch> {
        self.desktop().next()
    }

    fn all_major(self) -> Vec<GpuArch> {
        let mut majors = BTreeSet::new();
        self.desktop().filter(|arch| majors.insert(arch.major())).collect()
    }

    /// PTX of the highest architecture, so that later GPUs are served, unless some is there.
    fn embed_ptx(code: &mut DeviceCode) {
        if code.ptx.is_empty() {
            let base = code.real.iter().rev().find(|arch| arch.flavor() == Flavor::Base).copied();
            code.ptx.extend(base);
        }
    }
}

/// Whether some of `code` runs on `gpu`.
fn serves(code: &DeviceCode, gpu: GpuArch) -> bool {
    code.real.iter().any(|arch| run::machine_code_runs(*arch, gpu).is_ok())
        || code.ptx.iter().any(|arch| run::ptx_runs(*arch, gpu).is_ok())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

impl Decision {
    /// nvcc's words for it.
    pub(crate) fn nvcc_words(&self, making: Making) -> Vec<String> {
        match making {
            Making::OneReal => self.code.real.iter().map(|arch| format!("-arch={arch}")).collect(),
            Making::OneVirtual => {
                self.code.ptx.iter().map(|arch| format!("-arch={}", arch.virtual_())).collect()
            }
            Making::Many if self.lto => {
                self.code.gencode().iter().map(|word| word.replace("sm_", "lto_")).collect()
            }
            Making::Many => self.code.gencode(),
        }
    }

    /// The architectures for tools that take one name for machine code and PTX together (clang).
    pub(crate) fn archs(&self) -> BTreeSet<GpuArch> {
        self.code.real.union(&self.code.ptx).copied().collect()
    }

    pub(crate) fn reason(&self, making: Making) -> &'static crate::rules::Reason {
        use crate::rules::reason;
        match (self.why, making) {
            (Why::Exactly, Making::Many) => reason("gpu"),
            (Why::Exactly, _) => reason("gpu-single"),
            (Why::Fitting, Making::Many) => reason("gpu-fitting"),
            (Why::Fitting, _) => reason("gpu-fitting-single"),
            (Why::Native, _) => reason("gpu-native"),
        }
    }
}
