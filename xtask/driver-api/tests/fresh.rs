//! The generated files are what the headers say today.

use std::fs;

#[test]
fn generated_files_are_fresh() {
    let Some(toolkit) = driver_api::toolkit() else { return };
    for (name, text) in driver_api::generate(&toolkit).expect("the headers are read") {
        let kept = fs::read_to_string(driver_api::folder().join(name)).expect("it is checked in");
        assert!(kept == text, "crates/driver/src/generated/{name} is stale: run `cargo xtask driver-api`");
    }
}
