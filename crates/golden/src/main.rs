//! The chore behind `cargo xtask golden`: lists the legal forms, writes the bundle for the GPU machine, packs what came back.
#![expect(clippy::print_stdout, reason = "a chore talks to the person who runs it")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use cuferry_golden::inputs::inputs;
use cuferry_golden::kernels::kernels;
use cuferry_golden::vectors::{Answer, Vectors, digest};
use cuferry_golden::{Form, assembler, bundle, forms};

const USAGE: &str = "golden forms PTXAS      ask PTXAS which forms are legal, and write data/forms.txt
golden bundle NVCC FOLDER  write what tests/gpu/golden.sh needs
golden show FORM        print the kernel of a form, and what the GPU answered to it
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
        ["show", name] => show(name),
        ["pack", folder] => pack(Path::new(folder)),
        _ => bail!("{USAGE}"),
    }
}

/// One form's kernel, and its cases: sources, then results.
fn show(name: &str) -> Result<()> {
    let forms = cuferry_golden::legal();
    let Some(form) = forms.iter().find(|form| form.name() == name) else {
        let near = forms.iter().map(Form::name).filter(|other| other.contains(name));
        bail!("no form of this name; those that contain it:\n{}", near.collect::<Vec<_>>().join("\n"));
    };
    println!("{}", form.kernel("form"));
    let vectors = Vectors::read(&std::fs::read(cuferry_golden::vectors::FILE)?)?;
    let answer = vectors.answers.get(name).context("the GPU was not asked")?;
    ensure!(answer.error == 0, "the GPU failed: error {}", answer.error);
    let (cases, columns) = inputs(form);
    let hex = |bytes: &[u8]| {
        let digit = |digit: u8| char::from_digit(u32::from(digit), 16).expect("four bits");
        bytes.iter().rev().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>()
    };
    for case in 0..cases {
        let sources = form.sources.iter().zip(&columns).map(|(source, column)| {
            let bytes = source.kind.width().bytes() * source.registers;
            hex(&column[case * bytes..][..bytes])
        });
        let results = answer.outputs.iter().map(|(element, bytes)| hex(&bytes[case * element..][..*element]));
        let [sources, results] =
            [sources.collect::<Vec<_>>(), results.collect::<Vec<_>>()].map(|list| list.join(" "));
        println!("{case}: {sources} -> {results}");
    }
    Ok(())
}

/// The answers of `tests/gpu/golden.sh`, to `data/vectors.zst` and `data/printed.txt`.
fn pack(folder: &Path) -> Result<()> {
    let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| name.to_owned());
    let mut results = Vec::new();
    for piece in 0.. {
        match std::fs::read(folder.join(format!("results.bin.{piece:02}"))) {
            Ok(bytes) => results.extend(bytes),
            Err(_) => break,
        }
    }
    let records = records(&results)?;
    let about = String::from_utf8(read("about.txt")?)?;
    let mut vectors = Vectors { about: about.lines().map(str::to_owned).collect(), ..Vectors::default() };
    let forms = cuferry_golden::legal();
    let mut failed = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        let Some((error, bytes)) = records.get(&index) else { continue };
        let (cases, columns) = inputs(form);
        let elements: Vec<usize> = form.output_bytes().collect();
        if *error != 0 {
            failed.push(form.name());
        }
        let outputs = apart(bytes, &elements, cases);
        let inputs = digest(&columns);
        vectors.answers.insert(form.name(), Answer { inputs, error: *error, outputs });
    }
    for (kernel, index) in kernels().iter().zip(forms.len()..) {
        let Some((error, bytes)) = records.get(&index) else { continue };
        if *error != 0 {
            failed.push(kernel.title());
        }
        let inputs = digest(&[kernel.input()]);
        let outputs = if *error == 0 { vec![(kernel.element(), bytes.to_vec())] } else { Vec::new() };
        vectors.answers.insert(kernel.title(), Answer { inputs, error: *error, outputs });
    }
    let bytes = vectors.write()?;
    std::fs::write(cuferry_golden::vectors::FILE, &bytes)?;
    std::fs::write(data().join("printed.txt"), read("printed.txt")?)?;
    println!(
        "{} answers in {} bytes; {} launches unanswered, {} failed on the GPU:",
        vectors.answers.len(),
        bytes.len(),
        forms.len() + kernels().len() - vectors.answers.len(),
        failed.len()
    );
    failed.iter().for_each(|name| println!("  {name}"));
    Ok(())
}

type Records<'a> = HashMap<usize, (u32, &'a [u8])>;

fn records(mut bytes: &[u8]) -> Result<Records<'_>> {
    let mut records = HashMap::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let size = word(8) as usize;
        ensure!(size <= rest.len(), "the results are cut");
        records.insert(word(0) as usize, (word(4), &rest[..size]));
        bytes = &rest[size..];
    }
    ensure!(bytes.is_empty(), "the results are cut");
    Ok(records)
}

/// Each output's bytes; none where there was no answer.
fn apart(mut bytes: &[u8], elements: &[usize], cases: usize) -> Vec<(usize, Vec<u8>)> {
    let mut outputs = Vec::new();
    for element in elements {
        let Some((output, rest)) = bytes.split_at_checked(element * cases) else { return Vec::new() };
        outputs.push((*element, output.to_vec()));
        bytes = rest;
    }
    outputs
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
