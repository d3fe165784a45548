//! From a message to advice: the tables are asked whose a name is.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::tegra::TegraStatus;
use cuferry_arch::{CudaRelease, GpuArch, table};
use cuferry_compat::{Kind as RemovedKind, is_npp_removed, removed_named};

use super::log::{Finding, Log};
use super::rows::{Other, Reads};
use super::{Advice, Context, Remedy, Verdict};
use crate::library::CudaLibrary;
use crate::needs::Needs;
use crate::package::{Channel, Package};
use crate::{api, library, package, tegra};

/// What helps where headers of cuferry's give a name back.
const BUILD_THROUGH: &str = "cuferry's headers for CUDA 13 give it back: build through cuferry";

/// The ids that are given here; those of `text` rows are in `data/failures.toml`.
pub(crate) const IDS: &[&str] = &[
    "CF4001", "CF4002", "CF4003", "CF4004", "CF4005", "CF4006", "CF4007", "CF4008", "CF4009", "CF4012",
    "CF4013", "CF4014", "CF4016", "CF4019", "CF4023", "CF4027", "CF4029", "CF4033",
];

/// What is common to all: the finding, and what is known.
struct Case<'a> {
    finding: &'a Finding,
    log: &'a Log<'a>,
    needs: &'a Needs,
    context: &'a Context<'a>,
}

/// Advice for a message; none where no table knows the name.
pub(crate) fn advice(
    finding: &Finding,
    log: &Log<'_>,
    needs: &Needs,
    context: &Context<'_>,
) -> Option<Advice> {
    let case = Case { finding, log, needs, context };
    match finding.row.reads {
        Reads::Header => case.header(),
        Reads::Library => case.library(),
        Reads::Cmake => case.cmake(),
        Reads::Module => case.package("CF4004", package::of_module(&finding.name)?, "the pkg-config module"),
        Reads::Program => case.program(),
        Reads::Python => case.python(),
        Reads::Name => case.name(),
        Reads::Arch => case.arch(),
        Reads::File => case.file(),
        Reads::Text => case.text(),
    }
}

