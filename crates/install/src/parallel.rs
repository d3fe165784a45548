//! Work on several things at a time; stops at the first failure.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// `work` on each of `items`, on up to `jobs` threads; the results in the order of the items. After a failure nothing
/// new is begun, and the failure that came first is returned: later ones may only follow from it.
pub(crate) fn map<T: Sync, R: Send, E: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while lock(&failure).is_none() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    match work(item) {
                        Ok(result) => *lock(&results[index]) = Some(result),
                        Err(error) => _ = lock(&failure).get_or_insert(error),
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let inner = |result: Mutex<Option<R>>| result.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().filter_map(inner).collect())
}

/// No holder of these locks can panic, so none is ever poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_stops_at_a_failure() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(
            map(4, &items, |item| Ok::<_, ()>(item * 2)).unwrap(),
            (0..100).map(|n| n * 2).collect::<Vec<_>>()
        );
        let begun = AtomicUsize::new(0);
        let result = map(2, &items, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 3 { Err(*item) } else { Ok(()) }
        });
        assert_eq!(result, Err(3));
        assert_eq!(map(0, &[] as &[usize], |_| Ok::<_, ()>(())), Ok(vec![]));
    }
}
