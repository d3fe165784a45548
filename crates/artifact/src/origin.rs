//! Where an artifact came from, and what it has used up of its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::ArtifactError;
use crate::limits::{Limits, RATIO_FREE};

/// Shared by all parts of an artifact, so that they share its limits, too.
#[derive(Debug)]
pub(crate) struct Origin {
    /// As the user gave it: errors name it.
    pub path: Utf8PathBuf,
    pub limits: Limits,
    entries: AtomicU64,
    names: AtomicU64,
    unpacked: Arc<AtomicU64>,
}

impl Origin {
    pub(crate) fn new(path: &Utf8Path, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            limits: limits.clone(),
            entries: AtomicU64::new(0),
            names: AtomicU64::new(0),
            unpacked: Arc::default(),
        })
    }

    /// Takes `entries` and `names` (bytes of their paths) from the limits.
    pub(crate) fn count(&self, entries: u64, names: u64) -> Result<(), ArtifactError> {
        let total = self.entries.fetch_add(entries, Ordering::Relaxed).saturating_add(entries);
        if total > self.limits.entries {
            return Err(ArtifactError::TooManyEntries {
                path: self.path.clone(),
                limit: self.limits.entries,
            });
        }
        let total = self.names.fetch_add(names, Ordering::Relaxed).saturating_add(names);
        if total > self.limits.names {
            return Err(ArtifactError::TooLongNames { path: self.path.clone(), limit: self.limits.names });
        }
        Ok(())
    }

    /// Gives back what [`Self::count`] took, once it is dropped.
    pub(crate) fn uncount(&self, entries: u64, names: u64) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
        self.names.fetch_sub(names, Ordering::Relaxed);
    }

    /// Room for unpacked content, none yet.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { unpacked: Arc::clone(&self.unpacked), bytes: 0 }
    }

    /// Takes `bytes` more, which `part` unpacks to.
    pub(crate) fn reserve(
        &self,
        part: &str,
        reservation: &mut Reservation,
        bytes: u64,
    ) -> Result<(), ArtifactError> {
        let total = self.unpacked.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        reservation.bytes += bytes;
        if total > self.limits.unpacked {
            let (path, part) = (self.path.clone(), part.to_owned());
            return Err(ArtifactError::UnpackedTooLarge { path, part, limit: self.limits.unpacked });
        }
        Ok(())
    }

    /// Refuses content that unpacks to far more than any real one.
    pub(crate) fn check_ratio(&self, part: &str, packed: u64, unpacked: u64) -> Result<(), ArtifactError> {
        if unpacked > RATIO_FREE && unpacked > packed.saturating_mul(self.limits.ratio) {
            let (path, part) = (self.path.clone(), part.to_owned());
            return Err(ArtifactError::Bomb { path, part, packed, limit: self.limits.ratio });
        }
        Ok(())
    }
}

/// Room that unpacked content takes; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    unpacked: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.unpacked.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