impl Case<'_> {
    fn advice(&self, id: &'static str, verdict: Verdict, cause: String, todo: String) -> Advice {
        let (place, line) = (self.finding.place.clone(), self.finding.line);
        let subject = self.finding.name.clone();
        Advice { id, verdict, subject, cause, todo, place, line, remedy: Remedy::None, other_toolkit: None }
    }

    fn header(&self) -> Option<Advice> {
        let name = self.finding.name.as_str();
        if self.needs.has_header(name) {
            return None;
        }
        if let Some(header) = tegra::of_header(name) {
            return Some(self.tegra(header.what(), header.answer(), header.status()));
        }
        if matches!(name, "arm_neon.h" | "arm_acle.h" | "arm_fp16.h" | "arm_bf16.h") {
            let cause = format!("`{name}` is ARM's: compilers for x86_64 do not have it");
            let todo = "build through cuferry (`cuferry make`, `cuferry cmake`), which puts one for x86_64 on the path";
            return Some(self.advice("CF4019", Verdict::Machine, cause, todo.to_owned()));
        }
        let gone = api::gone_header(name).and_then(api::removed_in);
        if let Some(since) = gone.filter(|since| self.context.release.is_none_or(|release| release >= *since))
        {
            return Some(self.gone(since, "the header"));
        }
        let new = api::new_names();
        if new.headers.contains(name) && self.context.release.is_none_or(|release| release <= new.lacks) {
            return Some(self.not_yet("the header"));
        }
        if let Some(library) = library::library_of_header(name) {
            return Some(self.cuda(library, "the header"));
        }
        self.package("CF4001", package::of_header(name)?, "the header")
    }

    fn library(&self) -> Option<Advice> {
        let name = self.finding.name.as_str();
        let plain = name.strip_prefix("lib").map_or(name, |rest| rest.split(".so").next().unwrap_or(rest));
        let named = |path: &&Utf8PathBuf| is_library(path, plain);
        // Of the machines that a project has a file for, this one's is the one that is missed.
        let is_other = |path: &&Utf8PathBuf| !path.as_str().contains("x86_64");
        if let Some(path) = self.needs.pointers.iter().filter(named).min_by_key(is_other) {
            return Some(self.pointer(path));
        }
        if let Some(path) = self.needs.prebuilt.iter().find(named) {
            return Some(self.arm(path.as_str()));
        }
        if let Some(library) = library::library_of_link(plain) {
            return Some(self.cuda(library, "the library"));
        }
        if let Some(package) = package::of_library(plain) {
            return self.package("CF4002", package, "the library");
        }
        if let Some(library) = tegra::of_link(plain) {
            return Some(self.tegra(&library.what, &library.answer, library.status));
        }
        let skipped = self.log.contains("skipping incompatible")
            && self.log.contains(&format!("when searching for -l{plain}"));
        skipped.then(|| self.arm(name))
    }

    fn cmake(&self) -> Option<Advice> {
        let name = self.finding.name.as_str();
        if let Some(library) = library::library_of_cmake(name) {
            return Some(self.cuda(library, "the package"));
        }
        self.package("CF4003", package::of_cmake(name)?, "the CMake package")
    }

    fn program(&self) -> Option<Advice> {
        let path = Utf8Path::new(self.finding.name.as_str());
        let name = path.file_name().unwrap_or_default().to_owned();
        let text = path.as_str();
        if text.starts_with("/usr/local/cuda") {
            let cause = format!("the build names `{path}`, which is not here");
            let todo = "build through cuferry, which serves that path, or set the build's variable (`CUDA_HOME`, `CUDA_PATH`)";
            return Some(self.advice("CF4023", Verdict::Machine, cause, todo.to_owned()));
        }
        if text.starts_with("/usr/src/jetson_multimedia_api")
            || text.starts_with("/usr/src/tegra_multimedia_api")
        {
            let row = tegra::of_header("NvVideoDecoder.h")?;
            return Some(self.tegra(row.what(), row.answer(), row.status()));
        }
        if name == "nvcc" {
            let todo =
                "build through cuferry, which has one on the path; a toolkit: `cuferry toolchain install`";
            let cause = "no nvcc is on the path".to_owned();
            return Some(self.advice("CF4016", Verdict::Machine, cause, todo.to_owned()));
        }
        if name.starts_with("aarch64-") || name.starts_with("arm-") {
            let cause = format!("the build calls `{name}`, a compiler for ARM that is not here");
            let todo = "build through cuferry, which answers to that name with this machine's compiler";
            return Some(self.advice("CF4033", Verdict::Machine, cause, todo.to_owned()));
        }
        if matches!(name.as_str(), "nvidia-smi" | "deviceQuery" | "tegrastats" | "jetson_release") {
            let cause = format!("the build asks `{name}` for the GPU, and this machine has no such program");
            let todo = "name the GPUs instead: `--gpu sm_86`, or the build's own variable";
            return Some(self.advice("CF4029", Verdict::Machine, cause, todo.to_owned()));
        }
        // CMake calls programs by the names of its generators: `Ninja`.
        let package = package::of_program(&name).or_else(|| package::of_program(&name.to_lowercase()));
        self.package("CF4005", package?, "the program")
    }

    fn python(&self) -> Option<Advice> {
        self.package("CF4027", package::of_python(&self.finding.name)?, "the Python module")
    }

    /// An identifier or a field that is CUDA's. Everything else is the project's own.
    fn name(&self) -> Option<Advice> {
        let (name, of) = (self.finding.name.as_str(), self.finding.of.as_deref());
        let fits = |row: &&cuferry_compat::Removed| match row.kind {
            RemovedKind::Field => of.is_some() && row.of.as_deref() == of,
            RemovedKind::Header => false,
            _ => of.is_none(),
        };
        let row = removed_named(name).iter().filter(|row| !row.signature_changed).find(fits);
        if let Some(since) = row.and_then(api::removed_in) {
            let lacks = self.context.release.is_none_or(|release| release >= since);
            return lacks.then(|| self.gone(since, if of.is_some() { "the field" } else { "the name" }));
        }
        if of.is_none() && is_npp_removed(name) {
            let since = CudaRelease::new(13, 0);
            let lacks = self.context.release.is_none_or(|release| release >= since);
            return lacks.then(|| self.gone(since, "NPP's function"));
        }
        let new = api::new_names();
        if of.is_none() && new.templates.iter().any(|template| template == name) {
            // Everyone has textures; CUDA's are the ones that a compiler misses as a template.
            let is_template = self.finding.template;
            let lacks = self.context.release.is_some_and(|release| release >= new.templates_gone);
            return (is_template && lacks).then(|| self.gone(new.templates_gone, "the class template"));
        }
        let is_new = of.is_none() && new.names.iter().any(|new| new == name);
        let lacks = self.context.release.is_some_and(|release| release <= new.lacks);
        (is_new && lacks).then(|| self.not_yet("the name"))
    }

    fn arch(&self) -> Option<Advice> {
        let arch: GpuArch = self.finding.name.parse().ok()?;
        let release =
            self.context.release.map_or("this toolkit".to_owned(), |release| format!("CUDA {release}"));
        let knows = |release: &CudaRelease| table::toolkit(*release).is_some_and(|row| row.assembles(arch));
        let other = self.other(knows);
        let cause = format!("{release} does not build for {arch}");
        let todo = "let cuferry replace the list: `cuferry make --gpu sm_86` and the like".to_owned();
        let todo = with_toolkit(&todo, other);
        let mut advice = self.advice("CF4009", Verdict::Toolkit, cause, todo);
        (advice.remedy, advice.other_toolkit) = (Remedy::Toolkit, other);
        advice.subject = arch.to_string();
        Some(advice)
    }

    /// A file that the linker cannot read.
    fn file(&self) -> Option<Advice> {
        let name = Utf8Path::new(self.finding.name.as_str()).file_name()?;
        let same = |path: &&Utf8PathBuf| path.file_name() == Some(name);
        if let Some(path) = self.needs.pointers.iter().find(same) {
            return Some(self.pointer(path));
        }
        if let Some(path) = self.needs.prebuilt.iter().find(same) {
            return Some(self.arm(path.as_str()));
        }
        // What the linker does not know at all may be anything; what it calls a wrong format is for another machine.
        let other_machine = ["in wrong format", "EM: 183", "is incompatible with elf"];
        other_machine.iter().any(|words| self.log.contains(words)).then(|| self.arm(&self.finding.name))
    }

    fn text(&self) -> Option<Advice> {
        let row = self.finding.row;
        let fill = |text: &str| text.replace("{name}", &self.finding.name);
        let other = row.other.and_then(|other| self.other_by(other));
        let todo = with_toolkit(&fill(&row.todo), other);
        let mut advice = self.advice(row.id.as_deref()?, row.verdict?.into(), fill(&row.cause), todo);
        if row.other.is_some() {
            (advice.remedy, advice.other_toolkit) = (Remedy::Toolkit, other);
        }
        Some(advice)
    }

    fn tegra(&self, what: &str, answer: &str, status: TegraStatus) -> Advice {
        let name = &self.finding.name;
        let cause = format!("`{name}` exists on a Jetson alone: {what}");
        let todo = match status {
            TegraStatus::None => {
                format!("x86_64 has nothing in its place ({answer}): leave that part out of the build")
            }
            TegraStatus::Counterpart => format!("install its counterpart for x86_64: {answer}"),
            TegraStatus::Rewrite => format!("on x86_64 use {answer}; or leave that part out of the build"),
        };
        self.advice("CF4012", Verdict::JetsonOnly, cause, todo)
    }

    fn pointer(&self, path: &Utf8Path) -> Advice {
        let cause = format!("`{path}` is a pointer of Git LFS: the file itself was not fetched");
        let todo = "`git lfs install && git lfs pull` in the project, then see that the library is for x86_64: `cuferry inspect`";
        self.advice("CF4013", Verdict::Missing, cause, todo.to_owned())
    }

    fn arm(&self, path: &str) -> Advice {
        let cause = format!("`{path}` is not code for x86_64: a library or object of the ARM machine");
        let todo = "ask its maker for an x86_64 build, or build it from its sources; what an ARM build left: `make clean`";
        self.advice("CF4014", Verdict::Missing, cause, todo.to_owned())
    }

    fn cuda(&self, library: &'static CudaLibrary, what: &str) -> Advice {
        let name = &self.finding.name;
        let cause = format!(
            "{what} `{name}` of {} is not in the toolkit, or not where the build looks",
            library.title
        );
        if library.base {
            let todo = "it is in every toolkit that cuferry installs: build through cuferry, which serves `/usr/local/cuda`";
            return self.advice("CF4006", Verdict::Missing, cause, todo.to_owned());
        }
        if let Some(release) = self.context.release.filter(|release| !library.can_be_fetched_for(*release)) {
            let other = self.other(|other| library.can_be_fetched_for(*other));
            let todo =
                format!("cuferry has no {} for CUDA {release}: install NVIDIA's by hand", library.title);
            let advice = self.advice("CF4006", Verdict::Missing, cause, with_toolkit(&todo, other));
            return Advice { remedy: Remedy::Toolkit, other_toolkit: other, ..advice };
        }
        let absent = static_form(name);
        if let Some(shared) = absent.filter(|_| self.wheels()) {
            let cause =
                format!("NVIDIA's wheels have {} as a shared library alone, and not `{name}`", library.title);
            let todo =
                format!("link `-l{shared}`: cuferry does so by itself, but not in a link that is `-static`");
            let other = self.other(|other| other.major < FIRST_OF_WHEELS);
            let todo = match other {
                Some(other) => format!("{todo}; or `--toolkit {other} --with {shared}_static`"),
                None => todo,
            };
            let advice = self.advice("CF4006", Verdict::Toolkit, cause, todo);
            return Advice { remedy: Remedy::Toolkit, other_toolkit: other, ..advice };
        }
        let wanted = absent.map_or(library.name.clone(), |shared| format!("{shared}_static"));
        let todo = format!("`--with {wanted}`, which lets cuferry fetch it");
        Advice {
            remedy: Remedy::CudaLibrary(library),
            ..self.advice("CF4006", Verdict::Missing, cause, todo)
        }
    }

    /// Whether the toolkit is one that cuferry takes from NVIDIA's wheels.
    fn wheels(&self) -> bool {
        self.context.release.is_none_or(|release| release.major >= FIRST_OF_WHEELS)
    }

    fn package(&self, id: &'static str, package: &'static Package, what: &str) -> Option<Advice> {
        let name = &self.finding.name;
        let same = if package.name.eq_ignore_ascii_case(name) {
            String::new()
        } else {
            format!(" of {}", package.name)
        };
        let cause = format!("{what} `{name}`{same} is not installed here");
        let command = package
            .install(Channel::Debian)
            .filter(|_| !package.nvidia)
            .map(|command| format!("`{command}`"));
        let command = if id == "CF4027" {
            package.wheel.as_ref().map(|wheel| format!("`pip install {wheel}`")).or(command)
        } else {
            command
        };
        let todo = match (command, &package.note) {
            (Some(command), Some(note)) => format!("{command}; {note}"),
            (Some(command), None) => command,
            (None, Some(note)) => note.clone(),
            (None, None) => format!("`pip install {}`", package.wheel.as_deref()?),
        };
        Some(Advice { remedy: Remedy::Package(package), ..self.advice(id, Verdict::Missing, cause, todo) })
    }

    fn gone(&self, since: CudaRelease, what: &str) -> Advice {
        let name = &self.finding.name;
        let row = removed_named(name).first();
        let other = self.other(|release| *release < since && !api::is_intrinsic(name));
        let cause = format!("{what} `{name}` is gone since CUDA {since}");
        let instead = row.map(|row| row.instead.as_str()).filter(|instead| !instead.is_empty());
        let todo = match row {
            Some(row) if row.given_back => BUILD_THROUGH.to_owned(),
            None if is_npp_removed(name) => {
                format!("{BUILD_THROUGH}; or in the sources: `{name}_Ctx`, which takes an NppStreamContext")
            }
            _ => instead.map_or_else(
                || "change the sources".to_owned(),
                |instead| format!("in the sources: {instead}"),
            ),
        };
        let todo = with_toolkit(&todo, other);
        let advice = self.advice("CF4007", Verdict::Toolkit, cause, todo);
        Advice { remedy: Remedy::Toolkit, other_toolkit: other, ..advice }
    }

    fn not_yet(&self, what: &str) -> Advice {
        let new = api::new_names();
        let name = &self.finding.name;
        let other = self.other(|release| *release >= new.has);
        let cause = format!("{what} `{name}` came after CUDA {}", new.lacks);
        let todo = with_toolkit("build with a newer toolkit", other);
        let advice = self.advice("CF4008", Verdict::Toolkit, cause, todo);
        Advice { remedy: Remedy::Toolkit, other_toolkit: other, ..advice }
    }

    fn other_by(&self, other: Other) -> Option<CudaRelease> {
        let release = self.context.release;
        match other {
            Other::Older => self.other(|other| release.is_none_or(|release| other.major < release.major)),
            Other::Newer => self.other(|other| release.is_some_and(|release| other.major > release.major)),
            Other::Named => {
                let (major, minor) = self.finding.name.split_once('.').unwrap_or((&self.finding.name, ""));
                let (major, minor) = (major.parse::<u16>().ok()?, minor.parse::<u16>().ok());
                self.other(|other| other.major == major && minor.is_none_or(|minor| other.minor == minor))
            }
        }
    }

    /// Of the toolkits that can be had, know the GPUs and fit: the one that suits the project best.
    fn other(&self, fits: impl Fn(&CudaRelease) -> bool) -> Option<CudaRelease> {
        let known = self.context.toolkits.iter().filter(|release| Some(**release) != self.context.release);
        let fitting: Vec<CudaRelease> = known.filter(|release| fits(release)).copied().collect();
        let advice = self.needs.toolkit(&fitting, self.context.gpus);
        let best = advice.order.first()?;
        let no_gpu = best.against.iter().any(|reason| reason.kind == crate::ReasonKind::Gpu);
        (!no_gpu).then_some(best.release)
    }
}

/// Debian's packages, of 11.8, have the static libraries, and NVIDIA's wheels do not.
const FIRST_OF_WHEELS: u16 = 12;

/// `curand` of `curand_static` and `libcurand_static.a`.
fn static_form(name: &str) -> Option<&str> {
    let name = Utf8Path::new(name).file_name()?;
    let name = name.strip_prefix("lib").unwrap_or(name).trim_end_matches(".a");
    name.trim_end_matches("_nocallback").strip_suffix("_static")
}

fn with_toolkit(todo: &str, other: Option<CudaRelease>) -> String {
    other.map_or(todo.to_owned(), |other| format!("{todo}; or `--toolkit {other}`"))
}

/// Whether a path is that of `libNAME.so`, with or without a number, or `libNAME.a`.
fn is_library(path: &Utf8Path, name: &str) -> bool {
    let rest =
        path.file_name().and_then(|file| file.strip_prefix("lib")).and_then(|file| file.strip_prefix(name));
    rest.is_some_and(|rest| rest == ".a" || rest == ".so" || rest.starts_with(".so."))
}
