//! What pkg-config knows of libraries on this machine.

use camino::Utf8PathBuf;
use cuferry_arch::Host;
use thiserror::Error;

use crate::{Environment, probe};

/// Flags for one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// For compiling.
    pub cflags: Vec<String>,
    /// For linking.
    pub libs: Vec<String>,
}

/// A question that pkg-config did not answer.
#[derive(Debug, Error)]
pub enum PkgConfigError {
    /// It is not installed.
    #[error("`{program}` is not on PATH, and the project asks it for `{module}`")]
    Missing {
        /// The program looked for.
        program: String,
        /// The module wanted.
        module: String,
    },
    /// It does not know the module.
    #[error("pkg-config does not know `{module}`: {message}")]
    Unknown {
        /// The module wanted.
        module: String,
        /// Its own words.
        message: String,
    },
}

/// Asks for `module`, for programs that run on `host`.
pub fn ask(environment: &Environment, host: Host, module: &str) -> Result<Flags, PkgConfigError> {
    let program = find(environment, host)
        .map_err(|program| PkgConfigError::Missing { program, module: module.to_owned() })?;
    let answer = |option| {
        let output = probe::run(&program, &[option, "--", module]);
        let unknown = |message: String| PkgConfigError::Unknown { module: module.to_owned(), message };
        let output = output.map_err(|error| unknown(error.to_string()))?;
        if !output.status.success() {
            return Err(unknown(first_line(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect())
    };
    Ok(Flags { cflags: answer("--cflags")?, libs: answer("--libs")? })
}

/// Cross builds have a pkg-config of their own, named after the triple: the plain one would name native libraries.
fn find(environment: &Environment, host: Host) -> Result<Utf8PathBuf, String> {
    let cross = format!("{}-pkg-config", host.gnu_triple());
    let name = if host == Host::of_this_program() { "pkg-config".to_owned() } else { cross };
    environment.find(&name).ok_or(name)
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or("no message").to_owned()
}
