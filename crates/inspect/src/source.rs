//! A file's device code as one flat sequence, through archives, containers and groups: what every view of it starts from.

use std::ops::Range;

use cuferry_arch::{Flavor, GpuArch};
use cuferry_binfmt::ar::Members;
use cuferry_binfmt::cubin::Cubin;
use cuferry_binfmt::device::{self, Image, ImageKind, Place};
use cuferry_binfmt::fatbin::{Entry, EntryKind, PayloadError, Suffix, Unpacker};
use cuferry_binfmt::ptx::PtxHeader;
use cuferry_binfmt::{FileKind, kind_of};

use crate::inventory::{CodeKind, Problem};

/// A file, or a member of an archive.
#[derive(Clone, Debug)]
pub struct Source<'data> {
    /// The archive's member.
    pub member: Option<String>,
    /// Its bytes.
    pub bytes: &'data [u8],
    /// Where its bytes start in the file, in bytes. 0 for a member of a thin archive, which is a file of its own.
    pub offset: u64,
    /// Its device code, in the file's order.
    pub items: Vec<Item<'data>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// One piece of device code.
#[derive(Clone, Debug)]
pub struct Item<'data> {
    /// What it lies in.
    pub place: Place<'data>,
    /// Where the container starts, or the image itself if it is in none, in bytes from the start of its source.
    pub module: u64,
    /// Whether it needs a device link.
    pub relocatable: bool,
    /// Whether the program's own wrappers lead to it.
    pub wrapped: bool,
    /// The group that it opens: the first of several that are compressed as one.
    pub group: Option<Box<Entry<'data>>>,
    /// The code.
    pub body: Body<'data>,
}

/// What a piece of device code is.
#[derive(Clone, Debug)]
pub enum Body<'data> {
    /// An entry of a fatbin container.
    Entry(Entry<'data>),
    /// A cubin or PTX in no container.
    Image(Image<'data>),
}

/// The device code of a file. Ranges that were searched and are not needed any more are told to `done`, from the start
/// of the file.
pub fn sources<'data>(bytes: &'data [u8], done: &mut dyn FnMut(Range<usize>)) -> Vec<Source<'data>> {
    if kind_of(bytes) != FileKind::Archive {
        return vec![source(None, bytes, 0, done)];
    }
    let mut sources = Vec::new();
    for member in Members::parse(bytes).into_iter().flatten() {
        match member {
            Ok(member) => {
                let name = String::from_utf8_lossy(member.name).into_owned();
                let start = usize::try_from(member.offset).unwrap_or(usize::MAX);
                let data = member.data.unwrap_or_default();
                sources.push(source(Some(name), data, member.offset, &mut |range: Range<usize>| {
                    done(start.saturating_add(range.start)..start.saturating_add(range.end));
                }));
            }
            Err(error) => sources.push(Source {
                member: None,
                bytes: &[],
                offset: error.offset,
                items: Vec::new(),
                problems: vec![Problem {
                    member: None,
                    offset: Some(error.offset),
                    what: error.kind.to_string(),
                }],
            }),
        }
    }
    sources
}

/// The members of a thin archive, which are files of their own: their paths, relative to the archive's folder.
pub fn thin_members(bytes: &[u8]) -> Vec<String> {
    if kind_of(bytes) != FileKind::ThinArchive {
        return Vec::new();
    }
    let members = Members::parse(bytes).into_iter().flatten().filter_map(Result::ok);
    members.map(|member| String::from_utf8_lossy(member.name).into_owned()).collect()
}

/// A member of a thin archive that is not where the archive says.
pub fn missing(member: String) -> Source<'static> {
    let what = "no such file beside the thin archive".to_owned();
    let problem = Problem { member: Some(member.clone()), offset: None, what };
    Source { member: Some(member), bytes: &[], offset: 0, items: Vec::new(), problems: vec![problem] }
}

