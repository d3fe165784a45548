//! Everything that is decided before a project's own build starts: GPUs, toolkit, compiler, headers, and how each compiler
//! call is translated.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::select::{SelectInput, select};
use cuferry_arch::{CudaRelease, GpuArch, GpuPolicy, Host, table};
use cuferry_compat::Header;
use cuferry_digest::Digest;
use cuferry_machine::gpu::{self, Gpus};
use cuferry_machine::{compiler, toolkit as found};
use cuferry_needs::NoteKind;
use cuferry_toolchain::companion;
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::package::Role;
use cuferry_toolchain::release_file::{self, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};
use cuferry_translate::{ArchPolicy, Policy, Semantics};
use cuferry_wrap::{Places, Pretence, Request, Session, WrapError};

use super::tree::Tree;
use crate::args::build::{Meaning, Pretend, Wrapping};
use crate::commands::toolchain::{fetch_headers, fetch_toolkit};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::select::{host_compiler, select_failure};

/// The x86_64 machine that all of this is for.
const HOST: Host = Host::X86_64;
/// The first release whose C++ library takes no C++14.
const CCCL_3: CudaRelease = CudaRelease::new(13, 0);

/// A build that can start.
pub(crate) struct Prepared<'a> {
    /// The project's folder, absolute.
    pub(crate) root: Utf8PathBuf,
    pub(crate) tree: &'a Tree,
    pub(crate) toolkit: Toolkit,
    /// Why this one, in a sentence.
    pub(crate) toolkit_reason: String,
    /// Other releases that could be had, the best first.
    pub(crate) other_toolkits: Vec<CudaRelease>,
    /// For nvcc.
    pub(crate) compiler: HostCompiler,
    /// Where the compiler looks for libraries.
    pub(crate) library_folders: Vec<Utf8PathBuf>,
    pub(crate) gpu: Gpu,
    pub(crate) policy: Policy,
    pub(crate) session: Session,
    /// What else was decided, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Which GPUs the build is for.
pub(crate) struct Gpu {
    /// Those that everything has to run on; none: any will do.
    pub(crate) wanted: Vec<GpuArch>,
    /// In words.
    pub(crate) words: String,
    gpus: Gpus,
}

/// Decides, fetches what is missing, and lays out the session. `wanted` is the toolkit to use, if it is fixed.
pub(crate) fn prepare<'a>(
    context: &Context,
    root: &Utf8Path,
    tree: &'a Tree,
    args: &Wrapping,
    wanted: Option<CudaRelease>,
) -> Result<Prepared<'a>, Failure> {
    let mut notes = Vec::new();
    let gpus = if matches!(args.gpu, None | Some(GpuPolicy::Native)) { gpu::gpus() } else { Gpus::default() };
    let choice = choose_release(context, tree, args, wanted, &gpus)?;
    let toolkit = take_toolkit(context, tree, args, &choice, &mut notes)?;
    let (archs, gpu) = gpu_policy(args, gpus, toolkit.release)?;
    let compiler = host_compiler(context, args.compiler.as_deref(), HOST, toolkit.release, args.offline)?;
    let library_folders = compiler::library_folders(&compiler);
    let is_system = context.environment.find("g++").is_some_and(|path| path == compiler.path);
    let folder = session_folder(context, root);
    let include = Session::include_folder(&folder);
    let mut policy = Policy {
        archs,
        portable: args.image.is_some(),
        // Where the system's g++ is the one, nvcc finds it by itself.
        ccbin: (!is_system).then(|| compiler.path.clone()),
        cuda_root: Some(folder.join("cuda")),
        semantics: semantics(&args.policies.arm_semantics),
        ..Policy::new(HOST, toolkit.release)
    };
    if policy.semantics.unsigned_wchar && compiler.family != Family::Clang {
        notes.push(
            "`wchar_t` keeps its sign where gcc compiles, which has no flag for it (CF1097)".to_owned(),
        );
    }
    let headers = headers(context, tree, args, &include, &mut policy, &mut notes)?;
    let exe = std::env::current_exe().map_err(|error| {
        let help = "the kernel must offer `/proc/self/exe`";
        Failure::say(Fault::Machine, "wrap::executable", format!("cannot find cuferry itself: {error}"), help)
    })?;
    let path = context.variables.get(OsStr::new("PATH")).cloned();
    let path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let session = Session::prepare(&Request {
        folder: &folder,
        exe: &exe,
        policy: &policy,
        toolkit: Some(&toolkit.root),
        path: &path,
        names: tool_names(tree),
        headers,
        pretence: pretence(args.policies.pretend, tree, &mut notes),
        gpus: gpu.answers(),
        places: places(tree),
    })
    .map_err(wrap_failure)?;
    Ok(Prepared {
        root: root.to_owned(),
        tree,
        toolkit,
        toolkit_reason: choice.reason,
        other_toolkits: choice.others,
        compiler,
        library_folders,
        gpu,
        policy,
        session,
        notes,
    })
}

