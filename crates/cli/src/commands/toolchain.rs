//! `cuferry toolchain`: what is known, here and pinned; and the fetching that `rebuild` needs as well.

mod list;

use std::collections::BTreeMap;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};
use cuferry_install::{
    Emulator, InstallError, LibraryFolders, Options, Progress, Report, Request, Root, ensure,
    ensure_companion, ensure_compiler, ensure_emulator, ensure_headers, ensure_libraries, ensure_root,
    ensure_shared_libraries, lock, lock_companion, lock_release,
};
use cuferry_machine::compiler;
use cuferry_toolchain::choose::{CompilerError, choose_compiler};
use cuferry_toolchain::companion::{self, Companion, CompanionKind};
use cuferry_toolchain::compiler::{Family, HostCompiler};
use cuferry_toolchain::package::Source;
use cuferry_toolchain::release_file::{self, PickError, ReleaseFile};
use cuferry_toolchain::toolkit::Toolkit;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::{Pinned, Toolchain, ToolchainCommand};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::progress::bytes;
use crate::words::print;

pub(crate) fn run(context: &Context, args: &Toolchain) -> Result<(), Failure> {
    match &args.command {
        ToolchainCommand::List { format } => list::list(context, *format),
        ToolchainCommand::Install { what, host, with, offline } => {
            let root = match what {
                Some(Pinned::Companion(companion)) => install_companion(context, companion, with, *offline)?,
                Some(Pinned::Release(release)) => {
                    install_release(context, known(Some(*release))?, host, with, *offline)?
                }
                None => install_release(context, known(None)?, host, with, *offline)?,
            };
            print(&format!("{root}\n"))
        }
        ToolchainCommand::Lock { what, output } => write_lock(context, *what, output.as_deref()),
    }
}

/// A toolkit; and where each g++ here is newer than it takes, one that is not. A clang++ that it takes does not count: it
/// compiles with the headers of the newest g++, and CUDA 11.8 cannot read those of g++ 12.
fn install_release(
    context: &Context,
    release: &ReleaseFile,
    hosts: &[Host],
    libraries: &[String],
    offline: bool,
) -> Result<Utf8PathBuf, Failure> {
    let toolkit = fetch_toolkit(context, release, hosts, libraries, offline)?;
    let host = Host::of_this_program();
    let here = compiler::find(&context.environment, host, None, &[Family::Gcc]);
    if hosts.contains(&host)
        && let Err(CompilerError::TooNew { .. }) = choose_compiler(&here, release.release, host, None)
        && let Some(compiler) = fetch_compiler(context, release.release, host, offline)?
    {
        let family = compiler.family;
        eprintln!(
            "{family} {} is in `{}`: CUDA {} takes no g++ that is here",
            compiler.version, compiler.path, release.release
        );
    }
    Ok(toolkit.root)
}

