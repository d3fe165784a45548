//! Functions: what `cuda.h` declares, with the versions under which `cuGetProcAddress` knows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use regex::Regex;
use syn::{File, FnArg, ForeignItem, Item, Pat, PointerMutability, ReturnType, Type};

/// A declaration: parameters as name and Rust type.
pub(crate) struct Declared {
    parameters: Vec<(String, String)>,
}

/// Takes the functions out of a file, which then holds types and constants alone.
pub(crate) fn take(file: &mut File) -> BTreeMap<String, Declared> {
    let mut functions = BTreeMap::new();
    file.items.retain(|item| {
        let Item::ForeignMod(block) = item else { return true };
        for item in &block.items {
            if let ForeignItem::Fn(function) = item {
                let signature = &function.sig;
                // Anything else would need another stub than all others: none is there.
                assert!(matches!(&signature.output, ReturnType::Type(_, kind) if text(kind) == "CUresult"));
                let parameters = signature.inputs.iter().map(parameter).collect();
                functions.insert(signature.ident.to_string(), Declared { parameters });
            }
        }
        false
    });
    functions
}

fn parameter(argument: &FnArg) -> (String, String) {
    let FnArg::Typed(argument) = argument else { panic!("C has no methods") };
    let Pat::Ident(name) = &*argument.pat else { panic!("bindgen names each parameter") };
    (name.ident.to_string(), text(&argument.ty))
}

fn text(kind: &Type) -> String {
    match kind {
        Type::Ptr(pointer) => {
            let word =
                if matches!(pointer.mutability, PointerMutability::Const(_)) { "const" } else { "mut" };
            format!("*{word} {}", text(&pointer.elem))
        }
        Type::Path(path) => {
            let words: Vec<String> =
                path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            words.join("::")
        }
        other => panic!("a type that no parameter had so far: {other:?}"),
    }
}

/// The table. `cudaTypedefs.h` has one `PFN_name_vVERSION` a symbol; a name's versions in order are `name`, `name_v2`,
/// `name_v3`. Those ending in `_ptsz` or `_ptds` are the same functions on the calling thread's default stream.
pub(crate) fn table(declared: &BTreeMap<String, Declared>, typedefs: &str) -> Result<String> {
    let pattern = Regex::new(r"\*PFN_(cu\w+?)_v(\d{4,5})(_ptsz|_ptds)?\)").context("a pattern")?;
    let mut versions: BTreeMap<&str, Vec<(u32, &str)>> = BTreeMap::new();
    for found in pattern.captures_iter(typedefs) {
        let name = found.get(1).context("a name")?.as_str();
        let suffix = found.get(3).map_or("", |suffix| suffix.as_str());
        versions.entry(name).or_default().push((found[2].parse()?, suffix));
    }
    let mut text = String::from(
        "use crate::functions::{Function, Parameter};\n\n/// Every function, in order of name and version.\npub const FUNCTIONS: &[Function] = &[\n",
    );
    let mut seen = 0;
    for (name, mut versions) in versions {
        versions.sort_unstable();
        versions.dedup();
        let plain: Vec<u32> =
            versions.iter().filter(|(_, suffix)| suffix.is_empty()).map(|(since, _)| *since).collect();
        for (index, since) in plain.iter().enumerate() {
            let symbol = if index == 0 { name.to_owned() } else { format!("{name}_v{}", index + 1) };
            let function = declared.get(&symbol).with_context(|| format!("`{symbol}` is not declared"))?;
            let until = plain.get(index + 1).copied().unwrap_or(u32::MAX);
            let per_thread =
                versions.iter().find(|(at, suffix)| !suffix.is_empty() && (*since..until).contains(at));
            let per_thread = match per_thread {
                Some((_, suffix)) => {
                    let symbol = format!("{symbol}{suffix}");
                    ensure!(declared.contains_key(&symbol), "`{symbol}` is not declared");
                    seen += 1;
                    format!("Some(\"{symbol}\")")
                }
                None => "None".to_owned(),
            };
            seen += 1;
            writeln!(text, "    Function {{")?;
            writeln!(
                text,
                "        name: \"{name}\",\n        symbol: \"{symbol}\",\n        since: {since},\n        per_thread: {per_thread},"
            )?;
            writeln!(text, "        parameters: &[")?;
            for (name, kind) in &function.parameters {
                writeln!(text, "            Parameter {{ name: \"{name}\", rust_type: \"{kind}\" }},")?;
            }
            writeln!(text, "        ],\n    }},")?;
        }
    }
    ensure!(seen == declared.len(), "{} symbols are declared, and {seen} have a version", declared.len());
    text.push_str("];\n");
    Ok(text)
}