/// Errors of a session are the machine's, but for a program that is not there, and what only a defect of ours explains.
pub(crate) fn wrap_failure(error: WrapError) -> Failure {
    let fault = match &error {
        WrapError::Start { .. } => Fault::Usage,
        WrapError::Header { .. } => Fault::Cuferry,
        WrapError::Io { .. }
        | WrapError::Folder { .. }
        | WrapError::Toolkit { .. }
        | WrapError::InUse { .. }
        | WrapError::Session { .. }
        | WrapError::Namespace { .. }
        | WrapError::Watch { .. } => Fault::Machine,
    };
    Failure::new(fault, error)
}

/// A folder of cuferry's own for each project: nothing of it lies among the project's files.
fn session_folder(context: &Context, root: &Utf8Path) -> Utf8PathBuf {
    let name: String = root
        .file_name()
        .unwrap_or("root")
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '_' })
        .collect();
    context.data_dir().join("wrap").join(format!("{name}-{}", Digest::of(root.as_str().as_bytes()).short()))
}

/// A release, or a toolkit of it that is here, and why.
struct Choice {
    release: CudaRelease,
    present: Option<Toolkit>,
    known: Option<&'static ReleaseFile>,
    reason: String,
    others: Vec<CudaRelease>,
}

fn choose_release(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    wanted: Option<CudaRelease>,
    gpus: &Gpus,
) -> Result<Choice, Failure> {
    let mut here = found::find(&context.environment);
    here.extend(cuferry_install::installed(&context.data_dir()));
    here.retain(|toolkit| toolkit.include(HOST).is_dir());
    let known = release_file::known();
    let mut releases: Vec<CudaRelease> =
        here.iter().map(|toolkit| toolkit.release).chain(known.iter().map(|file| file.release)).collect();
    releases.sort_unstable();
    releases.dedup();
    if let Some(wanted) = wanted
        && !releases.contains(&wanted)
    {
        let names: Vec<String> = releases.iter().map(ToString::to_string).collect();
        let message = format!("CUDA {wanted} is not on this machine, and how to fetch it is not known");
        let help = format!("install it and set `CUDA_HOME`, or take one of {}", names.join(", "));
        return Err(Failure::say(Fault::Usage, "toolchain::unknown_release", message, help));
    }
    let gpus_wanted = match &args.gpu {
        Some(GpuPolicy::List(list)) => {
            list.iter().map(|request| GpuArch::base(request.arch().number())).collect()
        }
        _ => gpus.archs(),
    };
    let advice = tree.needs.toolkit(&releases, &gpus_wanted);
    let ranked = &advice.order;
    let able = |release: CudaRelease| explicit(args, gpus, release).map(drop);
    let order: Vec<CudaRelease> = ranked.iter().map(|ranked| ranked.release).collect();
    let best = match wanted {
        Some(wanted) => wanted,
        None => {
            if let Some(release) = order.iter().copied().find(|release| able(*release).is_ok()) {
                release
            } else {
                let newest = order.first().or(releases.last()).copied().unwrap_or(CCCL_3);
                able(newest)?;
                newest
            }
        }
    };
    let weight = |release| {
        let found = ranked.iter().find(|ranked| ranked.release == release);
        found.map(|ranked| (ranked.against.len(), ranked.support.len()))
    };
    // Of releases that suit the project as well: the user's own toolkit, or the oldest, since what it builds runs on the most
    // drivers.
    let equal = |release: CudaRelease| {
        let as_good = wanted.is_none() && release.major == best.major && weight(release) == weight(best);
        release == best || (as_good && able(release).is_ok())
    };
    let own =
        here.iter().filter(|toolkit| equal(toolkit.release) && toolkit.origin != ToolkitOrigin::Installed);
    let own = own.min_by_key(|toolkit| toolkit.release != best).cloned();
    let oldest = releases.iter().copied().filter(|release| equal(*release)).min().unwrap_or(best);
    let release = own.as_ref().map_or(oldest, |toolkit| toolkit.release);
    let installed = || here.iter().find(|toolkit| toolkit.release == release).cloned();
    let present = own.or_else(installed);
    let reason = match wanted {
        Some(_) => "as asked for".to_owned(),
        None => advice
            .why()
            .filter(|_| {
                weight(best).is_some_and(|(against, support)| against + support > 0) || release.major != 13
            })
            .unwrap_or_else(|| "nothing in the project asks for another".to_owned()),
    };
    let others =
        order.into_iter().filter(|other| *other != release && other.major != release.major).collect();
    Ok(Choice { release, present, known: release_file::known_release(release), reason, others })
}

