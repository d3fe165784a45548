//! A user's file of rules, and a search with them; before a NUL the rules, behind it a source.
#![no_main]

use camino::Utf8Path;
use cuferry_scan::{Options, RuleSet, scan_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (rules, source) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &b"int main(void) { return 0; }\n"[..]),
    };
    let Ok(rules) = std::str::from_utf8(rules) else { return };
    match RuleSet::empty().with_file("rules.toml", rules) {
        Ok(rules) => {
            let options = Options { rules, ..Options::default() };
            for name in ["a.cu", "Makefile"] {
                let _ = scan_file(Utf8Path::new(name), source, &options);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
