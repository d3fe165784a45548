//! One wheel: from the index, or from an earlier run, into `downloads/`, verified.

use std::fs::{self, File};
use std::io::{Read, Write};

use camino::Utf8Path;
use cuferry_arch::CudaRelease;
use cuferry_digest::{Digest, Hasher};
use cuferry_toolchain::release_file::Pick;

use crate::client::{Client, Failure, header, passing};
use crate::data;
use crate::error::{At, InstallError};
use crate::options::Progress;

/// Whether `path` holds what `pick` pins. Something else is removed: a disk that failed, or a hand that slipped.
pub(crate) fn is_there(path: &Utf8Path, pick: &Pick<'_>) -> Result<bool, InstallError> {
    let Ok(file) = File::open(path) else { return Ok(false) };
    let found = Digest::of_reader(file).at("read", path)?;
    if found == (pick.wheel.sha256, pick.wheel.size) {
        return Ok(true);
    }
    fs::remove_file(path).at("remove", path)?;
    Ok(false)
}

/// Fetches the wheel of `pick` to `path`, which appears only when all of it is there and is what was pinned.
pub(crate) fn download(
    client: &Client<'_>,
    release: CudaRelease,
    pick: &Pick<'_>,
    path: &Utf8Path,
) -> Result<(), InstallError> {
    let wheel = pick.wheel;
    let page = client.page(&pick.package.name)?;
    let file = page.iter().find(|file| file.name == wheel.file).ok_or_else(|| {
        let index = client.page_url(&pick.package.name).to_string();
        InstallError::NotOnIndex { index, file: wheel.file.clone() }
    })?;
    let mismatch = |received| InstallError::DigestMismatch {
        archive: wheel.file.clone(),
        release,
        index: client.index().to_owned(),
        expected: wheel.sha256,
        received,
    };
    // An index that states another digest need not send half a gigabyte to prove it.
    if let Some(stated) = file.sha256.filter(|stated| *stated != wheel.sha256) {
        return Err(mismatch(stated));
    }
    let wrong_size = |received| InstallError::SizeMismatch {
        archive: wheel.file.clone(),
        release,
        index: client.index().to_owned(),
        expected: wheel.size,
        received,
    };
    client.retry(&file.url, || {
        let response = client.get(&file.url, &[("accept-encoding", "identity")])?;
        let stated = header(&response, "content-length").and_then(|text| text.parse().ok());
        if let Some(stated) = stated.filter(|stated| *stated != wheel.size) {
            return Err(wrong_size(stated).into());
        }
        let mut temporary = data::temporary_file(path)?;
        let mut body = response.into_body().into_reader();
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let (done, total) = (hasher.length(), wheel.size);
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
            if hasher.length() > wheel.size {
                return Err(wrong_size(hasher.length()).into());
            }
            temporary.write_all(&buffer[..count]).at("write", path)?;
        }
        if hasher.length() < wheel.size {
            return Err(passing(&format!("it ended after {} of {} bytes", hasher.length(), wheel.size)));
        }
        let received = hasher.finish();
        if received != wheel.sha256 {
            return Err(mismatch(received).into());
        }
        temporary.as_file().sync_all().at("sync", path)?;
        temporary.persist(path).map_err(|error| error.error).at("create", path)?;
        Ok::<_, Failure>(())
    })
}
