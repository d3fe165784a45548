//! From a project and this machine to everything that decides a build: device code, toolkit, host compiler, libraries.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use cuferry_arch::select::{GpuNote, PolicySource, SelectInput, select};
use cuferry_arch::{CudaRelease, GpuPolicy, GpuSelection, Host, SelectError};
use cuferry_machine::gpu::{self, Gpus};
use cuferry_machine::{compiler, pkg_config, toolkit as found};
use cuferry_plan::{PkgConfigFlags, PlanError, Settings, Toolchain};
use cuferry_project::Project;
use cuferry_toolchain::choose::{Chosen, CompilerError, Why, choose_compiler, choose_toolkit};
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::release_file;
use cuferry_toolchain::toolkit::Toolkit;

use crate::args::Selection;
use crate::args::build::ToolkitChoice;
use crate::commands::toolchain::{Fetched, fetch_compiler, fetch_libraries, fetch_toolkit};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::project::Loaded;

/// Everything decided, and why.
pub(crate) struct Selected {
    pub(crate) settings: Settings,
    pub(crate) gpu: GpuSelection,
    pub(crate) gpus: Gpus,
    /// Why this toolkit, in a sentence.
    pub(crate) toolkit_reason: String,
    /// The folders in which the host's compiler looks for libraries.
    pub(crate) library_folders: Vec<Utf8PathBuf>,
}

/// Decides.
pub(crate) fn decide(context: &Context, loaded: &Loaded, args: &Selection) -> Result<Selected, Failure> {
    let project = &loaded.project;
    let arm = cuferry_plan::plan::arm_archs(project).map_err(plan_failure)?;
    let policy = args.gpu.as_ref().or(project.gpu.as_ref());
    // Loading the driver takes a second on a big machine: only where its answer matters.
    let gpus = if matches!(policy, None | Some(GpuPolicy::Native)) { gpu::gpus() } else { Gpus::default() };
    let detected = gpus.archs();
    let input = SelectInput {
        command_line: args.gpu.as_ref(),
        manifest: project.gpu.as_ref(),
        detected: &detected,
        arm: &arm,
        host: args.host,
        embed_ptx: project.embed_ptx && !args.no_ptx,
    };
    let (toolkit, toolkit_reason, gpu) = toolkit(context, project, args, &input, &gpus)?;
    let wanted = args.compiler.as_deref().or(project.host_compiler.as_deref());
    let compiler = host_compiler(context, wanted, args.host, toolkit.release, args.offline)?;
    let archiver = compiler::archiver(&context.environment, args.host).ok_or_else(|| {
        let package = if args.host == Host::of_this_program() {
            "binutils".to_owned()
        } else {
            format!("binutils-{}", args.host.gnu_triple())
        };
        let help = format!("Debian, Ubuntu: `apt install {package}`; Fedora: `dnf install binutils`");
        Failure::say(Fault::Machine, "toolchain::no_ar", format!("no `ar` for {} on PATH", args.host), help)
    })?;
    let libraries = libraries(context, project, args, &toolkit)?;
    let library_folders = compiler::library_folders(&compiler);
    let settings = Settings {
        host: args.host,
        code: gpu.code.clone(),
        pkg_config: pkg_config(context, project, args.host)?,
        build_dir: Utf8PathBuf::from("target/cuferry/build").join(folder_name(args)),
        bin_dir: bin_dir(context, loaded, args),
        env: command_environment(context, &compiler),
        toolchain: Toolchain {
            toolkit,
            compiler,
            archiver,
            library_include: libraries.include,
            library_dirs: libraries.lib,
        },
    };
    Ok(Selected { settings, gpu, gpus, toolkit_reason, library_folders })
}

/// Of what is built: the host that it is for, or `soft`.
fn folder_name(args: &Selection) -> &'static str {
    if args.soft { "soft" } else { args.host.as_str() }
}

/// Relative where it lies in the project, so that plans of two checkouts are equal.
fn bin_dir(context: &Context, loaded: &Loaded, args: &Selection) -> Utf8PathBuf {
    let default = Utf8PathBuf::from("target/cuferry").join(folder_name(args));
    match &args.bin_dir {
        None => default,
        Some(dir) => {
            let dir = context.absolute(dir);
            dir.strip_prefix(&loaded.root).map(Utf8PathBuf::from).unwrap_or(dir)
        }
    }
}

/// The environment of every command: where the compiler's own tools are, where it may write, and nothing that changes
/// what it makes.
fn command_environment(context: &Context, compiler: &HostCompiler) -> BTreeMap<String, String> {
    let folder = compiler.path.parent().map_or("/usr/bin", |folder| folder.as_str());
    let mut folders = vec![folder];
    folders.extend(["/usr/bin", "/bin"].into_iter().filter(|other| *other != folder));
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), folders.join(":")),
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
        // gcc writes the working folder into debug information, and believes this variable: another checkout gives
        // the same bytes.
        ("PWD".to_owned(), "/proc/self/cwd".to_owned()),
        // What `__DATE__` and `__TIME__` become.
        ("SOURCE_DATE_EPOCH".to_owned(), context.epoch().to_string()),
    ]);
    if let Some(folder) = context.environment.get("TMPDIR") {
        env.insert("TMPDIR".to_owned(), folder.to_owned());
    }
    env
}

