//! Machines as data, and what is said of each.

use cuferry_arch::GpuArch;
use cuferry_machine::disk::Room;
use cuferry_machine::emulator::{BinfmtMisc, Handler, Qemu};
use cuferry_machine::engine::{Answer, CdiSpec, ContainerToolkit, Engine, Ready};
use cuferry_machine::host::{Cpu, HostInfo, Known, Surroundings};
use cuferry_machine::pci::{KernelDriver, PciGpu};
use cuferry_machine::{Gpu, Gpus};
use cuferry_toolchain::compiler::{CompilerVersion, Family};

use super::*;

fn known<T>(value: T, from: &str) -> Known<T> {
    Known { value, from: from.to_owned() }
}

fn gcc(major: u16, host: Host) -> HostCompiler {
    let path = match host {
        Host::X86_64 => format!("/usr/bin/g++-{major}"),
        Host::Aarch64 => "/usr/bin/aarch64-linux-gnu-g++".to_owned(),
    };
    let version = CompilerVersion { major, minor: 2, patch: 0 };
    HostCompiler { family: Family::Gcc, path: path.into(), version, host }
}

/// A server without a GPU, as CI has it.
fn server() -> Checkup {
    let cpu = Cpu { model: Some("AMD EPYC".to_owned()), count: 2, level: Some(4) };
    Checkup {
        machine: Host::X86_64,
        survey: Survey {
            host: HostInfo {
                cpu: Some(known(cpu, "/proc/cpuinfo")),
                system: Some(known("Debian GNU/Linux 12 (bookworm)".to_owned(), "/etc/os-release")),
                family: vec!["debian".to_owned()],
                kernel: Some(known("6.1.0".to_owned(), "/proc/sys/kernel/osrelease")),
                glibc: Some(known("2.36".to_owned(), "/lib/x86_64-linux-gnu/libc.so.6")),
                surroundings: Vec::new(),
                tegra: None,
            },
            gpus: Gpus::default(),
            pci_gpus: Vec::new(),
            kernel_driver: None,
            nouveau: None,
            qemu: Vec::new(),
            binfmt_misc: BinfmtMisc::Absent,
            engines: Vec::new(),
            container_toolkit: None,
            cdi: Vec::new(),
            room: Some(Room { folder: "/home/me/.local/share".into(), free: 50 << 30 }),
        },
        toolkits: Vec::new(),
        fetchable: vec!["13.0".parse().expect("it is one"), "13.5".parse().expect("it is one")],
        compilers: vec![gcc(12, Host::X86_64)],
        emulator: None,
        arm_root: None,
        archiver: Some("/usr/bin/ar".into()),
        home: Some("/home/me".into()),
    }
}

/// A workstation with everything.
fn workstation() -> Checkup {
    let mut checkup = server();
    let survey = &mut checkup.survey;
    let gpu = Gpu { name: "NVIDIA GeForce RTX 4090".to_owned(), arch: GpuArch::base(89) };
    survey.gpus = Gpus {
        driver: Some("13.0".parse().expect("it is one")),
        gpus: vec![gpu.clone(), gpu],
        trouble: None,
    };
    let driver = KernelDriver { text: "580.95.05".to_owned(), version: "580.95.05".parse().ok() };
    survey.kernel_driver = Some(known(driver, "/proc/driver/nvidia/version"));
    survey.qemu = vec![Qemu {
        path: "/usr/bin/qemu-aarch64".into(),
        version: Some("8.2.2".to_owned()),
        is_static: false,
        plugins: true,
    }];
    let handler = Handler {
        name: "qemu-aarch64".to_owned(),
        enabled: true,
        interpreter: "/usr/libexec/qemu-binfmt/aarch64".to_owned(),
        present: true,
        flags: "POCF".to_owned(),
    };
    survey.binfmt_misc = BinfmtMisc::On(vec![known(handler, "/proc/sys/fs/binfmt_misc/qemu-aarch64")]);
    let ready = Ready { version: Some("28.2.2".to_owned()), client: None, nvidia_runtime: true, cdi: true };
    let engine = |name: &'static str, answer| Engine {
        name,
        path: format!("/usr/bin/{name}").into(),
        asked: format!("{name} info"),
        answer,
    };
    let podman = Ready { version: Some("4.3.1".to_owned()), cdi: true, ..Ready::default() };
    survey.engines = vec![engine("docker", Answer::Ready(ready)), engine("podman", Answer::Ready(podman))];
    survey.container_toolkit =
        Some(ContainerToolkit { path: "/usr/bin/nvidia-ctk".into(), version: Some("1.17.4".to_owned()) });
    let spec = CdiSpec { kind: "nvidia.com/gpu".to_owned(), version: Some("0.5.0".to_owned()) };
    survey.cdi = vec![known(spec, "/etc/cdi/nvidia.yaml")];
    checkup.compilers.push(gcc(12, Host::Aarch64));
    checkup
}

