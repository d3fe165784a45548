//! Architecture as a test: the layer table, and a header on every file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::root;

/// A crate's folder, its layer, and the crates of this workspace that it may use. `ARCHITECTURE.md` shows this table.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("digest", 0, &[]),
    ("arch", 0, &[]),
    ("binfmt", 0, &[]),
    ("compat", 0, &[]),
    ("ptx", 0, &[]),
    ("driver", 0, &[]),
    ("explain", 1, &[]),
    ("guest", 1, &["driver"]),
    ("inspect", 1, &["arch", "binfmt"]),
    ("project", 1, &["arch"]),
    ("toolchain", 1, &["arch", "digest"]),
    ("graph", 1, &["digest"]),
    ("translate", 1, &["arch"]),
    ("simt", 1, &["ptx"]),
    ("scan", 1, &["arch", "compat"]),
    ("needs", 1, &["arch", "compat"]),
    ("verify", 1, &[]),
    ("plan", 2, &["arch", "digest", "graph", "project", "toolchain", "translate"]),
    ("machine", 3, &["arch", "binfmt", "toolchain"]),
    ("install", 3, &["arch", "binfmt", "digest", "toolchain"]),
    ("wrap", 3, &["arch", "digest", "translate"]),
    ("exec", 3, &["digest", "graph"]),
    ("artifact", 3, &["arch", "binfmt", "digest"]),
    ("oci", 3, &["arch", "binfmt", "digest"]),
    ("run", 3, &["arch", "digest", "inspect"]),
    ("softgpu", 3, &["arch", "binfmt", "driver", "simt"]),
    ("thunk", 3, &["driver", "guest"]),
    ("testkit", 4, &["arch", "inspect", "install", "toolchain"]),
    ("golden", 0, &[]),
    (
        "cli",
        4,
        &[
            "arch",
            "digest",
            "graph",
            "project",
            "toolchain",
            "translate",
            "plan",
            "machine",
            "install",
            "exec",
            "oci",
            "artifact",
            "binfmt",
            "explain",
            "inspect",
            "compat",
            "needs",
            "scan",
            "wrap",
            "run",
            "guest",
            "verify",
        ],
    ),
];

/// Checks everything, and reports all that is wrong.
pub(crate) fn tidy(_: &[String]) -> Result<()> {
    let mut wrong = layers()?;
    wrong.extend(headers()?);
    for line in &wrong {
        println!("{line}");
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{} to mend", wrong.len()) }
}

fn layers() -> Result<Vec<String>> {
    let table: BTreeMap<&str, (u8, &[&str])> =
        LAYERS.iter().map(|(name, layer, may)| (*name, (*layer, *may))).collect();
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root().join("crates"))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    folders.sort();
    for folder in folders {
        let name = folder.file_name().context("a crate has a name")?.to_string_lossy().into_owned();
        let Some((layer, may)) = table.get(name.as_str()) else {
            wrong.push(format!("crates/{name}: no row in the layer table of xtask/src/tidy.rs"));
            continue;
        };
        for used in dependencies(&folder)? {
            match table.get(used.as_str()) {
                Some((below, _)) if below >= layer && used != name => {
                    wrong.push(format!(
                        "crates/{name} (layer {layer}) uses {used} (layer {below}): arrows point down only"
                    ));
                }
                Some(_) if !may.contains(&used.as_str()) => {
                    wrong.push(format!(
                        "crates/{name} uses {used}, which its row in xtask/src/tidy.rs does not list"
                    ));
                }
                _ => {}
            }
        }
        let architecture = fs::read_to_string(root().join("ARCHITECTURE.md"))?;
        if !architecture.contains(&format!("`{name}`")) {
            wrong.push(format!("ARCHITECTURE.md does not name the crate `{name}`"));
        }
    }
    Ok(wrong)
}

/// The crates of this workspace that a crate's `[dependencies]` name.
fn dependencies(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("Cargo.toml");
    let manifest: toml::Table =
        fs::read_to_string(&path).with_context(|| path.display().to_string())?.parse()?;
    let names =
        manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    Ok(names.filter_map(|name| name.strip_prefix("cuferry-")).map(str::to_owned).collect())
}

/// Every Rust file says first what it is for.
fn headers() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for folder in ["crates", "tests", "xtask"] {
        walk(&root().join(folder), &mut |path, text| {
            if !text.starts_with("//!") {
                wrong.push(format!("{}: no `//!` header that says what the file is for", path.display()));
            }
        })?;
    }
    Ok(wrong)
}

fn walk(folder: &Path, check: &mut dyn FnMut(&Path, &str)) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && path.file_name() != Some("target".as_ref()) {
            walk(&path, check)?;
        } else if path.extension() == Some("rs".as_ref()) {
            let text = fs::read_to_string(&path)?;
            check(path.strip_prefix(root()).unwrap_or(&path), &text);
        }
    }
    Ok(())
}
