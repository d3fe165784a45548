//! Fetches, verifies and unpacks CUDA toolkits: from the wheels or Debian packages that a release file pins to a tree that
//! nvcc works in; and their companions: a host compiler, headers, an emulator.
//!
//! Prints nothing and reads no environment: [`Options`] come in, [`Progress`] goes out. What a toolkit is made of is
//! decided by `cuferry-toolchain`.
//!
//! ```no_run
//! use cuferry_arch::Host;
//! use cuferry_install::{Options, Request, ensure};
//! use cuferry_toolchain::release_file;
//!
//! let release = release_file::default_release().expect("there is one");
//! let request = Request { release, hosts: &[Host::X86_64], libraries: &["cublas".to_owned()] };
//! let data = "/home/me/.local/share/cuferry".into();
//! let toolkit = ensure(data, &request, &Options::default(), &|progress| eprintln!("{progress:?}"))?;
//! assert!(toolkit.nvcc().exists());
//! # Ok::<(), Box<cuferry_install::InstallError>>(())
//! ```

mod activate;
mod client;
mod companion;
mod data;
mod deb;
mod download;
mod ensure;
mod error;
mod index;
mod lock;
mod lock_mirror;
mod manifest;
mod options;
mod packages;
mod parallel;
mod remote;
mod tree;
mod unpack;

pub use companion::{
    Emulator, Headers, Root, ensure_companion, ensure_compiler, ensure_emulator, ensure_headers, ensure_root,
    installed_companion, installed_compilers, installed_emulator, installed_root,
};
pub use deb::unpack_deb;
pub use ensure::{
    Libraries, LibraryFolders, Request, ensure, ensure_libraries, ensure_shared_libraries, installed,
};
pub use error::{Hostility, InstallError, Server};
pub use lock::lock;
pub use lock_mirror::{lock_companion, lock_release};
pub use options::{Options, Progress, Report};
