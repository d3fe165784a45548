//! The GPU architectures that a build file names: in flags, and in the variables that such projects use.

use std::sync::LazyLock;

use cuferry_arch::{GpuArch, table};
use regex::bytes::Regex;

use super::collector::Collector;
use super::text::Text;
use crate::needs::ArchAsked;
use crate::pattern::bytes;

/// `sm_87`, `compute_87`, `lto_87`, wherever they stand.
static NAMED: LazyLock<Regex> = LazyLock::new(|| bytes(r"\b(sm|compute|lto)_([1-9][0-9]{1,2}[af]?)\b"));

/// `SMS ?= 53 62`, `set(CMAKE_CUDA_ARCHITECTURES 53 62)`, `CUDA_ARCH_BIN=5.3`, `"CUDA_ARCHITECTURES" "75;87"`.
static LISTED: LazyLock<Regex> = LazyLock::new(|| {
    bytes(concat!(
        r"(?i)\b((?:\w*_)?(?:SMS|SM|CUDA_?ARCHS?|GPU_?ARCHS?|ARCHITECTURES|CUDAARCHS|ARCH_BIN|ARCH_PTX|ARCH_LIST|",
        r"COMPUTE_CAP|COMPUTE_CAPABILITY|SMS_\w+|SM_\w+|ARCH))\b",
        r#"(?:[ \t]*[?:+]?=[ \t]*|["' \t]*[ \t,:=]+["']?|[ \t]+)"#,
        r#"((?:["' \t;,]*(?:[0-9]{1,2}\.[0-9][af]?|[1-9][0-9]{1,2}[af]?)(?:-real|-virtual|\+PTX)?)+)(?:["' \t\n;,)\]\r]|$|\$|\\)"#,
    ))
});

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"([0-9]{1,2}\.[0-9][af]?|[1-9][0-9]{1,2}[af]?)(-real|-virtual|\+PTX)?"));

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    let code = text.code();
    for captures in NAMED.captures_iter(code) {
        let number = captures.get(2).expect("not optional");
        add(text, number.start(), number.as_bytes(), &captures[1] == b"compute", collector);
    }
    for captures in LISTED.captures_iter(code) {
        let list = captures.get(2).expect("not optional");
        for number in NUMBER.captures_iter(list.as_bytes()) {
            let (whole, text_of) = (number.get(0).expect("group 0 is the match"), &number[1]);
            let is_virtual = number.get(2).is_some_and(|ending| ending.as_bytes() == b"-virtual");
            add(text, list.start() + whole.start(), text_of, is_virtual, collector);
        }
    }
}

fn add(text: &Text<'_>, offset: usize, number: &[u8], is_virtual: bool, collector: &mut Collector) {
    let arch = std::str::from_utf8(number).ok().and_then(|number| number.parse::<GpuArch>().ok());
    let Some(arch) = arch.filter(|arch| is_known(*arch)) else { return };
    if let Some(when) = text.when(offset) {
        collector.needs.archs.push(ArchAsked { place: text.place(offset), arch, is_virtual, when });
    }
}

/// Those of the table, and those before it that old lists still name: a number that is none is not about GPUs.
fn is_known(arch: GpuArch) -> bool {
    table::gpu(arch).is_some() || matches!(arch.number(), 20 | 21 | 30 | 32)
}
