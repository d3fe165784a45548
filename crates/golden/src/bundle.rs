//! What travels to the machine with the GPU: modules of PTX, one file of inputs, and the list of launches.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::form::{BLOCK, Form, HEAD};
use crate::inputs::inputs;
use crate::kernels::{FILES, kernels};

/// Kernels a module.
const MODULE: usize = 64;

/// Writes `folder/forms.txt` (the launches; `tests/gpu/golden.cu` says how it is read), `folder/inputs.bin` and `folder/*.ptx`.
pub fn write(nvcc: &Path, folder: &Path, forms: &[Form]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut list = String::new();
    let mut blob: Vec<u8> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    for (number, forms) in forms.chunks(MODULE).enumerate() {
        let mut text = HEAD.to_owned();
        for (index, form) in forms.iter().enumerate() {
            let index = number * MODULE + index;
            text.push_str(&form.kernel(&format!("f{index}")));
            let (cases, columns) = inputs(form);
            write!(
                list,
                "{index} m{number:03} f{index} {} 1 {BLOCK} 1 0 0 {}",
                cases / BLOCK,
                columns.len()
            )?;
            for column in columns {
                let bytes = column.len();
                let place = *places.entry(column).or_insert_with_key(|column| {
                    let place = blob.len();
                    blob.extend(column);
                    place
                });
                write!(list, " {place} {bytes}")?;
            }
            write!(list, " {}", form.outputs.len())?;
            for bytes in form.output_bytes() {
                write!(list, " {}", bytes * cases)?;
            }
            if let Some(texture) = form.texture {
                let (format, channels, channel) = texture.texel.layout();
                let [width, height, depth] = texture.extent();
                let contents = texture.contents();
                let place = blob.len();
                blob.extend(&contents);
                write!(
                    list,
                    " {} {place} {width} {height} {depth} {format} {channels} {channel} {} {} {} {}",
                    texture.binding as u8,
                    u8::from(texture.linear),
                    u8::from(texture.normalized),
                    texture.address as u8,
                    u8::from(texture.as_integer)
                )?;
            } else {
                list.push_str(" 0");
            }
            list.push('\n');
        }
        std::fs::write(folder.join(format!("m{number:03}.ptx")), text)?;
    }
    for (kernel, index) in kernels().iter().zip(forms.len()..) {
        let input = kernel.input();
        let ([width, height], [x, y]) = (kernel.grid, kernel.block);
        writeln!(
            list,
            "{index} k_{} {} {width} {height} {x} {y} {} {} 1 {} {} 1 {} 0",
            kernel.file,
            kernel.name,
            kernel.shared,
            u8::from(kernel.cooperative),
            blob.len(),
            input.len(),
            kernel.output
        )?;
        blob.extend(input);
        while !blob.len().is_multiple_of(16) {
            blob.push(0);
        }
    }
    for file in FILES {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("kernels/{file}.cu"));
        compile(nvcc, &source, &folder.join(format!("k_{file}.ptx")))?;
    }
    std::fs::write(folder.join("forms.txt"), list)?;
    std::fs::write(folder.join("inputs.bin"), blob)?;
    Ok(())
}

/// The PTX of a file of test kernels.
pub fn compile(nvcc: &Path, source: &Path, ptx: &Path) -> Result<()> {
    let words = ["-ptx", "-arch=compute_90", "-O3", "-diag-suppress", "20054", "-o"];
    let status = Command::new(nvcc).args(words).arg(ptx).arg(source).status();
    let status = status.with_context(|| format!("cannot start {}", nvcc.display()))?;
    ensure!(status.success(), "{} does not compile", source.display());
    Ok(())
}
