//! Build files and sources as `needs` reads them: the first line is the file's name, and a NUL begins another file.
#![no_main]

use cuferry_needs::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let files = bytes.split(|byte| *byte == 0).take(8).filter_map(|file| {
        let end = file.iter().position(|byte| *byte == b'\n')?;
        Some((String::from_utf8_lossy(&file[..end]).into_owned(), &file[end + 1..]))
    });
    let needs = read(files);
    let releases = ["11.8", "13.0", "13.5"].map(|release| release.parse().expect("a release"));
    let _ = needs.toolkit(&releases, &[]);
});
