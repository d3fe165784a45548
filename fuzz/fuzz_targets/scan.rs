//! Sources and build files as `scan` searches them: the first line is the file's name. Each finding lies within the file.
#![no_main]

use std::sync::LazyLock;

use camino::Utf8Path;
use cuferry_scan::{Options, scan_file};
use libfuzzer_sys::fuzz_target;

static OPTIONS: LazyLock<Options> = LazyLock::new(|| Options { dead: true, ..Options::default() });

fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let name = String::from_utf8_lossy(&bytes[..end]);
    let text = &bytes[end + 1..];
    let report = scan_file(Utf8Path::new(name.as_ref()), text, &OPTIONS);
    for finding in &report.findings {
        assert!(finding.place.line as usize <= text.split(|byte| *byte == b'\n').count().max(1));
    }
});
