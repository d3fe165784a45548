//! The command line: every command, option and help text.

pub(crate) mod build;
pub(crate) mod image;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod verify;

use std::str::FromStr;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cuferry_arch::driver::DriverVersion;
use cuferry_arch::{CudaRelease, GpuPolicy, Host};
use cuferry_toolchain::companion::{self, Companion};

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
        cuferry rebuild ~/robot --host aarch64 --no-image    the same project for ARM\n  \
        cuferry rebuild ~/robot --compile-commands ~/robot/build/compile_commands.json")]
    Rebuild(Rebuild),
    /// Run a project's own Makefile, unedited: each compiler call is translated to x86_64, and recorded
    #[command(after_help = "Examples:\n  \
        cuferry make                                 what `make` does, for x86_64\n  \
        cuferry make --gpu sm_86 -j8 TARGET_ARCH=aarch64 all\n  \
        cuferry make --gpu sm_86 --image robot.tar && docker load -i robot.tar\n  \
        cuferry make --toolkit auto                  another CUDA release where the first cannot\n\n\
cuferry's own options come first; from the first other word on everything is make's.\n\n\
Exit codes: 0 built, and usable; 1 built, but not usable; 2 wrong use; 3 the machine lacks something; otherwise make's own.")]
    Make(build::Make),
    /// Run cmake for a project's own CMakeLists.txt, unedited: configure, build or install
    #[command(after_help = "Examples:\n  \
        cuferry cmake --gpu sm_86 -S . -B build && cuferry cmake --gpu sm_86 --build build -j8\n  \
        cuferry cmake --fresh -S . -B build          forget what a configuration for ARM left there\n\n\
cuferry's own options come first; from the first other word on everything is cmake's.\n\n\
Exit codes: 0 done, and what was built is usable; 1 built, but not usable; 2 wrong use; 3 the machine lacks something; otherwise \
cmake's own.")]
    Cmake(build::Cmake),
    /// Run any build, unedited: each compiler call is translated to x86_64, and recorded
    #[command(after_help = "Examples:\n  \
        cuferry wrap -- ./build.sh\n  \
        cuferry wrap --gpu sm_86 -- sh -c 'meson setup build && meson compile -C build'\n  \
        cuferry wrap --pretend jetson -- ./configure --host=aarch64-linux-gnu\n\n\
Exit codes: 0 done, and what was built is usable; 1 built, but not usable; 2 wrong use; 3 the machine lacks something; otherwise \
the command's own.")]
    Wrap(build::Wrap),
    /// Show what `rebuild` would do, without doing it
    #[command(
        after_help = "Examples:\n  cuferry plan ~/robot\n  cuferry plan ~/robot --format dot | dot -Tsvg > plan.svg"
    )]
    Plan(Plan),
    /// Run a program (x86_64 or ARM), a project or an image the best way that works here: on the GPU, or without one
    #[command(after_help = "Examples:\n  \
        cuferry run ./detector --threshold 0.5       on the GPU that is here; without one, on the software device\n  \
        cuferry run --device soft ~/robot            build the project, and run it without a GPU\n  \
        cuferry run ./arm_detector                   an ARM program, in qemu: its driver calls go to the GPU that is here\n  \
        cuferry run --summary ./arm_detector         and where its time in the driver went\n  \
        cuferry run robot.tar                        an image, by docker or podman\n  \
        LD_LIBRARY_PATH=$(cuferry run --library-folder) ./detector\n\n\
cuferry's own options come first; from the first other word on everything is the program's. `docs/software-device.md` says what \
the software device can do, and how it is set.\n\n\
Exit codes: the program's own; 1 it cannot run here, and the report says why; 2 wrong use; 3 the machine lacks something.")]
    Run(run::Run),
    /// Make an x86_64 image of an arm64 one: its programs run in qemu, their driver calls go to the GPU
    #[command(after_help = "Examples:\n  \
        cuferry image robot-arm64.tar                 writes robot-arm64-x86_64.tar, for any machine with an NVIDIA GPU\n  \
        cuferry image --allow-soft robot-arm64.tar    and, where there is none, for the software device\n  \
        docker run --rm --gpus all acme/robot:1.0-x86_64\n\n\
