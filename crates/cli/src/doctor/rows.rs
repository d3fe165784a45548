//! What was found, a line a thing: what is there, what is missing, and what is not as it should be.

use cuferry_arch::jetpack::{self, L4tVersion};
use cuferry_arch::{CudaRelease, Host, table};
use cuferry_machine::emulator::BinfmtMisc;
use cuferry_machine::engine::Answer;
use cuferry_machine::host::Surroundings;
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::toolkit::ToolkitOrigin;

use super::{Checkup, Mark, Packages, Row};
use crate::progress::bytes;

mod gpus;

/// How many things of a kind have lines of their own.
const NAMED: usize = 4;
/// Where less is left, a toolkit with a library or two does not fit.
const ROOM: u64 = 4 << 30;

pub(super) fn rows(checkup: &Checkup) -> Vec<Row> {
    let mut rows = Rows(Vec::new());
    rows.host(checkup);
    rows.gpus(checkup);
    rows.toolkits(checkup);
    rows.compilers(checkup);
    rows.emulators(checkup);
    rows.engines(checkup);
    rows.0
}

struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, mark: Mark, label: &'static str, text: impl Into<String>, from: impl Into<String>) {
        self.0.push(Row { mark, label, text: text.into(), from: from.into(), step: None });
    }

    fn add_with_step(
        &mut self,
        mark: Mark,
        label: &'static str,
        text: impl Into<String>,
        from: impl Into<String>,
        step: String,
    ) {
        self.0.push(Row { mark, label, text: text.into(), from: from.into(), step: Some(step) });
    }

    fn host(&mut self, checkup: &Checkup) {
        let host = &checkup.survey.host;
        if let Some(cpu) = &host.cpu {
            let model = cpu.value.model.as_deref().unwrap_or(checkup.machine.as_str());
            let count =
                if cpu.value.count == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", cpu.value.count) };
            match cpu.value.level {
                Some(level @ ..=2) => {
                    let text = format!("{model}, {count}, x86-64-v{level}: without AVX2 and FMA");
                    let step = "what is built from ARM flags needs x86-64-v3: to run it here, set `host-flags = [\"-march=x86-64-v2\"]`";
                    self.add_with_step(Mark::Trouble, "CPU", text, &cpu.from, step.to_owned());
                }
                Some(level) => {
                    self.add(Mark::Good, "CPU", format!("{model}, {count}, x86-64-v{level}"), &cpu.from);
                }
                None => self.add(Mark::Good, "CPU", format!("{model}, {count}"), &cpu.from),
            }
        }
        let mut parts: Vec<String> = host.system.iter().map(|known| known.value.clone()).collect();
        parts.extend(host.glibc.iter().map(|known| format!("glibc {}", known.value)));
        parts.extend(host.kernel.iter().map(|known| format!("Linux {}", known.value)));
        parts.extend(host.surroundings.iter().map(|known| surroundings(&known.value)));
        let mut from: Vec<&str> = host.system.iter().map(|known| known.from.as_str()).collect();
        from.extend(host.surroundings.iter().map(|known| known.from.as_str()));
        self.add(Mark::Good, "system", parts.join(", "), from.join(", "));
        if let Some(tegra) = &host.tegra {
            // The line as `from_release_file` takes it: with the mark that the survey left out.
            let version = L4tVersion::from_release_file(&format!("# {}", tegra.value));
            let jetpack = version.and_then(jetpack::by_l4t).map(|row| format!(", JetPack {}", row.jetpack));
            let text = match version {
                Some(version) => format!("L4T {version}{}", jetpack.unwrap_or_default()),
                None => tegra.value.clone(),
            };
            self.add(Mark::Good, "Jetson", text, &tegra.from);
        }
    }

    fn toolkits(&mut self, checkup: &Checkup) {
        for toolkit in checkup.toolkits.iter().take(NAMED) {
            let from = match &toolkit.origin {
                ToolkitOrigin::Installed => "installed by cuferry".to_owned(),
                ToolkitOrigin::Variable(name) => name.clone(),
                ToolkitOrigin::Path => "PATH".to_owned(),
                ToolkitOrigin::Folder => "a usual folder".to_owned(),
            };
            let hosts: Vec<Host> =
                Host::ALL.into_iter().filter(|host| toolkit.include(*host).is_dir()).collect();
            let (mark, only) = match hosts.as_slice() {
                [] => (Mark::Trouble, " without headers"),
                [Host::Aarch64] => (Mark::Good, " for ARM alone"),
                _ => (Mark::Good, ""),
            };
            self.add(mark, "toolkit", format!("CUDA {}{only} in {}", toolkit.release, toolkit.root), from);
        }
        if checkup.toolkits.len() > NAMED {
            let more = checkup.toolkits.len() - NAMED;
            self.add(Mark::Good, "toolkit", format!("{more} more"), "`cuferry toolchain list`");
        }
        if checkup.toolkits.is_empty() {
            let releases: Vec<_> = checkup.fetchable.iter().map(ToString::to_string).collect();
            let text = format!("none here; fetched when needed: CUDA {}", releases.join(", "));
            self.add(Mark::Missing, "toolkit", text, "CUDA_HOME, PATH, /usr/local");
        }
        if let Some(room) = &checkup.survey.room {
            let text = format!("{} free for toolkits", bytes(room.free));
            if room.free < ROOM {
                let step = "make room, or name another folder: `CUFERRY_HOME=FOLDER`".to_owned();
                self.add_with_step(Mark::Trouble, "disk", text, room.folder.as_str(), step);
            } else {
                self.add(Mark::Good, "disk", text, room.folder.as_str());
            }
        }
    }

    fn compilers(&mut self, checkup: &Checkup) {
        let native = checkup.compilers_for(Host::X86_64);
        for compiler in native.iter().take(NAMED) {
            let name = format!("{} {}", compiler.family, compiler.version);
            match first_release_for(compiler) {
                Some(release) => self.add(
                    Mark::Good,
                    "compiler",
                    format!("{name}, for CUDA {release} and later"),
                    compiler.path.as_str(),
                ),
                None => self.add(
                    Mark::Trouble,
                    "compiler",
                    format!("{name}: newer than any toolkit takes"),
                    compiler.path.as_str(),
                ),
            }
        }
        if native.len() > NAMED {
            self.add(
                Mark::Good,
                "compiler",
                format!("{} more", native.len() - NAMED),
                "`cuferry toolchain list`",
            );
        }
        if native.is_empty() {
            self.add(Mark::Missing, "compiler", "no g++ or clang++ for x86_64", "PATH");
        }
        let arm = checkup.compilers_for(Host::Aarch64);
        if let Some(compiler) = arm.first() {
            let name = format!("{} {}", compiler.family, compiler.version);
            self.add(Mark::Good, "for ARM", name, compiler.path.as_str());
        } else {
            let install = match checkup.packages() {
                Packages::Fedora => "Fedora has none with a C++ library".to_owned(),
                packages => packages.install("g++-aarch64-linux-gnu", ""),
            };
            let text = format!("no compiler; only `--host aarch64` needs one: {install}");
            self.add(Mark::Missing, "for ARM", text, "PATH");
        }
    }

    fn emulators(&mut self, checkup: &Checkup) {
        if checkup.machine == Host::Aarch64 {
            return;
        }
        if let Some(emulator) = &checkup.emulator {
            let text = format!("qemu-aarch64 {}, loads plugins, installed by cuferry", emulator.version);
            self.add(Mark::Good, "qemu", text, emulator.program.as_str());
        }
        if let Some(root) = &checkup.arm_root {
            let text = "what ARM programs load, installed by cuferry";
            self.add(Mark::Good, "libraries", text, root.path.as_str());
        }
        let has_plugins = checkup.emulator.is_some() || checkup.survey.qemu.iter().any(|qemu| qemu.plugins);
        for qemu in &checkup.survey.qemu {
            let version = qemu.version.as_deref().unwrap_or("of unknown version");
            let linked = if qemu.is_static { "static" } else { "dynamic" };
            let plugins = if qemu.plugins { "loads plugins" } else { "loads no plugins" };
            self.add(
                Mark::Good,
                "qemu",
                format!("qemu-aarch64 {version}, {linked}, {plugins}"),
                qemu.path.as_str(),
            );
        }
        if !has_plugins {
            let text = match checkup.survey.qemu.as_slice() {
                [] => "none for ARM programs",
                _ => "none that loads plugins, which GPU calls of ARM programs need",
            };
            let step = "`cuferry toolchain install qemu`".to_owned();
            self.add_with_step(Mark::Missing, "qemu", text, "PATH", step);
        }
        let install = checkup.packages().install("qemu-user-static binfmt-support", "qemu-user-static");
        let from = "/proc/sys/fs/binfmt_misc";
        match &checkup.survey.binfmt_misc {
            BinfmtMisc::Absent => self.add(
                Mark::Missing,
                "binfmt",
                "not mounted: ARM programs do not start by themselves",
                from,
            ),
            BinfmtMisc::Off => self.add(
                Mark::Missing,
                "binfmt",
                "switched off: ARM programs do not start by themselves",
                from,
            ),
            BinfmtMisc::On(handlers) if handlers.is_empty() => {
                self.add(Mark::Missing, "binfmt", "no handler for ARM programs", from);
            }
            BinfmtMisc::On(handlers) => {
                for handler in handlers {
                    let text = format!(
                        "{} starts ARM programs by {}, flags {}",
                        handler.value.name,
                        handler.value.interpreter,
                        flags(&handler.value.flags)
                    );
                    if !handler.value.enabled {
                        self.add(
                            Mark::Missing,
                            "binfmt",
                            format!("{} is switched off", handler.value.name),
                            &handler.from,
                        );
                    } else if handler.value.works_in_containers() {
                        self.add(Mark::Good, "binfmt", text, &handler.from);
                    } else {
                        let text = format!("{text}: without F it does not work in containers");
                        self.add_with_step(
                            Mark::Trouble,
                            "binfmt",
                            text,
                            &handler.from,
                            format!("register it again: {install}"),
                        );
                    }
                }
            }
        }
    }

    fn engines(&mut self, checkup: &Checkup) {
        let survey = &checkup.survey;
        for engine in &survey.engines {
            match &engine.answer {
                Answer::Ready(ready) => {
                    let version = ready.version.as_deref().unwrap_or("of unknown version");
                    let client =
                        ready.client.as_ref().map(|client| format!(", client {client}")).unwrap_or_default();
                    let gpu = match (
                        checkup.has_gpu(),
                        ready.nvidia_runtime,
                        ready.cdi && !survey.cdi.is_empty(),
                    ) {
                        (_, true, _) => ", with NVIDIA's runtime",
                        (_, false, true) => ", with CDI",
                        (true, false, false) if engine.name != "buildah" => ", gives containers no GPU",
                        (_, false, false) => "",
                    };
                    let mark = if gpu.ends_with("no GPU") { Mark::Trouble } else { Mark::Good };
                    let text = format!("{version}{client}{gpu}");
                    match (mark, gpu_step(engine.name, survey.container_toolkit.is_some())) {
                        (Mark::Trouble, step) => {
                            self.add_with_step(mark, engine.name, text, &engine.asked, step.to_owned());
                        }
                        (mark, _) => self.add(mark, engine.name, text, &engine.asked),
                    }
                }
                Answer::Failed(why) => {
                    self.add(Mark::Trouble, engine.name, format!("does not work: {why}"), &engine.asked);
                }
                Answer::Hangs => {
                    let step = match engine.name {
                        "docker" => "restart its daemon: `systemctl restart docker`",
                        _ => "see why it hangs, or leave it: cuferry writes images without an engine",
                    };
                    self.add_with_step(
                        Mark::Trouble,
                        engine.name,
                        "does not answer within 3 s",
                        &engine.asked,
                        step.to_owned(),
                    );
                }
            }
        }
        if survey.engines.is_empty() {
            self.add(
                Mark::Missing,
                "engine",
                "no docker, podman or nerdctl: cuferry writes images without one",
                "PATH",
            );
        }
        match &survey.container_toolkit {
            Some(toolkit) => {
                let version = toolkit.version.as_deref().unwrap_or("of unknown version");
                self.add(
                    Mark::Good,
                    "nvidia-ctk",
                    format!("NVIDIA's container toolkit {version}"),
                    toolkit.path.as_str(),
                );
            }
            None if checkup.has_gpu() => {
                self.add(
                    Mark::Missing,
                    "nvidia-ctk",
                    "NVIDIA's container toolkit, which gives containers the GPU",
                    "PATH",
                );
            }
            None => {}
        }
        for spec in &survey.cdi {
            let version =
                spec.value.version.as_ref().map(|version| format!(", CDI {version}")).unwrap_or_default();
            self.add(Mark::Good, "CDI", format!("{}{version}", spec.value.kind), &spec.from);
        }
        if survey.cdi.is_empty() && checkup.has_gpu() {
            self.add(Mark::Missing, "CDI", "no specification of NVIDIA's", "/etc/cdi, /var/run/cdi");
        }
    }
}

