//! Which GPUs a build is for.

use cuferry_arch::select::{SelectInput, select};
use cuferry_arch::{CudaRelease, GpuArch, GpuPolicy, table};
use cuferry_machine::gpu::Gpus;
use cuferry_translate::ArchPolicy;

use super::prepare::HOST;
use crate::args::build::Wrapping;
use crate::failure::Failure;
use crate::select::select_failure;

/// Which GPUs the build is for.
pub(crate) struct Gpu {
    /// Those that everything has to run on; none: any will do.
    pub(crate) wanted: Vec<GpuArch>,
    /// In words.
    pub(crate) words: String,
    gpus: Gpus,
}

/// The device code that `--gpu` asks for, if it does.
pub(super) fn explicit(
    args: &Wrapping,
    gpus: &Gpus,
    release: CudaRelease,
) -> Result<Option<cuferry_arch::DeviceCode>, Failure> {
    let Some(policy) = args.gpu.as_ref().filter(|policy| **policy != GpuPolicy::SameAsArm) else {
        return Ok(None);
    };
    let input = SelectInput {
        command_line: Some(policy),
        manifest: None,
        detected: &gpus.archs(),
        arm: &[],
        host: HOST,
        embed_ptx: true,
    };
    let selection = select(&input, release).map_err(|error| select_failure(&error, gpus))?;
    Ok(Some(selection.code))
}

pub(super) fn gpu_policy(
    args: &Wrapping,
    gpus: Gpus,
    release: CudaRelease,
) -> Result<(ArchPolicy, Gpu), Failure> {
    if let Some(code) = explicit(args, &gpus, release)? {
        let words = format!("{code} (--gpu)");
        let mut wanted: Vec<GpuArch> = code.real.iter().map(|arch| GpuArch::base(arch.number())).collect();
        if wanted.is_empty() {
            wanted = code.ptx.iter().map(|arch| GpuArch::base(arch.number())).collect();
        }
        wanted.dedup();
        return Ok((ArchPolicy::Exactly(code), Gpu { wanted, words, gpus }));
    }
    let wanted = gpus.archs();
    let words = if wanted.is_empty() {
        "as the build asks, Jetson's replaced (no GPU here, and none was named: see `--gpu`)".to_owned()
    } else {
        let names: Vec<&str> = gpus.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
        format!("as the build asks, where it serves this machine's {}", names.join(", "))
    };
    Ok((ArchPolicy::Fitting(wanted.clone()), Gpu { wanted, words, gpus }))
}

impl Gpu {
    /// What `nvidia-smi` is to say on a machine that has none.
    pub(super) fn answers(&self) -> Vec<cuferry_wrap::Gpu> {
        let product = |arch: &GpuArch| table::gpu(*arch).map_or("GPU", |row| row.products.as_str());
        let answer = |arch: &GpuArch| cuferry_wrap::Gpu {
            name: format!("NVIDIA {}", product(arch).split(',').next().unwrap_or("GPU").trim()),
            capability: arch.capability(),
        };
        if self.gpus.gpus.is_empty() { self.wanted.iter().map(answer).collect() } else { Vec::new() }
    }
}