Entry point, command, environment, user and working folder are the old image's. `docs/hybrid.md` says what cannot work.\n\n\
Exit codes: 0 written; 2 wrong use; 3 the machine lacks something.")]
    Image(image::Image),
    /// Run the rebuilt program and the original on the same input, and compare what they print and write
    #[command(after_help = "Examples:\n  \
        cuferry verify target/cuferry/x86_64/detector ./detector-arm -- --frames 10\n  \
        cuferry verify --tolerance 1e-5 ~/robot ./robot-arm < input.txt\n  \
        cuferry verify --in data --tolerance 1e-4 --floats out/field.raw=f32 ./solver ./solver-arm -- run.cfg\n  \
        cuferry verify --timeout 60 --keep results ./detector ./detector-arm\n\n\
Each of the two runs in its own fresh copy of the folder that `--in` names, at the same path and one after the other, with the same \
arguments, environment and standard input, as `cuferry run` runs it. Compared are how it ends, what it prints, and all files below \
that folder: byte by byte, or with a tolerance for numbers. `docs/verify.md` says more.\n\n\
Exit codes: 0 the same; 1 different, or one of the two cannot run here; 2 wrong use; 3 the machine lacks something.")]
    Verify(verify::Verify),
    /// Say what device code a file, folder, wheel or image holds, and what becomes of it on a GPU
    #[command(after_help = "Examples:\n  \
        cuferry inspect ./detector                          on the GPU that is here, or on those there are\n  \
        cuferry inspect libdetect.so --gpu h100,\"rtx 4090\" --driver 570.26\n  \
        cuferry inspect robot.tar --gpu sm_86               an image: every file in it\n  \
        cuferry inspect torch-*.whl --gpu sm_90 --format json\n  \
        cuferry inspect / --gpu sm_90                       this machine's own files\n  \
        cuferry inspect libdetect.so --list                 as `cuobjdump -lelf -lptx` prints it\n\n\
Exit codes: 0 it runs, or no question was asked; 1 nothing runs on the GPUs asked about, or an entry could not be read; 2 wrong use; 3 a file \
that cannot be read.")]
    Inspect(Inspect),
    /// Say what in sources and build files will not survive the move from ARM to x86_64
    #[command(after_help = "Examples:\n  \
        cuferry scan                                 this folder\n  \
        cuferry scan ~/robot --verbose               every finding, with the code around it\n  \
        cuferry scan --format html --output scan.html    a page to read and to pass on\n  \
        cuferry scan --format sarif --output scan.sarif    for code hosts and editors\n  \
        cuferry scan --diff | patch -p1              what --fix does, seen before\n  \
        cuferry scan --select CF10,gpu-arch --ignore CF1004\n\n\
Exit codes: 0 nothing that stops a build or a run; 1 errors found; 2 wrong use; 3 a file that cannot be read or written.")]
    Scan(scan::Scan),
    /// Explain an error that CUDA, a loader, a compiler or a container printed, or an id of cuferry's
    #[command(after_help = "Examples:\n  \
        cuferry explain \"no kernel image is available for execution on the device\"\n  \
        cuferry explain 35                          an error number of CUDA\n  \
        cuferry explain CUDA_ERROR_NO_BINARY_FOR_GPU\n  \
        cuferry explain CF2003                      an id that cuferry printed\n  \
        make 2>&1 | cuferry explain -               every known error in a log, with its line\n  \
        cuferry explain loader                      the entries of one subject\n\n\
Exit codes: 0 explained; 1 nothing is known of it.")]
    Explain(Explain),
    /// Look at this machine: which of the three ways work here, and what is missing for the others
    #[command(after_help = "Examples:\n  cuferry doctor\n  cuferry doctor --format json\n\n\