fn row<'a>(rows: &'a [Row], label: &str) -> &'a Row {
    rows.iter().find(|row| row.label == label).unwrap_or_else(|| panic!("no row `{label}` in {rows:?}"))
}

#[test]
fn a_server_without_a_gpu() {
    insta::assert_snapshot!(server().text(100));
}

#[test]
fn a_workstation_with_everything() {
    let text = workstation().text(100);
    // One screen.
    assert!(text.lines().count() <= 30, "{text}");
    insta::assert_snapshot!(text);
    insta::assert_snapshot!("a_workstation_as_json", format!("{:#}", workstation().json()));
}

/// What stops a rebuild, and the one thing to do.
#[test]
fn what_a_rebuild_lacks() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Checkup), reason: &str, step: &str) {
        let mut checkup = server();
        change(&mut checkup);
        let [way, ..] = checkup.ways();
        assert_eq!(
            (way.state, way.reason.as_str(), way.step.as_deref()),
            (State::Lacking, reason, Some(step))
        );
        assert!(!checkup.can_rebuild());
    }
    check(|checkup| checkup.compilers.clear(), "no C++ compiler for x86_64", "`apt install g++`");
    let arm_alone = |checkup: &mut Checkup| checkup.compilers = vec![gcc(12, Host::Aarch64)];
    check(arm_alone, "no C++ compiler for x86_64", "`apt install g++`");
    let too_new = |checkup: &mut Checkup| checkup.compilers = vec![gcc(99, Host::X86_64)];
    check(too_new, "CUDA 13.0 takes g++ up to 15, and each compiler here is newer", "`apt install g++-15`");
    check(|checkup| checkup.archiver = None, "no `ar` for x86_64", "`apt install binutils`");
    check(
        |checkup| checkup.survey.room = Some(Room { folder: "/data".into(), free: 5 << 20 }),
        "no room for a toolkit in `/data`",
        "make 1 GB of room, or name another folder: `CUFERRY_HOME=FOLDER`",
    );
    check(
        |checkup| checkup.fetchable.clear(),
        "no CUDA toolkit is here, and none can be fetched",
        "install one, and set `CUDA_HOME`",
    );
    let fedora = |checkup: &mut Checkup| {
        checkup.survey.host.family = vec!["fedora".to_owned()];
        checkup.compilers.clear();
    };
    check(fedora, "no C++ compiler for x86_64", "`dnf install gcc-c++`");
    let grace = |checkup: &mut Checkup| {
        checkup.machine = Host::Aarch64;
        checkup.compilers = vec![gcc(12, Host::Aarch64)];
    };
    check(grace, "no C++ compiler for x86_64", "`apt install g++-x86-64-linux-gnu`");
}

/// A compiler too new for the oldest toolkit that can be fetched may fit a newer one.
#[test]
fn a_newer_toolkit_for_a_newer_compiler() {
    let mut checkup = server();
    checkup.compilers = vec![gcc(16, Host::X86_64)];
    let [way, ..] = checkup.ways();
    assert_eq!(
        (way.state, way.has[1].as_str()),
        (State::Works, "CUDA 13.5, which the first rebuild fetches")
    );
}

