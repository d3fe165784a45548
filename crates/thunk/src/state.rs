//! What all threads share, from the moment when the program has loaded its `libcuda.so.1`.

use std::sync::OnceLock;

use cuferry_guest::{Entry, STRIDE, Start, index_of};

use crate::function::{self, Plan};
use crate::native::Native;
use crate::settings::Settings;
use crate::{output, signal, trace};

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static STATE: OnceLock<State> = OnceLock::new();

/// What all threads share.
pub(crate) struct State {
    /// Addresses in the program.
    pub(crate) guest: Start,
    /// The host's driver; none where none could be loaded.
    pub(crate) native: Option<Native>,
    /// What is to be done for each function, by its entry's index.
    pub(crate) plans: Vec<Plan>,
}

pub(crate) fn set_settings(settings: Settings) {
    // QEMU loads a plugin once.
    let _ = SETTINGS.set(settings);
}

pub(crate) fn settings() -> &'static Settings {
    static NONE: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get().unwrap_or_else(|| NONE.get_or_init(Settings::default))
}

/// The program has loaded its library. A second one, in another namespace of its loader, gets the first one's functions.
pub(crate) fn start(guest: Start) {
    STATE.get_or_init(|| {
        output::redirect();
        signal::watch();
        trace::begin(settings());
        let native = Native::open(settings());
        State { guest, native, plans: function::plans() }
    });
}

/// None before the program has loaded its library.
pub(crate) fn state() -> Option<&'static State> {
    STATE.get()
}

impl State {
    /// The address in the program of an entry.
    pub(crate) fn address(&self, entry: Entry) -> Option<u64> {
        Some(self.guest.entries + index_of(entry)? as u64 * STRIDE)
    }
}
