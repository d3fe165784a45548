//! Writes one exported C function for each symbol of the driver API: to the function of the same name in `src/api`, or,
//! where there is none, to an answer that says so. Which there are is read from the sources.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use cuferry_driver::{FUNCTIONS, Function};

#[expect(clippy::disallowed_methods, reason = "so cargo tells a build script where to write")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src/api");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libcuda.so.1");
    // Threads of ours may run when a program closes the library: it stays where it is.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    let mut known = BTreeMap::new();
    for entry in fs::read_dir("src/api")? {
        scan(&entry?.path(), &mut known)?;
    }
    let mut text = String::new();
    let mut addresses = String::new();
    let mut unsupported = String::new();
    for function in FUNCTIONS {
        let module = known.remove(function.symbol);
        for (symbol, default) in symbols(function) {
            match &module {
                Some(module) => write(&mut text, function, symbol, module, default),
                None => writeln!(unsupported, "    {symbol:?},").expect("a string takes all"),
            }
            if module.is_none() {
                writeln!(text, "#[unsafe(no_mangle)]\npub extern \"C\" fn {symbol}() -> CUresult {{\n    crate::entry::unsupported({symbol:?})\n}}")
                    .expect("a string takes all");
            }
            writeln!(addresses, "    ({symbol:?}, {symbol} as *const () as usize),")
                .expect("a string takes all");
        }
    }
    assert!(known.is_empty(), "no such functions in the driver API: {:?}", known.keys());
    let text = format!(
        "{text}\n/// Each symbol with its address.\npub(crate) fn addresses() -> Vec<(&'static str, usize)> {{\n    vec![\n{addresses}    ]\n}}\n\n/// The symbols that answer 801.\npub const UNSUPPORTED: &[&str] = &[\n{unsupported}];\n"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("exports.rs"), text)
}

/// Structures that functions take by value.
const WHOLE: &[&str] = &["CUmemLocation", "CUipcMemHandle", "CUipcEventHandle"];

/// Each function `cu…` of a file, with the file's name, which is its module's.
fn scan(path: &Path, known: &mut BTreeMap<String, String>) -> io::Result<()> {
    let module = path.file_stem().expect("a file").to_string_lossy().into_owned();
    for line in fs::read_to_string(path)?.lines() {
        let Some(rest) = line.strip_prefix("pub(crate) fn cu") else { continue };
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        known.insert(format!("cu{name}"), module.clone());
    }
    Ok(())
}

fn symbols(function: &Function) -> Vec<(&'static str, Option<&'static str>)> {
    match function.per_thread {
        None => vec![(function.symbol, None)],
        Some(per_thread) => vec![(function.symbol, Some("Legacy")), (per_thread, Some("PerThread"))],
    }
}

fn write(text: &mut String, function: &Function, symbol: &str, module: &str, default: Option<&str>) {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, parameter.rust_type))
        .collect();
    let mut arguments: Vec<String> =
        default.iter().map(|kind| format!("crate::stream::Default::{kind}")).collect();
    arguments.extend(function.parameters.iter().map(|parameter| parameter.name.to_owned()));
    // Numbers and pointers; the few structures that are passed whole would fill lines.
    let logged = || function.parameters.iter().filter(|parameter| !WHOLE.contains(&parameter.rust_type));
    let shown: Vec<String> = logged().map(|parameter| format!("{}={{:#x?}}", parameter.name)).collect();
    let values: Vec<&str> = logged().map(|parameter| parameter.name).collect();
    let comma = if values.is_empty() { "" } else { ", " };
    let name = function.symbol;
    writeln!(
        text,
        "#[unsafe(no_mangle)]\npub extern \"C\" fn {symbol}({}) -> CUresult {{\n    crate::entry::call({symbol:?}, format_args!(\"{}\"{comma}{}), || crate::api::{module}::{name}({}))\n}}",
        parameters.join(", "),
        shown.join(", "),
        values.join(", "),
        arguments.join(", "),
    )
    .expect("a string takes all");
}
