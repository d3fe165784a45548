//! Which CUDA release a project should be built with: ranked by what the project uses, never by what is installed.

use std::collections::BTreeMap;
use std::fmt;

use cuferry_arch::{CudaRelease, GpuArch, table};

use crate::needs::{Hint, HintKind, Needs};
use crate::place::{Place, When};

/// Releases in the order in which to try them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolkitAdvice {
    /// The best first; of equals the newest first. Every candidate is there.
    pub order: Vec<Ranked>,
}

/// One release, and what speaks for and against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Which.
    pub release: CudaRelease,
    /// What does not build with it, or may not: the sure ones first.
    pub against: Vec<Reason>,
    /// What speaks for it, the weightiest first.
    pub support: Vec<Reason>,
    rank: Rank,
}

/// One argument for or against a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// How much it counts, among arguments of its side.
    weight: Weight,
    /// The words in the project, or the GPU.
    pub words: String,
    /// What it is about.
    pub kind: ReasonKind,
    /// The first place, for what the project says.
    pub place: Option<Place>,
}

/// Kinds of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// The release builds nothing for a GPU that was asked for.
    Gpu,
    /// The release no longer has a name that the project uses.
    Gone,
    /// The release does not have a name yet that the project uses.
    NotYet,
    /// A build file demands another release.
    Demanded,
    /// The release does not know an architecture yet that the project names.
    Arch,
    /// The project names this release.
    Named,
    /// The project names a release with the same major number.
    NamedMajor,
    /// The project names an older release, and of the candidates this one is the nearest.
    Nearest,
}

/// Less counts more, so that the weightiest sort first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Sure,
    Likely,
    Possible,
}

/// Less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    no_gpu: bool,
    sure: usize,
    /// What may fail, less what speaks for it.
    rest: i32,
}

impl Needs {
    /// Ranks `candidates`, the releases that can be had, for a build for `gpus` (none: whatever the release has).
    ///
    /// First what cannot work counts: a GPU that the release does not know, a name that it does not have, a version that
    /// CMake demands. Then the version that the project names: that one, or one of its major number, or else the next newer
    /// one. Names that CUDA 13 removed do not count where cuferry's headers give them back, nor architectures that are too
    /// old, since those are replaced. Of equals the newest is first.
    pub fn toolkit(&self, candidates: &[CudaRelease], gpus: &[GpuArch]) -> ToolkitAdvice {
        let mut order: Vec<Ranked> =
            candidates.iter().map(|release| self.rank(*release, candidates, gpus)).collect();
        order.sort_by_key(|ranked| (ranked.rank, std::cmp::Reverse(ranked.release)));
        order.dedup_by_key(|ranked| ranked.release);
        ToolkitAdvice { order }
    }

    fn rank(&self, release: CudaRelease, candidates: &[CudaRelease], gpus: &[GpuArch]) -> Ranked {
        let mut against: BTreeMap<(ReasonKind, String), Reason> = BTreeMap::new();
        let mut object = |reason: Reason| {
            let key = (reason.kind, reason.words.clone());
            let known = against.entry(key).or_insert_with(|| reason.clone());
            *known = known.clone().min(reason);
        };
        for gpu in gpus.iter().filter(|gpu| knows(release, **gpu) == Some(false)) {
            let (words, kind) = (gpu.to_string(), ReasonKind::Gpu);
            object(Reason { weight: Weight::Sure, words, kind, place: None });
        }
        self.hints.iter().filter_map(|hint| objection(hint, release)).for_each(&mut object);
        if let Some(reason) = self.new_arch(release) {
            object(reason);
        }
        let support = self.support(release, candidates);
        let mut against: Vec<Reason> = against.into_values().collect();
        against.sort();
        let sure = against.iter().filter(|reason| reason.weight == Weight::Sure);
        let no_gpu = against.iter().any(|reason| reason.kind == ReasonKind::Gpu);
        let rank = Rank { no_gpu, sure: sure.count(), rest: doubts(&against) - strength(&support) };
        Ranked { release, against, support, rank }
    }

