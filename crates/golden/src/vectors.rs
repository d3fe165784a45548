//! What the GPU answered, as it is kept: one compressed file, in which every form and kernel has its results.
//!
//! Behind a text of one line an entry, results lie case by case, transposed to planes of bytes, which compress better.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

/// A file of this crate: `cargo xtask golden pack` writes it.
pub const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/vectors.zst");

/// All answers, by the name of the form, or `file/kernel`.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    /// Where and when they were recorded: lines of `what: value`.
    pub about: Vec<String>,
    /// The answers.
    pub answers: BTreeMap<String, Answer>,
}

/// What became of one launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Digest of the inputs: other inputs than those recorded cannot be compared.
    pub inputs: u64,
    /// The driver's error, or 0.
    pub error: u32,
    /// For each output: bytes of one case, and the results of all cases.
    pub outputs: Vec<(usize, Vec<u8>)>,
}

/// A digest of inputs.
pub fn digest(columns: &[Vec<u8>]) -> u64 {
    columns.iter().flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Vectors {
    /// The file's bytes.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut text = String::new();
        for line in &self.about {
            writeln!(text, "{line}")?;
        }
        text.push('\n');
        let mut planes: Vec<u8> = Vec::new();
        for (name, answer) in &self.answers {
            write!(text, "{name}\t{:x}\t{}", answer.inputs, answer.error)?;
            for (element, bytes) in &answer.outputs {
                write!(text, "\t{element}\t{}", bytes.len())?;
                for plane in 0..*element {
                    planes.extend(bytes[plane..].iter().step_by(*element));
                }
            }
            text.push('\n');
        }
        text.push('\n');
        let mut raw = text.into_bytes();
        raw.extend(planes);
        let mut encoder = zstd::Encoder::new(Vec::new(), 19)?;
        encoder.long_distance_matching(true)?;
        encoder.window_log(25)?;
        std::io::Write::write_all(&mut encoder, &raw)?;
        Ok(encoder.finish()?)
    }

    /// What `write` wrote.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut raw = Vec::new();
        std::io::Read::read_to_end(&mut zstd::Decoder::new(bytes)?, &mut raw)?;
        let mut rest = &raw[..];
        let mut line = || -> Result<String> {
            let end = rest.iter().position(|byte| *byte == b'\n').context("the text has no end")?;
            let line = String::from_utf8(rest[..end].to_vec())?;
            rest = &rest[end + 1..];
            Ok(line)
        };
        let mut vectors = Self::default();
        loop {
            let text = line()?;
            if text.is_empty() {
                break;
            }
            vectors.about.push(text);
        }
        let mut entries = Vec::new();
        loop {
            let text = line()?;
            if text.is_empty() {
                break;
            }
            entries.push(text);
        }
        for entry in entries {
            let (name, answer) = Self::entry(&entry, &mut rest).with_context(|| entry.clone())?;
            vectors.answers.insert(name, answer);
        }
        ensure!(rest.is_empty(), "{} bytes too many", rest.len());
        Ok(vectors)
    }

    fn entry(text: &str, rest: &mut &[u8]) -> Result<(String, Answer)> {
        let mut words = text.split('\t');
        let name = words.next().context("no name")?.to_owned();
        let inputs = u64::from_str_radix(words.next().context("no digest")?, 16)?;
        let error = words.next().context("no error")?.parse()?;
        let mut outputs = Vec::new();
        while let Some(element) = words.next() {
            let element: usize = element.parse()?;
            let size: usize = words.next().context("no size")?.parse()?;
            ensure!(element > 0 && size.is_multiple_of(element) && size <= rest.len(), "a wrong size");
            let (planes, behind) = rest.split_at(size);
            *rest = behind;
            let cases = size / element;
            let bytes = (0..size).map(|at| planes[at % element * cases + at / element]).collect();
            outputs.push((element, bytes));
        }
        Ok((name, Answer { inputs, error, outputs }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let answer =
            Answer { inputs: 77, error: 0, outputs: vec![(4, (0..40).collect()), (2, vec![1, 2, 3, 4])] };
        let failed = Answer { inputs: 1, error: 700, outputs: Vec::new() };
        let vectors = Vectors {
            about: vec!["gpu: none".into()],
            answers: [("add.u32 d, a, b;".to_owned(), answer), ("trap;".to_owned(), failed)].into(),
        };
        let read = Vectors::read(&vectors.write().unwrap()).unwrap();
        assert_eq!((read.about, read.answers), (vectors.about, vectors.answers));
    }

    #[test]
    fn cut_files_are_refused() {
        let vectors = Vectors {
            about: Vec::new(),
            answers: [("x".to_owned(), Answer { inputs: 0, error: 0, outputs: vec![(4, vec![1; 8])] })]
                .into(),
        };
        let bytes = vectors.write().unwrap();
        for end in 0..bytes.len() {
            assert!(Vectors::read(&bytes[..end]).is_err(), "{end}");
        }
    }
}
