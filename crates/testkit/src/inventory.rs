//! Inventories of files that need not exist, each from a line of text.

use cuferry_arch::{Host, PtxIsa};
use cuferry_inspect::inventory::{
    Asked, Code, CodeKind, Compression, Form, HostPart, Inventory, Machine, Module, Runtime, ToolkitMark,
};

/// A program from `HOST; needs LIB LIB; toolkit 12.6; MODULE | MODULE`, where a module is `sm_87 compute_87@8.5` and a
/// relocatable one starts with `rdc`, and an empty one with `stub`. Without a host it is a fatbin.
pub fn inventory(text: &str) -> Inventory {
    let mut inventory = Inventory {
        form: Form::Fatbin,
        size: 1,
        host: None,
        modules: Vec::new(),
        ptx_texts: std::collections::BTreeSet::new(),
        toolkits: Vec::new(),
        asked: Asked::default(),
        problems: Vec::new(),
    };
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        if let Ok(host) = part.parse::<Host>() {
            inventory.form = Form::Program;
            inventory.host = Some(HostPart { machine: Machine::Host(host), ..HostPart::default() });
        } else if part == "arm32" {
            inventory.form = Form::Program;
            inventory.host = Some(HostPart { machine: Machine::Arm32, ..HostPart::default() });
        } else if let Some(libraries) = part.strip_prefix("needs ") {
            let host = inventory.host.as_mut().expect("the host comes first");
            host.needed = libraries.split(' ').map(str::to_owned).collect();
        } else if let Some(soname) = part.strip_prefix("soname ") {
            inventory.form = Form::SharedLibrary;
            inventory.host.as_mut().expect("the host comes first").soname = Some(soname.to_owned());
        } else if let Some(release) = part.strip_prefix("cudart ") {
            let host = inventory.host.as_mut().expect("the host comes first");
            host.runtime = Runtime::Static { release: Some(release.parse().expect("it is a release")) };
        } else if let Some(release) = part.strip_prefix("toolkit ") {
            inventory
                .toolkits
                .push(ToolkitMark { release: release.parse().expect("it is a release"), entries: 1 });
        } else {
            inventory.modules.extend(part.split('|').map(module));
        }
    }
    inventory
}

fn module(text: &str) -> Module {
    let words: Vec<&str> = text.split_whitespace().collect();
    let relocatable = words.first() == Some(&"rdc");
    let stub = words.first() == Some(&"stub");
    let codes = words.iter().skip(usize::from(relocatable || stub)).map(|word| code(word));
    Module {
        member: None,
        place: ".nv_fatbin".to_owned(),
        offset: 0,
        relocatable,
        stub,
        codes: codes.collect(),
    }
}

fn code(word: &str) -> Code {
    let (arch, isa) = word.split_once('@').unwrap_or((word, ""));
    let (kind, number) = match (arch.strip_prefix("compute_"), arch.strip_prefix("lto_")) {
        (Some(number), _) => (CodeKind::Ptx, number),
        (_, Some(number)) => (CodeKind::LtoIr, number),
        _ => (CodeKind::Sass, arch),
    };
    Code {
        kind,
        arch: number.parse().unwrap_or_else(|error| panic!("{word}: {error}")),
        isa: isa.parse::<PtxIsa>().ok(),
        offset: 0,
        stored: 1,
        size: 1,
        compression: Compression::None,
        debug: false,
        identifier: None,
    }
}