    /// An architecture that the project names in every build, and that came after `release`: sources written for it use
    /// what came with it.
    fn new_arch(&self, release: CudaRelease) -> Option<Reason> {
        let newer = |arch: GpuArch| table::gpu(arch).is_some_and(|gpu| gpu.first > release);
        let asked = self
            .archs
            .iter()
            .filter(|asked| asked.when.is_possible() && newer(asked.arch))
            .min_by_key(|asked| asked.when)?;
        let weight = if asked.when == When::Always { Weight::Likely } else { Weight::Possible };
        let place = Some(asked.place.clone());
        Some(Reason { weight, words: asked.arch.to_string(), kind: ReasonKind::Arch, place })
    }

    fn support(&self, release: CudaRelease, candidates: &[CudaRelease]) -> Vec<Reason> {
        let named = self.hints.iter().filter(|hint| hint.when.is_possible()).filter_map(|hint| {
            let (HintKind::Named { major, minor } | HintKind::Demanded { major, minor }) = hint.kind else {
                return None;
            };
            let kind = support_of(release, major, minor, candidates)?;
            let weight = match kind {
                ReasonKind::Named => Weight::Sure,
                ReasonKind::NamedMajor => Weight::Likely,
                _ => Weight::Possible,
            };
            Some(Reason { weight, words: hint.words.clone(), kind, place: Some(hint.place.clone()) })
        });
        let mut all: Vec<Reason> = named.collect();
        all.sort();
        all.dedup_by(|later, earlier| later.words == earlier.words && later.kind == earlier.kind);
        all
    }
}

/// How well a release fits one that is named.
fn support_of(
    release: CudaRelease,
    major: u16,
    minor: Option<u16>,
    candidates: &[CudaRelease],
) -> Option<ReasonKind> {
    if release.major == major {
        return Some(if minor.is_none_or(|minor| minor == release.minor) {
            ReasonKind::Named
        } else {
            ReasonKind::NamedMajor
        });
    }
    let has_major = candidates.iter().any(|other| other.major == major);
    let next = candidates.iter().filter(|other| other.major > major).map(|other| other.major).min();
    (!has_major && next == Some(release.major)).then_some(ReasonKind::Nearest)
}

/// Whether a release builds for a GPU; none where the release is not known.
fn knows(release: CudaRelease, gpu: GpuArch) -> Option<bool> {
    table::toolkit(release).map(|row| row.assembles(gpu))
}

fn objection(hint: &Hint, release: CudaRelease) -> Option<Reason> {
    let sure = hint.when.is_certain(release);
    let possible = hint.when == When::Sometimes;
    let kind = match hint.kind {
        HintKind::Demanded { major, minor }
            if major != release.major || minor.is_some_and(|minor| minor != release.minor) =>
        {
            ReasonKind::Demanded
        }
        HintKind::AtLeast(least) if release < least => ReasonKind::Demanded,
        // The headers that give names back are for CUDA 13.
        HintKind::Removed { since, given_back }
            if release >= since && !(given_back && release.major >= 13) =>
        {
            ReasonKind::Gone
        }
        HintKind::NotYetIn(last) if release <= last => ReasonKind::NotYet,
        _ => return None,
    };
    let weight = match (sure, possible) {
        (true, _) => Weight::Sure,
        (false, true) => Weight::Possible,
        (false, false) => return None,
    };
    Some(Reason { weight, words: hint.words.clone(), kind, place: Some(hint.place.clone()) })
}

/// What may fail: once for each weight, since ten uses under one switch are one doubt.
fn doubts(against: &[Reason]) -> i32 {
    let has = |weight: Weight| against.iter().any(|reason| reason.weight == weight);
    4 * i32::from(has(Weight::Likely)) + 2 * i32::from(has(Weight::Possible))
}

