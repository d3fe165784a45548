//! What device code a file holds ([`Inventory`]), and what becomes of it on a given machine ([`verdict()`]).
//!
//! Pure: bytes in, values out. Opening files, wheels and images is `cuferry-artifact`'s, and words are the CLI's.

pub mod fact;
pub mod inventory;
pub mod listing;
pub mod origin;
pub mod read;
pub mod resolve;
pub mod resources;
pub mod source;
pub mod verdict;

pub use fact::Fact;
pub use inventory::Inventory;
pub use verdict::{Outcome, Question, Verdict, verdict};
