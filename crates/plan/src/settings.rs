//! What planning looks at beside the project: plain values that the caller found out.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_arch::{DeviceCode, Host};
use cuferry_toolchain::compiler::HostCompiler;
use cuferry_toolchain::toolkit::Toolkit;

/// Everything that decides how a project is built on this machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the host half is compiled for.
    pub host: Host,
    /// What the device half is compiled for.
    pub code: DeviceCode,
    /// What compiles.
    pub toolchain: Toolchain,
    /// What pkg-config answered, by module.
    pub pkg_config: BTreeMap<String, PkgConfigFlags>,
    /// Where intermediate files go: relative to the project's folder.
    pub build_dir: Utf8PathBuf,
    /// Where finished programs and libraries go: relative to the project's folder, or absolute.
    pub bin_dir: Utf8PathBuf,
    /// The environment of every command, `PATH` included.
    pub env: BTreeMap<String, String>,
}

/// A toolkit and a host compiler that fit one another.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The CUDA toolkit.
    pub toolkit: Toolkit,
    /// The host compiler.
    pub compiler: HostCompiler,
    /// `ar` for the host's objects: an absolute path.
    pub archiver: Utf8PathBuf,
    /// Header folders of CUDA libraries that lie outside the toolkit.
    pub library_include: Vec<Utf8PathBuf>,
    /// Library folders of CUDA libraries that lie outside the toolkit.
    pub library_dirs: Vec<Utf8PathBuf>,
}

/// What `pkg-config --cflags` and `--libs` print for one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PkgConfigFlags {
    /// For compiling.
    pub cflags: Vec<String>,
    /// For linking.
    pub libs: Vec<String>,
}

/// One entry of `compile_commands.json` (clang's JSON compilation database).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileCommand {
    /// The source file, relative to the project's folder.
    pub file: Utf8PathBuf,
    /// The object file.
    pub output: Utf8PathBuf,
    /// The compiler and its arguments.
    pub arguments: Vec<String>,
}