fn toolkit(
    context: &Context,
    project: &Project,
    args: &Selection,
    input: &SelectInput<'_>,
    gpus: &Gpus,
) -> Result<(Toolkit, String, GpuSelection), Failure> {
    let mut candidates = found::find(&context.environment);
    candidates.extend(cuferry_install::installed(&context.data_dir()));
    // One without the host's headers cannot build for it, whatever its release.
    candidates.retain(|toolkit| toolkit.include(input.host).is_dir());
    let wanted = args.toolkit.and_then(ToolkitChoice::release).or(project.toolkit);
    // An answer that no toolkit can change comes first.
    let newest = cuferry_arch::table::toolkits().last().map_or(CudaRelease::new(13, 0), |row| row.release);
    if let Err(error) = select(input, newest)
        && !matches!(error, SelectError::NotInToolkit { .. })
    {
        return Err(select_failure(&error, gpus));
    }
    let fits = |release| select(input, release).map(drop).map_err(|error| explain(&error));
    let choice = choose_toolkit(&candidates, wanted, release_file::known(), fits).map_err(|error| {
        // The toolkit to speak of: the one asked for, the first one here, or the one that would be fetched.
        let spoken = wanted.or_else(|| candidates.first().map(|toolkit| toolkit.release));
        let spoken = spoken.or_else(|| release_file::default_release().map(|file| file.release));
        let refused = select(input, spoken.unwrap_or(newest));
        match refused {
            Err(error) => select_failure(&error, gpus),
            Ok(_) => Failure::new(Fault::Machine, error),
        }
    })?;
    let unfit = choice.passed_over.iter().filter(|other| matches!(other.why, Why::DoesNotFit(_)));
    let sentences: Vec<String> =
        std::iter::once(choice.reason.to_string()).chain(unfit.map(ToString::to_string)).collect();
    let reason = sentences.join("; ");
    let toolkit = match choice.chosen {
        Chosen::Present(toolkit) => toolkit.clone(),
        Chosen::Fetch(file) => fetch_toolkit(context, file, &[args.host], &[], args.offline)?,
    };
    let gpu = select(input, toolkit.release).map_err(|error| select_failure(&error, gpus))?;
    Ok((toolkit, reason, gpu))
}

/// The compiler for the host half: the one asked for, or the newest that the release takes; fetched where the machine has
/// none.
pub(crate) fn host_compiler(
    context: &Context,
    wanted: Option<&str>,
    host: Host,
    release: CudaRelease,
    offline: bool,
) -> Result<HostCompiler, Failure> {
    if wanted.is_none() {
        // g++ is taken where one fits: clang, which answers slowly, need not be asked then.
        let candidates = compiler::find(&context.environment, host, None, &[Family::Gcc]);
        match choose_compiler(&candidates, release, host, None) {
            Ok(compiler) => return Ok(compiler.clone()),
            // clang takes the headers of the newest g++, which are as much too new.
            Err(CompilerError::TooNew { .. }) if !offline => {
                if let Some(compiler) = fetch_compiler(context, release, host, offline)? {
                    return Ok(compiler);
                }
            }
            Err(_) => {}
        }
    }
    let candidates = compiler::find(&context.environment, host, wanted, &Family::ALL);
    // A name on PATH that leads to a compiler known under another name is the same compiler.
    let real =
        wanted.and_then(|name| context.environment.find(name)).and_then(|path| path.canonicalize_utf8().ok());
    let same = |compiler: &&HostCompiler| compiler.path.canonicalize_utf8().ok() == real;
    let wanted = match candidates.iter().find(same).filter(|_| real.is_some()) {
        Some(compiler) => Some(compiler.path.as_str()),
        None => wanted,
    };
    choose_compiler(&candidates, release, host, wanted)
        .cloned()
        .map_err(|error| Failure::new(Fault::Machine, error))
}

/// CUDA libraries that the project names and the toolkit lacks, fetched.
fn libraries(
    context: &Context,
    project: &Project,
    args: &Selection,
    toolkit: &Toolkit,
) -> Result<Fetched, Failure> {
    let wanted: BTreeSet<&String> =
        project.targets.iter().flat_map(|target| &target.cuda_libraries).collect();
    let lib = toolkit.lib(args.host);
    let lacks = |name: &&&String| {
        !lib.join(format!("lib{name}.so")).exists() && !lib.join(format!("lib{name}.a")).exists()
    };
    let missing: Vec<String> = wanted.iter().filter(lacks).map(|name| (*name).clone()).collect();
    if missing.is_empty() {
        Ok(Fetched::default())
    } else {
        fetch_libraries(context, toolkit, args.host, &missing, args.offline)
    }
}

