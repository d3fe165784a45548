//! Commands and flags of an ARM build as an x86_64 build needs them: each difference recorded as a [`Change`].
//!
//! What a flag becomes is data (`data/rules.toml`), and so is how a tool's words are to be read (`data/options.toml`); this
//! crate only reads commands and applies the rules. What no rule knows passes through unchanged.

mod additions;
pub mod change;
pub mod flags;
mod gpu;
mod host;
pub mod invocation;
pub mod language;
mod linker;
mod nvcc;
pub mod object;
mod options;
mod paths;
pub mod policy;
mod response;
pub mod rules;
mod static_library;
pub mod tool;
pub mod translation;
pub mod variables;
mod words;

pub use change::{Change, Scope, TranslateError};
pub use flags::{GPU_RULE, Translated, translate_device, translate_host, translate_link};
pub use invocation::{Invocation, Library, Mode, SourceFile, with_nvcc_variables};
pub use language::Language;
pub use object::LinkWords;
pub use policy::{ArchPolicy, Policy, Semantics};
pub use tool::{Family, Tool, ToolKind};
pub use translation::{Note, Translation, translate};
pub use variables::{
    TranslatedArgs, TranslatedEnvironment, translate_cmake_args, translate_environment, translate_make_args,
};
pub use words::response_file;

#[cfg(test)]
mod tests {
    use cuferry_arch::{CudaRelease, DeviceCode, Host};

    use crate::Policy;

    /// A policy that asks for nothing but x86_64.
    pub(crate) fn policy() -> Policy {
        Policy::new(Host::X86_64, CudaRelease::new(13, 0))
    }

    /// Splits at blanks, but not inside single quotes, which go.
    pub(crate) fn words(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        for (index, part) in text.split('\'').enumerate() {
            if index % 2 == 1 {
                out.push(part.to_owned());
            } else {
                out.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        out
    }

    /// `sm_80,compute_80` as code.
    pub(crate) fn code(text: &str) -> DeviceCode {
        let mut code = DeviceCode::default();
        for name in text.split(',') {
            match name.strip_prefix("compute_") {
                Some(number) => code.ptx.insert(number.parse().unwrap()),
                None => code.real.insert(name.parse().unwrap()),
            };
        }
        code
    }
}
