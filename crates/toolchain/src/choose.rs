//! Which toolkit and which host compiler: a decision with its reason, and why each of the others was passed over.

mod compiler;
mod toolkit;

pub use compiler::{CompilerError, choose_compiler};
pub use toolkit::{Choice, ChooseError, Chosen, PassedOver, Reason, Why, choose_toolkit};
