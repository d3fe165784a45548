//! GPU architectures written into build files and into the options that programs give to NVRTC.

use std::sync::LazyLock;

use cuferry_arch::table::{Gpu, gpu, toolkit, toolkits};
use cuferry_arch::{CudaRelease, Flavor, GpuArch, Host};
use regex::bytes::Regex;

use crate::pattern::Check;

/// One of these is in every text that names an architecture.
pub(crate) const TRIGGERS: &[&str] = &[
    "sm_",
    "compute_",
    "CUDA_ARCH",
    "CUDAARCHS",
    "SMS",
    "COMPUTE_CAP",
    "GPU_ARCH",
    "ARCH_LIST",
    "NVCC_ARCH",
    "cuda_arch",
];

/// An architecture at a place.
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) message: String,
    /// Whether it does little harm, since the file names other architectures as well.
    pub(crate) mild: bool,
}

struct Named {
    start: usize,
    end: usize,
    arch: GpuArch,
}

/// `sm_87`, `compute_72`, `lto_90a`.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)\b(?:sm|compute|lto)_(\d{2,3}[af]?)\b").expect("a fixed expression"));

/// A variable that lists architectures, and the list.
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?-u)\b(?:D?CMAKE_CUDA_ARCHITECTURES|CUDA_ARCHITECTURES|CUDAARCHS|D?TORCH_CUDA_ARCH_LIST|"#,
        r#"D?CUDA_ARCH_(?:BIN|PTX|LIST|NUM)|D?CUDA_ARCHS?|CUDA_COMPUTE_CAP(?:ABILITY|ABILITIES)?|COMPUTE_CAPABILIT(?:Y|IES)|"#,
        r#"SMS|D?GPU_ARCHS?|NVCC_ARCHS?|CUDA_NVCC_ARCHS?|cuda_archs?)"#,
        r#"\b["'\]]*(?:[ \t]*[:?+]?=[ \t]*|[ \t]+)["'\[ ]*"#,
        r#"((?:\d{1,2}\.\d|\d{2,3})[af]?(?:-real|-virtual|\+PTX)?"#,
        r#"(?:[ \t;,:"']+(?:\d{1,2}\.\d|\d{2,3})[af]?(?:-real|-virtual|\+PTX)?)*)(?:[\s"')\];,]|$)"#,
    ))
    .expect("a fixed expression")
});

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)(\d{1,2}\.\d|\d{2,3})([af]?)").expect("a fixed expression"));

/// The places of `text` that `check` finds: each architecture once a logical line.
pub(crate) fn find(check: Check, text: &[u8], release: CudaRelease) -> Vec<Place> {
    let mut named: Vec<Named> = NAME
        .captures_iter(text)
        .filter_map(|found| {
            let arch = arch(&found[1])?;
            Some(Named { start: found.get_match().start(), end: found.get_match().end(), arch })
        })
        .collect();
    for list in LIST.captures_iter(text) {
        let Some(numbers) = list.get(1) else { continue };
        named.extend(NUMBER.find_iter(numbers.as_bytes()).filter_map(|found| {
            let arch = arch(found.as_bytes())?;
            Some(Named { start: numbers.start() + found.start(), end: numbers.start() + found.end(), arch })
        }));
    }
    named.sort_by_key(|place| (place.start, place.end));
    // A file may have its lines for each machine, or one for each GPU.
    let alone_in_file = !named.iter().any(|place| is_of_x86(place.arch));
    let mut places = Vec::new();
    let mut rest = named.as_slice();
    while let Some(first) = rest.first() {
        let line_end =
            memchr::memchr(b'\n', &text[first.start..]).map_or(text.len(), |end| first.start + end);
        let (line, others) = rest.split_at(rest.partition_point(|place| place.start < line_end));
        in_line(check, line, alone_in_file, release, &mut places);
        rest = others;
    }
    places
}

