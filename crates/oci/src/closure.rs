//! The shared libraries that programs need, found by reading ELF files and never by running them.
//!
//! The order of the search is that of glibc's loader (ld.so(8)), with the caller's folders in the place of
//! `/etc/ld.so.cache` and the default folders.

mod walk;

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use camino::Utf8PathBuf;
use cuferry_arch::Host;
use cuferry_binfmt::{ElfError, ElfInfo, SymbolVersion};
use miette::Diagnostic;
use thiserror::Error;

use self::walk::Walk;
use crate::file::FileError;
use crate::libraries;
use crate::path::{ImagePath, ImagePathError};

/// What to start from, and where to look.
#[derive(Clone, Debug)]
pub struct ClosureRequest {
    /// What everything must be compiled for.
    pub host: Host,
    /// Programs and shared libraries that are in the image anyway.
    pub roots: Vec<Root>,
    /// Where libraries are looked for, in this order, after the folders that an ELF file names itself.
    pub folders: Vec<SearchFolder>,
}

/// A program or a shared library that is in the image anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it lies on this machine.
    pub source: Utf8PathBuf,
    /// Where it will lie in the image.
    pub destination: ImagePath,
}

/// A folder with libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFolder {
    /// Where it is. It need not exist.
    pub path: Utf8PathBuf,
    /// Whose libraries it holds.
    pub origin: Origin,
}

/// Whose libraries a folder holds: this decides where in the image they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The operating system's, or a cross compiler's: to `/usr/lib/<triple>`.
    System,
    /// The CUDA toolkit's: to `/usr/local/cuda/lib64`.
    Cuda,
    /// The project's own: to `/app/lib`.
    Project,
    /// Anybody else's: to `/app/lib`.
    Other,
}

/// Which layer a library belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The loader, glibc, and the compilers' own libraries.
    Runtime,
    /// CUDA's.
    Cuda,
    /// Others that the project did not build.
    ThirdParty,
    /// Built by the project.
    Project,
}

/// All that programs need.
#[derive(Clone, Debug)]
pub struct Closure {
    /// What everything is compiled for.
    pub host: Host,
    /// What it started from.
    pub roots: Vec<RootFile>,
    /// What has to be in the image besides, sorted by place there. Each is one file under its SONAME: that is the name
    /// that programs ask for, and the longer names that packages link it to are asked for by nobody at run time.
    pub libraries: Vec<Library>,
    /// What the container engine has to bring in from the host, sorted by name.
    pub driver_libraries: Vec<DriverLibrary>,
    /// Files of a right name that are no library for this host, sorted by path.
    pub skipped: Vec<Skipped>,
}

/// A root, read.
#[derive(Clone, Debug)]
pub struct RootFile {
    /// Where it lies, and will lie.
    pub root: Root,
    /// What it says of itself.
    pub elf: Rc<ElfInfo>,
}

/// A library that has to be in the image.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its SONAME; the name that it is asked for by if it has none. The loader's is its file name.
    pub name: String,
    /// Other names that it is asked for by: symbolic links in the image.
    pub aliases: BTreeSet<String>,
    /// Where it lies, symbolic links resolved.
    pub source: Utf8PathBuf,
    /// Where it will lie.
    pub destination: ImagePath,
    /// Which layer it belongs to.
    pub group: Group,
    /// Who asks for it: file names.
    pub needed_by: BTreeSet<String>,
    /// Why it is there, if nobody asks for it in its ELF file.
    pub reason: Option<&'static str>,
    /// What it says of itself.
    pub elf: Rc<ElfInfo>,
}

/// A part of NVIDIA's driver that a program is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverLibrary {
    /// `libcuda.so.1`.
    pub name: String,
    /// Who asks for it: file names.
    pub needed_by: BTreeSet<String>,
}

/// A file that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file is no library for this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Zero bytes.
    Empty,
    /// No ELF file, or a damaged one.
    Unreadable(String),
    /// For another CPU: its `e_machine`.
    Machine(u16),
    /// A 32-bit one.
    Elf32,
    /// An ELF file, but no shared library.
    NoLibrary,
}

/// The highest version of a library that something needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Which.
    pub version: SymbolVersion,
    /// What needs it: a file name.
    pub by: String,
}