/// What makes an engine give containers a GPU.
fn gpu_step(engine: &str, has_toolkit: bool) -> &'static str {
    match (engine, has_toolkit) {
        (_, false) => "install nvidia-container-toolkit from NVIDIA's repository",
        ("docker", true) => {
            "`nvidia-ctk runtime configure --runtime=docker && systemctl restart docker`, as root"
        }
        (_, true) => "`nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`, as root",
    }
}

fn flags(flags: &str) -> &str {
    if flags.is_empty() { "none" } else { flags }
}

fn surroundings(surroundings: &Surroundings) -> String {
    match surroundings {
        Surroundings::Container(engine) => format!("in a container ({engine})"),
        Surroundings::Wsl => "in WSL".to_owned(),
        Surroundings::VirtualMachine(Some(maker)) => format!("in a virtual machine ({maker})"),
        Surroundings::VirtualMachine(None) => "in a virtual machine".to_owned(),
    }
}

/// The oldest toolkit that takes a compiler.
pub(super) fn first_release_for(compiler: &HostCompiler) -> Option<CudaRelease> {
    let newest = |row: &table::ToolkitRow| match compiler.family {
        Family::Gcc => row.gcc,
        Family::Clang => row.clang,
    };
    table::toolkits().iter().find(|row| compiler.version.major <= newest(row)).map(|row| row.release)
}