fn strength(support: &[Reason]) -> i32 {
    support.first().map_or(0, |reason| match reason.kind {
        ReasonKind::Named => 5,
        ReasonKind::NamedMajor => 3,
        _ => 1,
    })
}

impl ToolkitAdvice {
    /// The releases that fit best, equally well: of these the caller may take one that is here already.
    pub fn best(&self) -> &[Ranked] {
        self.order.first().map_or(&[], |first| self.equals(first.release))
    }

    /// The releases that fit just as well as this one, itself among them.
    pub fn equals(&self, release: CudaRelease) -> &[Ranked] {
        let Some(at) = self.order.iter().position(|ranked| ranked.release == release) else { return &[] };
        let equal = |ranked: &&Ranked| ranked.rank == self.order[at].rank;
        let before = self.order[..at].iter().rev().take_while(equal).count();
        let after = self.order[at..].iter().take_while(equal).count();
        &self.order[at - before..at + after]
    }

    /// Why the best is the best, as a sentence without its full stop: `CUDA 11.8: 13.5 has no cudaBindTexture (a.cu:12)`.
    pub fn why(&self) -> Option<String> {
        let best = self.order.first()?;
        let newer = self.order.iter().filter(|other| other.release.major != best.release.major);
        let against = newer.filter_map(|other| other.against.first().map(|reason| (other, reason)));
        let why = if let Some(reason) = best.support.first() {
            reason.of(best.release)
        } else if let Some((other, reason)) = against.max_by_key(|(other, _)| other.release) {
            let more = match other.against.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!("{} {}{more}", other.release, reason.of(other.release))
        } else {
            "the newest that is known, and nothing asks for another".to_owned()
        };
        Some(format!("CUDA {}: {why}", best.release))
    }
}

impl Ranked {
    /// Whether something of the project's is sure to fail with it.
    pub fn fails(&self) -> bool {
        self.rank.no_gpu || self.rank.sure > 0
    }
}

