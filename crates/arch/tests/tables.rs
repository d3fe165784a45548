//! The tables against the other data files of this repository that speak of the same things.

use std::path::Path;

use cuferry_arch::library;
use cuferry_toolchain::package::Source;
use cuferry_toolchain::release_file;
use toml::{Table, Value};

fn texts<'a>(table: &'a Table, key: &str) -> Vec<&'a str> {
    let values = table.get(key).and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).collect()
}

/// The shared libraries that a toolkit's packages hold are the ones that `library.toml` finds in them; of Debian's packages,
/// whose names are others, it knows the libraries alone.
#[test]
fn packages_of_toolkits_are_known() {
    let mut checked = 0;
    for file in release_file::known() {
        let debian = matches!(file.source, Source::Mirror { .. });
        for package in &file.packages {
            let shared = |name: &&String| {
                !name.contains("_static") && !["cudadevrt", "cufilt", "culibos"].contains(&name.as_str())
            };
            for name in package.libraries.iter().filter(shared) {
                let start = format!("lib{name}.so");
                let rows: Vec<_> =
                    library::libraries().iter().filter(|row| row.soname.starts_with(&start)).collect();
                for host in package.archives.keys() {
                    let known = rows
                        .iter()
                        .any(|row| debian || row.package(file.release.major, *host) == Some(&package.name));
                    assert!(known, "CUDA {}: `{}` holds {start} for {host}", file.release, package.name);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 20, "{checked} libraries");
}

/// What an image leaves to the driver is what `library.toml` says of it.
#[test]
fn the_drivers_libraries_are_the_same_for_images() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oci/data/libraries.toml");
    let images: Table =
        std::fs::read_to_string(path).expect("the file is there").parse().expect("it is TOML");
    let driver = texts(&images, "driver");
    assert!(!driver.is_empty());
    for stem in &driver {
        let name = format!("{}.so.1", stem.replace('*', "x"));
        assert!(library::by_soname(&name).is_some_and(|row| row.driver), "{name}");
    }
    for row in library::libraries() {
        let stem = row.soname.split(".so").next().unwrap_or_default();
        let left = driver.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => stem.starts_with(start),
            None => *known == stem,
        });
        assert_eq!(left, row.driver, "{}", row.soname);
    }
    // Companions of NVIDIA's are in the table under some number.
    let companions = images.get("companion").and_then(Value::as_array).into_iter().flatten();
    for companion in companions.filter_map(Value::as_table) {
        for name in texts(companion, "libraries")
            .iter()
            .filter(|name| name.starts_with("libcu") || name.starts_with("libnv"))
        {
            assert!(library::component(name).is_some(), "{name}");
        }
    }
}
