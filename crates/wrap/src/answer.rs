//! What the build is told about the machine, where it is to be told something else than the truth. Pure.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::request::{Gpu, Pretence};

/// The program that builds ask for the GPUs' architectures.
pub(crate) const NVIDIA_SMI: &str = "nvidia-smi";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    answer: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    program: String,
    #[serde(default)]
    letters: String,
    #[serde(default)]
    options: Vec<String>,
    swap: Vec<(String, String)>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("../data/answers.toml")).expect("a test reads the table"));

/// The programs that do not say the truth under `pretence`.
pub(crate) fn names(pretence: &Pretence) -> impl Iterator<Item = &'static str> {
    let rows = if *pretence == Pretence::None { &[][..] } else { TABLE.answer.as_slice() };
    rows.iter().map(|row| row.program.as_str())
}

/// What `program`, called with `args`, is to be made to say: words and their replacement. None: what it says by itself.
pub(crate) fn swaps(program: &str, args: &[String]) -> Option<&'static [(String, String)]> {
    let row = TABLE.answer.iter().find(|row| row.program == program)?;
    let asks = |arg: &String| {
        let letters = arg.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        row.options.contains(arg)
            || letters.is_some_and(|letters| letters.chars().any(|letter| row.letters.contains(letter)))
    };
    let always = row.letters.is_empty() && row.options.is_empty();
    (always || args.iter().any(asks)).then_some(row.swap.as_slice())
}

/// `output` with each whole word replaced.
pub(crate) fn swap(output: &str, swaps: &[(String, String)]) -> String {
    let mut answer = output.to_owned();
    for (was, now) in swaps {
        let mut replaced = String::with_capacity(answer.len());
        let mut rest = answer.as_str();
        while let Some(at) = rest.find(was.as_str()) {
            let (before, after) = (&rest[..at], &rest[at + was.len()..]);
            let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
            let alone = !before.ends_with(part_of_word) && !after.starts_with(part_of_word);
            replaced.push_str(before);
            replaced.push_str(if alone { now } else { was });
            rest = after;
        }
        replaced.push_str(rest);
        answer = replaced;
    }
    answer
}

/// What `nvidia-smi` prints, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) text: String,
    pub(crate) code: u8,
}

/// What `nvidia-smi` says when no driver answers: a build must not take a GPU that is to be built for as one that is here.
const NO_DRIVER: &str = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\n";

/// Answers a call of `nvidia-smi`: lists and queries of what is known of `gpus`; everything else fails as without a driver.
pub(crate) fn nvidia_smi(gpus: &[Gpu], args: &[String]) -> Printed {
    let good = |text| Printed { text, code: 0 };
    let failed = || Printed { text: NO_DRIVER.to_owned(), code: 9 };
    let Some(query) = Query::read(args) else { return failed() };
    let chosen = |index: &usize| query.index.is_none_or(|wanted| wanted == *index);
    let gpus = gpus.iter().enumerate().filter(|(index, _)| chosen(index));
    match query.kind {
        Kind::List => {
            let line =
                |(index, gpu): (usize, &Gpu)| format!("GPU {index}: {} (UUID: GPU-{index:032x})\n", gpu.name);
            good(gpus.map(line).collect::<Vec<_>>().concat())
        }
        Kind::Fields(fields) => {
            let count = gpus.clone().count();
            let value = |field: &str, index: usize, gpu: &Gpu| {
                Some(match field {
                    "compute_cap" => gpu.capability.clone(),
                    "name" | "gpu_name" => gpu.name.clone(),
                    "index" => index.to_string(),
                    "count" => count.to_string(),
                    _ => return None,
                })
            };
            let mut text = if query.header { fields.join(", ") + "\n" } else { String::new() };
            for (index, gpu) in gpus {
                let values = fields.iter().map(|field| value(field, index, gpu));
                let Some(values) = values.collect::<Option<Vec<_>>>() else { return failed() };
                text += &(values.join(", ") + "\n");
            }
            good(text)
        }
    }
}

struct Query {
    kind: Kind,
    header: bool,
    index: Option<usize>,
}

enum Kind {
    List,
    Fields(Vec<String>),
}

