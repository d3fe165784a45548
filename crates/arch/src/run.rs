//! The rules of what runs where: machine code and PTX against a GPU, and both against a driver.
//!
//! Sources: CUDA C++ Programming Guide, "Binary Compatibility", "PTX Compatibility", "Architecture-Specific Features",
//! "Family-Specific Features"; `ptxas --help`. `tests/ptxas.rs` asks the assembler itself about every pair.

use thiserror::Error;

use crate::driver::{self, DriverVersion};
use crate::ptx_isa::PtxIsa;
use crate::release::CudaRelease;
use crate::{Flavor, GpuArch, history, table};

/// The one fact that keeps code off a GPU. Where several do, the one that no other choice of GPU nearby would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Obstacle {
    /// Machine code of a Jetson GPU, which no other GPU runs, or the other way about.
    #[error("{tegra} is a Jetson GPU, whose machine code and that of other GPUs are not exchanged")]
    TegraIsland {
        /// The machine code's architecture.
        code: GpuArch,
        /// The GPU.
        gpu: GpuArch,
        /// Which of both is the Jetson's.
        tegra: GpuArch,
    },
    /// Machine code of another generation: it stays inside its major number.
    #[error("machine code for {code} stays inside its generation, and {gpu} is of another")]
    OtherGeneration {
        /// The machine code's architecture.
        code: GpuArch,
        /// The GPU.
        gpu: GpuArch,
    },
    /// The code is for a newer GPU.
    #[error("{gpu} is older than {code}")]
    OlderGpu {
        /// The code's architecture.
        code: GpuArch,
        /// The GPU.
        gpu: GpuArch,
    },
    /// Code with the suffix `a`, on another GPU than its own.
    #[error("code for {code} is for that one architecture alone, and not for {gpu}")]
    ArchSpecific {
        /// The code's architecture.
        code: GpuArch,
        /// The GPU.
        gpu: GpuArch,
    },
    /// Code with the suffix `f`, on a GPU of another family.
    #[error("code for {code} is for its family alone, and {gpu} is not of it")]
    OutsideFamily {
        /// The code's architecture.
        code: GpuArch,
        /// The GPU.
        gpu: GpuArch,
    },
}

/// Whether a GPU runs machine code (a cubin). `gpu` is a device: its suffix, if it has one, is not looked at.
pub fn machine_code_runs(code: GpuArch, gpu: GpuArch) -> Result<(), Obstacle> {
    let gpu = GpuArch::base(gpu.number());
    let (compiled_for, device) = (canonical(code), canonical(gpu));
    if compiled_for == device {
        return Ok(());
    }
    match (is_tegra(code), is_tegra(gpu)) {
        (true, _) => return Err(Obstacle::TegraIsland { code, gpu, tegra: code }),
        (_, true) if major(compiled_for) == major(device) => {
            return Err(Obstacle::TegraIsland { code, gpu, tegra: gpu });
        }
        _ => {}
    }
    match code.flavor() {
        Flavor::ArchSpecific => Err(Obstacle::ArchSpecific { code, gpu }),
        Flavor::Family => in_family(code, gpu),
        Flavor::Base if major(compiled_for) != major(device) => Err(Obstacle::OtherGeneration { code, gpu }),
        Flavor::Base if device < compiled_for => Err(Obstacle::OlderGpu { code, gpu }),
        Flavor::Base => Ok(()),
    }
}

/// Whether a driver can compile PTX of this `.target` for a GPU. Whether it can read the PTX's `.version` is another
/// question: [`driver_for_ptx`]. `gpu` is a device: its suffix, if it has one, is not looked at.
pub fn ptx_runs(target: GpuArch, gpu: GpuArch) -> Result<(), Obstacle> {
    let gpu = GpuArch::base(gpu.number());
    let (code, device) = (target, canonical(gpu));
    match target.flavor() {
        Flavor::ArchSpecific if canonical(target) == device => Ok(()),
        Flavor::ArchSpecific => Err(Obstacle::ArchSpecific { code, gpu }),
        Flavor::Family => in_family(target, gpu),
        // Not renamed: the assembler takes `sm_101` for `sm_103`, although the same GPU is called `sm_110` by then.
        Flavor::Base if device >= target.number() => Ok(()),
        Flavor::Base => Err(Obstacle::OlderGpu { code, gpu }),
    }
}

