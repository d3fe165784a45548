//! Objects of the program's that live as long as anything refers to them: the program itself, graphs, what was made of
//! graphs, and launches that are under way.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cuferry_driver::types::CUhostFn;

use crate::entry::within_callback;
use crate::error::{Error, Result};
use crate::handle::{Object as _, fresh, object};

/// See the module.
pub(crate) struct UserObject {
    pub(crate) number: usize,
    references: AtomicU32,
    destroy: CUhostFn,
    data: usize,
}

object!(UserObject, CUuserObject_st);

/// References that a graph holds. A copy holds one of its own.
pub(crate) struct References {
    object: Arc<UserObject>,
    count: u32,
}

impl UserObject {
    pub(crate) fn create(destroy: CUhostFn, data: usize, references: u32) -> Arc<Self> {
        let object = Self { number: fresh(), references: AtomicU32::new(references), destroy, data };
        let object = Arc::new(object);
        Self::handles().insert(object.number, Arc::clone(&object));
        object
    }

    pub(crate) fn retain(&self, count: u32) {
        self.references.fetch_add(count, Ordering::AcqRel);
    }

    /// Gives references back. With the last one the object goes.
    #[expect(unsafe_code, reason = "the program's function is called")]
    pub(crate) fn release(&self, count: u32) -> Result {
        let less = |references: u32| references.checked_sub(count);
        let before = self.references.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        if before.map_err(|_| Error::INVALID_VALUE)? == count && count > 0 {
            Self::handles().remove(self.number);
            if let Some(destroy) = self.destroy {
                // SAFETY: the program gave it to be called with this, once, when nothing refers to the object any more.
                within_callback(|| unsafe { destroy(self.data as *mut c_void) });
            }
        }
        Ok(())
    }
}

impl References {
    /// Takes over references that are counted already.
    pub(crate) fn counted(object: Arc<UserObject>, count: u32) -> Self {
        Self { object, count }
    }

    pub(crate) fn are_to(&self, object: &UserObject) -> bool {
        self.object.number == object.number
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Gives some of them back, and says whether that were all.
    pub(crate) fn release(&mut self, count: u32) -> Result<bool> {
        self.count = self.count.checked_sub(count).ok_or(Error::INVALID_VALUE)?;
        self.object.release(count)?;
        Ok(self.count == 0)
    }
}

impl Clone for References {
    fn clone(&self) -> Self {
        self.object.retain(1);
        Self { object: Arc::clone(&self.object), count: 1 }
    }
}

impl Drop for References {
    fn drop(&mut self) {
        let _ = self.object.release(self.count);
    }
}
