//! Runs a program the best way that works here: [`way`] decides, purely; [`device`] lays the software device out on disk;
//! [`start`] makes this process the program.

pub mod device;
pub mod start;
pub mod way;

pub use device::{DeviceError, SoftwareDevice};
pub use way::{Ask, Choice, Device, Reason, Refusal, Way, choose};
