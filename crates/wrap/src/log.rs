//! The log of a run: one line a call, written by as many processes at once as a build has.

use std::fs::OpenOptions;
use std::io::{self, Write as _};

use camino::Utf8Path;

use crate::call::{Call, Record};

/// The log's name in the folder of a run.
pub(crate) const NAME: &str = "calls.log";

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Every call, in the order in which they began.
    pub calls: Vec<Call>,
    /// Lines that cannot be read: a process was killed, or the disk was full, while it wrote one.
    pub torn: usize,
}

/// Adds one line. The lock keeps lines whole on file systems where appending alone does not (NFS), and however long they are.
pub(crate) fn append(log: &Utf8Path, record: &Record) -> io::Result<()> {
    // A line that a killed process left unfinished ends here, and takes no other with it.
    let mut line = vec![b'\n'];
    serde_json::to_writer(&mut line, record)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().append(true).create(true).open(log)?;
    // Where a file system has no locks, the single write below is whole all the same on every local one.
    let locked = file.lock();
    let written = file.write_all(&line);
    if locked.is_ok() {
        let _ = file.unlock();
    }
    written
}

/// Reads a log; one that is not there has no calls.
pub fn read_calls(log: &Utf8Path) -> io::Result<Calls> {
    let bytes = match std::fs::read(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        bytes => bytes?,
    };
    Ok(calls(&bytes))
}

fn calls(bytes: &[u8]) -> Calls {
    let mut calls = Calls::default();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => calls.calls.push(record.into()),
            Err(_) => calls.torn += 1,
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use super::*;

    fn record(word: &str) -> Record {
        Record {
            tool: "gcc".into(),
            served_by: "/usr/bin/gcc".into(),
            was: vec!["gcc".into(), word.into()],
            folder: "/a b".into(),
            pid: 7,
            mode: Some(cuferry_translate::Mode::Compile),
            outputs: vec!["./x.o".into(), "/y/../z.o".into()],
            ..Record::default()
        }
    }

    #[test]
    fn calls_are_read_back_with_absolute_paths() {
        let (_guard, folder) = cuferry_testkit::scratch();
        let log = folder.join("log");
        assert_eq!(read_calls(&log).unwrap(), Calls::default());
        append(&log, &record("a\"\n\u{10feff}")).unwrap();
        append(&log, &record("b")).unwrap();
        let Calls { calls, torn } = read_calls(&log).unwrap();
        assert_eq!((calls.len(), torn), (2, 0));
        assert_eq!(calls[0].outputs, ["/a b/x.o", "/y/../z.o"].map(PathBuf::from));
        assert_eq!(calls[1].now, ["/usr/bin/gcc", "b"].map(OsString::from));
    }

    #[test]
    fn a_torn_line_costs_no_other() {
        let line = serde_json::to_string(&record("a")).unwrap();
        for cut in 0..line.len() {
            let log = format!("{line}\n{}", &line[..cut]);
            let calls = calls(log.as_bytes());
            assert_eq!((calls.calls.len(), calls.torn), (1, usize::from(cut > 0)), "cut at {cut}");
        }
    }

    #[test]
    fn lines_of_many_writers_stay_whole() {
        let (_guard, folder) = cuferry_testkit::scratch();
        let log = folder.join("log");
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for size in 0..20 {
                        append(log, &record(&writer.to_string().repeat(size * 1000))).unwrap();
                    }
                });
            }
        });
        let calls = read_calls(&log).unwrap();
        assert_eq!((calls.calls.len(), calls.torn), (160, 0));
    }

    proptest::proptest! {
        #[test]
        fn no_log_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = calls(&bytes);
        }
    }
}
