//! `cuferry toolchain`: what is known, here and pinned; and the fetching that `rebuild` needs as well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host, table};
use cuferry_install::{InstallError, Options, Progress, Request, ensure, ensure_libraries, installed, lock};
use cuferry_machine::{compiler, toolkit as found};
use cuferry_toolchain::compiler::Family;
use cuferry_toolchain::release_file::{self, PickError, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::{Format, Toolchain, ToolchainCommand};
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::progress::bytes;
use crate::words::print;

pub(crate) fn run(context: &Context, args: &Toolchain) -> Result<(), Failure> {
    match &args.command {
        ToolchainCommand::List { format } => list(context, *format),
        ToolchainCommand::Install { release, host, with, offline } => {
            let toolkit = fetch_toolkit(context, known(*release)?, host, with, *offline)?;
            print(&format!("{}\n", toolkit.root))
        }
        ToolchainCommand::Lock { release, output } => lock_release(context, *release, output.as_deref()),
    }
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
    let result =
        ensure(&context.data_dir(), &request, &options(context, offline), &|progress| show.hear(progress));
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

fn known(release: Option<CudaRelease>) -> Result<&'static ReleaseFile, Failure> {
    let all = release_file::known();
    let wanted = match release {
        Some(release) => release_file::known_release(release),
        None => all.iter().min_by_key(|file| file.release),
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

/// What pip heeds is heeded here: index, proxies, certificates.
fn options(context: &Context, offline: bool) -> Options {
    let get = |names: &[&str]| names.iter().find_map(|name| context.environment.get(name)).map(str::to_owned);
    Options {
        offline,
        index_url: get(&["PIP_INDEX_URL"]),
        http_proxy: get(&["http_proxy"]),
        https_proxy: get(&["https_proxy", "HTTPS_PROXY"]),
        no_proxy: get(&["no_proxy", "NO_PROXY"]),
        ca_file: get(&["SSL_CERT_FILE"]).map(Into::into),
        ..Options::default()
    }
}

fn list(context: &Context, format: Format) -> Result<(), Failure> {
    let mut here = found::find(&context.environment);
    here.extend(installed(&context.data_dir()));
    let compilers: Vec<_> = Host::ALL
        .iter()
        .flat_map(|host| compiler::find(&context.environment, *host, None, &Family::ALL))
        .collect();
    if format == Format::Json {
        let here = here.iter().map(|toolkit| {
            json!({ "release": toolkit.release.to_string(), "root": toolkit.root, "origin": origin(&toolkit.origin), "identity": toolkit.identity })
        });
        let known = release_file::known()
            .iter()
            .map(|file| json!({ "release": file.release.to_string(), "nvcc": file.nvcc_version() }));
        let compilers = compilers.iter().map(|compiler| {
            json!({ "family": compiler.family.to_string(), "version": compiler.version.to_string(), "path": compiler.path, "host": compiler.host.as_str() })
        });
        let value = json!({
            "schema": 1,
            "here": here.collect::<Vec<_>>(),
            "can_be_fetched": known.collect::<Vec<_>>(),
            "compilers": compilers.collect::<Vec<_>>(),
        });
        return print(&format!("{value:#}\n"));
    }
    let mut out = String::new();
    let _ = writeln!(out, "On this machine:");
    for toolkit in &here {
        let _ = writeln!(out, "  CUDA {:<5} {} ({})", toolkit.release, toolkit.root, origin(&toolkit.origin));
    }
    if here.is_empty() {
        let _ = writeln!(out, "  none");
    }
    let _ =
        writeln!(out, "Can be fetched (`cuferry toolchain install RELEASE`; `rebuild` does it by itself):");
    for file in release_file::known() {
        let limits = table::toolkit(file.release)
            .map(|row| format!("g++ up to {}, clang++ up to {}, driver {}", row.gcc, row.clang, row.driver));
        let _ = writeln!(
            out,
            "  CUDA {:<5} nvcc {}; {}",
            file.release,
            file.nvcc_version(),
            limits.unwrap_or_default()
        );
    }
    let _ = writeln!(out, "C++ compilers:");
    for compiler in &compilers {
        let _ = writeln!(
            out,
            "  {} {} for {} ({})",
            compiler.family, compiler.version, compiler.host, compiler.path
        );
    }
    if compilers.is_empty() {
        let _ = writeln!(out, "  none");
    }
    print(&out)
}

fn origin(origin: &ToolkitOrigin) -> String {
    match origin {
        ToolkitOrigin::Installed => "installed by cuferry".to_owned(),
        ToolkitOrigin::Variable(name) => format!("named by {name}"),
        ToolkitOrigin::Path => "on PATH".to_owned(),
        ToolkitOrigin::Folder => "in a usual folder".to_owned(),
    }
}

fn lock_release(context: &Context, release: CudaRelease, output: Option<&Utf8Path>) -> Result<(), Failure> {
    // The index of the newest release that is known: PIP_INDEX_URL, if set, wins inside.
    let index = release_file::known().last().map_or("", |file| file.index.as_str());
    let show = Downloads::new(context);
    let result = lock(release, index, &options(context, false), &|progress| show.hear(progress));
    show.finish();
    let text = result.map_err(install_failure)?.to_string();
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

fn install_failure(error: impl Into<Box<InstallError>>) -> Failure {
    let error: Box<InstallError> = error.into();
    let fault = match &*error {
        InstallError::Pick(PickError::UnknownLibrary { .. }) | InstallError::NoRelease { .. } => Fault::Usage,
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
            Progress::Fetching { wheels, bytes: size } => {
                if let Some(bar) = &state.bar {
                    bar.set_length(size);
                }
                state.line(&format!("fetching {wheels} packages, {}", bytes(size)));
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
