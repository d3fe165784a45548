//! PTX text to a syntax tree with positions, and back. Everything that nvcc 11.8 to 13.5 writes, and what people write by hand.
//!
//! [`parse`] never gives up: what it can't read is an [`Unknown`] in the tree, and an error in the list. An instruction that
//! nobody knows is an [`Instruction`] like another, with no [`Mnemonic`]. The tree says what the text says, and no more:
//! names aren't resolved, and nothing is checked that needs a declaration. Section numbers are of the PTX ISA 9.0.
//!
//! ```
//! use cuferry_ptx::{Mnemonic, Modifier, Rounding, Type};
//!
//! let text = ".version 8.0\n.target sm_90\n.address_size 64\n
//!     .visible .entry f() { .reg .f32 %f<3>; add.rn.f32 %f2, %f0, %f1; ret; }";
//! let parsed = cuferry_ptx::parse(text);
//! assert!(parsed.errors.is_empty());
//! let body = parsed.module.functions().next().and_then(|kernel| kernel.body.as_ref()).unwrap();
//! let add = body.instructions().next().unwrap();
//! assert_eq!(add.opcode.mnemonic, Some(Mnemonic::Add));
//! assert_eq!(add.opcode.modifiers, [Modifier::Rounding(Rounding::Rn), Modifier::Type(Type::F32)]);
//! ```

mod error;
mod lexer;
mod modifier;
mod number;
mod opcode;
mod operand;
mod parse;
mod print;
mod section;
mod span;
mod tree;
mod types;
mod words;

pub use error::{ParseError, ParseErrorKind};
pub use modifier::{Modifier, Shape, Word};
pub use opcode::{Mnemonic, Opcode};
pub use operand::{Address, Immediate, Operand};
pub use parse::{MAX_ERRORS, Parsed, parse};
pub use section::{Entry, Section, Value};
pub use span::Span;
pub use tree::{
    Attribute, Body, Call, Directive, File, Function, Guard, Initial, Inlined, Instruction, Item, Linkage,
    Loc, LocId, Module, Pointer, Prototype, Register, Statement, Symbol, Targets, Unknown, Variable,
};
pub use types::{Cache, Compare, Geometry, Rounding, Scope, Semantics, Space, Type};
