//! The driver calls of a program, each with its arguments, its result and its time: as lines, or as a Chrome trace; and a
//! summary at exit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cuferry_driver::{Function, results};

use crate::arguments::Arguments;
use crate::report;
use crate::settings::Settings;

struct Trace {
    begun: Instant,
    sink: Mutex<Sink>,
}

struct Sink {
    file: Option<BufWriter<Box<dyn Write + Send>>>,
    chrome: bool,
    /// Whether an event was written: the next one needs a comma before it.
    any: bool,
    summary: Option<BTreeMap<String, Total>>,
}

/// Of one function.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    calls: u64,
    failed: u64,
    time: Duration,
    longest: Duration,
    bytes: u64,
}

static TRACE: OnceLock<Option<Trace>> = OnceLock::new();

/// Opens what is to be written.
pub(crate) fn begin(settings: &Settings) {
    TRACE.get_or_init(|| {
        if settings.trace.is_none() && !settings.summary {
            return None;
        }
        let chrome = settings.trace.as_deref().is_some_and(is_json);
        let file = settings.trace.as_deref().and_then(|path| match open(path) {
            Ok(file) => Some(BufWriter::new(file)),
            Err(error) => {
                report::line(&format!("cannot write the trace to `{path}`: {error}"));
                None
            }
        });
        let summary = settings.summary.then(BTreeMap::new);
        let mut sink = Sink { file, chrome, any: false, summary };
        if chrome {
            sink.write("[\n");
        }
        Some(Trace { begun: Instant::now(), sink: Mutex::new(sink) })
    });
}

fn is_json(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "json")
}

fn open(path: &str) -> io::Result<Box<dyn Write + Send>> {
    if path == "-" {
        return Ok(Box::new(io::stderr()));
    }
    Ok(Box::new(File::create(path)?))
}

fn trace() -> Option<&'static Trace> {
    TRACE.get()?.as_ref()
}

impl Trace {
    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    fn write(&mut self, text: &str) {
        if let Some(file) = &mut self.file
            && file.write_all(text.as_bytes()).is_err()
        {
            report::line("the trace cannot be written any further");
            self.file = None;
        }
    }
}

/// A call begins; none where nothing is traced.
pub(crate) fn enter() -> Option<Instant> {
    trace().map(|_| Instant::now())
}

/// A call has ended.
pub(crate) fn leave(
    begun: Instant,
    function: &Function,
    symbol: &str,
    arguments: &Arguments,
    floats: &[u64; 8],
    result: u64,
) {
    let (mut integers, mut float) = (arguments.0.iter(), floats.iter());
    let mut values = Vec::new();
    let mut bytes = 0;
    for parameter in function.parameters {
        let value = if parameter.rust_type == "f32" {
            let bits = float.next().copied().unwrap_or(0).to_le_bytes();
            f32::from_le_bytes([bits[0], bits[1], bits[2], bits[3]]).to_string()
        } else {
            let value = integers.next().copied().unwrap_or(0);
            if BYTES.contains(&parameter.name) && parameter.rust_type == "usize" {
                bytes = value;
            }
            show(parameter.rust_type, value)
        };
        values.push((parameter.name, value));
    }
    end(begun, symbol, &values, result, bytes);
}

/// What parameters that are sizes in bytes are called in `cuda.h`.
const BYTES: [&str; 3] = ["ByteCount", "bytesize", "count"];

/// A call of a private function has ended.
pub(crate) fn leave_table(begun: Instant, table: &str, index: usize, integers: &[u64; 8], result: u64) {
    let values: Vec<_> = integers[..4].iter().map(|value| ("", format!("{value:#x}"))).collect();
    // Some of these functions return nothing: what is no error code is no error.
    let code = u32::try_from(result & 0xffff_ffff).ok().filter(|code| results::code(*code).is_some());
    end(begun, &format!("{table}[{index}]"), &values, code.unwrap_or(0).into(), 0);
}

/// Pointers and handles in hexadecimal, numbers in decimal, with the bits that their type has.
fn show(rust_type: &str, value: u64) -> String {
    let low = value & 0xffff_ffff;
    match rust_type {
        "usize" | "cuuint64_t" | "core::ffi::c_ulonglong" => value.to_string(),
        "core::ffi::c_int" | "CUdevice" => u32::try_from(low).unwrap_or(0).cast_signed().to_string(),
        "core::ffi::c_uint" | "cuuint32_t" | "CUresult" => low.to_string(),
        "core::ffi::c_ushort" => (value & 0xffff).to_string(),
        "core::ffi::c_uchar" => (value & 0xff).to_string(),
        _ if rust_type.starts_with('*') && value == 0 => "null".to_owned(),
        _ => format!("{value:#x}"),
    }
}