/// A closure that can't be computed.
#[derive(Debug, Error, Diagnostic)]
pub enum ClosureError {
    /// Libraries that lie nowhere.
    #[error("{}", missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    #[diagnostic(
        code(oci::library_missing),
        help(
            "install the package that holds it for {host}, or add its folder to the folders that the project links from"
        )
    )]
    Missing {
        /// For which host.
        host: Host,
        /// All of them.
        missing: Vec<MissingLibrary>,
    },
    /// A companion that its parent is of no use without.
    #[error("`{parent}` opens `{companion}` at run time, and `{folder}` has none that fits")]
    #[diagnostic(
        code(oci::companion_missing),
        help("install the whole package that `{parent}` is from: {reason}")
    )]
    CompanionMissing {
        /// The library that opens it.
        parent: String,
        /// Where it was looked for.
        folder: Utf8PathBuf,
        /// What was looked for, without its version.
        companion: String,
        /// Why it is needed.
        reason: &'static str,
    },
    /// `DT_NEEDED` with a slash: the path of the machine that linked it.
    #[error("`{by}` asks for the library `{needed}` by its path")]
    #[diagnostic(
        code(oci::needed_by_path),
        help(
            "such a path exists on the building machine only: link the library with `-Wl,-soname,NAME`, or name it with `-l`"
        )
    )]
    NeededByPath {
        /// Who.
        by: String,
        /// `DT_NEEDED`, as it stands there.
        needed: String,
    },
    /// Two libraries want to lie at one place.
    #[error("`{destination}` would have to be both `{first}` and `{second}`")]
    #[diagnostic(
        code(oci::library_conflict),
        help("build the programs against one of the two, or put them into images of their own")
    )]
    Conflict {
        /// In the image.
        destination: ImagePath,
        /// On this machine.
        first: Utf8PathBuf,
        /// On this machine.
        second: Utf8PathBuf,
    },
    /// A root that is no ELF file, or a damaged one.
    #[error("`{path}` can't be read as ELF")]
    #[diagnostic(
        code(oci::not_elf),
        help("only programs and shared libraries have a closure: list other files among those to install")
    )]
    Elf {
        /// Which.
        path: Utf8PathBuf,
        /// Where it is wrong.
        #[source]
        source: ElfError,
    },
    /// A root for another host.
    #[error("`{path}` is not a program for {host}: its machine number is {machine}")]
    #[diagnostic(
        code(oci::wrong_host),
        help("build it for {host}, or write an image for the host that it is for")
    )]
    WrongHost {
        /// Which.
        path: Utf8PathBuf,
        /// What the image is for.
        host: Host,
        /// `e_machine`.
        machine: u16,
    },
    /// A loader's path, or a SONAME, that no image can have.
    #[error("`{path}` names a place that no image can have")]
    #[diagnostic(code(oci::bad_name))]
    BadName {
        /// The file that names it.
        path: Utf8PathBuf,
        /// What it names.
        #[source]
        source: ImagePathError,
    },
    /// A file that can't be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A library that lies nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingLibrary {
    /// Its name.
    pub name: String,
    /// Who asks for it: a file name.
    pub needed_by: String,
    /// Where it was looked for, in order.
    pub searched: Vec<Utf8PathBuf>,
    /// Files of that name that are no library for this host.
    pub skipped: Vec<Skipped>,
}

impl SearchFolder {
    /// The usual folders of a system for programs of `host`, as seen on a `machine`: its own, or a cross compiler's.
    pub fn of_system(host: Host, machine: Host) -> Vec<Self> {
        let triple = host.gnu_triple();
        let paths = if host == machine {
            vec![
                format!("/lib/{triple}"),
                format!("/usr/lib/{triple}"),
                "/lib64".to_owned(),
                "/usr/lib64".to_owned(),
                "/lib".to_owned(),
                "/usr/lib".to_owned(),
                format!("/usr/local/lib/{triple}"),
                "/usr/local/lib64".to_owned(),
                "/usr/local/lib".to_owned(),
            ]
        } else {
            vec![
                // Debian's and Ubuntu's cross compilers, then their multiarch packages, then Fedora's sysroot.
                format!("/usr/{triple}/lib"),
                format!("/usr/{triple}/lib64"),
                format!("/lib/{triple}"),
                format!("/usr/lib/{triple}"),
                format!("/usr/{triple}/sys-root/lib64"),
                format!("/usr/{triple}/sys-root/usr/lib64"),
            ]
        };
        paths.into_iter().map(|path| Self { path: path.into(), origin: Origin::System }).collect()
    }
}

