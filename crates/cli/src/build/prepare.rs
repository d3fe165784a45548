//! Everything that is decided before a project's own build starts: GPUs, toolkit, compiler, headers, and how each compiler
//! call is translated.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, GpuPolicy, Host};
use cuferry_digest::Digest;
use cuferry_machine::compiler;
use cuferry_machine::gpu::{self, Gpus};
use cuferry_machine::toolkit::shared_alone;
use cuferry_machine::version_folder::other_version;
use cuferry_needs::{Needs, NoteKind};
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::toolkit::Toolkit;
use cuferry_translate::{Policy, Semantics};
use cuferry_wrap::{Places, Pretence, Request, Session, WrapError, named_tools};

use super::Job;
use super::gpu::{Gpu, gpu_policy};
use super::headers::{headers, npp_headers};
use super::release::{choose_release, take_toolkit};
use super::tree::Tree;
use crate::args::build::{Meaning, Pretend};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::select::host_compiler;

/// The x86_64 machine that all of this is for.
pub(super) const HOST: Host = Host::X86_64;
/// The first release whose C++ library takes no C++14.
pub(super) const CCCL_3: CudaRelease = CudaRelease::new(13, 0);

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
    /// Libraries of NVIDIA's that were not fetched.
    pub(crate) held: Vec<&'static str>,
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

/// Decides, fetches what is missing, and lays out the session. `wanted` is the toolkit to use, if it is fixed; `waiting`
/// are libraries that are not fetched.
pub(crate) fn prepare<'a>(
    context: &Context,
    job: &Job<'_>,
    tree: &'a Tree,
    wanted: Option<CudaRelease>,
    mut waiting: Vec<&'static str>,
) -> Result<Prepared<'a>, Failure> {
    let (root, args) = (job.root.as_path(), job.wrapping);
    let mut notes = Vec::new();
    let gpus = if matches!(args.gpu, None | Some(GpuPolicy::Native)) { gpu::gpus() } else { Gpus::default() };
    let choice = choose_release(context, tree, args, wanted, &gpus)?;
    let toolkit = take_toolkit(context, tree, args, &choice, &mut waiting, &mut notes)?;
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
        shared_instead: shared_alone(&toolkit.lib(HOST)),
        versions_instead: versions(tree),
        semantics: semantics(&args.policies.arm_semantics),
        ..Policy::new(HOST, toolkit.release)
    };
    if policy.semantics.unsigned_wchar && compiler.family != Family::Clang {
        notes.push(
            "`wchar_t` keeps its sign where gcc compiles, which has no flag for it (CF1097)".to_owned(),
        );
    }
    let mut headers = headers(context, tree, args, &include, &mut policy, &mut notes)?;
    if tree.uses_npp && !args.policies.no_compat {
        npp_headers(&toolkit, &include, &mut policy, &mut headers, &mut notes);
    }
    notes.extend(unusable(&tree.needs));
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
        own: named_tools(&context.variables).into_iter().chain(job.work.named_compilers()).collect(),
        names: tool_names(tree).into_iter().chain(job.work.compilers()).collect(),
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
        held: waiting,
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

/// Files among the sources that no build for x86_64 can use, said before the build meets them, or stops at something else.
fn unusable(needs: &Needs) -> Vec<String> {
    let kinds = [
        (&needs.prebuilt, "is machine code for ARM, which nothing for x86_64 can be linked with (CF4014)"),
        (&needs.pointers, "is a pointer of Git LFS: the file itself was not fetched (CF4013)"),
    ];
    let say = |(paths, what): (&Vec<Utf8PathBuf>, &str)| {
        let (first, rest) = paths.split_first()?;
        let more =
            if rest.is_empty() { String::new() } else { format!("; so it is with {} more", rest.len()) };
        Some(format!("`{first}` {what}{more}"))
    };
    kinds.into_iter().filter_map(say).collect()
}

/// Header folders that the build files name with a version that is not here, and the ones that are.
fn versions(tree: &Tree) -> BTreeMap<String, String> {
    let parents = ["/usr/include", "/usr/local/include"].map(Utf8Path::new);
    let paths = tree.needs.paths.keys();
    let others = paths.filter_map(|path| parents.iter().find_map(|parent| other_version(parent, path)));
    others.map(|(absent, here)| (absent.into_string(), here.into_string())).collect()
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
