//! An ARM build's compiler flags as an x86_64 build needs them: each difference recorded as a [`Change`].
//!
//! What a flag becomes is data (`data/rules.toml`); this crate only reads flags and applies the rules. What no rule
//! knows passes through unchanged.

pub mod flags;
pub mod rules;

pub use flags::{
    Change, GPU_RULE, Scope, TranslateError, Translated, translate_device, translate_host, translate_link,
};