/// Whether ptxas takes PTX of this `.target` for `-arch=CODE`. It differs from [`ptx_runs`] where a name promises less
/// than the GPU has: `sm_90` takes no `sm_90a`, though the same GPU runs both, and `sm_101`, as CUDA 12 has it, takes no
/// `sm_103`, though that GPU is an `sm_110`.
pub fn ptx_assembles(target: GpuArch, code: GpuArch) -> Result<(), Obstacle> {
    match (target.flavor(), code.flavor()) {
        (Flavor::ArchSpecific, Flavor::Base | Flavor::Family) => {
            Err(Obstacle::ArchSpecific { code: target, gpu: code })
        }
        (Flavor::Base, _) if code.number() < target.number() => {
            Err(Obstacle::OlderGpu { code: target, gpu: code })
        }
        _ => ptx_runs(target, code),
    }
}

/// The first CUDA release that knows an architecture, its suffix included.
pub fn first_release(arch: GpuArch) -> Option<CudaRelease> {
    match arch.flavor() {
        Flavor::Base => table::gpu(arch).map(|gpu| gpu.first),
        Flavor::Family | Flavor::ArchSpecific => {
            table::toolkits().iter().find(|row| row.assembles(arch)).map(|row| row.release)
        }
    }
}

/// The first CUDA release whose driver reads PTX of this version. None: newer than all known.
pub fn ptx_release(isa: PtxIsa) -> Option<CudaRelease> {
    history::releases().iter().find(|row| row.ptx >= isa).map(|row| row.release)
}

/// The oldest driver that reads PTX of this version. None: the PTX is newer than all known.
///
/// Minor-version compatibility does not help here: a driver refuses newer PTX with error 222,
/// `CUDA_ERROR_UNSUPPORTED_PTX_VERSION`.
pub fn driver_for_ptx(isa: PtxIsa) -> Option<DriverVersion> {
    history::of(ptx_release(isa)?).map(|row| row.driver)
}

/// The drivers that a program linked with a CUDA runtime can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeDriver {
    /// The oldest that it starts on: minor-version compatibility.
    pub floor: DriverVersion,
    /// The oldest that has all of its release: its newer API calls, and a compiler for its PTX.
    pub full: DriverVersion,
}

/// The drivers for a runtime of `release`. None: a release that is not known, or too old for minor-version
/// compatibility (before 11.0) without a row of its own.
pub fn driver_for_runtime(release: CudaRelease) -> Option<RuntimeDriver> {
    let same_major = history::releases().iter().filter(|row| row.release.major == release.major);
    let full = same_major.rev().find(|row| row.release <= release)?.driver;
    let floor = driver::floor(release.major).unwrap_or(full);
    Some(RuntimeDriver { floor, full: full.max(floor) })
}

/// A number as NVIDIA writes it today: CUDA 13.0 renamed `sm_101` to `sm_110`.
fn canonical(arch: GpuArch) -> u16 {
    table::gpu(arch).and_then(|gpu| gpu.renamed).unwrap_or(arch.number())
}

const fn major(number: u16) -> u16 {
    number / 10
}

fn is_tegra(arch: GpuArch) -> bool {
    table::gpu(arch).is_some_and(|gpu| gpu.jetson)
}