/// Hybrid wants a GPU, and emulate none; what either wants besides is fetched.
#[test]
fn the_ways_beside_rebuild() {
    let [_, hybrid, emulate] = server().ways();
    assert_eq!((hybrid.state, emulate.state), (State::Lacking, State::Works));
    assert_eq!(hybrid.reason, "the machine lacks a GPU with its driver");
    assert_eq!(emulate.has, ["the software device", "a qemu that the first run fetches"]);
    let [_, hybrid, emulate] = workstation().ways();
    let qemu = "a qemu that loads plugins (/usr/bin/qemu-aarch64)";
    assert_eq!((hybrid.state, hybrid.reason), (State::Works, format!("ARM programs run in {qemu}")));
    assert_eq!(emulate.has, ["the software device", qemu]);
}

/// What cuferry installed comes before what is on `PATH`, and a qemu that loads no plugins is not enough.
#[test]
fn emulators_that_load_plugins() {
    let mut checkup = workstation();
    checkup.survey.qemu[0].plugins = false;
    let rows = rows::rows(&checkup);
    let missing = rows.iter().find(|row| row.label == "qemu" && row.mark == Mark::Missing);
    let missing = missing.unwrap_or_else(|| panic!("{rows:?}"));
    assert_eq!(missing.text, "none that loads plugins, which GPU calls of ARM programs need");
    assert_eq!(missing.step.as_deref(), Some("`cuferry toolchain install qemu`"));
    let [_, hybrid, _] = checkup.ways();
    assert_eq!(hybrid.has[1], "a qemu that the first run fetches");

    let root = Utf8PathBuf::from("/home/me/.local/share/cuferry/toolkits/qemu-0123");
    checkup.emulator = Some(Emulator {
        loader: root.join("lib/ld-linux-x86-64.so.2"),
        libraries: root.join("lib"),
        program: root.join("bin/qemu-aarch64"),
        root,
        version: "7.2+dfsg".to_owned(),
        identity: "0123".to_owned(),
    });
    checkup.arm_root =
        Some(Root { path: "/data/arm-root".into(), host: Host::Aarch64, identity: "4567".to_owned() });
    let rows = rows::rows(&checkup);
    assert!(!rows.iter().any(|row| row.label == "qemu" && row.mark == Mark::Missing), "{rows:?}");
    let row = row(&rows, "qemu");
    assert_eq!(row.text, "qemu-aarch64 7.2+dfsg, loads plugins, installed by cuferry");
    let [_, hybrid, emulate] = checkup.ways();
    assert_eq!(hybrid.lacks, [""; 0]);
    assert!(emulate.has[1].contains("qemu-0123/bin/qemu-aarch64"), "{:?}", emulate.has);
    let json = checkup.json();
    assert_eq!(json["emulators"]["installed"]["version"], "7.2+dfsg");
    assert_eq!(json["emulators"]["arm_root"], "/data/arm-root");
}

