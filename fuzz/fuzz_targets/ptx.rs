//! PTX text: what is understood prints as text that is understood the same way.
#![no_main]

use cuferry_ptx::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let parsed = parse(&text);
    let printed = parsed.module.to_string();
    let _ = parsed.module.debug_string("$L__info_string0", 0);
    if parsed.errors.is_empty() {
        let again = parse(&printed);
        assert_eq!(again.errors, [], "{printed}");
        assert_eq!(again.module.to_string(), printed);
    }
});
