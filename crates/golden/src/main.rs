//! The chore behind `cargo xtask golden`: lists the legal forms, writes the bundle for the GPU machine, packs what came back.
#![expect(clippy::print_stdout, reason = "a chore talks to the person who runs it")]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use cuferry_golden::{assembler, bundle, forms};

const USAGE: &str = "golden forms PTXAS      ask PTXAS which forms are legal, and write data/forms.txt
golden bundle NVCC FOLDER  write what tests/gpu/golden.sh needs
golden pack FOLDER      keep what it answered in data/";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["forms", ptxas] => legal(Path::new(ptxas)),
        ["bundle", nvcc, folder] => {
            let forms = cuferry_golden::legal();
            bundle::write(Path::new(nvcc), Path::new(folder), &forms)?;
            println!("{} forms in {folder}", forms.len());
            Ok(())
        }
        _ => bail!("{USAGE}"),
    }
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

fn legal(ptxas: &Path) -> Result<()> {
    let candidates = forms::candidates();
    let asked = candidates.len();
    let folder = std::env::temp_dir().join(format!("golden-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let legal = assembler::legal(ptxas, &folder, candidates);
    std::fs::remove_dir_all(&folder)?;
    let legal = legal?;
    let mut text = String::new();
    let mut families: Vec<(String, usize)> = Vec::new();
    for form in &legal {
        text.push_str(&form.name());
        text.push('\n');
        match families.iter_mut().find(|(family, _)| *family == form.family) {
            Some((_, count)) => *count += 1,
            None => families.push((form.family.clone(), 1)),
        }
    }
    std::fs::write(data().join("forms.txt"), text).context("data/forms.txt")?;
    for (family, count) in families {
        println!("{family:12} {count}");
    }
    println!("{} of {asked} forms are legal", legal.len());
    Ok(())
}