fn in_line(check: Check, line: &[Named], alone_in_file: bool, release: CudaRelease, places: &mut Vec<Place>) {
    let mut seen: Vec<u16> = Vec::new();
    let once: Vec<&Named> = line
        .iter()
        .filter(|place| {
            let new = !seen.contains(&place.arch.number());
            seen.push(place.arch.number());
            new
        })
        .collect();
    if check == Check::GpuArchDropped {
        places.extend(dropped(&once, release));
        return;
    }
    let alone = !line.iter().any(|other| is_of_x86(other.arch));
    for place in once {
        let message = jetson(place.arch, alone, release);
        places.extend(message.map(|message| Place {
            start: place.start,
            end: place.end,
            message,
            mild: !alone_in_file,
        }));
    }
}

/// `87`, `8.7`, `90a`.
fn arch(text: &[u8]) -> Option<GpuArch> {
    let text = str::from_utf8(text).ok()?.replace('.', "");
    let (digits, flavor) = match text.as_bytes().last()? {
        b'a' => (&text[..text.len() - 1], Flavor::ArchSpecific),
        b'f' => (&text[..text.len() - 1], Flavor::Family),
        _ => (text.as_str(), Flavor::Base),
    };
    let arch = GpuArch::new(digits.parse().ok()?, flavor);
    // Other numbers stand in such lists too: `SMS` may count something.
    gpu(arch)
        .map(|_| arch)
        .or_else(|| (digits.len() == 2 && matches!(digits, "20" | "21" | "30" | "32")).then_some(arch))
}

fn is_of_x86(arch: GpuArch) -> bool {
    gpu(arch).is_some_and(|gpu| !only_arm(gpu))
}

fn only_arm(gpu: &Gpu) -> bool {
    gpu.jetson || gpu.hosts == [Host::Aarch64]
}

fn jetson(arch: GpuArch, alone: bool, release: CudaRelease) -> Option<String> {
    let gpu = gpu(arch).filter(|gpu| only_arm(gpu))?;
    // What the toolkit does not assemble is reported as such.
    toolkit(release).filter(|row| row.assembles(GpuArch::base(gpu.number)))?;
    let alone = if alone { ", and no GPU of x86_64 machines is named beside it" } else { "" };
    let siblings = siblings(gpu);
    Some(format!("`sm_{}` is the GPU of {} only{alone}{siblings}", gpu.number, gpu.products))
}

fn siblings(gpu: &Gpu) -> String {
    let family = gpu.family.filter(|family| *family != gpu.number && gpu.desktop.is_empty());
    let numbers: Vec<String> =
        gpu.desktop.iter().copied().chain(family).map(|number| format!("`sm_{number}`")).collect();
    match numbers.as_slice() {
        [] => String::new(),
        [one] => format!("; its x86_64 sibling is {one}"),
        [first @ .., last] => format!("; its x86_64 siblings are {} and {last}", first.join(", ")),
    }
}