fn end(begun: Instant, name: &str, values: &[(&str, String)], result: u64, bytes: u64) {
    let Some(trace) = trace() else { return };
    let time = begun.elapsed();
    let since = begun.duration_since(trace.begun);
    // SAFETY: it only returns a number.
    let thread = unsafe { libc::gettid() };
    let code = u32::try_from(result).ok().and_then(results::code);
    let word = code.map_or_else(|| result.to_string(), |code| code.name.to_string_lossy().into_owned());
    let mut sink = trace.sink();
    if let Some(summary) = &mut sink.summary {
        let total = summary.entry(name.to_owned()).or_default();
        total.calls += 1;
        total.failed += u64::from(result != 0);
        total.time += time;
        total.longest = total.longest.max(time);
        total.bytes += if result == 0 { bytes } else { 0 };
    }
    if sink.file.is_none() {
        return;
    }
    let mut text = String::new();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    if sink.chrome {
        if std::mem::replace(&mut sink.any, true) {
            text.push_str(",\n");
        }
        let process = std::process::id();
        let _ = write!(
            text,
            "{{\"name\":\"{name}\",\"ph\":\"X\",\"ts\":{:.3},\"dur\":{:.3},\"pid\":{process},\"tid\":{thread},\"args\":{{",
            micros(since),
            micros(time)
        );
        for (index, (name, value)) in values.iter().enumerate() {
            let key = if name.is_empty() { index.to_string() } else { (*name).to_owned() };
            let _ = write!(text, "\"{key}\":\"{value}\",");
        }
        let _ = write!(text, "\"result\":\"{word}\"}}}}");
    } else {
        let _ = write!(text, "{:12.3} ms  {thread}  {name}(", micros(since) / 1e3);
        for (index, (name, value)) in values.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let equals = if name.is_empty() { "" } else { "=" };
            let _ = write!(text, "{comma}{name}{equals}{value}");
        }
        let _ = writeln!(text, ") = {word}  [{:.1} µs]", micros(time));
    }
    sink.write(&text);
}

/// At exit: what is written is whole, and the summary is printed.
pub(crate) fn finish() {
    let Some(trace) = trace() else { return };
    let mut sink = trace.sink();
    if sink.chrome {
        sink.write("\n]\n");
    }
    if let Some(file) = &mut sink.file
        && let Err(error) = file.flush()
    {
        report::line(&format!("the trace is not whole: {error}"));
    }
    sink.file = None;
    if let Some(summary) = sink.summary.take() {
        let _ = io::stderr().write_all(table(&summary, trace.begun.elapsed()).as_bytes());
    }
}

/// The functions that took longest first.
fn table(summary: &BTreeMap<String, Total>, whole: Duration) -> String {
    let mut rows: Vec<_> = summary.iter().collect();
    rows.sort_by_key(|(_, total)| std::cmp::Reverse(total.time));
    let calls: u64 = rows.iter().map(|(_, total)| total.calls).sum();
    let time: Duration = rows.iter().map(|(_, total)| total.time).sum();
    let mut text = format!(
        "cuferry: {calls} driver calls, {:.3} s of {:.3} s\n{:>10} {:>12} {:>12} {:>12} {:>14}  function\n",
        time.as_secs_f64(),
        whole.as_secs_f64(),
        "calls",
        "total ms",
        "mean µs",
        "longest µs",
        "bytes"
    );
    for (name, total) in rows {
        let millis = total.time.as_secs_f64() * 1e3;
        let mean = total.time.as_secs_f64() * 1e6 / f64::from(u32::try_from(total.calls).unwrap_or(u32::MAX));
        let failed = if total.failed == 0 { String::new() } else { format!(" ({} failed)", total.failed) };
        let _ = writeln!(
            text,
            "{:>10} {millis:>12.3} {mean:>12.2} {:>12.2} {:>14}  {name}{failed}",
            total.calls,
            total.longest.as_secs_f64() * 1e6,
            total.bytes
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_their_types_have_them() {
        let negative = 0xffff_ffff_ffff_ffff;
        assert_eq!(show("core::ffi::c_int", negative), "-1");
        assert_eq!(show("core::ffi::c_uint", negative), "4294967295");
        assert_eq!(show("core::ffi::c_uchar", 0x1_02), "2");
        assert_eq!(show("usize", 1000), "1000");
        assert_eq!(show("*mut core::ffi::c_void", 0), "null");
        assert_eq!(show("CUstream", 0), "0x0");
        assert_eq!(show("*const CUmodule", 0x5500), "0x5500");
    }

    #[test]
    fn the_longest_function_comes_first() {
        let total = |millis, calls, failed| {
            let time = Duration::from_millis(millis);
            Total { calls, failed, time, longest: time, bytes: 0 }
        };
        let summary = BTreeMap::from([
            ("cuInit".to_owned(), total(5, 1, 0)),
            ("cuMemFree_v2".to_owned(), total(7, 2, 1)),
        ]);
        let text = table(&summary, Duration::from_secs(1));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "cuferry: 3 driver calls, 0.012 s of 1.000 s");
        assert!(lines[2].ends_with("cuMemFree_v2 (1 failed)") && lines[3].ends_with("cuInit"), "{text}");
    }
}