impl Query {
    fn read(args: &[String]) -> Option<Self> {
        let (mut kind, mut header, mut csv, mut index) = (None, true, false, None);
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            let mut value = || value.or_else(|| args.next().map(String::as_str));
            match name {
                "-L" | "--list-gpus" => kind = Some(Kind::List),
                "--query-gpu" => {
                    kind = Some(Kind::Fields(
                        value()?.split(',').map(|field| field.trim().to_owned()).collect(),
                    ));
                }
                "--format" => {
                    let formats: Vec<_> = value()?.split(',').map(str::trim).collect();
                    csv = formats.contains(&"csv");
                    header = !formats.contains(&"noheader");
                }
                "-i" | "--id" => index = Some(value()?.parse().ok()?),
                _ => return None,
            }
        }
        let kind = kind.filter(|kind| csv || matches!(kind, Kind::List))?;
        Some(Self { kind, header, index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(command: &str, output: &str, expected: Option<&str>) {
        let words = words(command);
        let answer = swaps(&words[0], &words[1..]).map(|swaps| swap(output, swaps));
        assert_eq!(answer.as_deref(), expected, "`{command}`");
    }

    #[test]
    fn questions_about_the_machine_are_answered_with_arm() {
        check("uname -m", "x86_64\n", Some("aarch64\n"));
        check("uname -sm", "Linux x86_64\n", Some("Linux aarch64\n"));
        check(
            "uname -a",
            "Linux x86_64box 6.1.0-x86_64_1 x86_64 GNU/Linux\n",
            Some("Linux x86_64box 6.1.0-x86_64_1 aarch64 GNU/Linux\n"),
        );
        check("uname -r", "6.1.0-18-amd64\n", None);
        check("uname", "Linux\n", None);
        check("arch", "x86_64", Some("aarch64"));
        check("dpkg --print-architecture", "amd64\n", Some("arm64\n"));
        check("dpkg -l", "ii  gcc:amd64\n", None);
        check(
            "dpkg-architecture",
            "DEB_HOST_ARCH=amd64\nDEB_HOST_MULTIARCH=x86_64-linux-gnu\n",
            Some("DEB_HOST_ARCH=arm64\nDEB_HOST_MULTIARCH=aarch64-linux-gnu\n"),
        );
        check("gcc -dumpmachine", "x86_64-linux-gnu", None);
        assert_eq!((names(&Pretence::None).count(), names(&Pretence::Aarch64).count()), (0, 5));
    }

    #[track_caller]
    fn check_smi(command: &str, text: &str, code: u8) {
        let gpu = |name: &str, capability: &str| Gpu { name: name.into(), capability: capability.into() };
        let gpus = [gpu("NVIDIA H100", "9.0"), gpu("NVIDIA L4", "8.9")];
        let expected = Printed { text: text.to_owned(), code };
        assert_eq!(nvidia_smi(&gpus, &words(command)), expected, "nvidia-smi {command}");
    }

    #[test]
    fn nvidia_smi_knows_the_gpus_that_are_built_for_and_no_driver() {
        check_smi("--query-gpu=compute_cap --format=csv,noheader", "9.0\n8.9\n", 0);
        check_smi("--query-gpu=compute_cap --format=csv", "compute_cap\n9.0\n8.9\n", 0);
        check_smi("--query-gpu name,compute_cap --format csv,noheader -i 1", "NVIDIA L4, 8.9\n", 0);
        check_smi(
            "-L",
            "GPU 0: NVIDIA H100 (UUID: GPU-00000000000000000000000000000000)\nGPU 1: NVIDIA L4 (UUID: GPU-00000000000000000000000000000001)\n",
            0,
        );
        for command in ["", "-q", "--query-gpu=temperature.gpu --format=csv", "--query-gpu=name", "-i"] {
            check_smi(command, NO_DRIVER, 9);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_call_panics(args in proptest::collection::vec("(--query-gpu|--format|-i|-L|csv|[a-z=,0-9-]{0,9})", 0..6)) {
            let _ = nvidia_smi(&[], &args);
            let _ = swaps("uname", &args);
        }
    }
}
