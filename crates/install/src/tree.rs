//! A tree in the data folder: its packages fetched where they are not there, unpacked, and put together.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;
use cuferry_toolchain::layout::{self, LayoutError, Part, Piece, Tree};
use cuferry_toolchain::package::{ArchiveKind, Pick, Source};
use cuferry_toolchain::rules::Rules;

use crate::activate;
use crate::client::Client;
use crate::data::{self, Data};
use crate::deb;
use crate::download;
use crate::error::{At, InstallError};
use crate::options::{Options, Progress, Report};
use crate::parallel;
use crate::unpack;

/// What is to be there in the end.
pub(crate) struct Plan<'a> {
    pub(crate) data: Data<'a>,
    /// What it is a tree of, for messages: `CUDA 13.0`.
    pub(crate) of: String,
    pub(crate) source: &'a Source,
    pub(crate) rules: &'a Rules,
    pub(crate) picks: Vec<Pick<'a>>,
    /// Where.
    pub(crate) root: Utf8PathBuf,
    /// A file in it that says what it is: name and text.
    pub(crate) manifest: (&'static str, String),
}

/// Picks that come out of one archive: fetched once.
struct Work<'a> {
    picks: Vec<&'a Pick<'a>>,
    /// Whether the archive is there.
    there: bool,
}

impl Plan<'_> {
    pub(crate) fn carry_out(
        &self,
        options: &Options,
        report: &Report<'_>,
        lay_out: impl Fn(&[Part]) -> Result<Tree, LayoutError>,
    ) -> Result<(), InstallError> {
        // A tree appears whole or not at all, so no lock is needed to see that it is there.
        if self.root.exists() {
            return Ok(());
        }
        let _lock = self.data.lock(report)?;
        if self.root.exists() {
            return Ok(());
        }
        self.unpack_missing(options, report)?;
        report(Progress::Activating { root: &self.root });
        let folders: Vec<Utf8PathBuf> = self.picks.iter().map(|pick| self.package(pick)).collect();
        let mut parts = Vec::with_capacity(self.picks.len());
        for (pick, folder) in self.picks.iter().zip(&folders) {
            let mut files = Vec::new();
            list_files(folder, Utf8Path::new(""), &mut |path, link| {
                files.extend(layout::piece(pick, self.rules, path, link.as_deref()));
            })?;
            files.sort_unstable_by(|left: &Piece, right| left.path.cmp(&right.path));
            let package = pick.package.name.clone();
            parts.push(Part { package, role: pick.package.role, host: pick.host, files });
        }
        let tree = lay_out(&parts).map_err(|source| InstallError::Layout { of: self.of.clone(), source })?;
        activate::activate(&self.root, &tree, &folders, (self.manifest.0, &self.manifest.1))
    }

    /// Fetches and unpacks the packages that are not there yet.
    fn unpack_missing(&self, options: &Options, report: &Report<'_>) -> Result<(), InstallError> {
        let work = self.work(options.jobs)?;
        let absent: Vec<&Pick<'_>> =
            work.iter().filter(|work| !work.there).map(|work| work.picks[0]).collect();
        let clients = if absent.is_empty() {
            Vec::new()
        } else if options.offline {
            let mut names: Vec<String> = absent.iter().map(|pick| pick.archive.name().to_owned()).collect();
            names.sort_unstable();
            return Err(InstallError::Offline { downloads: self.data.downloads(), missing: names });
        } else {
            let bytes = absent.iter().map(|pick| pick.archive.size).sum();
            report(Progress::Fetching { archives: absent.len(), bytes });
            Client::of(self.source, options, report)?
        };
        let unpacked = parallel::map(options.jobs, &work, |work| {
            let path = self.data.download(work.picks[0].archive);
            if !work.there {
                download::download(&clients, &self.of, work.picks[0], &path)
                    .inspect_err(|_| clients.iter().for_each(Client::stop))?;
            }
            let unpack = |pick: &&Pick<'_>| {
                report(Progress::Unpacking { package: &pick.package.name, host: pick.host });
                let at = self.package(pick);
                let (temporary, folder) = data::temporary(&at)?;
                self.unpack(pick, &path, &folder)?;
                Ok::<_, InstallError>((temporary, at))
            };
            work.picks.iter().map(unpack).collect::<Result<Vec<_>, _>>()
        })?;
        data::sync(&self.data.packages())?;
        for (temporary, at) in unpacked.into_iter().flatten() {
            data::settle(temporary, &at)?;
        }
        Ok(())
    }

    /// What has to be unpacked, by archive. The largest first: it takes longest, and the small ones pass beside it.
    fn work(&self, jobs: usize) -> Result<Vec<Work<'_>>, InstallError> {
        let mut archives: BTreeMap<Digest, Vec<&Pick<'_>>> = BTreeMap::new();
        for pick in self.picks.iter().filter(|pick| !self.package(pick).exists()) {
            archives.entry(pick.archive.sha256).or_default().push(pick);
        }
        let mut missing: Vec<Vec<&Pick<'_>>> = archives.into_values().collect();
        missing.sort_by_key(|picks| std::cmp::Reverse(picks[0].archive.size));
        let there = parallel::map(jobs, &missing, |picks| {
            download::is_there(&self.data.download(picks[0].archive), picks[0])
        })?;
        Ok(missing.into_iter().zip(there).map(|(picks, there)| Work { picks, there }).collect())
    }

    fn unpack(&self, pick: &Pick<'_>, archive: &Utf8Path, into: &Utf8Path) -> Result<(), InstallError> {
        let name = pick.archive.name();
        match pick.archive.kind() {
            ArchiveKind::Wheel => unpack::unpack(archive, name, into),
            ArchiveKind::Deb => deb::unpack(archive, name, into, &|path, link| {
                layout::piece(pick, self.rules, path.to_owned(), link).is_some()
            }),
        }
    }

    fn package(&self, pick: &Pick<'_>) -> Utf8PathBuf {
        self.data.package(pick, self.rules)
    }
}

/// All files and links below `folder`, as paths relative to where the walk began, each link with what it says.
fn list_files(
    folder: &Utf8Path,
    below: &Utf8Path,
    found: &mut dyn FnMut(Utf8PathBuf, Option<Utf8PathBuf>),
) -> Result<(), InstallError> {
    for entry in folder.read_dir_utf8().at("read", folder)? {
        let entry = entry.at("read", folder)?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type().at("read", entry.path())?;
        if kind.is_dir() {
            list_files(entry.path(), &path, found)?;
        } else if kind.is_symlink() {
            let says = fs::read_link(entry.path()).at("read", entry.path())?;
            // What was unpacked here was UTF-8; another name would match no place.
            found(path, Utf8PathBuf::from_path_buf(says).ok());
        } else {
            found(path, None);
        }
    }
    Ok(())
}
