//! GPUs by product name, as people type it and as drivers report it: `h100`, `RTX-4090`, `NVIDIA A100-SXM4-80GB`.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use thiserror::Error;

use crate::table::{Gpu, gpus};

/// Text that names no GPU.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not the name of a GPU that cuferry knows")]
pub struct UnknownGpuName {
    /// What was given instead.
    pub text: String,
    /// The names most like it, the likest first; at most three.
    pub nearest: Vec<&'static str>,
}

/// Words before a name that tell the maker or the series, and may be left out.
const PREFIXES: [&str; 4] = ["nvidia", "geforce", "tesla", "jetson"];

/// Words after a name that tell of memory, board or machine, and never of another chip.
const SUFFIXES: [&str; 29] = [
    "pcie",
    "sxm",
    "sxm2",
    "sxm3",
    "sxm4",
    "sxm5",
    "sxm6",
    "nvl",
    "hbm2",
    "hbm2e",
    "hbm3",
    "hbm3e",
    "mig",
    "laptop",
    "mobile",
    "with",
    "max",
    "maxq",
    "q",
    "design",
    "super",
    "workstation",
    "server",
    "edition",
    "generation",
    "gpu",
    "nvgpu",
    "module",
    "kit",
];

/// No name is longer; what is may not cost time.
const LONGEST: usize = 80;

static NAMES: LazyLock<HashMap<String, &'static Gpu>> = LazyLock::new(|| {
    let names = gpus().iter().flat_map(|gpu| gpu.names.iter().map(move |name| (words(name).concat(), gpu)));
    names.collect()
});

/// The GPU with this product name. Case does not count, nor do spaces, dashes and underscores; `NVIDIA`, `GeForce`,
/// `Tesla` and `Jetson` before it may be there or not, and so may what a driver adds: `PCIe`, `SXM4`, `80GB`, `Laptop GPU`.
pub fn gpus_named(text: &str) -> Result<&'static Gpu, UnknownGpuName> {
    let start: String = text.chars().take(LONGEST).collect();
    let words = words(&start);
    let found = if start == text { candidates(&words) } else { Vec::new() };
    let found = found.iter().find_map(|name| NAMES.get(name));
    found.copied().ok_or_else(|| UnknownGpuName { text: text.to_owned(), nearest: nearest(&words.concat()) })
}

/// Lower-case words, parted at what people put between them.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|letter: char| letter.is_whitespace() || "-_/()".contains(letter));
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

/// The ways to read a name, the most literal first: the words at its end less and less, and of each the prefixes less.
fn candidates(words: &[String]) -> Vec<String> {
    let shortest = words.iter().rposition(|word| !is_decoration(word)).map_or(0, |at| at + 1);
    let ends = (shortest.max(1)..=words.len()).rev();
    ends.flat_map(|end| {
        let whole = words[..end].concat();
        let without =
            |name: &String| PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).map(str::to_owned);
        std::iter::successors(Some(whole), without)
    })
    .collect()
}

/// Whether a word tells nothing of the chip: `sxm4`, `80gb`, `1g.5gb`.
fn is_decoration(word: &str) -> bool {
    let memory = word
        .strip_suffix("gb")
        .is_some_and(|size| size.bytes().all(|byte| byte.is_ascii_digit() || byte == b'g' || byte == b'.'));
    memory || SUFFIXES.contains(&word)
}

