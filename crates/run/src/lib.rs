//! Runs a program the best way that works here: [`way`] decides, purely; [`device`] and [`forwarding`] lay out what is to be
//! loaded; [`emulation`] is an ARM program's command line; [`start`] makes this process the program.

pub mod attended;
pub mod device;
pub mod emulation;
pub mod forwarding;
pub mod gather;
mod place;
pub mod start;
pub mod way;

pub use device::SoftwareDevice;
pub use emulation::{Emulation, Qemu, Trace};
pub use forwarding::Forwarding;
pub use place::PlaceError;
pub use way::{Ask, Choice, Device, Reason, Refusal, Way, choose};
