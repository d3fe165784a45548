//! Handles: what a program holds instead of an object. A number that stood for no object, or for one of another kind,
//! or for one that is gone, is an error and never a crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, Result};

/// The objects of one kind.
pub(crate) struct Handles<T> {
    map: RwLock<BTreeMap<usize, Arc<T>>>,
}

/// Something that programs hold handles of.
pub(crate) trait Object: Sized + 'static {
    /// The type behind the C pointer.
    type Raw;
    /// All of its kind.
    fn handles() -> &'static Handles<Self>;
}

/// Small numbers are special streams; large ones look like the pointers that programs expect. None is given twice.
static NEXT: AtomicUsize = AtomicUsize::new(0x5cf0_0000_0000);

/// A number that no other object has.
pub(crate) fn fresh() -> usize {
    NEXT.fetch_add(0x10, Ordering::Relaxed)
}

impl<T> Handles<T> {
    pub(crate) const fn new() -> Self {
        Self { map: RwLock::new(BTreeMap::new()) }
    }

    /// Makes an object known by its number.
    pub(crate) fn insert(&self, number: usize, object: Arc<T>) {
        self.map.write().unwrap_or_else(PoisonError::into_inner).insert(number, object);
    }

    pub(crate) fn get(&self, number: usize) -> Option<Arc<T>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    pub(crate) fn remove(&self, number: usize) -> Option<Arc<T>> {
        self.map.write().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// The numbers of all of them.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Forgets some, and returns them.
    pub(crate) fn remove_if(&self, gone: impl Fn(&T) -> bool) -> Vec<Arc<T>> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let numbers: Vec<usize> =
            map.iter().filter(|(_, object)| gone(object)).map(|(number, _)| *number).collect();
        numbers.iter().filter_map(|number| map.remove(number)).collect()
    }
}

/// The object that a handle stands for.
pub(crate) fn find<T: Object>(raw: *mut T::Raw) -> Result<Arc<T>> {
    T::handles().get(raw as usize).ok_or(Error::INVALID_HANDLE)
}

/// The same, and the handle stands for nothing from now on.
pub(crate) fn take<T: Object>(raw: *mut T::Raw) -> Result<Arc<T>> {
    T::handles().remove(raw as usize).ok_or(Error::INVALID_HANDLE)
}

macro_rules! object {
    ($name:ty, $raw:ident) => {
        impl crate::handle::Object for $name {
            type Raw = cuferry_driver::types::$raw;
            fn handles() -> &'static crate::handle::Handles<Self> {
                static HANDLES: crate::handle::Handles<$name> = crate::handle::Handles::new();
                &HANDLES
            }
        }
    };
}
pub(crate) use object;
