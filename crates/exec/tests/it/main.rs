//! Builds with real processes in temporary folders.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod builds;
mod damage;
mod endings;
mod model;
mod project;
