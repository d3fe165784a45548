//! `cuferry scan`: walks through a project, has each file searched, and prints what was found in four forms.

mod filter;
mod html;
mod json;
mod patch;
mod repair;
mod report;
mod rewrite;
mod sarif;
mod source;
mod text;
mod tree;
mod walk;

pub(crate) use filter::Filter;
pub(crate) use repair::{diff, repair};
pub(crate) use report::Report;
pub(crate) use rewrite::write;
pub(crate) use tree::Tree;
pub(crate) use walk::{Settings, scan};
