//! A file on a server as something to read and seek in: a wheel's table of contents without the wheel.

use std::io::{self, Read, Seek, SeekFrom};

use ureq::http::StatusCode;
use url::Url;

use crate::client::{Client, Failure, header, passing};
use crate::error::InstallError;

/// Larger than most tables of contents, so that one request gets all of it.
const CHUNK: u64 = 256 * 1024;

/// Reads by range requests (RFC 9110, section 14), a chunk at a time.
pub(crate) struct Remote<'a> {
    client: &'a Client<'a>,
    url: &'a Url,
    length: u64,
    position: u64,
    chunk: Chunk,
}

/// A part of the file.
struct Chunk {
    /// Where it begins.
    start: u64,
    bytes: Vec<u8>,
    /// How long the whole file is.
    length: u64,
}

impl<'a> Remote<'a> {
    /// `None` if the server knows no ranges.
    pub(crate) fn open(client: &'a Client<'a>, url: &'a Url) -> Result<Option<Self>, InstallError> {
        let tail = fetch(client, url, &format!("bytes=-{CHUNK}"))?;
        Ok(tail.map(|chunk| Self { client, url, length: chunk.length, position: 0, chunk }))
    }

    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for Remote<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let inside = self
            .position
            .checked_sub(self.chunk.start)
            .filter(|offset| *offset < self.chunk.bytes.len() as u64);
        let offset = if let Some(offset) = inside {
            offset
        } else {
            let last = (self.position + CHUNK).min(self.length) - 1;
            let range = format!("bytes={}-{last}", self.position);
            let answer = fetch(self.client, self.url, &range).map_err(io::Error::other)?;
            let chunk = answer.filter(|chunk| {
                (chunk.start, chunk.length) == (self.position, self.length) && !chunk.bytes.is_empty()
            });
            self.chunk = chunk.ok_or_else(|| io::Error::other("the file changed while it was read"))?;
            0
        };
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.chunk.bytes.get(offset..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Remote<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.length.checked_add_signed(delta),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

/// `None` if the server sends the whole file instead.
fn fetch(client: &Client<'_>, url: &Url, range: &str) -> Result<Option<Chunk>, InstallError> {
    client.retry(url, || {
        let response = client.get(url, &[("range", range), ("accept-encoding", "identity")])?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(None);
        }
        let Some((start, end, length)) = header(&response, "content-range").and_then(content_range) else {
            return Ok(None);
        };
        let size = end - start + 1;
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_reader().take(CHUNK);
        body.read_to_end(&mut bytes).map_err(|error| passing(&error))?;
        if bytes.len() as u64 != size {
            return Err(passing(&format!("it ended after {} of {size} bytes", bytes.len())));
        }
        Ok::<_, Failure>(Some(Chunk { start, bytes, length }))
    })
}

/// `bytes 0-99/1234`: first, last, length.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, length) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end, length): (u64, u64, u64) =
        (start.parse().ok()?, end.parse().ok()?, length.parse().ok()?);
    (start <= end && end < length && end - start < CHUNK).then_some((start, end, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_content_range() {
        for (text, expected) in [
            ("bytes 0-99/1234", Some((0, 99, 1234))),
            ("bytes 1233-1233/1234", Some((1233, 1233, 1234))),
            ("bytes 5-4/10", None),
            ("bytes 0-10/10", None),
            ("bytes 0-18446744073709551615/5", None),
            ("bytes */10", None),
            ("0-9/10", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
