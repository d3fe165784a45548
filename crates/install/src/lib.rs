//! Fetches, verifies and unpacks CUDA toolkits: from the wheels that a release file pins to a tree that nvcc works in.
//!
//! Prints nothing and reads no environment: [`Options`] come in, [`Progress`] goes out. What a toolkit is made of is
//! decided by `cuferry-toolchain`.
//!
//! ```no_run
//! use cuferry_arch::Host;
//! use cuferry_install::{Options, Request, ensure};
//! use cuferry_toolchain::release_file;
//!
//! let release = release_file::known().first().expect("two are compiled in");
//! let request = Request { release, hosts: &[Host::X86_64], libraries: &["cublas".to_owned()] };
//! let data = "/home/me/.local/share/cuferry".into();
//! let toolkit = ensure(data, &request, &Options::default(), &|progress| eprintln!("{progress:?}"))?;
//! assert!(toolkit.nvcc().exists());
//! # Ok::<(), Box<cuferry_install::InstallError>>(())
//! ```

mod activate;
mod client;
mod data;
mod download;
mod ensure;
mod error;
mod index;
mod lock;
mod options;
mod parallel;
mod remote;
mod unpack;

pub use ensure::{Libraries, Request, ensure, ensure_libraries, installed};
pub use error::{Hostility, InstallError};
pub use lock::lock;
pub use options::{Options, Progress, Report};
