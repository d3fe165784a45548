//! `cargo xtask driver-api`: writes what `crates/driver` knows of the driver API, from the headers of a CUDA toolkit.
//!
//! A package of its own, for bindgen takes longer to compile than all other chores together.

use std::fs;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let toolkit = driver_api::toolkit().context("no CUDA toolkit is here, and none can be fetched")?;
    for (name, text) in driver_api::generate(&toolkit)? {
        fs::write(driver_api::folder().join(name), text)?;
    }
    Ok(())
}