fn install_companion(
    context: &Context,
    companion: &Companion,
    libraries: &[String],
    offline: bool,
) -> Result<Utf8PathBuf, Failure> {
    if !libraries.is_empty() {
        let message = format!("`--with` adds CUDA libraries to a toolkit, and `{}` is none", companion.name);
        let help = "leave `--with` out, or name a CUDA release";
        return Err(Failure::say(Fault::Usage, "toolchain::no_libraries", message, help));
    }
    let show = Downloads::new(context);
    let result = ensure_companion(&context.data_dir(), companion, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map_err(install_failure)
}

/// Folders of CUDA libraries that lie outside the toolkit.
#[derive(Default)]
pub(crate) struct Fetched {
    pub(crate) include: Vec<Utf8PathBuf>,
    pub(crate) lib: Vec<Utf8PathBuf>,
}

/// The toolkit of a release, with the base and `libraries` for each of `hosts`; fetched where it is not here.
pub(crate) fn fetch_toolkit(
    context: &Context,
    release: &ReleaseFile,
    hosts: &[Host],
    libraries: &[String],
    offline: bool,
) -> Result<Toolkit, Failure> {
    let request = Request { release, hosts, libraries };
    let show = Downloads::new(context);
    let result = ensure(&context.data_dir(), &request, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map_err(install_failure)
}

/// CUDA libraries that a toolkit lacks, of its release or of the nearest known one with the same major number.
pub(crate) fn fetch_libraries(
    context: &Context,
    toolkit: &Toolkit,
    host: Host,
    libraries: &[String],
    offline: bool,
) -> Result<Fetched, Failure> {
    let same_major = release_file::known().iter().filter(|file| file.release.major == toolkit.release.major);
    let release = same_major.min_by_key(|file| file.release.minor.abs_diff(toolkit.release.minor)).ok_or_else(|| {
        let help = format!("install them beside the toolkit in `{}`, or use a toolkit that `cuferry toolchain list` shows", toolkit.root);
        let message = format!("CUDA {} in `{}` lacks {}, and cuferry knows none to fetch", toolkit.release, toolkit.root, libraries.join(", "));
        Failure::say(Fault::Machine, "toolchain::libraries", message, help)
    })?;
    let request = Request { release, hosts: &[host], libraries };
    let show = Downloads::new(context);
    let result = ensure_libraries(&context.data_dir(), &request, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    let found = result.map_err(install_failure)?;
    Ok(Fetched { include: vec![found.include(host)], lib: vec![found.lib(host)] })
}

/// A host compiler that the release takes, where cuferry knows one to fetch.
pub(crate) fn fetch_compiler(
    context: &Context,
    release: CudaRelease,
    host: Host,
    offline: bool,
) -> Result<Option<HostCompiler>, Failure> {
    if host != Host::of_this_program() {
        return Ok(None);
    }
    let Some(companion) = companion::compiler_for(release, host) else { return Ok(None) };
    let show = Downloads::new(context);
    let result = ensure_compiler(&context.data_dir(), companion, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map(Some).map_err(install_failure)
}

/// Shared CUDA libraries, by the names that programs of `host` load.
pub(crate) fn fetch_shared_libraries(
    context: &Context,
    sonames: &[String],
    host: Host,
    offline: bool,
) -> Result<LibraryFolders, Failure> {
    let show = Downloads::new(context);
    let options = options(context, offline);
    let result = ensure_shared_libraries(&context.data_dir(), sonames, host, &options, &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map_err(install_failure)
}

/// The emulator of ARM programs.
pub(crate) fn fetch_emulator(context: &Context, offline: bool) -> Result<Emulator, Failure> {
    fetch_kind(context, offline, ensure_emulator, |kind| matches!(kind, CompanionKind::Emulator { .. }))
}

/// The C and C++ libraries that ARM programs load.
pub(crate) fn fetch_root(context: &Context, offline: bool) -> Result<Root, Failure> {
    fetch_kind(context, offline, ensure_root, |kind| {
        matches!(kind, CompanionKind::Root { host: Host::Aarch64 })
    })
}

/// The companion of a kind, of which there is one.
fn fetch_kind<T>(
    context: &Context,
    offline: bool,
    ensure: fn(&Utf8Path, &Companion, &Options, &Report<'_>) -> Result<T, InstallError>,
    wanted: fn(&CompanionKind) -> bool,
) -> Result<T, Failure> {
    let companion = companion::known().iter().find(|companion| wanted(&companion.kind));
    let companion = companion.expect("a file of toolchains/ is one");
    let show = Downloads::new(context);
    let result = ensure(&context.data_dir(), companion, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map_err(install_failure)
}

/// The folder of a companion's headers, for `-I`.
pub(crate) fn fetch_headers(
    context: &Context,
    companion: &Companion,
    offline: bool,
) -> Result<Utf8PathBuf, Failure> {
    let show = Downloads::new(context);
    let result = ensure_headers(&context.data_dir(), companion, &options(context, offline), &|progress| {
        show.hear(progress);
    });
    show.finish();
    result.map(|headers| headers.include).map_err(install_failure)
}

fn known(release: Option<CudaRelease>) -> Result<&'static ReleaseFile, Failure> {
    let all = release_file::known();
    let wanted = match release {
        Some(release) => release_file::known_release(release),
        None => release_file::default_release(),
    };
    wanted.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|file| file.release.to_string()).collect();
        let message = format!(
            "how to fetch CUDA {} is not known",
            release.map(|release| release.to_string()).unwrap_or_default()
        );
        let help = format!(
            "known are: {}; others can be installed by hand and named with `CUDA_HOME`",
            names.join(", ")
        );
        Failure::say(Fault::Usage, "toolchain::unknown_release", message, help)
    })
}

/// What pip heeds is heeded here: index, proxies, certificates; and a mirror for what comes from Debian.
fn options(context: &Context, offline: bool) -> Options {
    let get = |names: &[&str]| names.iter().find_map(|name| context.environment.get(name)).map(str::to_owned);
    Options {
        offline,
        index_url: get(&["PIP_INDEX_URL"]),
        mirror_url: get(&["CUFERRY_DEBIAN_MIRROR"]),
        http_proxy: get(&["http_proxy"]),
        https_proxy: get(&["https_proxy", "HTTPS_PROXY"]),
        no_proxy: get(&["no_proxy", "NO_PROXY"]),
        ca_file: get(&["SSL_CERT_FILE"]).map(Into::into),
        ..Options::default()
    }
}

fn write_lock(context: &Context, what: Pinned, output: Option<&Utf8Path>) -> Result<(), Failure> {
    let show = Downloads::new(context);
    let result = locked(what, &options(context, false), &|progress| {
        show.hear(progress);
    });
    show.finish();
    let text = result.map_err(install_failure)?;
    let Some(output) = output else {
        return print(&text);
    };
    let path = context.absolute(output);
    std::fs::write(&path, text).map_err(|error| {
        Failure::say(
            Fault::Machine,
            "toolchain::write",
            format!("cannot write `{path}`: {error}"),
            "name another file with `--output`",
        )
    })?;
    print(&format!("{path}\n"))
}

/// The text of a file of `toolchains/`.
fn locked(what: Pinned, options: &Options, report: &Report<'_>) -> Result<String, InstallError> {
    let release = match what {
        Pinned::Companion(companion) => return Ok(lock_companion(companion, options, report)?.to_string()),
        Pinned::Release(release) => release,
    };
    // A release of Debian packages is chosen by hand: its own file says which.
    if let Some(file) =
        release_file::known_release(release).filter(|file| matches!(file.source, Source::Mirror { .. }))
    {
        return Ok(lock_release(file, options, report)?.to_string());
    }
    // The index of the newest release that is known: PIP_INDEX_URL, if set, wins inside.
    let index = release_file::known().iter().rev().find_map(|file| match &file.source {
        Source::Index(url) => Some(url.as_str()),
        Source::Mirror { .. } => None,
    });
    Ok(lock(release, index.unwrap_or_default(), options, report)?.to_string())
}

fn install_failure(error: impl Into<Box<InstallError>>) -> Failure {
    let error: Box<InstallError> = error.into();
    let fault = match &*error {
        InstallError::Pick(PickError::UnknownLibrary { .. })
        | InstallError::NoRelease { .. }
        | InstallError::OtherKind { .. } => Fault::Usage,
        _ => Fault::Machine,
    };
    Failure::new(fault, *error)
}

/// Downloads as they go: a bar on a terminal, a line a package in a log.
struct Downloads {
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    arrived: BTreeMap<String, u64>,
}

impl Downloads {
    fn new(context: &Context) -> Self {
        let bar = context.live.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{spinner} {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { state: Mutex::new(State { bar, arrived: BTreeMap::new() }) }
    }

    fn hear(&self, progress: Progress<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match progress {
            Progress::Waiting { lock } => {
                state.line(&format!("waiting for another process that installs (`{lock}`)"));
            }
            Progress::Fetching { archives, bytes: size } => {
                if let Some(bar) = &state.bar {
                    bar.set_length(size);
                }
                state.line(&format!("fetching {archives} packages, {}", bytes(size)));
            }
            Progress::Downloading { package, host, done, .. } => {
                state.arrived.insert(format!("{package} {host}"), done);
                let total = state.arrived.values().sum();
                if let Some(bar) = &state.bar {
                    bar.set_position(total);
                    bar.set_message(package.to_owned());
                }
            }
            Progress::Retrying { url, cause, wait } => {
                state.line(&format!("trying again in {:.1} s: {url}: {cause}", wait.as_secs_f64()));
            }
            Progress::Unpacking { package, host } => {
                if state.bar.is_none() {
                    state.line(&format!("unpacking {package} for {host}"));
                }
            }
            Progress::Resolving { .. } | Progress::Activating { .. } => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.state.lock().ok().and_then(|mut state| state.bar.take()) {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
}
