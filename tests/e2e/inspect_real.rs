//! `inspect` against NVIDIA's own tools: the same list, the same resources, the same extracted bytes as cuobjdump, and
//! right answers where cuobjdump has none.
//!
//! The toolkit is fetched into the user's data folder unless it is there. What a machine lacks is said and passed over;
//! in CI nothing is.

mod compare;
mod libraries;
mod matrix;
mod nvidia;
mod unseen;