/// The rule of the suffix `f`: the same family, and not older.
fn in_family(code: GpuArch, gpu: GpuArch) -> Result<(), Obstacle> {
    let family = |arch| table::gpu(arch).and_then(|row| row.family);
    if canonical(code) == canonical(gpu) {
        Ok(())
    } else if family(code).is_none() || family(code) != family(gpu) {
        Err(Obstacle::OutsideFamily { code, gpu })
    } else if canonical(gpu) < canonical(code) {
        Err(Obstacle::OlderGpu { code, gpu })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arch(text: &str) -> GpuArch {
        text.parse().unwrap()
    }

    /// In a word, what keeps the code off.
    fn word(answer: Result<(), Obstacle>) -> &'static str {
        match answer {
            Ok(()) => "runs",
            Err(Obstacle::TegraIsland { .. }) => "island",
            Err(Obstacle::OtherGeneration { .. }) => "generation",
            Err(Obstacle::OlderGpu { .. }) => "older",
            Err(Obstacle::ArchSpecific { .. }) => "specific",
            Err(Obstacle::OutsideFamily { .. }) => "family",
        }
    }

    #[track_caller]
    fn check_code(code: &str, gpus: &[(&str, &str)]) {
        for (gpu, expected) in gpus {
            assert_eq!(word(machine_code_runs(arch(code), arch(gpu))), *expected, "{code} on {gpu}");
        }
    }

    #[test]
    fn machine_code_stays_in_its_generation_and_moves_forward_there() {
        check_code(
            "sm_80",
            &[
                ("8.0", "runs"),
                ("8.6", "runs"),
                ("8.9", "runs"),
                ("9.0", "generation"),
                ("7.5", "generation"),
            ],
        );
        check_code("sm_86", &[("8.0", "older"), ("8.6", "runs"), ("8.9", "runs"), ("12.0", "generation")]);
        check_code("sm_70", &[("7.0", "runs"), ("7.5", "runs"), ("6.1", "generation")]);
        check_code("sm_90", &[("9.0", "runs"), ("10.0", "generation"), ("8.9", "generation")]);
        check_code("sm_100", &[("10.0", "runs"), ("10.3", "runs"), ("10.7", "runs"), ("12.0", "generation")]);
        check_code("sm_120", &[("12.0", "runs"), ("12.1", "runs"), ("10.0", "generation")]);
        check_code("sm_121", &[("12.0", "older"), ("12.1", "runs")]);
    }

    #[test]
    fn jetsons_are_islands() {
        check_code("sm_87", &[("8.7", "runs"), ("8.9", "island"), ("8.6", "island"), ("9.0", "island")]);
        check_code("sm_72", &[("7.2", "runs"), ("7.5", "island"), ("8.7", "island")]);
        check_code("sm_53", &[("5.3", "runs"), ("5.2", "island")]);
        check_code("sm_62", &[("6.2", "runs"), ("6.1", "island")]);
        check_code("sm_80", &[("8.7", "island")]);
        check_code("sm_86", &[("8.7", "island")]);
        check_code("sm_50", &[("5.3", "island"), ("8.7", "generation")]);
        check_code("sm_110", &[("11.0", "runs"), ("10.1", "runs"), ("10.0", "island"), ("12.0", "island")]);
        check_code("sm_101", &[("11.0", "runs"), ("10.1", "runs"), ("10.0", "island"), ("10.3", "island")]);
        check_code("sm_100", &[("10.1", "generation"), ("11.0", "generation")]);
    }

    #[test]
    fn suffixes_hold_machine_code_back() {
        check_code("sm_90a", &[("9.0", "runs"), ("10.0", "specific"), ("8.9", "specific")]);
        check_code("sm_100a", &[("10.0", "runs"), ("10.3", "specific")]);
        check_code("sm_100f", &[("10.0", "runs"), ("10.3", "runs"), ("10.7", "runs"), ("12.0", "family")]);
        check_code("sm_103f", &[("10.3", "runs"), ("10.0", "older"), ("10.7", "runs")]);
        check_code("sm_120f", &[("12.0", "runs"), ("12.1", "runs"), ("10.0", "family")]);
        check_code("sm_101a", &[("11.0", "runs"), ("10.0", "island")]);
    }

    #[track_caller]
    fn check_ptx(target: &str, gpus: &[(&str, &str)]) {
        for (gpu, expected) in gpus {
            assert_eq!(word(ptx_runs(arch(target), arch(gpu))), *expected, "PTX for {target} on {gpu}");
        }
    }

    #[test]
    fn ptx_moves_forward() {
        check_ptx("sm_53", &[("7.5", "runs"), ("12.1", "runs"), ("5.3", "runs"), ("5.2", "older")]);
        // Orin's PTX is too new for the boards most like it.
        check_ptx("sm_87", &[("7.5", "older"), ("8.0", "older"), ("8.6", "older"), ("8.7", "runs")]);
        check_ptx("sm_87", &[("8.9", "runs"), ("9.0", "runs"), ("10.0", "runs"), ("12.0", "runs")]);
        check_ptx("sm_90", &[("8.9", "older"), ("9.0", "runs"), ("10.0", "runs"), ("12.1", "runs")]);
        check_ptx("sm_110", &[("9.0", "older"), ("10.0", "older"), ("11.0", "runs"), ("12.0", "runs")]);
        check_ptx("sm_101", &[("10.0", "older"), ("10.3", "runs"), ("11.0", "runs"), ("12.0", "runs")]);
    }

    #[test]
    fn suffixes_hold_ptx_back() {
        check_ptx("sm_90a", &[("9.0", "runs"), ("10.0", "specific"), ("8.0", "specific")]);
        check_ptx("sm_100a", &[("10.0", "runs"), ("10.3", "specific")]);
        check_ptx("sm_100f", &[("10.0", "runs"), ("10.3", "runs"), ("10.7", "runs"), ("11.0", "family")]);
        check_ptx("sm_103f", &[("10.0", "older"), ("10.3", "runs"), ("12.0", "family")]);
        check_ptx("sm_101f", &[("11.0", "runs"), ("10.3", "family"), ("12.0", "family")]);
        check_ptx("sm_101a", &[("11.0", "runs"), ("10.0", "specific")]);
        check_ptx("sm_110f", &[("11.0", "runs"), ("10.1", "runs"), ("12.0", "family")]);
        check_ptx("sm_120f", &[("12.0", "runs"), ("12.1", "runs"), ("10.0", "family")]);
        check_ptx("sm_121f", &[("12.0", "older"), ("12.1", "runs")]);
    }

    #[test]
    fn the_assembler_promises_what_the_name_does() {
        let assembles = |target, code| word(ptx_assembles(arch(target), arch(code)));
        assert_eq!(assembles("sm_90a", "sm_90"), "specific");
        assert_eq!(assembles("sm_90a", "sm_90a"), "runs");
        assert_eq!(assembles("sm_100a", "sm_100f"), "specific");
        assert_eq!(assembles("sm_100f", "sm_100"), "runs");
        assert_eq!(assembles("sm_103", "sm_101"), "older");
        assert_eq!(assembles("sm_101", "sm_103"), "runs");
    }

    #[test]
    fn obstacles_are_sentences() {
        let words = |answer: Result<(), Obstacle>| answer.unwrap_err().to_string();
        assert_eq!(
            words(machine_code_runs(arch("sm_87"), arch("8.9"))),
            "sm_87 is a Jetson GPU, whose machine code and that of other GPUs are not exchanged"
        );
        assert_eq!(words(ptx_runs(arch("sm_87"), arch("8.0"))), "sm_80 is older than sm_87");
    }

    #[test]
    fn releases_that_know_an_architecture_first() {
        let first = |name: &str| first_release(arch(name)).map(|release| release.to_string());
        for (name, release) in [
            ("sm_50", "6.0"),
            ("sm_70", "9.0"),
            ("sm_75", "10.0"),
            ("sm_80", "11.0"),
            ("sm_86", "11.1"),
            ("sm_87", "11.4"),
            ("sm_89", "11.8"),
            ("sm_90", "11.8"),
            ("sm_90a", "12.0"),
            ("sm_100", "12.8"),
            ("sm_100a", "12.8"),
            ("sm_100f", "12.9"),
            ("sm_101", "12.8"),
            ("sm_103", "12.9"),
            ("sm_107", "13.4"),
            ("sm_110", "13.0"),
            ("sm_120", "12.8"),
            ("sm_121", "12.9"),
            ("sm_88", "13.0"),
        ] {
            assert_eq!(first(name).as_deref(), Some(release), "{name}");
        }
        assert_eq!((first("sm_99"), first("sm_80a"), first("sm_90f")), (None, None, None));
    }

    #[track_caller]
    fn check_isa(isa: &str, expected: Option<(&str, &str)>) {
        let isa = isa.parse().unwrap();
        let found = ptx_release(isa).zip(driver_for_ptx(isa));
        let found = found.map(|(release, driver)| (release.to_string(), driver.to_string()));
        let found = found.as_ref().map(|(release, driver)| (release.as_str(), driver.as_str()));
        assert_eq!(found, expected, "PTX ISA {isa}");
    }

    #[test]
    fn ptx_needs_the_driver_of_its_release() {
        check_isa("7.0", Some(("11.0", "450.36.06")));
        check_isa("7.4", Some(("11.4", "470.42.01")));
        check_isa("7.8", Some(("11.8", "520.61.05")));
        check_isa("7.9", Some(("12.0", "525.60.13"))); // never published: the next one reads it
        check_isa("8.5", Some(("12.5", "555.42.02")));
        check_isa("8.6", Some(("12.7", "565.57.01")));
        check_isa("8.7", Some(("12.8", "570.26")));
        check_isa("9.0", Some(("13.0", "580.65.06")));
        check_isa("9.4", Some(("13.4", "615.71")));
        check_isa("6.5", Some(("10.2", "440.33")));
        check_isa("5.0", Some(("8.0", "367.48")));
        check_isa("99.0", None);
    }

    #[test]
    fn runtimes_start_on_the_floor_and_are_whole_on_their_own_driver() {
        let drivers = |release: &str| {
            let drivers = driver_for_runtime(release.parse().unwrap())?;
            Some((drivers.floor.to_string(), drivers.full.to_string()))
        };
        let pair = |floor: &str, full: &str| Some((floor.to_owned(), full.to_owned()));
        assert_eq!(drivers("13.0"), pair("580.65.06", "580.65.06"));
        assert_eq!(drivers("13.2"), pair("580.65.06", "595.45.04"));
        assert_eq!(drivers("12.6"), pair("525.60.13", "560.28.03"));
        assert_eq!(drivers("11.0"), pair("450.80.02", "450.80.02"));
        assert_eq!(drivers("11.8"), pair("450.80.02", "520.61.05"));
        assert_eq!(drivers("10.2"), pair("440.33", "440.33"));
        assert_eq!(drivers("13.99"), drivers("13.5"));
        assert_eq!(drivers("14.0"), None);
    }

    /// A number that the table knows, and that later toolkits call the same.
    fn number() -> impl Strategy<Value = u16> {
        let numbers = table::gpus().iter().filter(|gpu| gpu.renamed.is_none()).map(|gpu| gpu.number);
        prop::sample::select(numbers.collect::<Vec<_>>())
    }

    /// Any architecture that the table knows, renamed ones too.
    fn known() -> impl Strategy<Value = GpuArch> {
        let numbers: Vec<u16> = table::gpus().iter().map(|gpu| gpu.number).collect();
        let flavors = prop::sample::select(vec![Flavor::Base, Flavor::Family, Flavor::ArchSpecific]);
        (prop::sample::select(numbers), flavors).prop_map(|(number, flavor)| GpuArch::new(number, flavor))
    }

    /// Any architecture at all.
    fn any_arch() -> impl Strategy<Value = GpuArch> {
        (any::<u16>(), 0..3usize).prop_map(|(number, flavor)| {
            GpuArch::new(number, [Flavor::Base, Flavor::Family, Flavor::ArchSpecific][flavor])
        })
    }

    proptest! {
        #[test]
        fn everything_runs_on_its_own_gpu(arch in any_arch()) {
            prop_assert_eq!(machine_code_runs(arch, arch), Ok(()));
            prop_assert_eq!(ptx_runs(arch, arch), Ok(()));
            prop_assert_eq!(ptx_assembles(arch, arch), Ok(()));
        }

        #[test]
        fn a_gpus_suffix_is_not_looked_at(code in any_arch(), gpu in any_arch()) {
            let device = GpuArch::base(gpu.number());
            prop_assert_eq!(machine_code_runs(code, gpu), machine_code_runs(code, device));
            prop_assert_eq!(ptx_runs(code, gpu), ptx_runs(code, device));
        }

        #[test]
        fn running_is_transitive(a in number(), b in number(), c in number()) {
            for runs in [machine_code_runs, ptx_runs] {
                for flavor in [Flavor::Base, Flavor::Family] {
                    let runs = |code, gpu| runs(GpuArch::new(code, flavor), GpuArch::base(gpu)).is_ok();
                    prop_assert!(!(runs(a, b) && runs(b, c)) || runs(a, c), "{a} {b} {c} {flavor:?}");
                }
            }
        }

        #[test]
        fn two_numbers_run_each_others_code_only_if_they_are_one(a in number(), b in number()) {
            let runs = |code, gpu| ptx_runs(GpuArch::base(code), GpuArch::base(gpu)).is_ok();
            prop_assert_eq!(runs(a, b) && runs(b, a), a == b);
        }

        #[test]
        fn a_family_is_mutual(a in number(), b in number()) {
            let family = |code, gpu| {
                let answer = ptx_runs(GpuArch::new(code, Flavor::Family), GpuArch::base(gpu));
                !matches!(answer, Err(Obstacle::OutsideFamily { .. }))
            };
            prop_assert_eq!(family(a, b), family(b, a));
        }

        #[test]
        fn a_suffix_never_widens(code in known(), gpu in known()) {
            for runs in [machine_code_runs, ptx_runs] {
                let with = |flavor| runs(GpuArch::new(code.number(), flavor), gpu).is_ok();
                prop_assert!(!with(Flavor::ArchSpecific) || with(Flavor::Family));
                prop_assert!(!with(Flavor::Family) || with(Flavor::Base));
            }
        }

        #[test]
        fn where_machine_code_runs_its_ptx_does_too(code in known(), gpu in known()) {
            prop_assert!(machine_code_runs(code, gpu).is_err() || ptx_runs(code, gpu).is_ok());
        }

        #[test]
        fn what_is_assembled_for_a_gpu_runs_there(target in known(), code in known()) {
            prop_assert!(ptx_assembles(target, code).is_err() || ptx_runs(target, code).is_ok());
        }

        #[test]
        fn newer_ptx_needs_no_older_driver(a in (0u16..12, 0u16..12), b in (0u16..12, 0u16..12)) {
            let (older, newer) = (a.min(b), a.max(b));
            let driver = |(major, minor)| driver_for_ptx(PtxIsa::new(major, minor));
            if let (Some(older), Some(newer)) = (driver(older), driver(newer)) {
                prop_assert!(older <= newer);
            } else {
                prop_assert!(driver(newer).is_none());
            }
        }
    }
}