#[test]
fn what_is_wrong_with_a_gpu() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Survey), label: &str, mark: Mark, text: &str, step: Option<&str>) {
        let mut checkup = server();
        change(&mut checkup.survey);
        let rows = rows::rows(&checkup);
        let row = row(&rows, label);
        assert_eq!((row.mark, row.text.as_str(), row.step.as_deref()), (mark, text, step));
    }
    let install = "install NVIDIA's driver, and restart: `apt install nvidia-driver` (component non-free)";
    let pci = |driver: Option<&str>| {
        let gpu = PciGpu {
            address: "0000:01:00.0".to_owned(),
            id: "10de:2204".to_owned(),
            driver: driver.map(str::to_owned),
        };
        vec![known(gpu, "/sys/bus/pci/devices/0000:01:00.0")]
    };
    check(
        |survey| survey.pci_gpus = pci(None),
        "GPU",
        Mark::Trouble,
        "10de:2204 at 0000:01:00.0 has no driver",
        Some(install),
    );
    check(
        |survey| survey.pci_gpus = pci(Some("nouveau")),
        "GPU",
        Mark::Trouble,
        "10de:2204 at 0000:01:00.0 is held by nouveau, which runs no CUDA",
        Some(install),
    );
    check(
        |survey| survey.pci_gpus = pci(Some("vfio-pci")),
        "GPU",
        Mark::Missing,
        "10de:2204 at 0000:01:00.0 is set aside for virtual machines",
        None,
    );
    let driver = || {
        Some(known(
            KernelDriver { text: "535.183.01".to_owned(), version: "535.183.01".parse().ok() },
            "/proc/driver/nvidia/version",
        ))
    };
    check(
        |survey| survey.kernel_driver = driver(),
        "driver",
        Mark::Trouble,
        "NVIDIA 535.183.01, serves CUDA up to 12.2, but libcuda.so.1 is not found",
        Some("in a container: start it with `--gpus all`; else reinstall the driver"),
    );
    check(
        |survey| {
            survey.kernel_driver = driver();
            survey.gpus.trouble = Some("no CUDA-capable device is detected".to_owned());
        },
        "driver",
        Mark::Trouble,
        "NVIDIA 535.183.01 reports no GPU: no CUDA-capable device is detected",
        Some("`cuferry explain \"no CUDA-capable device is detected\"`"),
    );
    check(|_| {}, "GPU", Mark::Missing, "none of NVIDIA's: building needs none", None);
}

#[test]
fn what_is_wrong_elsewhere() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Checkup), label: &str, mark: Mark, text: &str) {
        let mut checkup = workstation();
        change(&mut checkup);
        let rows = rows::rows(&checkup);
        let row = row(&rows, label);
        assert_eq!((row.mark, row.text.as_str()), (mark, text));
    }
    let old_cpu = |checkup: &mut Checkup| {
        checkup.survey.host.cpu = Some(known(Cpu { model: None, count: 1, level: Some(2) }, "/proc/cpuinfo"));
    };
    check(old_cpu, "CPU", Mark::Trouble, "x86_64, 1 CPU, x86-64-v2: without AVX2 and FMA");
    check(
        |checkup| checkup.survey.engines[0].answer = Answer::Hangs,
        "docker",
        Mark::Trouble,
        "does not answer within 3 s",
    );
    let down = |checkup: &mut Checkup| {
        checkup.survey.engines[0].answer = Answer::Failed("Is the docker daemon running?".to_owned());
    };
    check(down, "docker", Mark::Trouble, "does not work: Is the docker daemon running?");
    check(|checkup| checkup.survey.cdi.clear(), "podman", Mark::Trouble, "4.3.1, gives containers no GPU");
    check(
        |checkup| checkup.survey.engines.clear(),
        "engine",
        Mark::Missing,
        "no docker, podman or nerdctl: cuferry writes images without one",
    );
    let without_f = |checkup: &mut Checkup| {
        let BinfmtMisc::On(handlers) = &mut checkup.survey.binfmt_misc else { return };
        handlers[0].value.flags = "OC".to_owned();
    };
    check(
        without_f,
        "binfmt",
        Mark::Trouble,
        "qemu-aarch64 starts ARM programs by /usr/libexec/qemu-binfmt/aarch64, flags OC: without F it does not work in containers",
    );
    check(
        |checkup| checkup.compilers = vec![gcc(99, Host::X86_64)],
        "compiler",
        Mark::Trouble,
        "g++ 99.2.0: newer than any toolkit takes",
    );
    let full =
        |checkup: &mut Checkup| checkup.survey.room = Some(Room { folder: "/data".into(), free: 2 << 30 });
    check(full, "disk", Mark::Trouble, "2.00 GiB free for toolkits");
    let jetson = |checkup: &mut Checkup| {
        let line = "R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic".to_owned();
        checkup.survey.host.tegra = Some(known(line, "/etc/nv_tegra_release"));
        checkup.survey.host.surroundings = vec![known(Surroundings::Wsl, "x")];
    };
    check(jetson, "Jetson", Mark::Good, "L4T 36.4.3, JetPack 6.2");
    check(jetson, "system", Mark::Good, "Debian GNU/Linux 12 (bookworm), glibc 2.36, Linux 6.1.0, in WSL");
}
