//! Asks ptxas which forms are legal. It reports every bad line of a file, so many forms are asked about at once.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::form::{Form, HEAD};

/// How many forms are asked about at once.
const BATCH: usize = 400;

/// The forms that ptxas accepts. `folder` is scratch.
pub fn legal(ptxas: &Path, folder: &Path, forms: Vec<Form>) -> Result<Vec<Form>> {
    let mut legal = Vec::new();
    let mut rest = forms.into_iter().peekable();
    while rest.peek().is_some() {
        let batch: Vec<Form> = rest.by_ref().take(BATCH).collect();
        legal.extend(sieve(ptxas, folder, batch)?);
    }
    Ok(legal)
}

/// Those of one batch: the forms that a complaint names go, until there is none.
fn sieve(ptxas: &Path, folder: &Path, mut forms: Vec<Form>) -> Result<Vec<Form>> {
    while !forms.is_empty() {
        let mut text = HEAD.to_owned();
        let mut ends = Vec::new();
        for (index, form) in forms.iter().enumerate() {
            text.push_str(&form.kernel(&format!("f{index}")));
            ends.push(text.lines().count());
        }
        let said = assemble(ptxas, folder, &text)?;
        let Some(said) = said else { return Ok(forms) };
        let mut bad: Vec<usize> = Vec::new();
        for line in said.lines() {
            if let Some(number) = line.split(", line ").nth(1).and_then(|rest| rest.split(';').next()) {
                let number: usize = number.parse().with_context(|| line.to_owned())?;
                bad.push(ends.partition_point(|end| *end < number));
            } else if let Some(name) = line.split("'f").nth(1).and_then(|rest| rest.split('\'').next()) {
                // Later stages name the kernel instead of a line.
                bad.extend(name.parse::<usize>().ok());
            }
        }
        if bad.is_empty() {
            if forms.len() == 1 {
                return Ok(Vec::new());
            }
            // A complaint without a place: the halves are asked apart.
            let second = forms.split_off(forms.len() / 2);
            let mut both = sieve(ptxas, folder, forms)?;
            both.extend(sieve(ptxas, folder, second)?);
            return Ok(both);
        }
        let mut index = 0;
        forms.retain(|_| {
            index += 1;
            !bad.contains(&(index - 1))
        });
    }
    Ok(forms)
}

/// What ptxas complains of, or nothing.
fn assemble(ptxas: &Path, folder: &Path, text: &str) -> Result<Option<String>> {
    let source = folder.join("sieve.ptx");
    std::fs::write(&source, text)?;
    let output = Command::new(ptxas)
        .args(["-arch=sm_90", "-O0", "-o"])
        .arg(folder.join("sieve.cubin"))
        .arg(&source)
        .output()
        .with_context(|| format!("cannot start {}", ptxas.display()))?;
    if output.status.success() {
        return Ok(None);
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    write!(said, "{}", String::from_utf8_lossy(&output.stdout))?;
    if said.is_empty() {
        bail!("ptxas says nothing, and ends with {}", output.status);
    }
    Ok(Some(said))
}
