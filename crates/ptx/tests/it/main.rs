//! Tests of the parser as its users see it.

mod operands;
