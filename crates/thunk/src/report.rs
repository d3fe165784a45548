//! What the plugin has to say for itself: lines on standard error, which the program's user sees.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Mutex;

/// Prints a line.
pub(crate) fn line(text: &str) {
    // Whole lines, in one write: other threads print, too. Nobody is left to tell where that fails.
    let _ = std::io::stderr().write_all(format!("cuferry: {text}\n").as_bytes());
}

/// Prints a line that is the same each time once.
pub(crate) fn once(text: String) {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let Ok(mut seen) = SEEN.lock() else { return };
    if !seen.contains(&text) {
        line(&text);
        seen.insert(text);
    }
}
