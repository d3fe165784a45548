//! Reads a stream to its end into a file, and can be called off while it waits for more.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::attended::wait;

/// How much is read at a time, in bytes.
const READ: usize = 64 * 1024;

/// Copies `input` to its end; answers whether it got there, and was not called off by `cancel` becoming readable. Where
/// nothing has come to read for `patience`, `waiting` is told, once.
pub fn gather(
    mut input: impl Read + AsFd,
    into: &mut File,
    cancel: BorrowedFd<'_>,
    patience: Duration,
    waiting: impl FnOnce(),
) -> io::Result<bool> {
    let mut waiting = Some(waiting);
    let mut buffer = vec![0; READ];
    loop {
        let deadline = waiting.is_some().then(|| Instant::now() + patience);
        match wait(&[cancel, input.as_fd()], deadline)? {
            Some(0) => return Ok(false),
            Some(_) => {}
            None => {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                continue;
            }
        }
        match input.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => into.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;

    fn text(mut file: File) -> String {
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn all_of_it_comes_and_waiting_is_told_once() {
        let (cancel, _keep) = io::pipe().unwrap();
        let (input, mut writer) = io::pipe().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let mut told = 0;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for part in ["one ", "two ", "three"] {
                    writer.write_all(part.as_bytes()).unwrap();
                    std::thread::sleep(Duration::from_millis(60));
                }
            });
            let patience = Duration::from_millis(20);
            assert!(gather(input, &mut file, cancel.as_fd(), patience, || told += 1).unwrap());
        });
        assert_eq!((text(file).as_str(), told), ("one two three", 1));
    }

    #[test]
    fn it_can_be_called_off() {
        let (cancel, mut call) = io::pipe().unwrap();
        let (input, _writer) = io::pipe().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        call.write_all(&[1]).unwrap();
        assert!(!gather(input, &mut file, cancel.as_fd(), Duration::from_mins(1), || ()).unwrap());
    }
}