/// The device code of one file that is no archive, or of one member.
pub fn source<'data>(
    member: Option<String>,
    bytes: &'data [u8],
    offset: u64,
    done: &mut dyn FnMut(Range<usize>),
) -> Source<'data> {
    let problem = |at: u64, what: String| Problem {
        member: member.clone(),
        offset: Some(offset.saturating_add(at)),
        what,
    };
    let (mut items, mut broken) = (Vec::new(), Vec::new());
    // Entries are read as each container is found, while its pages are at hand: headers are few, but reading one brings
    // its neighbours in, and a library has thousands.
    let found = device::find_each(bytes, done, &mut |container| {
        for entry in container.container.entries() {
            let item = |entry: Entry<'data>, group: Option<Entry<'data>>| Item {
                place: container.place,
                module: container.container.offset,
                relocatable: container.is_relocatable(),
                wrapped: container.wrapper.is_some(),
                group: group.map(Box::new),
                body: Body::Entry(entry),
            };
            match entry {
                Ok(group) if group.kind == EntryKind::Group => {
                    let mut opener = Some(group);
                    for member in group.members() {
                        match member {
                            Ok(member) => items.push(item(member, opener.take())),
                            Err(error) => broken.push(problem(error.offset, error.kind.to_string())),
                        }
                    }
                }
                Ok(entry) => items.push(item(entry, None)),
                Err(error) => broken.push(problem(error.offset, error.kind.to_string())),
            }
        }
    });
    let mut problems: Vec<Problem> =
        found.problems.iter().map(|error| problem(error.offset(), error.what())).collect();
    broken.sort_by_key(|problem: &Problem| problem.offset);
    problems.append(&mut broken);
    for image in found.images {
        items.push(Item {
            place: image.place,
            module: image.offset,
            relocatable: false,
            wrapped: false,
            group: None,
            body: Body::Image(image),
        });
    }
    items.sort_by_key(|item| (item.module, item.offset()));
    Source { member, bytes, offset, items, problems }
}

impl Item<'_> {
    /// Where it starts, in bytes from the start of its source. Members of a group all lie where the group does.
    pub fn offset(&self) -> u64 {
        match &self.body {
            Body::Entry(entry) => entry.offset,
            Body::Image(image) => image.offset,
        }
    }

    /// What it is.
    pub fn kind(&self) -> CodeKind {
        match &self.body {
            Body::Entry(entry) => match entry.kind {
                EntryKind::Ptx => CodeKind::Ptx,
                EntryKind::Cubin | EntryKind::OldCubin => CodeKind::Sass,
                EntryKind::NvvmIr => CodeKind::LtoIr,
                EntryKind::TileIr => CodeKind::TileIr,
                EntryKind::Group => CodeKind::Unknown(0x100),
                EntryKind::Unknown(kind) => CodeKind::Unknown(kind),
            },
            Body::Image(image) => match image.kind {
                ImageKind::Cubin => CodeKind::Sass,
                ImageKind::Ptx => CodeKind::Ptx,
                ImageKind::Bitcode => CodeKind::LtoIr,
                ImageKind::Other(kind) => CodeKind::Unknown(kind),
            },
        }
    }

    /// For which architecture; none where nothing says it.
    pub fn arch(&self) -> Option<GpuArch> {
        match &self.body {
            Body::Entry(entry) => Some(GpuArch::new(u16::try_from(entry.arch).ok()?, flavor(entry.suffix))),
            Body::Image(image) => {
                let told = image.arch.and_then(|arch| std::str::from_utf8(arch).ok()?.parse().ok());
                told.or_else(|| match image.kind {
                    ImageKind::Cubin => {
                        let cubin = Cubin::parse(image.data).ok()?;
                        Some(GpuArch::new(u16::try_from(cubin.arch()).ok()?, flavor(cubin.suffix())))
                    }
                    ImageKind::Ptx => PtxHeader::parse(image.data).ok()?.target.parse().ok(),
                    ImageKind::Bitcode | ImageKind::Other(_) => None,
                })
            }
        }
    }

    /// Whether the file itself is the code: a bare cubin or PTX.
    pub fn is_file(&self) -> bool {
        matches!((&self.body, self.place), (Body::Image(_), Place::File))
    }

    /// The bytes of the code, unpacked.
    pub fn unpack<'a>(&'a self, unpacker: &'a mut Unpacker) -> Result<&'a [u8], PayloadError> {
        match &self.body {
            Body::Entry(entry) => unpacker.unpack(entry),
            Body::Image(image) => Ok(image.data),
        }
    }
}

/// The name of what a piece of code lies in, for people; empty for the file itself.
pub fn place_name(place: Place<'_>) -> String {
    match place {
        Place::File => String::new(),
        Place::Section { name, .. } => String::from_utf8_lossy(name).into_owned(),
        Place::Segment { index } => format!("segment {index}"),
    }
}

fn flavor(suffix: Suffix) -> Flavor {
    match suffix {
        Suffix::None => Flavor::Base,
        Suffix::A => Flavor::ArchSpecific,
        Suffix::F => Flavor::Family,
    }
}