fn pkg_config(
    context: &Context,
    project: &Project,
    host: Host,
) -> Result<BTreeMap<String, PkgConfigFlags>, Failure> {
    let modules: BTreeSet<&String> = project.targets.iter().flat_map(|target| &target.pkg_config).collect();
    let mut answers = BTreeMap::new();
    for module in modules {
        let flags = pkg_config::ask(&context.environment, host, module).map_err(|error| {
            let help = match &error {
                pkg_config::PkgConfigError::Missing { .. } => {
                    "Debian, Ubuntu: `apt install pkg-config`; Fedora: `dnf install pkgconf`"
                }
                pkg_config::PkgConfigError::Unknown { .. } => {
                    "install the library's development package for this host, or set PKG_CONFIG_PATH"
                }
            };
            Failure::say(Fault::Machine, "project::pkg_config", error.to_string(), help)
        })?;
        answers.insert(module.clone(), PkgConfigFlags { cflags: flags.cflags, libs: flags.libs });
    }
    Ok(answers)
}

/// An architecture error with what to do about it, in one line.
fn explain(error: &SelectError) -> String {
    match error {
        SelectError::NotInToolkit { first: Some(first), last: Some(last), .. } if first == last => {
            format!("{error} (CUDA {first} can)")
        }
        SelectError::NotInToolkit { first: Some(first), last: Some(last), .. } => {
            format!("{error} (CUDA {first} to {last} can)")
        }
        _ => error.to_string(),
    }
}

pub(crate) fn select_failure(error: &SelectError, gpus: &Gpus) -> Failure {
    let (fault, code, help) = match error {
        SelectError::NoGpu => {
            let trouble =
                gpus.trouble.as_ref().map(|words| format!(" (the driver says: {words})")).unwrap_or_default();
            let help = format!(
                "name the GPU that the image is for, such as `--gpu sm_86`, or build for all with `--gpu all-major`{trouble}"
            );
            (Fault::Machine, "gpu::none", help)
        }
        SelectError::Unknown { known, .. } => {
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            (Fault::Usage, "gpu::unknown", format!("known are: {}", known.join(", ")))
        }
        SelectError::NotInToolkit { toolkit, first, last, .. } => {
            let help = match (first, last) {
                (Some(first), Some(last)) if last < toolkit => format!(
                    "it was dropped after CUDA {last}: install CUDA {first} to {last} and set `CUDA_HOME`, or name a newer architecture"
                ),
                (Some(first), _) if first > toolkit => format!("it needs CUDA {first} or newer: `--toolkit {first}`"),
                _ => "no CUDA release that cuferry knows can; architectures with the suffix `a` or `f` exist from sm_90 on".to_owned(),
            };
            (Fault::Usage, "gpu::not_in_toolkit", help)
        }
        SelectError::UnknownToolkit { .. } => (
            Fault::Usage,
            "toolchain::unknown_release",
            "use a release that `cuferry toolchain list` shows".to_owned(),
        ),
        SelectError::NoArmArchs => {
            let help =
                "add the ARM build's `-gencode` flags to `device-flags`, or name the GPUs with `--gpu`";
            (Fault::Usage, "gpu::same_as_arm", help.to_owned())
        }
        SelectError::BaseAndFamily { .. } => {
            (Fault::Usage, "gpu::base_and_family", "name one of the two".to_owned())
        }
        SelectError::Empty => (Fault::Usage, "gpu::empty", "name at least one architecture".to_owned()),
    };
    Failure::say(fault, code, error.to_string(), help)
}

/// A plan that cannot be made is the project's fault, unless it is ours.
pub(crate) fn plan_failure(error: PlanError) -> Failure {
    let fault = match &error {
        PlanError::Flag { .. } | PlanError::Graph(_) => Fault::Usage,
        PlanError::PkgConfig { .. } => Fault::Cuferry,
    };
    Failure::new(fault, error)
}

/// Who asked for these GPUs, in a few words.
pub(crate) fn source(selected: &Selected) -> String {
    match selected.gpu.source {
        PolicySource::CommandLine => "--gpu".to_owned(),
        PolicySource::Manifest => "cuferry.toml".to_owned(),
        PolicySource::Detected => {
            let names: BTreeSet<&str> = selected.gpus.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
            format!("this machine: {}", names.into_iter().collect::<Vec<_>>().join(", "))
        }
        PolicySource::Default => "default: no GPU here, and none was named".to_owned(),
    }
}

/// A difference between what was asked for and what is built, in a sentence.
pub(crate) fn note(note: &GpuNote) -> String {
    match note {
        GpuNote::Mapped { was, now, products, raised } => {
            let now = now.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let why = if *raised {
                "the desktop GPUs of that generation are older than the toolkit builds for; this is its oldest"
            } else {
                "the same generation on the desktop"
            };
            format!("{was} ({products}) runs on Jetson only: built for {now} instead, {why}")
        }
        GpuNote::NoPtx { highest } => {
            format!("no PTX is embedded: {highest} code runs on that GPU alone, and so would its PTX")
        }
    }
}
