//! Unpacked content: in memory where it is small, otherwise in a file without a name.

use std::fs::File;
use std::io::{self, Read, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::ArtifactError;
use crate::limits::IN_MEMORY;
use crate::origin::Origin;
use crate::source::Span;

/// How much is unpacked at a time, in bytes. Writing larger pieces costs the kernel less: half of what 256 KiB cost.
const PIECE: usize = 2 << 20;

/// Reads `reader` to its end. `packed` is how many bytes it is unpacked from, if it is; `unreadable` makes an error of
/// one that reading gave.
pub(crate) fn spool(
    origin: &Origin,
    part: &str,
    mut reader: impl Read,
    packed: Option<u64>,
    unreadable: impl Fn(io::Error) -> ArtifactError,
) -> Result<Span, ArtifactError> {
    let mut room = origin.reservation();
    let mut memory = Vec::new();
    let mut file: Option<File> = None;
    let mut piece = vec![0; PIECE];
    let mut total = 0_u64;
    loop {
        let count = match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        total += count as u64;
        origin.reserve(part, &mut room, count as u64)?;
        if let Some(packed) = packed {
            origin.check_ratio(part, packed, total)?;
        }
        if file.is_none() && total > IN_MEMORY {
            let mut created = create(origin)?;
            created.write_all(&std::mem::take(&mut memory)).map_err(|source| failed(origin, source))?;
            file = Some(created);
        }
        match &mut file {
            Some(file) => file.write_all(&piece[..count]).map_err(|source| failed(origin, source))?,
            None => memory.extend_from_slice(&piece[..count]),
        }
    }
    match file {
        Some(file) => Span::of_file(file, Some(room)).map_err(|source| failed(origin, source)),
        None => Ok(Span::of_memory(memory)),
    }
}

/// A new file without a name.
fn create(origin: &Origin) -> Result<File, ArtifactError> {
    tempfile::tempfile_in(folder(origin)).map_err(|source| failed(origin, source))
}

/// An error of writing to such a file.
fn failed(origin: &Origin, source: io::Error) -> ArtifactError {
    ArtifactError::Temporary { folder: folder(origin), source }
}

fn folder(origin: &Origin) -> Utf8PathBuf {
    origin.limits.temporary.clone().unwrap_or_else(|| {
        let usual = Utf8Path::new("/var/tmp");
        if usual.is_dir() { usual.to_owned() } else { Utf8PathBuf::from("/tmp") }
    })
}
