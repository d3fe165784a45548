//! Tests of the parser as its users see it.

mod hostile;
mod lists;
mod operands;
mod places;
mod real;
mod round_trip;