/// The toolkit, with NVIDIA's libraries that the project uses.
fn take_toolkit(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    choice: &Choice,
    notes: &mut Vec<String>,
) -> Result<Toolkit, Failure> {
    let used = tree.needs.libraries.iter().filter(|(_, used)| !used.is_arm_only()).map(|(name, _)| *name);
    let Some(file) = choice.known else {
        return choice.present.clone().ok_or_else(|| {
            let message = format!("CUDA {} is not on this machine", choice.release);
            Failure::say(
                Fault::Machine,
                "toolchain::unknown_release",
                message,
                "set `CUDA_HOME` to where it lies",
            )
        });
    };
    let optional =
        used.filter(|name| file.package_with(name).is_none_or(|package| package.role == Role::Library));
    let (mut libraries, unknown): (Vec<&str>, Vec<&str>) =
        optional.partition(|name| file.package_with(name).is_some());
    libraries.sort_unstable();
    let foreign = choice.present.as_ref().filter(|toolkit| toolkit.origin != ToolkitOrigin::Installed);
    if let Some(toolkit) = foreign {
        return Ok(toolkit.clone());
    }
    if !unknown.is_empty() {
        notes.push(format!(
            "not among what cuferry can fetch for CUDA {}: {}",
            choice.release,
            unknown.join(", ")
        ));
    }
    if !libraries.is_empty() {
        notes.push(format!("the toolkit is taken with {}, which the project uses", libraries.join(", ")));
    }
    let libraries: Vec<String> = libraries.into_iter().map(str::to_owned).collect();
    fetch_toolkit(context, file, &[HOST], &libraries, args.offline)
}

/// The device code that `--gpu` asks for, if it does.
fn explicit(
    args: &Wrapping,
    gpus: &Gpus,
    release: CudaRelease,
) -> Result<Option<cuferry_arch::DeviceCode>, Failure> {
    let Some(policy) = args.gpu.as_ref().filter(|policy| **policy != GpuPolicy::SameAsArm) else {
        return Ok(None);
    };
    let input = SelectInput {
        command_line: Some(policy),
        manifest: None,
        detected: &gpus.archs(),
        arm: &[],
        host: HOST,
        embed_ptx: true,
    };
    let selection = select(&input, release).map_err(|error| select_failure(&error, gpus))?;
    Ok(Some(selection.code))
}

fn gpu_policy(args: &Wrapping, gpus: Gpus, release: CudaRelease) -> Result<(ArchPolicy, Gpu), Failure> {
    if let Some(code) = explicit(args, &gpus, release)? {
        let words = format!("{code} (--gpu)");
        let mut wanted: Vec<GpuArch> = code.real.iter().map(|arch| GpuArch::base(arch.number())).collect();
        if wanted.is_empty() {
            wanted = code.ptx.iter().map(|arch| GpuArch::base(arch.number())).collect();
        }
        wanted.dedup();
        return Ok((ArchPolicy::Exactly(code), Gpu { wanted, words, gpus }));
    }
    let wanted = gpus.archs();
    let words = if wanted.is_empty() {
        "as the build asks, Jetson's replaced (no GPU here, and none was named: see `--gpu`)".to_owned()
    } else {
        let names: Vec<&str> = gpus.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
        format!("as the build asks, where it serves this machine's {}", names.join(", "))
    };
    Ok((ArchPolicy::Fitting(wanted.clone()), Gpu { wanted, words, gpus }))
}

impl Gpu {
    /// What `nvidia-smi` is to say on a machine that has none.
    fn answers(&self) -> Vec<cuferry_wrap::Gpu> {
        let product = |arch: &GpuArch| table::gpu(*arch).map_or("GPU", |row| row.products.as_str());
        let answer = |arch: &GpuArch| cuferry_wrap::Gpu {
            name: format!("NVIDIA {}", product(arch).split(',').next().unwrap_or("GPU").trim()),
            capability: arch.capability(),
        };
        if self.gpus.gpus.is_empty() { self.wanted.iter().map(answer).collect() } else { Vec::new() }
    }
}

