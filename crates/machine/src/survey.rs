//! Everything about a machine that decides what cuferry can do on it, asked at once: a slow answer holds up no other.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use camino::Utf8Path;

use crate::disk::{self, Room};
use crate::emulator::{self, BinfmtMisc, Qemu};
use crate::engine::{self, CdiSpec, ContainerToolkit, Engine};
use crate::host::{self, HostInfo, Known};
use crate::pci::{self, KernelDriver, PciGpu};
use crate::{Environment, Gpus, Root};

/// NVIDIA's driver is loaded into this process and starts every GPU, which takes a second on a big machine. A broken one
/// may never come back.
const DRIVER: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// CPU, system and surroundings.
    pub host: HostInfo,
    /// The GPUs that NVIDIA's driver reports.
    pub gpus: Gpus,
    /// The GPUs on PCI, whoever drives them.
    pub pci_gpus: Vec<Known<PciGpu>>,
    /// NVIDIA's kernel module.
    pub kernel_driver: Option<Known<KernelDriver>>,
    /// The kernel's own driver for these GPUs.
    pub nouveau: Option<Known<()>>,
    /// Emulators for AArch64 programs.
    pub qemu: Vec<Qemu>,
    /// By what the kernel starts AArch64 programs.
    pub binfmt_misc: BinfmtMisc,
    /// Container engines.
    pub engines: Vec<Engine>,
    /// NVIDIA's container toolkit.
    pub container_toolkit: Option<ContainerToolkit>,
    /// NVIDIA's CDI specifications.
    pub cdi: Vec<Known<CdiSpec>>,
    /// The room for toolkits.
    pub room: Option<Room>,
}

/// Looks at the machine whose `/` is `root`. `gpus` asks the driver; `data` is the folder for toolkits.
pub fn survey(
    root: &Root,
    environment: &Environment,
    data: &Utf8Path,
    gpus: impl FnOnce() -> Gpus + Send + 'static,
) -> Survey {
    let driver = in_time(gpus);
    thread::scope(|scope| {
        let engines = scope.spawn(|| engine::engines(environment));
        let toolkit = scope.spawn(|| engine::container_toolkit(environment));
        let qemu = scope.spawn(|| emulator::qemu(environment));
        Survey {
            host: host::host(root),
            pci_gpus: pci::gpus(root),
            kernel_driver: pci::kernel_driver(root),
            nouveau: pci::nouveau(root),
            binfmt_misc: emulator::binfmt_misc(root),
            cdi: engine::cdi_specs(root),
            room: disk::room(data),
            engines: engines.join().unwrap_or_default(),
            container_toolkit: toolkit.join().unwrap_or_default(),
            qemu: qemu.join().unwrap_or_default(),
            gpus: driver(),
        }
    })
}

/// Starts the question in a thread that nobody has to wait for, and gives the way to its answer.
fn in_time(gpus: impl FnOnce() -> Gpus + Send + 'static) -> impl FnOnce() -> Gpus {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(gpus()));
    move || {
        receiver.recv_timeout(DRIVER).unwrap_or_else(|_| {
            let trouble = format!("it did not answer within {} s", DRIVER.as_secs());
            Gpus { trouble: Some(trouble), ..Gpus::default() }
        })
    }
}

#[cfg(test)]
mod tests {
    use cuferry_arch::{CudaRelease, GpuArch};

    use super::*;
    use crate::Gpu;
    use crate::testing::FakeRoot;

    #[test]
    fn an_empty_machine_has_nothing() {
        let root = FakeRoot::new();
        let found = survey(&root.root(), &root.environment(), &root.root().join("/data"), Gpus::default);
        assert_eq!(found.host, HostInfo::default());
        assert_eq!((found.gpus, found.pci_gpus, found.kernel_driver), (Gpus::default(), Vec::new(), None));
        assert_eq!(
            (found.qemu, found.binfmt_misc, found.engines),
            (Vec::new(), BinfmtMisc::Absent, Vec::new())
        );
        assert_eq!((found.container_toolkit, found.cdi, found.nouveau), (None, Vec::new(), None));
        assert!(found.room.is_some());
    }

    #[test]
    fn a_full_machine_has_everything() {
        let root = FakeRoot::new()
            .file("/proc/cpuinfo", "processor : 0\nflags : fpu\n")
            .file(
                "/proc/driver/nvidia/version",
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  x\n",
            )
            .file("/etc/cdi/nvidia.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n")
            .program("podman", "echo '{\"version\":{\"Version\":\"4.3.1\"}}'")
            .program("qemu-aarch64", "echo 'qemu-aarch64 version 8.2.2'")
            .program("nvidia-ctk", "echo 'version 1.17.4'");
        let gpus = Gpus {
            driver: Some(CudaRelease::new(13, 0)),
            gpus: vec![Gpu { name: "NVIDIA H100".to_owned(), arch: GpuArch::base(90) }],
            trouble: None,
        };
        let expected = gpus.clone();
        let found = survey(&root.root(), &root.environment(), &root.root().join("/"), move || gpus);
        assert_eq!(found.gpus, expected);
        assert_eq!(found.kernel_driver.map(|known| known.value.text).as_deref(), Some("580.95.05"));
        assert_eq!((found.cdi.len(), found.engines.len(), found.qemu.len()), (1, 1, 1));
        assert!(found.container_toolkit.is_some() && found.host.cpu.is_some());
    }

    /// A driver that takes itself down takes nothing with it.
    #[test]
    fn a_driver_that_fails_is_a_trouble() {
        let root = FakeRoot::new();
        let found = survey(&root.root(), &root.environment(), &root.root().join("/"), || {
            std::panic::resume_unwind(Box::new("the driver's own fault"))
        });
        assert!(found.gpus.trouble.is_some() && found.gpus.gpus.is_empty());
    }
}
