//! Work on several things at a time; stops at the first failure.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// `work` on each of `items`, on up to `jobs` threads; the results in the order of the items. After a failure nothing
/// new is begun, and the failure that stands first in that order is returned.
pub(crate) fn map<T: Sync, R: Send, E: Send>(
    jobs: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results: Vec<Mutex<Option<Result<R, E>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while !failed.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    *results[index].lock().expect("no holder of this lock can panic") = Some(result);
                }
            });
        }
    });
    // Items are begun in order: before the first failure, each has a result.
    results
        .into_iter()
        .filter_map(|result| result.into_inner().expect("no holder of this lock can panic"))
        .collect()
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
