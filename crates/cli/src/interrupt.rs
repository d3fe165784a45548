//! Ctrl-C: what is at work is asked to stop; while an image is written, what is half-made goes and the process ends.

use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_exec::CancelFlag;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Failure, Fault};

/// A flag that the first SIGINT or SIGTERM raises; further ones do nothing: for what ends by itself within seconds, and has to
/// clean up before it does.
pub(crate) fn flag() -> Result<Arc<CancelFlag>, Failure> {
    let cancel = Arc::new(CancelFlag::new().map_err(|error| failed(&error))?);
    let mut arrived = Signals::new([SIGINT, SIGTERM]).map_err(|error| failed(&error))?;
    let raised = Arc::clone(&cancel);
    std::thread::spawn(move || {
        for _ in &mut arrived {
            raised.cancel();
        }
    });
    Ok(cancel)
}

fn failed(error: &std::io::Error) -> Failure {
    let help = "raise the limit on open files (`ulimit -n`)";
    let message = format!("cannot prepare for Ctrl-C: {error}");
    Failure::say(Fault::Machine, "build::signals", message, help)
}

/// What SIGINT and SIGTERM do, from [`Interrupts::watch`] on.
pub(crate) struct Interrupts {
    /// Set by the first one. One that comes when it is set ends the process.
    pub(crate) cancel: Arc<CancelFlag>,
    /// The image that is being written.
    image: Arc<Mutex<Option<Utf8PathBuf>>>,
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let interrupts = Self {
            cancel: Arc::new(CancelFlag::new().map_err(|error| failed(&error))?),
            image: Arc::default(),
        };
        let mut arrived = Signals::new([SIGINT, SIGTERM]).map_err(|error| failed(&error))?;
        let (cancel, image) = (Arc::clone(&interrupts.cancel), Arc::clone(&interrupts.image));
        std::thread::spawn(move || {
            for _ in &mut arrived {
                if cancel.is_cancelled() {
                    if let Ok(Some(image)) = image.lock().as_deref() {
                        cuferry_oci::abandon(image);
                    }
                    std::process::exit(i32::from(Fault::Interrupted.exit_code()));
                }
                cancel.cancel();
            }
        });
        Ok(interrupts)
    }

    /// From here on an interrupt takes the half-made image at `path` away.
    pub(crate) fn writes_image(&self, path: &Utf8Path) {
        if let Ok(mut image) = self.image.lock() {
            *image = Some(path.to_owned());
        }
    }
}