Exit codes: 0 projects can be rebuilt here; 3 something is missing, and the report says what.")]
    Doctor(Doctor),
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
    /// CUDA release to build with, such as 13.0; `auto` tries another one where the first cannot [default: one that is here
    /// and fits, or the oldest that fits]
    #[arg(long, value_name = "RELEASE|auto")]
    pub(crate) toolkit: Option<build::ToolkitChoice>,
    /// C++ compiler to build with: a name on PATH or a path; otherwise the newest that the toolkit takes
    #[arg(long, value_name = "COMPILER")]
    pub(crate) compiler: Option<String>,
    /// Fetch nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Build what a compilation database says that another build compiled: for projects whose own build does not work here. It
    /// says nothing of linking: the objects become one program, or a library where none has `main`; LDFLAGS and LDLIBS add to
    /// the link
    #[arg(long, value_name = "FILE")]
    pub(crate) compile_commands: Option<Utf8PathBuf>,
    /// Where finished programs and libraries go [default: DIR/target/cuferry/HOST]
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<Utf8PathBuf>,
    /// Whether it is built for the software device: apart from what is built for GPUs.
    #[arg(skip)]
    pub(crate) soft: bool,
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
    /// The program that the image starts, where the project's own build makes several; with a compilation database the one that
    /// is linked
    #[arg(long, value_name = "NAME")]
    pub(crate) program: Option<String>,
    #[command(flatten)]
    pub(crate) policies: build::Policies,
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
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Inspect {
    /// Programs, libraries, objects, archives, fatbins, cubins, PTX, wheels, packages, folders, images; `-`: standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<Utf8PathBuf>,
    /// GPUs asked about: `sm_86`, `8.6`, `h100`, `"rtx 4090"` [default: this machine's; without one, every desktop GPU]
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    pub(crate) gpu: Vec<String>,
    /// Driver asked about, such as 580.65 [default: this machine's, if its own GPUs are asked about]
    #[arg(long, value_name = "VERSION")]
    pub(crate) driver: Option<DriverVersion>,
    /// CPU asked about: `x86_64` or `aarch64` [default: x86_64; aarch64 for a Jetson's GPU]
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<Host>,
    /// Print the device code as `cuobjdump -lelf -lptx` does
    #[arg(long, conflicts_with_all = ["resources", "extract"])]
    pub(crate) list: bool,
    /// With --list, --resources and --extract: also the code that cuobjdump passes over
    #[arg(long)]
    pub(crate) all: bool,
    /// Print what each function takes, as `cuobjdump -res-usage` does: registers, stack, shared memory, constants
    #[arg(long, conflicts_with = "extract")]
    pub(crate) resources: bool,
    /// Write each cubin and each PTX into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) extract: Option<Utf8PathBuf>,
    /// Ask every cubin which toolkit wrote it, and show every file whole
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An id, a name, an error number or text, or a subject; `-`: a log on the standard input [default: list the subjects]
    #[arg(value_name = "ID|TEXT|-", allow_hyphen_values = true)]
    pub(crate) question: Option<String>,
    /// More words of a text that is not in quotes
    #[arg(value_name = "WORDS", requires = "question")]
    pub(crate) more: Vec<String>,
    /// List every entry
    #[arg(long, conflicts_with = "question")]
    pub(crate) all: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How the result is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
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
    /// Fetch, verify and unpack a toolkit, a host compiler, headers, or what ARM programs need to run
    #[command(after_help = "Examples:\n  \
        cuferry toolchain install 13.0\n  \
        cuferry toolchain install 13.0 --host x86_64,aarch64 --with cublas,cufft\n  \
        cuferry toolchain install 11.8               with g++ 11, if no compiler here is old enough\n  \
        cuferry toolchain install simde              ARM's NEON functions as headers for x86_64\n  \
        cuferry toolchain install qemu               an emulator of ARM programs, for any x86_64 system\n  \
        cuferry toolchain install arm-root           the C and C++ libraries that ARM programs load\n\n\
`cuferry toolchain list` shows all that can be fetched. `CUFERRY_DEBIAN_MIRROR` names another mirror for what comes as Debian \
packages, `PIP_INDEX_URL` another index for what comes as wheels.")]
    Install {
        /// A CUDA release, or `gcc-11`, `simde`, `qemu`, `arm-root` [default: the oldest release that is fetched unasked]
        #[arg(value_name = "RELEASE|NAME")]
        what: Option<Pinned>,
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
    /// Resolve a release at the package index or the Debian mirror, and write it down with sizes and digests
    #[command(after_help = "Examples:\n  \
        cuferry toolchain lock 13.3 --output toolchains/cuda-13.3.toml\n  \
        cuferry toolchain lock gcc-11 --output toolchains/gcc-11.toml")]
    Lock {
        /// A CUDA release, or `gcc-11`, `simde`, `qemu`, `arm-root`
        #[arg(value_name = "RELEASE|NAME")]
        what: Pinned,
        /// Where the file goes; standard output otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<Utf8PathBuf>,
    },
}

/// What a file of `toolchains/` pins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pinned {
    Release(CudaRelease),
    Companion(&'static Companion),
}

impl FromStr for Pinned {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(companion) = companion::named(text) {
            return Ok(Self::Companion(companion));
        }
        text.parse().map(Self::Release).map_err(|_| {
            let names: Vec<String> =
                companion::known().iter().map(|companion| format!("`{}`", companion.name)).collect();
            format!("a CUDA release such as `13.0` expected, or {}", names.join(" or "))
        })
    }
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
