//! What a translation did: changes, and the reasons why it could not be done.

use cuferry_arch::CudaRelease;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whose flags they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The host compiler's.
    Host,
    /// nvcc's.
    Device,
    /// The linker driver's.
    Link,
    /// The linker's own: called without a driver, or through one (`-Wl,`).
    Linker,
    /// The assembler's own: called without a driver, or through one (`-Wa,`).
    Assembler,
    /// An argument of a build tool, or a variable of the environment.
    Build,
}

/// One difference between the ARM build's flags and those used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// Whose flags were changed.
    pub scope: Scope,
    /// The rule's id, such as `CF2001`.
    pub rule: String,
    /// What stood there; nothing when empty.
    pub was: String,
    /// What stands there now; nothing when empty.
    pub now: String,
    /// Why, as the end of a sentence that begins with `was`; or with `now` when nothing stood there.
    pub why: String,
}

/// Commands that cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TranslateError {
    /// An architecture flag that cannot be read.
    #[error("cannot read the GPU architectures of `{flag}`")]
    Architecture {
        /// The whole flag.
        flag: String,
    },
    /// A flag at the end of the list lacks its value.
    #[error("`{flag}` needs a value after it")]
    NoValue {
        /// The flag.
        flag: String,
    },
    /// Response files that name one another without end, or hold more than any tool takes.
    #[error("the response file `{file}` leads to more than {limit} files or words")]
    ResponseFiles {
        /// The file at which reading stopped.
        file: String,
        /// The limit.
        limit: usize,
    },
    /// A toolkit whose limits are not known.
    #[error("CUDA {release} is not in cuferry's table of toolkits")]
    UnknownToolkit {
        /// Which.
        release: CudaRelease,
    },
}
