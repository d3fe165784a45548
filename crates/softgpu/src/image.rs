//! Images: what programs give to load, and the PTX in it that this device runs.

use core::ffi::c_void;
use std::collections::BTreeSet;

use cuferry_binfmt::fatbin::{Container, Entry, EntryKind, Limits, MAGIC, OLD_MAGIC, Suffix};
use cuferry_binfmt::ptx::PtxHeader;
use cuferry_simt::Source;

use crate::driver::Driver;
use crate::error::Error;
use crate::raw;

/// The first word of a wrapper: `__fatBinC_Wrapper_t` of `fatbinary_section.h`.
const WRAPPER: u32 = 0x4662_43b1;
/// What `cuLinkComplete` gives out instead of a cubin: PTX texts, each with its name.
const LINKED: &[u8; 8] = b"CUFERRY\x01";

/// Why an image was not loaded: the code, and a sentence for whoever has to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: Error,
    pub(crate) why: String,
}

impl Refused {
    fn new(code: Error, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Wrapper {
    magic: u32,
    version: u32,
    data: *const c_void,
    /// Version 1: a file name or null. Version 2: an array of fatbins, with null at its end.
    more: *const *const c_void,
}

/// The PTX of an image, which is whatever the first bytes say.
pub(crate) fn sources(image: *const c_void, driver: &Driver) -> Result<Vec<Source>, Refused> {
    let magic: u32 =
        raw::get(image.cast()).map_err(|code| Refused::new(code, "the image is a null pointer"))?;
    match magic {
        WRAPPER => wrapped(image, driver),
        MAGIC => Ok(vec![contained(image, driver, 0)?.ok_or_else(|| no_ptx(&[], driver))?]),
        OLD_MAGIC => {
            Err(Refused::new(Error::NO_BINARY_FOR_GPU, "the fatbin is of a CUDA release before 4.0"))
        }
        magic if magic.to_le_bytes() == *b"\x7fELF" => Err(cubin(image)),
        magic if magic.to_le_bytes() == LINKED[..4] => linked(image),
        _ => {
            let text =
                raw::string_bytes(image).map_err(|code| Refused::new(code, "the image is a null pointer"))?;
            Ok(vec![text_source(text, "PTX", driver)?])
        }
    }
}

/// A program's own fatbin, or, of a program made with `-rdc=true`, those of all its objects, which are to be linked.
fn wrapped(image: *const c_void, driver: &Driver) -> Result<Vec<Source>, Refused> {
    let wrapper: Wrapper = raw::get(image.cast()).map_err(|code| Refused::new(code, "no wrapper"))?;
    let mut sources = Vec::new();
    if wrapper.version == 2 && !wrapper.more.is_null() {
        for index in 0.. {
            let Ok(fatbin) = raw::get(wrapper.more.wrapping_add(index)) else { break };
            if fatbin.is_null() {
                break;
            }
            sources.extend(contained(fatbin, driver, index)?);
        }
    }
    // The linker's own fatbin holds machine code alone, of nothing but what the objects' PTX says.
    if sources.is_empty() {
        sources.extend(contained(wrapper.data, driver, 0)?);
    }
    if sources.is_empty() { Err(no_ptx(&[], driver)) } else { Ok(sources) }
}

/// The best PTX of a container. None if it is empty.
fn contained(container: *const c_void, driver: &Driver, index: usize) -> Result<Option<Source>, Refused> {
    let broken = |what: String| Refused::new(Error::INVALID_IMAGE, format!("the fatbin is broken: {what}"));
    let magic: u32 = raw::get(container.cast()).map_err(|_| broken("null pointer".to_owned()))?;
    if magic != MAGIC {
        return Err(broken(format!("it begins with {magic:#x}")));
    }
    let size: u64 =
        raw::get(container.wrapping_byte_add(8).cast()).map_err(|_| broken("null pointer".to_owned()))?;
    let whole = usize::try_from(size)
        .ok()
        .and_then(|size| size.checked_add(16))
        .ok_or_else(|| broken("size".to_owned()))?;
    let bytes = raw::bytes(container, whole).map_err(|_| broken("null pointer".to_owned()))?;
    let parsed = Container::parse(bytes, 0).map_err(|error| broken(error.to_string()))?;
    let entries: Vec<Entry<'_>> = parsed.images().filter_map(Result::ok).collect();
    if entries.is_empty() {
        return Ok(None);
    }
    let best = entries
        .iter()
        .filter(|entry| fits(entry, driver))
        .max_by_key(|entry| (entry.arch, entry.suffix == Suffix::None));
    let Some(best) = best else { return Err(no_ptx(&entries, driver)) };
    let limits = Limits { size: 1 << 30, ratio: u64::MAX, always: 1 << 30 };
    let text = best.payload(&limits).map_err(|error| broken(error.to_string()))?;
    let name = match best.identifier {
        Some(name) => String::from_utf8_lossy(name).into_owned(),
        None => format!("module {}", index + 1),
    };
    text_source(&text, &name, driver).map(Some)
}

fn fits(entry: &Entry<'_>, driver: &Driver) -> bool {
    if entry.kind != EntryKind::Ptx {
        return false;
    }
    let own = driver.properties.number();
    match entry.suffix {
        Suffix::None => entry.arch <= own,
        Suffix::A => entry.arch == own,
        Suffix::F => entry.arch <= own && entry.arch / 10 == own / 10,
    }
}

fn no_ptx(entries: &[Entry<'_>], driver: &Driver) -> Refused {
    let list = |kinds: &[EntryKind]| -> Vec<String> {
        let names = entries.iter().filter(|entry| kinds.contains(&entry.kind)).map(Entry::arch_name);
        names.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let own = driver.properties.number();
    let ptx = list(&[EntryKind::Ptx]);
    let machine = list(&[EntryKind::Cubin, EntryKind::OldCubin]);
    let other = list(&[EntryKind::NvvmIr, EntryKind::TileIr]);
    let rebuild = format!("rebuild it with `-gencode arch=compute_{own},code=compute_{own}`");
    let why = if !ptx.is_empty() {
        format!(
            "its PTX is for {}, and the device is sm_{own}: set CUFERRY_SOFT_COMPUTE_CAPABILITY, or {rebuild}",
            ptx.join(", ")
        )
    } else if !machine.is_empty() {
        format!(
            "it holds machine code ({}) and no PTX, which alone the software device runs: {rebuild}; libraries of NVIDIA's such as cuBLAS, cuFFT and cuDNN hold no usable PTX, and cannot run here",
            machine.join(", ")
        )
    } else if !other.is_empty() {
        format!("it holds code for link-time optimisation alone ({}): {rebuild}", other.join(", "))
    } else {
        format!("it holds no code: {rebuild}")
    };
    Refused::new(Error::NO_BINARY_FOR_GPU, why)
}

fn cubin(image: *const c_void) -> Refused {
    // The header is enough for the architecture: e_flags, whose place depends on the ABI.
    let name = raw::bytes(image, 64).ok().and_then(|header| {
        let flags = u32::from_le_bytes(header.get(48..52)?.try_into().ok()?);
        let number = if header[8] >= 8 { (flags >> 8) & 0xff } else { flags & 0xff };
        (header[18..20] == 190_u16.to_le_bytes()).then(|| format!("sm_{number}"))
    });
    match name {
        Some(name) => Refused::new(
            Error::NO_BINARY_FOR_GPU,
            format!(
                "it is machine code for {name}, and the software device runs PTX alone: load PTX instead (`nvcc -ptx`; with NVRTC, `nvrtcGetPTX` and `--gpu-architecture=compute_…`)"
            ),
        ),
        None => Refused::new(Error::INVALID_IMAGE, "it is an ELF file, but not for a GPU"),
    }
}

/// PTX text, checked to be for this device.
pub(crate) fn text_source(text: &[u8], name: &str, driver: &Driver) -> Result<Source, Refused> {
    let header = PtxHeader::parse(text)
        .map_err(|error| Refused::new(Error::INVALID_PTX, format!("it is no PTX: {error}")))?;
    let newest = newest_isa();
    if header.version > newest {
        let ((major, minor), (most, least)) = (header.version, newest);
        return Err(Refused::new(
            Error::UNSUPPORTED_PTX_VERSION,
            format!("its PTX is of ISA {major}.{minor}, and the software device knows up to {most}.{least}"),
        ));
    }
    let own = driver.properties.number();
    let wrong = match number_of(header.target) {
        None => true,
        Some(number) if header.target.ends_with('a') => number != own,
        Some(number) => number > own,
    };
    if wrong {
        return Err(Refused::new(
            Error::NO_BINARY_FOR_GPU,
            format!(
                "its PTX is for {}, and the device is sm_{own}: set CUFERRY_SOFT_COMPUTE_CAPABILITY",
                header.target
            ),
        ));
    }
    Ok(Source { name: name.to_owned(), text: String::from_utf8_lossy(text).into_owned() })
}

/// 90 for `sm_90a`.
fn number_of(target: &str) -> Option<u32> {
    target.trim_start_matches("sm_").trim_end_matches(['a', 'f']).parse().ok()
}

/// The architecture that PTX text names.
pub(crate) fn target(text: &[u8]) -> Option<u32> {
    number_of(PtxHeader::parse(text).ok()?.target)
}

/// The newest PTX ISA: that of the newest toolkit known.
fn newest_isa() -> (u32, u32) {
    let known = cuferry_arch::table::toolkits().iter().map(|row| row.ptx).max();
    known.map_or((9, 0), |isa| (isa.major.into(), isa.minor.into()))
}

/// What [`sources`] reads again: the result of linking.
pub(crate) fn write_linked(sources: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = LINKED.to_vec();
    bytes.extend((sources.len() as u64).to_le_bytes());
    for (name, text) in sources {
        for part in [name.as_bytes(), text] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
    }
    bytes
}

/// Our own bytes, which a program only carries.
fn linked(image: *const c_void) -> Result<Vec<Source>, Refused> {
    let broken = |_| Refused::new(Error::INVALID_IMAGE, "the linked image is broken");
    let mut place = image;
    let mut next = |size: usize| {
        let bytes = raw::bytes(place, size);
        place = place.wrapping_byte_add(size);
        bytes
    };
    if next(8).map_err(broken)? != LINKED {
        return Err(broken(Error::INVALID_IMAGE));
    }
    let number =
        |next: &mut dyn FnMut(usize) -> crate::error::Result<&'static [u8]>| -> crate::error::Result<usize> {
            let bytes = next(8)?;
            let number = u64::from_le_bytes(bytes.try_into().map_err(|_| Error::INVALID_IMAGE)?);
            usize::try_from(number).map_err(|_| Error::INVALID_IMAGE)
        };
    let count = number(&mut next).map_err(broken)?;
    let mut sources = Vec::new();
    for _ in 0..count {
        let mut part = || -> crate::error::Result<String> {
            let length = number(&mut next)?;
            Ok(String::from_utf8_lossy(next(length)?).into_owned())
        };
        let name = part().map_err(broken)?;
        sources.push(Source { name, text: part().map_err(broken)? });
    }
    Ok(sources)
}
