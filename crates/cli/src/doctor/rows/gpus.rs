//! The GPUs and their driver: who reports each, who holds it, and what is wrong where nobody does.

use std::collections::BTreeMap;

use cuferry_arch::driver;

use super::super::{Checkup, Mark};
use super::Rows;

impl Rows {
    pub(super) fn gpus(&mut self, checkup: &Checkup) {
        let survey = &checkup.survey;
        let mut models: BTreeMap<(String, &str), usize> = BTreeMap::new();
        for gpu in &survey.gpus.gpus {
            *models.entry((gpu.arch.real(), gpu.name.as_str())).or_default() += 1;
        }
        for ((arch, name), count) in &models {
            let count = if *count > 1 { format!("{count} x ") } else { String::new() };
            self.add(Mark::Good, "GPU", format!("{count}{name}, {arch}"), "libcuda.so.1");
        }
        let install = checkup.packages().driver();
        let loaded = survey.kernel_driver.as_ref();
        if models.is_empty() {
            // By what holds each: a GPU that NVIDIA's driver holds and does not report is the driver's trouble, below.
            for gpu in &survey.pci_gpus {
                let name = format!("{} at {}", gpu.value.id, gpu.value.address);
                match gpu.value.driver.as_deref() {
                    Some("nvidia") => self.add(
                        Mark::Trouble,
                        "GPU",
                        format!("{name}, which its driver does not report"),
                        &gpu.from,
                    ),
                    Some("vfio-pci") => self.add(
                        Mark::Missing,
                        "GPU",
                        format!("{name} is set aside for virtual machines"),
                        &gpu.from,
                    ),
                    Some(other) => {
                        let text = format!("{name} is held by {other}, which runs no CUDA");
                        self.add_with_step(Mark::Trouble, "GPU", text, &gpu.from, install.to_owned());
                    }
                    None => self.add_with_step(
                        Mark::Trouble,
                        "GPU",
                        format!("{name} has no driver"),
                        &gpu.from,
                        install.to_owned(),
                    ),
                }
            }
            if survey.pci_gpus.is_empty() {
                self.add(
                    Mark::Missing,
                    "GPU",
                    "none of NVIDIA's: building needs none",
                    "/sys/bus/pci/devices",
                );
            }
        }
        // The driver's own word before the table's.
        let served = survey.gpus.driver.or_else(|| driver::newest_release(loaded?.value.version?));
        let reach = served.map_or(String::new(), |release| format!(", serves CUDA up to {release}"));
        match (loaded, &survey.gpus.trouble) {
            (Some(driver), None) if survey.gpus.driver.is_some() => {
                let text = format!("NVIDIA {}{reach}", driver.value.text);
                self.add(Mark::Good, "driver", text, format!("{}, libcuda.so.1", driver.from));
            }
            (Some(driver), None) => {
                let text = format!("NVIDIA {}{reach}, but libcuda.so.1 is not found", driver.value.text);
                let step = "in a container: start it with `--gpus all`; else reinstall the driver";
                self.add_with_step(Mark::Trouble, "driver", text, &driver.from, step.to_owned());
            }
            (loaded, Some(trouble)) => {
                let version = loaded
                    .map_or("NVIDIA's driver".to_owned(), |driver| format!("NVIDIA {}", driver.value.text));
                let text = format!("{version} reports no GPU: {trouble}");
                let from = loaded
                    .map_or("libcuda.so.1".to_owned(), |driver| format!("{}, libcuda.so.1", driver.from));
                let step = format!("`cuferry explain \"{trouble}\"`");
                self.add_with_step(Mark::Trouble, "driver", text, from, step);
            }
            (None, None) if survey.gpus.driver.is_some() => {
                self.add(Mark::Good, "driver", format!("NVIDIA's{reach}"), "libcuda.so.1");
            }
            (None, None) => {
                if let Some(nouveau) = &survey.nouveau {
                    self.add(Mark::Trouble, "driver", "nouveau is loaded, which runs no CUDA", &nouveau.from);
                }
            }
        }
    }
}
