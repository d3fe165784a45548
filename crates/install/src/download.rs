//! One archive: from its server, or from an earlier run, into `downloads/`, verified.

use std::fs::{self, File};
use std::io::{Read, Write};

use camino::Utf8Path;
use cuferry_digest::{Digest, Hasher};
use cuferry_toolchain::package::{Archive, ArchiveKind, Pick};
use url::Url;

use crate::client::{Client, Failure, header, passing};
use crate::data;
use crate::error::{At, InstallError};
use crate::options::Progress;

/// Whether `path` holds what `pick` pins. Something else is removed: a disk that failed, or a hand that slipped.
pub(crate) fn is_there(path: &Utf8Path, pick: &Pick<'_>) -> Result<bool, InstallError> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    let found = Digest::of_reader(file).at("read", path)?;
    if found == (pick.archive.sha256, pick.archive.size) {
        return Ok(true);
    }
    fs::remove_file(path).at("remove", path)?;
    Ok(false)
}

/// Fetches the archive of `pick` to `path`, which appears only when all of it is there and is what was pinned. `of` is
/// what it is a part of, for messages. Each of `clients` is asked until one has it.
pub(crate) fn download(
    clients: &[Client<'_>],
    of: &str,
    pick: &Pick<'_>,
    path: &Utf8Path,
) -> Result<(), InstallError> {
    let mut clients = clients.iter().peekable();
    while let Some(client) = clients.next() {
        let result = match pick.archive.kind() {
            ArchiveKind::Wheel => from_index(client, of, pick, path),
            ArchiveKind::Deb => fetch(client, of, pick, &client.file_url(&pick.archive.file), path),
        };
        match result {
            Err(InstallError::Status { status: 404 | 410, .. }) if clients.peek().is_some() => {}
            result => return result,
        }
    }
    unreachable!("a source has at least one server")
}

/// A wheel's address stands on its package's page.
fn from_index(client: &Client<'_>, of: &str, pick: &Pick<'_>, path: &Utf8Path) -> Result<(), InstallError> {
    let wheel = pick.archive;
    let page = client.page(&pick.package.name)?;
    let file = page.iter().find(|file| file.name == wheel.file).ok_or_else(|| {
        let index = client.page_url(&pick.package.name).to_string();
        InstallError::NotOnIndex { index, file: wheel.file.clone() }
    })?;
    // An index that states another digest need not send half a gigabyte to prove it.
    if let Some(stated) = file.sha256.filter(|stated| *stated != wheel.sha256) {
        return Err(mismatch(client, of, wheel, stated));
    }
    fetch(client, of, pick, &file.url, path)
}

fn fetch(
    client: &Client<'_>,
    of: &str,
    pick: &Pick<'_>,
    url: &Url,
    path: &Utf8Path,
) -> Result<(), InstallError> {
    let archive = pick.archive;
    let wrong_size = |received| InstallError::SizeMismatch {
        archive: archive.name().to_owned(),
        of: of.to_owned(),
        index: client.index().to_owned(),
        expected: archive.size,
        received,
    };
    client.retry(url, || {
        let response = client.get(url, &[("accept-encoding", "identity")])?;
        let stated = header(&response, "content-length").and_then(|text| text.parse().ok());
        if let Some(stated) = stated.filter(|stated| *stated != archive.size) {
            return Err(wrong_size(stated).into());
        }
        let mut temporary = data::temporary_file(path)?;
        let mut body = response.into_body().into_reader();
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let (done, total) = (hasher.length(), archive.size);
            client.report(Progress::Downloading {
                package: &pick.package.name,
                host: pick.host,
                done,
                total,
            });
            let count = body.read(&mut buffer).map_err(|error| passing(&error))?;
            if count == 0 {
                break;
            }
            if client.is_stopped() {
                return Err(passing(&"another download failed"));
            }
            hasher.update(&buffer[..count]);
            if hasher.length() > archive.size {
                return Err(wrong_size(hasher.length()).into());
            }
            temporary.write_all(&buffer[..count]).at("write", path)?;
        }
        if hasher.length() < archive.size {
            return Err(passing(&format!("it ended after {} of {} bytes", hasher.length(), archive.size)));
        }
        let received = hasher.finish();
        if received != archive.sha256 {
            return Err(mismatch(client, of, archive, received).into());
        }
        temporary.as_file().sync_all().at("sync", path)?;
        temporary.persist(path).map_err(|error| error.error).at("create", path)?;
        Ok::<_, Failure>(())
    })
}

fn mismatch(client: &Client<'_>, of: &str, archive: &Archive, received: Digest) -> InstallError {
    InstallError::DigestMismatch {
        archive: archive.name().to_owned(),
        of: of.into(),
        index: client.index().into(),
        expected: archive.sha256,
        received,
    }
}
