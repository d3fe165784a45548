//! A checkup for programs. `docs/json.md` describes it.

use cuferry_machine::emulator::BinfmtMisc;
use cuferry_machine::engine::{Answer, Engine};
use cuferry_machine::host::{Known, Surroundings};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};
use serde_json::{Value, json};

use super::rows::first_release_for;
use super::{Checkup, State, Way};

const SCHEMA: u32 = 1;

pub(super) fn json(checkup: &Checkup) -> Value {
    let survey = &checkup.survey;
    let compilers = checkup.compilers.iter().map(|compiler| {
        json!({
            "family": compiler.family.to_string(),
            "version": compiler.version.to_string(),
            "path": compiler.path,
            "host": compiler.host.as_str(),
            "from_cuda": first_release_for(compiler).map(|release| release.to_string()),
        })
    });
    json!({
        "schema": SCHEMA,
        "ways": checkup.ways().iter().map(way).collect::<Vec<_>>(),
        "host": host(checkup),
        "gpus": gpus(checkup),
        "toolkits": {
            "here": checkup.toolkits.iter().map(toolkit).collect::<Vec<_>>(),
            "can_be_fetched": checkup.fetchable.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "compilers": compilers.collect::<Vec<_>>(),
        "room": survey.room.as_ref().map(|room| json!({ "folder": room.folder, "free": room.free })),
        "emulators": emulators(checkup),
        "containers": containers(checkup),
    })
}

fn way(way: &Way) -> Value {
    let state = match way.state {
        State::Works => "works",
        State::Lacking => "lacking",
        State::NotInThisVersion => "not-in-this-version",
    };
    json!({ "name": way.name, "state": state, "reason": way.reason, "has": way.has, "lacks": way.lacks, "step": way.step })
}

/// A value with where it was read; null where it could not be.
fn known<T>(known: Option<&Known<T>>, value: impl FnOnce(&T) -> Value) -> Value {
    known.map_or(Value::Null, |known| json!({ "value": value(&known.value), "from": known.from }))
}

fn host(checkup: &Checkup) -> Value {
    let host = &checkup.survey.host;
    let text = |value: &String| json!(value);
    let surroundings = host.surroundings.iter().map(|known| {
        let (kind, name) = match &known.value {
            Surroundings::Container(engine) => ("container", Some(engine)),
            Surroundings::Wsl => ("wsl", None),
            Surroundings::VirtualMachine(maker) => ("virtual-machine", maker.as_ref()),
        };
        json!({ "kind": kind, "name": name, "from": known.from })
    });
    json!({
        "machine": checkup.machine.as_str(),
        "cpu": known(host.cpu.as_ref(), |cpu| {
            json!({ "model": cpu.model, "count": cpu.count, "x86_64_level": cpu.level })
        }),
        "system": known(host.system.as_ref(), text),
        "kernel": known(host.kernel.as_ref(), text),
        "glibc": known(host.glibc.as_ref(), text),
        "l4t": known(host.tegra.as_ref(), text),
        "surroundings": surroundings.collect::<Vec<_>>(),
    })
}

fn gpus(checkup: &Checkup) -> Value {
    let survey = &checkup.survey;
    let gpus = survey
        .gpus
        .gpus
        .iter()
        .map(|gpu| json!({ "name": gpu.name, "arch": gpu.arch.real(), "from": "libcuda.so.1" }));
    let pci = survey.pci_gpus.iter().map(|gpu| {
        json!({ "address": gpu.value.address, "id": gpu.value.id, "driver": gpu.value.driver, "from": gpu.from })
    });
    json!({
        "reported": gpus.collect::<Vec<_>>(),
        "serves_cuda": survey.gpus.driver.map(|release| release.to_string()),
        "trouble": survey.gpus.trouble,
        "driver": known(survey.kernel_driver.as_ref(), |driver| json!(driver.text)),
        "nouveau": survey.nouveau.is_some(),
        "pci": pci.collect::<Vec<_>>(),
    })
}

fn toolkit(toolkit: &Toolkit) -> Value {
    let from = match &toolkit.origin {
        ToolkitOrigin::Installed => "installed",
        ToolkitOrigin::Variable(name) => name,
        ToolkitOrigin::Path => "PATH",
        ToolkitOrigin::Folder => "folder",
    };
    json!({ "release": toolkit.release.to_string(), "identity": toolkit.identity, "root": toolkit.root, "from": from })
}

fn emulators(checkup: &Checkup) -> Value {
    let survey = &checkup.survey;
    let qemu = survey.qemu.iter().map(|qemu| {
        json!({ "path": qemu.path, "version": qemu.version, "static": qemu.is_static, "plugins": qemu.plugins })
    });
    let installed = checkup.emulator.as_ref().map(|emulator| {
        json!({
            "program": emulator.program,
            "loader": emulator.loader,
            "libraries": emulator.libraries,
            "version": emulator.version,
        })
    });
    let arm_root = checkup.arm_root.as_ref().map(|root| &root.path);
    let (state, handlers) = match &survey.binfmt_misc {
        BinfmtMisc::Absent => ("absent", [].as_slice()),
        BinfmtMisc::Off => ("off", [].as_slice()),
        BinfmtMisc::On(handlers) => ("on", handlers.as_slice()),
    };
    let handlers = handlers.iter().map(|handler| {
        json!({
            "name": handler.value.name,
            "enabled": handler.value.enabled,
            "interpreter": handler.value.interpreter,
            "present": handler.value.present,
            "flags": handler.value.flags,
            "in_containers": handler.value.works_in_containers(),
            "from": handler.from,
        })
    });
    json!({
        "installed": installed,
        "arm_root": arm_root,
        "qemu": qemu.collect::<Vec<_>>(),
        "binfmt_misc": { "state": state, "handlers": handlers.collect::<Vec<_>>() },
    })
}

fn containers(checkup: &Checkup) -> Value {
    let survey = &checkup.survey;
    let toolkit = survey.container_toolkit.as_ref();
    let cdi = survey
        .cdi
        .iter()
        .map(|spec| json!({ "kind": spec.value.kind, "version": spec.value.version, "from": spec.from }));
    json!({
        "engines": survey.engines.iter().map(engine).collect::<Vec<_>>(),
        "nvidia_container_toolkit": toolkit.map(|toolkit| json!({ "path": toolkit.path, "version": toolkit.version })),
        "cdi": cdi.collect::<Vec<_>>(),
    })
}

fn engine(engine: &Engine) -> Value {
    let mut value = json!({ "name": engine.name, "path": engine.path, "from": engine.asked });
    match &engine.answer {
        Answer::Ready(ready) => {
            value["state"] = json!("ready");
            value["version"] = json!(ready.version);
            value["client"] = json!(ready.client);
            value["nvidia_runtime"] = json!(ready.nvidia_runtime);
            value["cdi"] = json!(ready.cdi);
        }
        Answer::Failed(why) => {
            value["state"] = json!("failed");
            value["why"] = json!(why);
        }
        Answer::Hangs => value["state"] = json!("hangs"),
    }
    value
}