fn semantics(meanings: &[Meaning]) -> Semantics {
    Semantics {
        unsigned_char: meanings.contains(&Meaning::Char),
        unsigned_wchar: meanings.contains(&Meaning::Wchar),
        fused_multiply_add: meanings.contains(&Meaning::Fma),
        conversions: meanings.contains(&Meaning::Conversions),
        checked_division: meanings.contains(&Meaning::Division),
        checked_overflow: meanings.contains(&Meaning::Overflow),
        checked_shifts: meanings.contains(&Meaning::Shift),
    }
}

/// Header folders and macros by policy, into `policy`; the texts to write into the session.
fn headers(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    include: &Utf8Path,
    policy: &mut Policy,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<Utf8PathBuf, String>, Failure> {
    let mut texts = BTreeMap::new();
    let mut add = |folder: &str, headers: &[Header]| {
        texts.extend(
            headers.iter().map(|header| (Utf8Path::new(folder).join(header.path), header.text.to_owned())),
        );
        include.join(folder)
    };
    let compatible = !args.policies.no_compat;
    if compatible && tree.uses_removed_names && policy.release >= CCCL_3 {
        policy.include_first.push(add("cuda13", cuferry_compat::cuda13_headers()));
        notes.push(
            "headers of cuferry's give back names that CUDA 13 removed (`--no-compat` leaves them out)"
                .to_owned(),
        );
    }
    if compatible && tree.uses_cccl && policy.release >= CCCL_3 {
        policy.raise_standard = Some(17);
    }
    if tree.uses_arm_headers || tree.uses_arm_types || args.policies.arm_macros {
        let folder = add("arm", cuferry_compat::arm_headers());
        if tree.uses_arm_types {
            policy.include_files.push(folder.join(cuferry_compat::ARM_TYPES));
        }
        if args.policies.arm_macros {
            policy.include_files.push(folder.join(cuferry_compat::ARM_FEATURES));
        }
        policy.include_first.push(folder);
        if let Some(simde) = companion::named("simde") {
            policy.include_last.push(fetch_headers(context, simde, args.offline)?);
        }
        notes.push(
            "arm_neon.h and its like are served by SIMDe (MIT licence) and headers of cuferry's".to_owned(),
        );
    }
    Ok(texts)
}

/// Names that the project calls ARM tools by.
fn tool_names(tree: &Tree) -> Vec<String> {
    let tools = ["gcc", "g++", "cc", "c++", "cpp", "ld", "ar", "ranlib", "as", "strip", "nm", "objcopy"];
    let prefixes = tree.needs.prefixes.keys();
    prefixes.flat_map(|prefix| tools.iter().map(move |tool| format!("{prefix}{tool}"))).collect()
}

/// What the build is told that this machine is: the truth, unless the user wants otherwise, or the build would refuse it.
fn pretence(pretend: Option<Pretend>, tree: &Tree, notes: &mut Vec<String>) -> Pretence {
    let refuses =
        |note: &&cuferry_needs::Note| note.kind == NoteKind::RefusesOthers && note.when.is_possible();
    let pretend = pretend.unwrap_or_else(|| match tree.needs.notes.iter().find(refuses) {
        None => Pretend::Nothing,
        Some(note) => {
            notes.push(format!(
                "`uname -m` and its like answer aarch64, since the build refuses other machines ({}); `--pretend nothing` \
                 lets them tell the truth",
                note.place
            ));
            Pretend::Aarch64
        }
    });
    match pretend {
        Pretend::Nothing => Pretence::None,
        Pretend::Aarch64 => Pretence::Aarch64,
        // JetPack 5.1.2 on an AGX Orin: the release that most of the projects out there name.
        Pretend::Jetson => Pretence::Jetson {
            l4t: 35,
            revision: "4.1".to_owned(),
            model: "NVIDIA Jetson AGX Orin Developer Kit".to_owned(),
        },
    }
}

/// The absolute paths that the build files name, beside the usual ones.
fn places(tree: &Tree) -> Places {
    let mut places = Places::usual();
    for path in tree.needs.paths.keys() {
        let mut parts = path.components().map(|part| part.as_str()).skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("usr"), Some("local"), Some(cuda)) if cuda.starts_with("cuda-") => {
                places.toolkit.push(Utf8Path::new("/usr/local").join(cuda));
            }
            _ => {}
        }
        let folder =
            path.parent().filter(|folder| folder.ends_with("bin") && !folder.starts_with("/usr/local/cuda"));
        let tool = path.file_name().and_then(cuferry_translate::Tool::of);
        places.tools.extend(folder.filter(|_| tool.is_some()).map(Utf8Path::to_owned));
    }
    for list in [&mut places.toolkit, &mut places.tools] {
        list.sort_unstable();
        list.dedup();
    }
    places
}
