//! The command line: every command, option and help text.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cuferry_arch::{CudaRelease, GpuPolicy, Host};

/// Can this ARM CUDA software run on this x86_64 machine, in a container? Rebuild it, and it can.
#[derive(Debug, Parser)]
#[command(
    name = "cuferry",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done; 1 the project's own code failed; 2 wrong use; 3 the machine lacks something; \
4 a defect of cuferry; 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a CUDA project for x86_64 and write a container image of it
    #[command(after_help = "Examples:\n  \
        cuferry rebuild                              this folder, for the GPU that is here\n  \
        cuferry rebuild ~/robot --gpu sm_86,sm_90    for two GPUs that need not be here\n  \
        cuferry rebuild ~/robot --gpu all-major --image robot.tar && docker load -i robot.tar\n  \
        cuferry rebuild ~/robot --host aarch64 --no-image    the same project for ARM")]
    Rebuild(Rebuild),
    /// Show what `rebuild` would do, without doing it
    #[command(
        after_help = "Examples:\n  cuferry plan ~/robot\n  cuferry plan ~/robot --format dot | dot -Tsvg > plan.svg"
    )]
    Plan(Plan),
    /// Write the cuferry.toml that was inferred from a folder of sources
    #[command(after_help = "Examples:\n  cuferry init ~/robot\n  cuferry init ~/robot --stdout")]
    Init(Init),
    /// CUDA toolkits: known, installed, pinned
    Toolchain(Toolchain),
    /// Completions for a shell
    #[command(
        after_help = "Example:\n  cuferry completions bash > ~/.local/share/bash-completion/completions/cuferry"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What is built, and for what.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The project's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: Utf8PathBuf,
    /// GPUs to build for: `native`, `all-major`, `same-as-arm`, or a list such as `sm_86,sm_90a,compute_90`
    #[arg(long, value_name = "LIST|native|all-major")]
    pub(crate) gpu: Option<GpuPolicy>,
    /// Leave PTX of the highest architecture out: newer GPUs will not run the result
    #[arg(long)]
    pub(crate) no_ptx: bool,
    /// CPU to build for: `x86_64` or `aarch64`
    #[arg(long, default_value = "x86_64", value_name = "HOST")]
    pub(crate) host: Host,
    /// CUDA release to build with, such as 13.0; otherwise one that is here and fits, or the oldest that fits
    #[arg(long, value_name = "RELEASE")]
    pub(crate) toolkit: Option<CudaRelease>,
    /// C++ compiler to build with: a name on PATH or a path; otherwise the newest that the toolkit takes
    #[arg(long, value_name = "COMPILER")]
    pub(crate) compiler: Option<String>,
    /// Fetch nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Where finished programs and libraries go [default: DIR/target/cuferry/HOST]
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Where the image goes: a `.tar` for `docker load`, or a folder (OCI layout) [default: DIR/target/cuferry/NAME-HOST.tar]
    #[arg(long, value_name = "PATH", conflicts_with = "no_image")]
    pub(crate) image: Option<Utf8PathBuf>,
    /// Write no image
    #[arg(long)]
    pub(crate) no_image: bool,
    /// How many actions run at once [default: the number of CPUs]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<std::num::NonZeroUsize>,
    /// Build all that can be built when something fails
    #[arg(short, long)]
    pub(crate) keep_going: bool,
    /// How the result is printed on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How the plan is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: PlanFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The project's folder
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: Utf8PathBuf,
    /// The source that holds `main`, where several do
    #[arg(long, value_name = "FILE")]
    pub(crate) main: Option<Utf8PathBuf>,
    /// Print the manifest instead of writing it
    #[arg(long)]
    pub(crate) stdout: bool,
    /// Replace a cuferry.toml that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Toolchain {
    #[command(subcommand)]
    pub(crate) command: ToolchainCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolchainCommand {
    /// Toolkits known, installed and found, and host compilers with what they fit
    List {
        /// How the list is printed
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: Format,
    },
    /// Fetch, verify and unpack a toolkit
    #[command(
        after_help = "Examples:\n  cuferry toolchain install 13.0\n  cuferry toolchain install 13.0 --host x86_64,aarch64 --with cublas,cufft"
    )]
    Install {
        /// Which release [default: the oldest known]
        release: Option<CudaRelease>,
        /// Hosts whose libraries and headers are wanted
        #[arg(long, value_delimiter = ',', default_value = "x86_64", value_name = "HOSTS")]
        host: Vec<Host>,
        /// CUDA libraries to add, by name
        #[arg(long, value_delimiter = ',', value_name = "LIBRARIES")]
        with: Vec<String>,
        /// Fetch nothing: fail by name where something is missing
        #[arg(long)]
        offline: bool,
    },
    /// Resolve a release at the package index, and write it down with sizes and digests
    #[command(after_help = "Example:\n  cuferry toolchain lock 13.3 --output toolchains/cuda-13.3.toml")]
    Lock {
        /// Which release
        release: CudaRelease,
        /// Where the file goes; standard output otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<Utf8PathBuf>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON value
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON value
    Json,
    /// For Graphviz
    Dot,
}
