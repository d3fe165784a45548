//! Runs a project's own build, unedited: every compiler call is translated, recorded, and then made by the machine's tool.
//!
//! A [`Session`] holds shims under the names that builds call compilers by, and a view of a CUDA toolkit. A shim is this very
//! program under another name: it reads the session, translates its words, adds a line to the run's log, and becomes the
//! real tool. Absolute paths are served in a namespace of the build's own, where the kernel allows.
//!
//! ```no_run
//! # use std::os::fd::AsFd as _;
//! # use std::collections::BTreeMap;
//! # use cuferry_wrap::{Build, NamespaceUse, Places, Pretence, Request, Session, Starter};
//! # fn example(policy: &cuferry_translate::Policy) -> Result<(), cuferry_wrap::WrapError> {
//! // First thing in `main`: if let Some(code) = cuferry_wrap::shim_main(args_os(), |name| var_os(name)) { return code; }
//! let request = Request {
//!     folder: "/home/me/.local/share/cuferry/wrap/project-1a2b".into(),
//!     exe: "/usr/local/bin/cuferry".as_ref(),
//!     policy,
//!     toolkit: Some("/home/me/.local/share/cuferry/toolkits/cuda-13.0".into()),
//!     path: "/usr/bin:/bin".as_ref(),
//!     names: Vec::new(),
//!     own: Vec::new(),
//!     headers: BTreeMap::new(),
//!     pretence: Pretence::None,
//!     gpus: Vec::new(),
//!     places: Places::usual(),
//! };
//! let session = Session::prepare(&request)?;
//! let environment = session.environment(&std::env::vars_os().collect(), Starter::Other);
//! let run = session.run(&Build {
//!     program: "make".as_ref(),
//!     args: &["-j8".into()],
//!     folder: ".".as_ref(),
//!     environment: &environment,
//!     namespace: NamespaceUse::Auto,
//!     stdout: std::io::stdout().as_fd(),
//!     stderr: std::io::stderr().as_fd(),
//!     writable: None,
//!     no_namespace: &|obstacle| eprintln!("{obstacle}: {}", obstacle.advice()),
//! })?;
//! assert!(run.status.success() && run.calls.iter().any(|call| !call.changes.is_empty()));
//! # Ok(())
//! # }
//! ```

mod answer;
mod call;
mod confine;
mod cover;
mod environment;
mod error;
mod file;
mod link;
mod log;
mod names;
mod namespace;
mod obstacle;
mod output;
mod request;
mod run;
mod session;
mod shim;
mod streams;
#[cfg(test)]
mod testing;
mod text;
mod tools;
mod view;

pub use call::{Call, LinkedLibrary};
pub use cover::Unserved;
pub use environment::{Environment, Starter, named_tools};
pub use error::WrapError;
pub use log::{Calls, read_calls};
pub use namespace::{Namespace, NamespaceUse};
pub use obstacle::{Obstacle, Step};
pub use output::Output;
pub use request::{Gpu, Places, Pretence, Request};
pub use run::{Build, Run};
pub use session::Session;
pub use shim::shim_main;
pub use text::{from_text, to_text};