impl Closure {
    /// The highest version of glibc that anything needs.
    pub fn glibc(&self) -> Option<Demand> {
        self.highest("GLIBC")
    }

    /// The highest version of libstdc++ that anything needs.
    pub fn libstdcxx(&self) -> Option<Demand> {
        self.highest("GLIBCXX")
    }

    /// Every file of the image that is ELF, with its name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &ElfInfo)> {
        let roots = self.roots.iter().map(|file| (file.root.destination.name(), &*file.elf));
        roots.chain(self.libraries.iter().map(|library| (library.name.as_str(), &*library.elf)))
    }

    fn highest(&self, prefix: &str) -> Option<Demand> {
        let demands = self.files().filter_map(|(by, elf)| Some((elf.highest_need(prefix)?, by)));
        // Of several the first: roots come before libraries.
        let highest = demands.reduce(|best, next| if next.0 > best.0 { next } else { best });
        highest.map(|(version, by)| Demand { version, by: by.to_owned() })
    }
}

impl Origin {
    /// The folder in the image.
    fn folder(self, host: Host) -> String {
        match self {
            Self::System => format!("/usr/lib/{}", host.gnu_triple()),
            Self::Cuda => "/usr/local/cuda/lib64".to_owned(),
            Self::Project | Self::Other => "/app/lib".to_owned(),
        }
    }

    fn group(self, name: &str) -> Group {
        match self {
            Self::System if libraries::is_glibc(name) || libraries::is_compiler_runtime(name) => {
                Group::Runtime
            }
            Self::System | Self::Other => Group::ThirdParty,
            Self::Cuda => Group::Cuda,
            Self::Project => Group::Project,
        }
    }
}

/// Reads the roots and, from them, all that they need.
pub fn read_closure(request: &ClosureRequest) -> Result<Closure, ClosureError> {
    let mut walk = Walk::new(request);
    let roots = request.roots.iter().map(|root| walk.read_root(root)).collect::<Result<Vec<_>, _>>()?;
    for file in &roots {
        for name in [Some(file.root.destination.name()), file.elf.soname.as_deref()].into_iter().flatten() {
            walk.own.insert(name.to_owned());
        }
    }
    for file in &roots {
        walk.walk(file)?;
    }
    if !walk.missing.is_empty() {
        return Err(ClosureError::Missing { host: request.host, missing: walk.missing });
    }
    let driver_libraries =
        walk.driver.into_iter().map(|(name, needed_by)| DriverLibrary { name, needed_by }).collect();
    let skipped = walk.skipped.into_iter().map(|(path, reason)| Skipped { path, reason }).collect();
    Ok(Closure {
        host: request.host,
        roots,
        libraries: walk.libraries.into_values().collect(),
        driver_libraries,
        skipped,
    })
}

impl fmt::Display for MissingLibrary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no `{}`, which `{}` needs", self.name, self.needed_by)?;
        for (index, folder) in self.searched.iter().enumerate() {
            write!(formatter, "{} `{folder}`", if index == 0 { "; searched" } else { "," })?;
        }
        for skipped in &self.skipped {
            write!(formatter, "; {skipped}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` was skipped: {}", self.path, self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(formatter, "it is empty"),
            Self::Unreadable(why) => write!(formatter, "{why}"),
            Self::Machine(machine) => {
                let host = Host::ALL.into_iter().find(|host| host.elf_machine() == *machine);
                match host {
                    Some(host) => write!(formatter, "it is for {host}"),
                    None => write!(formatter, "it is for another machine, number {machine}"),
                }
            }
            Self::Elf32 => write!(formatter, "it is a 32-bit library"),
            Self::NoLibrary => write!(formatter, "it is no shared library"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_decide_layers() {
        assert_eq!(Origin::System.group("libstdc++.so.6"), Group::Runtime);
        assert_eq!(Origin::System.group("libopencv_core.so.406"), Group::ThirdParty);
        assert_eq!(Origin::Other.group("libstdc++.so.6"), Group::ThirdParty);
        assert_eq!(Origin::Cuda.group("libcublas.so.13"), Group::Cuda);
    }
}