impl Reason {
    /// As the end of a sentence that begins with the release.
    fn of(&self, release: CudaRelease) -> String {
        let place = self.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        let words = &self.words;
        match self.kind {
            ReasonKind::Gpu => format!("does not build for {words}"),
            ReasonKind::Gone => format!("no longer has `{words}`{place}"),
            ReasonKind::NotYet => format!("does not have `{words}` yet{place}"),
            ReasonKind::Demanded => format!("is not what the build demands: `{words}`{place}"),
            ReasonKind::Arch => format!("does not know {words} yet{place}"),
            ReasonKind::Named => format!("the project names it: `{words}`{place}"),
            ReasonKind::NamedMajor => {
                format!("the project names one of that major release: `{words}`{place}")
            }
            ReasonKind::Nearest => {
                format!("the project names `{words}`{place}, and {release} is the nearest that is known")
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.words)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(formatter, " ({place})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    fn release(text: &str) -> CudaRelease {
        text.parse().unwrap()
    }

    /// What is chosen among 11.8, 13.0 and 13.5, and why.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &str, why: &str) {
        let candidates = ["11.8", "13.0", "13.5"].map(release);
        let advice = read(files.iter().copied()).toolkit(&candidates, &[]);
        assert_eq!(advice.order[0].release, release(expected), "{advice:#?}");
        assert_eq!(advice.why().as_deref(), Some(why));
        assert_eq!(advice.order.len(), 3);
    }

    #[test]
    fn the_newest_unless_something_asks_for_another() {
        check(
            &[("Makefile", "all:\n\tnvcc -arch=sm_53 a.cu\n"), ("a.cu", "int x;")],
            "13.5",
            "CUDA 13.5: the newest that is known, and nothing asks for another",
        );
        let equals = read([("a.cu", "")]).toolkit(&["13.0", "13.5", "11.8"].map(release), &[]);
        assert_eq!(equals.best().len(), 3);
        assert_eq!(equals.best(), equals.equals(equals.order[1].release));
    }

    #[test]
    fn a_version_that_is_named_is_taken_or_the_next() {
        check(
            &[("Makefile", "NVCC = /usr/local/cuda-11.4/bin/nvcc\n")],
            "11.8",
            "CUDA 11.8: the project names one of that major release: `/cuda-11.4` (Makefile:1)",
        );
        check(
            &[("Makefile", "NVCC = /usr/local/cuda-10.2/bin/nvcc\n")],
            "11.8",
            "CUDA 11.8: the project names `/cuda-10.2` (Makefile:1), and 11.8 is the nearest that is known",
        );
        check(
            &[("CMakeLists.txt", "find_package(CUDAToolkit 12 REQUIRED)\n")],
            "13.5",
            "CUDA 13.5: 11.8 is not what the build demands: `find_package(CUDAToolkit 12 REQUIRED)` (CMakeLists.txt:1)",
        );
        check(
            &[("Dockerfile", "FROM nvcr.io/nvidia/l4t-jetpack:r35.4.1\n")],
            "11.8",
            "CUDA 11.8: the project names one of that major release: `l4t-jetpack:r35.4.1` (Dockerfile:1)",
        );
    }

    #[test]
    fn names_that_a_release_lacks_decide() {
        check(
            &[("a.cu", "cudaGraphAddNode(a);")],
            "13.5",
            "CUDA 13.5: 11.8 does not have `cudaGraphAddNode` yet (a.cu:1)",
        );
        // What a condition on the release guards does not count.
        check(
            &[
                ("Makefile", "C=/usr/local/cuda-10.2\n"),
                ("a.cu", "#if CUDART_VERSION >= 12000\ncudaGraphAddNode(a);\n#endif"),
            ],
            "11.8",
            "CUDA 11.8: the project names `/cuda-10.2` (Makefile:1), and 11.8 is the nearest that is known",
        );
        check(
            &[("Makefile", "C=/usr/local/cuda-10.2\nA=-arch=sm_121a\n")],
            "13.5",
            "CUDA 13.5: 11.8 does not know sm_121a yet (Makefile:2)",
        );
    }

    #[test]
    fn names_that_went_count_unless_they_are_given_back() {
        check(
            &[("a.cu", "texture<float, 2> t;")],
            "11.8",
            "CUDA 11.8: 13.5 no longer has `texture` (a.cu:1)",
        );
        let newest = "CUDA 13.5: the newest that is known, and nothing asks for another";
        check(&[("a.cu", "cudaThreadSynchronize();\ncudaDeviceProp p; f(p.clockRate);")], "13.5", newest);
        check(&[("a.cu", "Texture texture = texture < 3;\n__shfl_down(a, 1);")], "13.5", newest);
        // The project brings its own.
        check(
            &[("a.cu", "cudaBindTexture(t);"), ("b.h", "#define cudaBindTexture(t) bind(t)")],
            "13.5",
            newest,
        );
        check(
            &[("a.cu", "#ifdef OLD\ncudaBindTexture(t);\n#endif")],
            "11.8",
            "CUDA 11.8: 13.5 no longer has `cudaBindTexture` (a.cu:2)",
        );
    }

    #[test]
    fn a_gpu_that_a_release_does_not_know_counts_first() {
        let needs = read([("Makefile", "C=/usr/local/cuda-11.8\n")]);
        let candidates = ["11.8", "13.0"].map(release);
        let gpu = "sm_100".parse().unwrap();
        assert_eq!(needs.toolkit(&candidates, &[gpu]).order[0].release, release("13.0"));
        assert_eq!(needs.toolkit(&candidates, &[]).order[0].release, release("11.8"));
        assert!(needs.toolkit(&[], &[]).order.is_empty());
        assert_eq!(needs.toolkit(&[], &[]).why(), None);
    }
}
