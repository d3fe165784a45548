//! Which GPUs are asked about: those named, or the machine's, or, where there are none, every desktop GPU there is.

use cuferry_arch::driver::DriverVersion;
use cuferry_arch::{GpuArch, Host, history, table};
use cuferry_inspect::Question;
use cuferry_machine::gpu::Gpus;
use cuferry_machine::{Root, gpu, pci};

use crate::args::Inspect;
use crate::failure::{Failure, Fault};

/// The oldest compute capability of the table that is shown where nobody asks: CUDA 12 knows nothing older.
const OLDEST: u16 = 50;

/// The questions, and who asked.
pub(crate) struct Questions {
    pub(crate) asked: Vec<Asked>,
    pub(crate) source: QuestionSource,
}

/// Who named the GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionSource {
    /// `--gpu`.
    CommandLine,
    /// The GPUs of this machine.
    Machine,
    /// Nobody: the answer is a table, and not yes or no.
    Table,
}

/// One GPU that is asked about.
pub(crate) struct Asked {
    pub(crate) question: Question,
    /// `H100, H200, GH200`: what the GPU is sold as.
    pub(crate) products: String,
}

/// From the command line, or this machine.
pub(crate) fn questions(args: &Inspect) -> Result<Questions, Failure> {
    let ask = |number: u16, products: &str, driver| {
        let gpu = GpuArch::base(number);
        // A Jetson's GPU is part of an ARM module.
        let jetson = table::gpu(gpu).is_some_and(|row| row.jetson);
        let host = args.host.unwrap_or(if jetson { Host::Aarch64 } else { Host::X86_64 });
        Asked { question: Question { host, gpu, driver }, products: products.to_owned() }
    };
    if !args.gpu.is_empty() {
        let mut asked = Vec::new();
        for text in &args.gpu {
            let row = named(text.trim())?;
            asked.push(ask(row.number, &row.products, args.driver));
        }
        asked.sort_by_key(|asked| asked.question.gpu);
        asked.dedup_by_key(|asked| asked.question.gpu);
        return Ok(Questions { asked, source: QuestionSource::CommandLine });
    }
    let gpus = gpu::gpus();
    if !gpus.gpus.is_empty() && args.host.is_none_or(|host| host == Host::of_this_program()) {
        let driver = args.driver.or(driver_of(&gpus));
        let products = |arch: GpuArch| {
            let names: Vec<&str> =
                gpus.gpus.iter().filter(|gpu| gpu.arch == arch).map(|gpu| gpu.name.as_str()).collect();
            names.first().map_or(String::new(), |name| (*name).to_owned())
        };
        let asked = gpus.archs().into_iter().map(|arch| ask(arch.number(), &products(arch), driver));
        return Ok(Questions { asked: asked.collect(), source: QuestionSource::Machine });
    }
    let rows = table::gpus()
        .iter()
        .filter(|row| row.jetson == (args.host == Some(Host::Aarch64)) && row.number >= OLDEST);
    let asked = rows.map(|row| ask(row.number, &row.products, args.driver)).collect();
    Ok(Questions { asked, source: QuestionSource::Table })
}

/// The driver that is here. libcuda says which CUDA release it serves, and is at least that release's own driver; with a
/// compatibility package it is newer than the kernel's part, which says its version.
fn driver_of(gpus: &Gpus) -> Option<DriverVersion> {
    let served = gpus.driver.and_then(history::of).map(|row| row.driver);
    let kernel = pci::kernel_driver(&Root::default()).and_then(|driver| driver.value.version);
    served.max(kernel)
}

/// This machine, with each of its GPUs; empty where there is none.
pub(crate) fn here() -> Vec<Question> {
    let gpus = gpu::gpus();
    let driver = if gpus.gpus.is_empty() { None } else { driver_of(&gpus) };
    let ask = |gpu: GpuArch| Question { host: Host::of_this_program(), gpu, driver };
    gpus.archs().into_iter().map(ask).collect()
}

/// Whether code runs on x86_64 with each of these GPUs; with none, on any desktop GPU.
pub(crate) fn about(gpus: &[GpuArch]) -> Questions {
    let ask = |row: &table::Gpu| Asked {
        question: Question { host: Host::X86_64, gpu: GpuArch::base(row.number), driver: None },
        products: row.products.clone(),
    };
    let rows = table::gpus().iter();
    if gpus.is_empty() {
        let asked = rows.filter(|row| !row.jetson && row.number >= OLDEST).map(ask).collect();
        return Questions { asked, source: QuestionSource::Table };
    }
    let named = rows.filter(|row| gpus.iter().any(|gpu| gpu.number() == row.number));
    Questions { asked: named.map(ask).collect(), source: QuestionSource::CommandLine }
}

/// A compute capability (`sm_86`, `8.6`, `86`) or a product (`h100`, `rtx 4090`).
fn named(text: &str) -> Result<&'static table::Gpu, Failure> {
    if let Ok(arch) = text.strip_prefix("compute_").unwrap_or(text).parse::<GpuArch>() {
        return table::gpu(arch).ok_or_else(|| {
            let known: Vec<String> =
                table::gpus().iter().map(|row| GpuArch::base(row.number).real()).collect();
            Failure::say(
                Fault::Usage,
                "inspect::unknown_gpu",
                format!("no GPU of {arch} is known"),
                format!("known are {}", known.join(", ")),
            )
        });
    }
    table::gpus_named(text).map_err(|error| {
        let help = match error.nearest.as_slice() {
            [] => "name its compute capability instead, such as `--gpu sm_86`: `nvidia-smi --query-gpu=compute_cap --format=csv` prints it".to_owned(),
            nearest => format!("did you mean {}? A compute capability such as `sm_86` will do, too", nearest.join(", ")),
        };
        Failure::say(Fault::Usage, "inspect::unknown_gpu", format!("no GPU named `{text}` is known"), help)
    })
}

impl Questions {
    /// Whether the answer is yes or no.
    pub(crate) fn is_explicit(&self) -> bool {
        self.source != QuestionSource::Table
    }
}
