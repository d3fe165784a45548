//! NVIDIA's devices on PCI, with or without a driver; and the kernel's half of NVIDIA's driver.

use cuferry_arch::DriverVersion;

use crate::Root;
use crate::host::Known;

/// A GPU as the kernel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciGpu {
    /// `0000:01:00.0`.
    pub address: String,
    /// `10de:2330`: vendor and device, as `lspci -n` prints them.
    pub id: String,
    /// The kernel's driver that holds it: `nvidia`, `nouveau`, `vfio-pci`; none holds it otherwise.
    pub driver: Option<String>,
}

/// The kernel's half of NVIDIA's driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelDriver {
    /// `580.95.05`, as it is written there.
    pub text: String,
    /// The same as a value, where it is one.
    pub version: Option<DriverVersion>,
}

const DEVICES: &str = "/sys/bus/pci/devices";
const VERSION: &str = "/proc/driver/nvidia/version";

/// NVIDIA's GPUs on PCI, by address. Its other devices (audio, USB, bridges) are left out.
pub fn gpus(root: &Root) -> Vec<Known<PciGpu>> {
    root.names(DEVICES).into_iter().filter_map(|address| gpu(root, &address)).collect()
}

fn gpu(root: &Root, address: &str) -> Option<Known<PciGpu>> {
    let folder = format!("{DEVICES}/{address}");
    let number = |name: &str| {
        let text = root.text(&format!("{folder}/{name}"))?;
        u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
    };
    // PCI ID: NVIDIA is 10de; PCI Code and ID Assignment Specification: base class 03 is a display controller.
    if number("vendor")? != 0x10de || number("class")? >> 16 != 0x03 {
        return None;
    }
    let id = format!("10de:{:04x}", number("device")?);
    let driver = root.link_name(&format!("{folder}/driver"));
    Some(Known::new(PciGpu { address: address.to_owned(), id, driver }, folder))
}

/// NVIDIA's kernel module, if it is loaded.
pub fn kernel_driver(root: &Root) -> Option<Known<KernelDriver>> {
    let text = root.text(VERSION)?;
    let text = version(&text)?;
    Some(Known::new(KernelDriver { version: text.parse().ok(), text }, VERSION))
}

/// From `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue …`, or `… Open Kernel Module for x86_64  580.65.06 …`.
fn version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
    let is_version = |word: &&str| {
        word.contains('.')
            && word.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    line.split_whitespace().find(is_version).map(str::to_owned)
}

/// Whether the kernel's own driver for NVIDIA's GPUs, which cannot run CUDA, is loaded.
pub fn nouveau(root: &Root) -> Option<Known<()>> {
    let path = "/proc/modules";
    let loaded = root.text(path)?.lines().any(|line| line.split_whitespace().next() == Some("nouveau"));
    loaded.then(|| Known::new((), path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeRoot;

    fn device(root: FakeRoot, address: &str, vendor: &str, device: &str, class: &str) -> FakeRoot {
        let folder = format!("{DEVICES}/{address}");
        root.file(&format!("{folder}/vendor"), &format!("{vendor}\n"))
            .file(&format!("{folder}/device"), &format!("{device}\n"))
            .file(&format!("{folder}/class"), &format!("{class}\n"))
    }

    #[test]
    fn finds_gpus_and_who_holds_them() {
        let root = device(FakeRoot::new(), "0000:41:00.0", "0x10de", "0x2330", "0x030200");
        let root =
            root.link("/sys/bus/pci/devices/0000:41:00.0/driver", "../../../../bus/pci/drivers/nvidia");
        let root = device(root, "0000:01:00.0", "0x10de", "0x2204", "0x030000");
        let root = device(root, "0000:01:00.1", "0x10de", "0x1aef", "0x040300"); // its sound
        let root = device(root, "0000:00:02.0", "0x8086", "0x1234", "0x030000");
        let root = device(root, "0000:00:03.0", "what", "0x1234", "0x030000");
        let found: Vec<_> = gpus(&root.root()).into_iter().map(|known| known.value).collect();
        let expected = |address: &str, id: &str, driver: Option<&str>| PciGpu {
            address: address.to_owned(),
            id: id.to_owned(),
            driver: driver.map(str::to_owned),
        };
        assert_eq!(
            found,
            [
                expected("0000:01:00.0", "10de:2204", None),
                expected("0000:41:00.0", "10de:2330", Some("nvidia")),
            ]
        );
        assert_eq!(gpus(&FakeRoot::new().root()), []);
    }

    #[test]
    fn reads_the_module_s_version() {
        for (text, expected) in [
            (
                "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.95.05  Tue Sep 23 10:11:16 UTC 2025\nGCC version: gcc 12.2.0\n",
                Some("580.95.05"),
            ),
            (
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n",
                Some("580.65.06"),
            ),
            ("NVRM version: \n", None),
            ("GCC version: gcc version 12.2.0\n", None),
            ("", None),
        ] {
            assert_eq!(version(text).as_deref(), expected, "{text}");
        }
        let root =
            FakeRoot::new().file(VERSION, "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183  x\n");
        let known = kernel_driver(&root.root()).map(|known| known.value);
        assert_eq!(known, Some(KernelDriver { text: "535.183".to_owned(), version: "535.183".parse().ok() }));
    }

    #[test]
    fn knows_nouveau() {
        let root = FakeRoot::new().file("/proc/modules", "snd 1 0 - Live\nnouveau 2 0 - Live 0x0\n");
        assert!(nouveau(&root.root()).is_some());
        let root = FakeRoot::new().file("/proc/modules", "nouveau_like 2 0 - Live 0x0\n");
        assert!(nouveau(&root.root()).is_none());
    }
}