/// One finding for all of a line, at the first of them.
fn dropped(line: &[&Named], release: CudaRelease) -> Option<Place> {
    let row = toolkit(release)?;
    let oldest = row.archs.iter().map(|arch| arch.number()).min()?;
    let mut first = None;
    let mut parts = Vec::new();
    for place in line {
        let number = place.arch.number();
        let gpu = gpu(place.arch);
        let renamed = gpu.and_then(|gpu| gpu.renamed);
        // What only a newer toolkit knows is no loss.
        if row.assembles(GpuArch::base(number)) || (number >= oldest && renamed.is_none()) {
            continue;
        }
        first = first.or(Some(place));
        let last = toolkits().iter().rev().find(|row| row.assembles(GpuArch::base(number)));
        let known = match (renamed, last) {
            (Some(new), _) => format!("called `sm_{new}` now"),
            (None, Some(last)) => format!("last known to CUDA {}", last.release),
            (None, None) => "long gone".to_owned(),
        };
        let of_jetson = gpu.filter(|gpu| only_arm(gpu));
        let whose = of_jetson.map_or_else(String::new, |gpu| format!("the GPU of {}, ", gpu.products));
        parts.push((number, format!("{whose}{known}")));
    }
    let first = first?;
    // What holds of several in a row is said of the last.
    let remark = |index: usize| {
        let remark = &parts[index].1;
        let is_next = parts.get(index + 1).is_some_and(|(_, next)| next == remark);
        if is_next { String::new() } else { format!(" ({remark})") }
    };
    let parts: Vec<String> =
        (0..parts.len()).map(|index| format!("`sm_{}`{}", parts[index].0, remark(index))).collect();
    let list = match parts.as_slice() {
        [one] => one.clone(),
        [start @ .., last] => format!("{} or {last}", start.join(", ")),
        [] => return None,
    };
    let message = format!("CUDA {} does not assemble {list}; its oldest is `sm_{oldest}`", row.release);
    Some(Place { start: first.start, end: first.end, message, mild: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, jetson: &[&str], dropped: &[&str]) {
        for (check, expected) in [(Check::GpuArchJetson, jetson), (Check::GpuArchDropped, dropped)] {
            let found = find(check, text.as_bytes(), CudaRelease::new(13, 0));
            let found: Vec<_> = found.iter().map(|place| &text[place.start..place.end]).collect();
            assert_eq!(found, expected, "{check:?} in {text}");
        }
    }

    #[test]
    fn architectures_are_found_in_every_spelling() {
        check(
            "-gencode arch=compute_72,code=sm_72 -gencode arch=compute_61,code=sm_61",
            &[],
            &["compute_72"],
        );
        check("set(CMAKE_CUDA_ARCHITECTURES 53 62 75 CACHE STRING \"\")", &[], &["53"]);
        check("SMS ?= 50 60 87 90", &["87"], &["50"]);
        check("export TORCH_CUDA_ARCH_LIST=\"7.2;8.7+PTX\"", &["8.7"], &["7.2"]);
        check("cmake -DCUDA_ARCH_BIN=5.3,6.2 -DX=87", &[], &["5.3"]);
        check("set_target_properties(t PROPERTIES CUDA_ARCHITECTURES \"87-real;90a\")", &["87"], &[]);
        check("-arch=sm_30", &[], &["sm_30"]);
        check("nvcc -arch=sm_90a -gencode arch=compute_120f,code=sm_120f", &[], &[]);
        check("SMS = 12345 and sm_count_87 and xsm_87", &[], &[]);
        check("CUDA_ARCH_BIN=\"$CUDA_ARCH\"", &[], &[]);
        check("CUDA_ARCH 5000", &[], &[]);
    }

    #[test]
    fn a_file_that_names_other_gpus_too_does_little_harm() {
        let mild = |text: &str| find(Check::GpuArchJetson, text.as_bytes(), CudaRelease::new(13, 0))[0].mild;
        assert!(!mild("CUDA_ARCHITECTURES 87 110"));
        assert!(mild("SMS ?= 80 87"));
        assert!(mild("SM86 := -arch=sm_86\nSM87 := -arch=sm_87\nSMS := $(SM86) $(SM87)"));
    }

    #[test]
    fn messages_are_concrete() {
        let text =
            |text: &str, check| find(check, text.as_bytes(), CudaRelease::new(13, 0)).remove(0).message;
        assert_eq!(
            text("sm_87", Check::GpuArchJetson),
            "`sm_87` is the GPU of Jetson Orin only, and no GPU of x86_64 machines is named beside it; its x86_64 siblings are `sm_80` \
             and `sm_86`"
        );
        assert_eq!(
            text("sm_50 sm_61 sm_53 sm_101", Check::GpuArchDropped),
            "CUDA 13.0 does not assemble `sm_50`, `sm_61` (last known to CUDA 12.9), `sm_53` (the GPU of Jetson Nano, Jetson TX1, \
             last known to CUDA 12.9) or `sm_101` (the GPU of Jetson Thor, as CUDA 12.8 and 12.9 name it, called \
             `sm_110` now); its oldest is `sm_75`"
        );
    }
}