/// The three known names with the fewest edits, if those are few; of equals those that start alike.
fn nearest(text: &str) -> Vec<&'static str> {
    let text: String = text.chars().take(LONGEST).collect();
    let length = text.chars().count();
    let mut all: BTreeSet<(usize, Reverse<usize>, &'static str)> = BTreeSet::new();
    for name in gpus().iter().flat_map(|gpu| &gpu.names) {
        let known = words(name).concat();
        // Half of a name may differ, no more: `x` is like nothing.
        let most = known.chars().count() / 2;
        if length.abs_diff(known.chars().count()) > most {
            continue;
        }
        let edits = strsim::levenshtein(&text, &known);
        if edits <= most {
            let alike = text.chars().zip(known.chars()).take_while(|(left, right)| left == right).count();
            all.insert((edits, Reverse(alike), name));
        }
    }
    all.into_iter().take(3).map(|(_, _, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u16>) {
        assert_eq!(gpus_named(text).ok().map(|gpu| gpu.number), expected, "`{text}`");
    }

    #[test]
    fn every_name_leads_to_its_own_row() {
        for gpu in gpus() {
            for name in &gpu.names {
                assert_eq!(*name, name.to_lowercase(), "names are in lower case");
                // A name on two rows, or one that only reads like another's, fails here.
                check(name, Some(gpu.number));
                check(&format!("NVIDIA {}", name.to_uppercase()), Some(gpu.number));
                check(&name.replace(' ', "-"), Some(gpu.number));
                check(&name.replace(' ', ""), Some(gpu.number));
            }
        }
        let all = gpus().iter().map(|gpu| gpu.names.len()).sum::<usize>();
        assert_eq!(NAMES.len(), all, "a name is on two rows, or twice on one");
    }

    #[test]
    fn names_as_drivers_report_them() {
        check("NVIDIA H100 80GB HBM3", Some(90));
        check("NVIDIA H100 PCIe", Some(90));
        check("NVIDIA GH200 480GB", Some(90));
        check("NVIDIA A100-SXM4-80GB", Some(80));
        check("NVIDIA A100-SXM4-40GB MIG 1g.5gb", Some(80));
        check("NVIDIA A100 80GB PCIe", Some(80));
        check("Tesla T4", Some(75));
        check("Tesla V100-SXM2-16GB", Some(70));
        check("Tesla P100-PCIE-16GB", Some(60));
        check("NVIDIA GeForce RTX 4090", Some(89));
        check("NVIDIA GeForce RTX 4070 Ti SUPER", Some(89));
        check("NVIDIA GeForce RTX 3060 Laptop GPU", Some(86));
        check("NVIDIA GeForce GTX 1650 with Max-Q Design", Some(75));
        check("NVIDIA RTX A6000", Some(86));
        check("NVIDIA RTX 6000 Ada Generation", Some(89));
        check("Quadro RTX 6000", Some(75));
        check("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", Some(120));
        check("NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", Some(120));
        check("NVIDIA GB10", Some(121));
        check("Orin (nvgpu)", Some(87));
        check("NVIDIA Thor", Some(110));
        check("NVIDIA TITAN V", Some(70));
    }

    #[test]
    fn names_as_people_type_them() {
        check("h100", Some(90));
        check("RTX-4090", Some(89));
        check("rtx4090", Some(89));
        check("rtx_5090", Some(120));
        check("geforce rtx 3080", Some(86));
        check("teslaT4", Some(75));
        check("Jetson Orin Nano Super", Some(87));
        check("jetson nano", Some(53));
        check("jetson agx xavier", Some(72));
        check("Jetson AGX Thor", Some(110));
        check("dgx spark", Some(121));
        check("l40s", Some(89));
    }

    #[test]
    fn what_names_no_gpu_gets_the_nearest_names() {
        let nearest = |text: &str| gpus_named(text).unwrap_err().nearest;
        assert_eq!(nearest("rtx 4091").first(), Some(&"rtx 4090"));
        assert_eq!(nearest("h1000").first(), Some(&"h100"));
        assert_eq!(nearest("orin nanoo").first(), Some(&"orin nano"));
        // Turing's Quadro and Ada's both: only the whole name tells.
        assert!(nearest("rtx 6000").len() == 3);
        for text in ["", " ", "-", "nvidia", "gpu", "80gb", "sm_90", "x", "radeon vii 9999", "\u{1F600}"] {
            assert!(gpus_named(text).is_err(), "`{text}` was taken");
        }
        assert_eq!(nearest("completely different"), Vec::<&str>::new());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_found_or_refused(text in "\\PC{0,200}") {
            if let Err(error) = gpus_named(&text) {
                proptest::prop_assert!(error.nearest.len() <= 3);
            }
        }
    }

    #[test]
    fn a_long_text_costs_little() {
        assert!(gpus_named(&"rtx 4090 ".repeat(100_000)).is_err());
    }
}
