//! Textures and surfaces (9.7.10, 9.7.11), reached by a handle in a register; `texture` says how images are read.
//!
//! Each lane's coordinates are its own, so all of it goes lane by lane. Names of textures in the module (`.texref`), as
//! CUDA's texture references were, are refused.

use std::sync::Arc;

use cuferry_ptx::{Address, Geometry, Mnemonic, Operand, Type, Word};

use super::{CopyPredicate, f16_from};
use crate::code::{Fetch, Fixed, Level, Op, Width};
use crate::decode::{Decoder, Destination, Form, Refused, fields};
use crate::fault::{Access, FaultKind};
use crate::lanes::{Work, lanes_in, plain};
use crate::space::{load_ordered, refuse, store_ordered};
use crate::texture::{Bound, Channel, Image, Object, Shape, Spot, Texture};
use crate::warp::{Failure, Stop, Warp};

/// What a lane cannot do.
struct Wrong {
    lane: usize,
    kind: FaultKind,
    at: Option<Wherever>,
}

/// What a lane asked for, where that is known.
enum Wherever {
    /// Memory that is not there.
    Memory(u64),
    /// So many bytes of a surface's row.
    Surface(i64, i64),
}

/// What each lane reads: up to four values.
type Values = [[u64; 32]; 4];

/// The objects that a warp's lanes name: mostly one.
struct Named<'w> {
    warp: &'w Warp,
    handles: [u64; 32],
    last: Option<(u64, Arc<Object>)>,
}

impl<'w> Named<'w> {
    fn new(warp: &'w Warp, fetch: &Fetch) -> Self {
        Named { warp, handles: warp.get(fetch.handle), last: None }
    }

    /// The object that a lane names, with its memory checked.
    fn object(&mut self, lane: usize) -> Result<&Bound, Wrong> {
        let handle = self.handles[lane];
        if self.last.as_ref().is_none_or(|(last, _)| *last != handle) {
            let spaces = &self.warp.spaces;
            let Some(object) = spaces.device().objects().get(handle) else {
                let kind = FaultKind::BadOperand(format!("no texture or surface has the handle {handle:#x}"));
                return Err(Wrong { lane, kind, at: None });
            };
            if spaces.checks
                && let Err(address) = object.check(spaces.memory())
            {
                let freed = spaces.memory().find(address).is_some_and(|found| found.freed);
                let kind = if freed { FaultKind::UseAfterFree } else { FaultKind::OutOfBounds };
                return Err(Wrong { lane, kind, at: Some(Wherever::Memory(address)) });
            }
            self.last = Some((handle, object));
        }
        match &self.last {
            Some((_, object)) => Ok(&object.bound),
            None => unreachable!("it was just looked up"),
        }
    }

    fn texture(&mut self, lane: usize) -> Result<&Texture, Wrong> {
        match self.object(lane)? {
            Bound::Texture(texture) => Ok(texture),
            Bound::Surface(_) => Err(bad(lane, "a surface's handle where a texture's is needed")),
        }
    }

    fn surface(&mut self, lane: usize) -> Result<&Image, Wrong> {
        match self.object(lane)? {
            Bound::Surface(image) => Ok(image),
            Bound::Texture(_) => Err(bad(lane, "a texture's handle where a surface's is needed")),
        }
    }
}

fn bad(lane: usize, reason: &str) -> Wrong {
    Wrong { lane, kind: FaultKind::BadOperand(reason.to_owned()), at: None }
}

/// Registers of up to three coordinates; 0 where the instruction has none.
fn three<T: crate::lanes::Lane>(warp: &Warp, places: &[u32]) -> [[T; 32]; 3] {
    let mut all = [[T::default(); 32]; 3];
    for (lanes, place) in all.iter_mut().zip(places) {
        *lanes = warp.get(*place);
    }
    all
}

fn layers(warp: &Warp, fetch: &Fetch) -> [u32; 32] {
    fetch.layer.map_or([0; 32], |place| warp.get(place))
}

/// What an operation reads for each lane.
trait Read {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong>;
}

/// An operation that reads, and what becomes of its result.
struct Reading<R>(std::marker::PhantomData<R>);

impl<R: Read> Work for Reading<R> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let fetch = &warp.code().fetches[op.aux as usize];
        let (places, width) = (fetch.values.clone(), fetch.width);
        let read = R::read(warp, op, fetch);
        match read {
            Ok(values) => {
                for (place, value) in places.into_iter().zip(values) {
                    match width {
                        Width::W16 => warp.put(place, value.map(|value| value as u16)),
                        Width::W32 => warp.put(place, value.map(|value| value as u32)),
                        _ => warp.put(place, value),
                    }
                }
                true
            }
            Err(wrong) => stop(warp, op, wrong, false),
        }
    }
}

#[cold]
fn stop(warp: &mut Warp, op: &Op, wrong: Wrong, write: bool) -> bool {
    let Wrong { lane, kind, at } = wrong;
    match at {
        Some(Wherever::Memory(address)) => return refuse(warp, op, kind, lane, address, 1, write),
        Some(Wherever::Surface(byte, size)) => {
            let access = Access { address: byte.cast_unsigned(), size: size as u32, space: "surface", write };
            let (lane, site) = (lane as u32, op.site);
            let failure = Failure { kind, lane, site, access: Some(access), generic: None, earlier: None };
            let pc = warp.index(op);
            warp.stop_at(pc, Stop::Fault(Box::new(failure)));
        }
        None => {
            warp.fail(op, kind, lane as u32);
        }
    }
    false
}

/// Reads a texture at coordinates in f32. `imm`: see [`halved`].
struct Sample;
/// Reads a texture's texels by whole numbers.
struct FetchWhole;
/// Reads one channel (`imm`) of four texels.
struct Gather;

/// How many halves go into each register of a result, in `imm`: none, one, or two.
fn halved(values: &mut Values, halves: u64) {
    if halves == 0 {
        return;
    }
    let half = |value: u64| u64::from(f16_from(f32::from_bits(value as u32)));
    for lane in 0..32 {
        let all = [0, 1, 2, 3].map(|channel| half(values[channel][lane]));
        let packed = if halves == 1 { all } else { [all[0] | all[1] << 16, all[2] | all[3] << 16, 0, 0] };
        for (value, packed) in values.iter_mut().zip(packed) {
            value[lane] = packed;
        }
    }
}

fn keep(values: &mut Values, lane: usize, texel: [u32; 4]) {
    for (value, channel) in values.iter_mut().zip(texel) {
        value[lane] = channel.into();
    }
}

impl Read for Sample {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong> {
        let mut values = [[0; 32]; 4];
        let (at, layers) = (three::<f32>(warp, &fetch.coordinates), layers(warp, fetch));
        let (level, steps) = match &fetch.level {
            Level::Base => ([0.0; 32], None),
            Level::Of(place) => (warp.get(*place), None),
            Level::Steps(x, y) => ([0.0; 32], Some([three::<f32>(warp, x), three::<f32>(warp, y)])),
        };
        let mut named = Named::new(warp, fetch);
        for lane in lanes_in(warp.mask) {
            let texture = named.texture(lane)?;
            let level = match &steps {
                Some(steps) => texture.level_of(steps.map(|step| step.map(|lanes| lanes[lane]))),
                None => level[lane],
            };
            let spot = Spot { layer: layers[lane], at: at.map(|lanes| lanes[lane]) };
            keep(&mut values, lane, texture.sample(&spot, level));
        }
        halved(&mut values, op.imm);
        Ok(values)
    }
}

impl Read for FetchWhole {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong> {
        let mut values = [[0; 32]; 4];
        let (at, layers) = (three::<i32>(warp, &fetch.coordinates), layers(warp, fetch));
        let level = if let Level::Of(place) = fetch.level { warp.get(place) } else { [0; 32] };
        let mut named = Named::new(warp, fetch);
        for lane in lanes_in(warp.mask) {
            let spot = Spot { layer: layers[lane], at: at.map(|lanes| lanes[lane]) };
            // One dimension is a buffer's alone; an array reads as zeros.
            let only_buffers = fetch.coordinates.len() == 1 && fetch.layer.is_none();
            let texel = named.texture(lane)?.fetch(&spot, level[lane], only_buffers);
            keep(&mut values, lane, texel);
        }
        halved(&mut values, op.imm);
        Ok(values)
    }
}

impl Read for Gather {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong> {
        let mut values = [[0; 32]; 4];
        let (at, layers) = (three::<f32>(warp, &fetch.coordinates), layers(warp, fetch));
        let mut named = Named::new(warp, fetch);
        for lane in lanes_in(warp.mask) {
            let spot = Spot { layer: layers[lane], at: at.map(|lanes| lanes[lane]) };
            keep(&mut values, lane, named.texture(lane)?.gather(&spot, op.imm as usize));
        }
        Ok(values)
    }
}

/// What a texture or surface says of itself: `imm` is which [`QUERIES`], `level` the level of detail.
struct Query;

const QUERIES: [Word; 5] = [Word::Width, Word::Height, Word::Depth, Word::ArraySize, Word::NumMipmapLevels];

impl Read for Query {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong> {
        let mut values = [[0; 32]; 4];
        let level = if let Level::Of(place) = fetch.level { warp.get::<u32>(place) } else { [0; 32] };
        let mut named = Named::new(warp, fetch);
        for lane in lanes_in(warp.mask) {
            let (image, levels) = match named.object(lane)? {
                Bound::Texture(texture) => {
                    let last = texture.levels.len() - 1;
                    (&texture.levels[(level[lane] as usize).min(last)], texture.levels.len() as u32)
                }
                Bound::Surface(image) => (image, 1),
            };
            let value = match QUERIES[op.imm as usize] {
                Word::Width => image.width,
                // 0: no such dimension.
                Word::Height if image.shape == Shape::D1 => 0,
                Word::Height => image.height,
                Word::Depth if image.shape != Shape::D3 => 0,
                Word::Depth => image.depth,
                Word::ArraySize => image.layers,
                _ => levels,
            };
            values[0][lane] = value.into();
        }
        Ok(values)
    }
}

/// What an access outside of a surface does, by its number in `imm`.
const OUTSIDE: [Word; 3] = [Word::Trap, Word::Clamp, Word::Zero];

/// Loads from a surface, by bytes.
struct SurfaceLoad;
/// Stores into a surface, by bytes.
struct SurfaceStore;
/// Stores into a surface as its texels are.
struct SurfaceStoreTexel;

/// The address of so many bytes of a surface; `None`: they are outside, and that is nothing.
fn within(
    image: &Image,
    lane: usize,
    layer: i32,
    [x, y, z]: [i32; 3],
    size: u64,
    outside: u64,
) -> Result<Option<u64>, Wrong> {
    let row = image.texel() * u64::from(image.width);
    let (x, size) = (i64::from(x), size.cast_signed());
    // Layers and faces are slices; an image has slices or layers, never both.
    let slice = i64::from(layer) + i64::from(z);
    let limits = [row.cast_signed() - size, i64::from(image.height) - 1, i64::from(image.slices()) - 1];
    let mut at = [x, i64::from(y), slice];
    let inside = at.iter().zip(limits).all(|(at, limit)| (0..=limit).contains(at));
    if !inside {
        match OUTSIDE[outside as usize] {
            Word::Trap => {
                let at = Some(Wherever::Surface(x, size));
                return Err(Wrong { lane, kind: FaultKind::OutOfBounds, at });
            }
            Word::Clamp => {
                for (at, limit) in at.iter_mut().zip(limits) {
                    *at = (*at).min(limit).max(0);
                }
            }
            _ => return Ok(None),
        }
    }
    if at[0] % size != 0 {
        return Err(Wrong { lane, kind: FaultKind::Misaligned, at: Some(Wherever::Surface(x, size)) });
    }
    let [byte, row, slice] = at.map(i64::cast_unsigned);
    Ok(Some(image.address + slice * image.slice + row * image.pitch + byte))
}

impl Read for SurfaceLoad {
    fn read(warp: &Warp, op: &Op, fetch: &Fetch) -> Result<Values, Wrong> {
        let mut values = [[0; 32]; 4];
        let (at, layers) = (three::<i32>(warp, &fetch.coordinates), layers(warp, fetch));
        let bytes = op.b;
        let count = fetch.values.len();
        let mut named = Named::new(warp, fetch);
        for lane in lanes_in(warp.mask) {
            let image = named.surface(lane)?;
            let at = at.map(|lanes| lanes[lane]);
            let size = u64::from(bytes) * count as u64;
            let Some(address) = within(image, lane, layers[lane].cast_signed(), at, size, op.imm)? else {
                continue;
            };
            for (value, element) in values.iter_mut().zip(0..count as u64) {
                let address = address + element * u64::from(bytes);
                value[lane] = match bytes {
                    1 => load_ordered::<u8>(address).into(),
                    2 => load_ordered::<u16>(address).into(),
                    4 => load_ordered::<u32>(address).into(),
                    _ => load_ordered::<u64>(address),
                };
            }
        }
        Ok(values)
    }
}

/// The values that a store has for each lane.
fn sources(warp: &Warp, fetch: &Fetch) -> Vec<[u64; 32]> {
    let widen = |place: &u32| match fetch.width {
        Width::W16 => warp.get::<u16>(*place).map(u64::from),
        Width::W32 => warp.get::<u32>(*place).map(u64::from),
        _ => warp.get::<u64>(*place),
    };
    fetch.values.iter().map(widen).collect()
}

fn put(address: u64, bytes: u64, value: u64) {
    match bytes {
        1 => store_ordered(address, value as u8),
        2 => store_ordered(address, value as u16),
        4 => store_ordered(address, value as u32),
        _ => store_ordered(address, value),
    }
}

fn store(warp: &Warp, op: &Op) -> Result<(), Wrong> {
    let fetch = &warp.code().fetches[op.aux as usize];
    let (at, layers) = (three::<i32>(warp, &fetch.coordinates), layers(warp, fetch));
    let values = sources(warp, fetch);
    let bytes = u64::from(op.b);
    let mut named = Named::new(warp, fetch);
    for lane in lanes_in(warp.mask) {
        let image = named.surface(lane)?;
        let at = at.map(|lanes| lanes[lane]);
        let size = bytes * values.len() as u64;
        if let Some(address) = within(image, lane, layers[lane].cast_signed(), at, size, op.imm)? {
            for (value, element) in values.iter().zip(0..) {
                put(address + element * bytes, bytes, value[lane]);
            }
        }
    }
    Ok(())
}

fn store_texel(warp: &Warp, op: &Op) -> Result<(), Wrong> {
    let fetch = &warp.code().fetches[op.aux as usize];
    let (at, layers) = (three::<i32>(warp, &fetch.coordinates), layers(warp, fetch));
    let values = sources(warp, fetch);
    let mut named = Named::new(warp, fetch);
    for lane in lanes_in(warp.mask) {
        let image = named.surface(lane)?;
        let [x, y, z] = at.map(|lanes| lanes[lane]);
        let texel = image.texel();
        // Here x counts texels.
        let x = i32::try_from(i64::from(x) * texel.cast_signed()).unwrap_or(if x < 0 {
            i32::MIN
        } else {
            i32::MAX
        });
        if let Some(address) = within(image, lane, layers[lane].cast_signed(), [x, y, z], texel, op.imm)? {
            let bytes = image.channel.bytes();
            for (channel, value) in (0..u64::from(image.channels)).zip(&values) {
                put(address + channel * bytes, bytes, converted(image.channel, value[lane] as u32).into());
            }
        }
    }
    Ok(())
}

/// A value in the format of a channel: integers are held within its limits.
fn converted(channel: Channel, value: u32) -> u32 {
    let signed = |least: i32, most: i32| value.cast_signed().clamp(least, most).cast_unsigned();
    match channel {
        Channel::U8 => value.min(0xff),
        Channel::U16 => value.min(0xffff),
        Channel::S8 => signed(-0x80, 0x7f),
        Channel::S16 => signed(-0x8000, 0x7fff),
        Channel::F16 => f16_from(f32::from_bits(value)).into(),
        Channel::U32 | Channel::S32 | Channel::F32 => value,
    }
}

impl Work for SurfaceStore {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let done = store(warp, op);
        done.map_or_else(|wrong| stop(warp, op, wrong, true), |()| true)
    }
}

impl Work for SurfaceStoreTexel {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let done = store_texel(warp, op);
        done.map_or_else(|wrong| stop(warp, op, wrong, true), |()| true)
    }
}

/// Coordinates of a geometry: whether a layer comes before them, and how many there are. Lists are filled up to a power
/// of two with more, which mean nothing.
fn dimensions(form: &mut Form<'_>) -> Result<(bool, usize), Refused> {
    match form.geometry().ok_or("it has no geometry")? {
        Geometry::D1 => Ok((false, 1)),
        Geometry::D2 => Ok((false, 2)),
        Geometry::D3 | Geometry::Cube => Ok((false, 3)),
        Geometry::A1d => Ok((true, 1)),
        Geometry::A2d => Ok((true, 2)),
        Geometry::Acube => Ok((true, 3)),
        other => Err(format!("`.{other}` is not supported here")),
    }
}

fn list<'p>(operand: &'p Operand<'p>) -> &'p [Operand<'p>] {
    match operand {
        Operand::Vector(parts) => parts,
        one => std::slice::from_ref(one),
    }
}

impl<'p> Decoder<'p> {
    /// The handle of an object.
    fn handle(&mut self, address: &'p Address<'p>) -> Result<u32, Refused> {
        match &address.base {
            Operand::Name(name) if self.register(name).is_some() && address.offset == 0 => {
                self.source(&address.base, Type::B64)
            }
            Operand::Name(name) => Err(format!(
                "`{name}` is a name of the module: texture and surface references are not supported"
            )),
            _ => Err("it has no object's handle".to_owned()),
        }
    }

    fn sources(&mut self, operands: &'p [Operand<'p>], ty: Type) -> Result<Vec<u32>, Refused> {
        operands.iter().map(|operand| self.source(operand, ty)).collect()
    }

    /// The object, layer and coordinates between an instruction's brackets.
    fn fetch_at(
        &mut self,
        form: &Form<'p>,
        operand: usize,
        (layered, count): (bool, usize),
        ty: Type,
    ) -> Result<Fetch, Refused> {
        let Some(Operand::Address(address)) = form.operands.get(operand) else {
            return Err("it has no object's handle".to_owned());
        };
        let handle = self.handle(address)?;
        let [coordinates] = &address.more[..] else {
            return Err("a sampler beside the texture is not supported".to_owned());
        };
        let all = list(coordinates);
        let first = usize::from(layered);
        let coordinates = all.get(first..first + count).ok_or("it has too few coordinates")?;
        let layer = if layered { Some(self.source(&all[0], Type::B32)?) } else { None };
        let coordinates = self.sources(coordinates, ty)?;
        Ok(Fetch { handle, values: Vec::new(), width: Width::W32, layer, coordinates, level: Level::Base })
    }

    /// Pushes an operation that writes these registers.
    fn push_fetch(
        &mut self,
        mut fetch: Fetch,
        op: Op,
        destinations: &[Destination],
        ty: Type,
    ) -> Result<(), Refused> {
        fetch.values = destinations.iter().map(|destination| destination.place).collect();
        let aux = self.fetches.len() as u32;
        self.fetches.push(fetch);
        self.push(Op { aux, ..op });
        destinations.iter().try_for_each(|destination| self.settle(*destination, ty))
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    form: Form<'p>,
) -> Result<(), Refused> {
    match mnemonic {
        Mnemonic::Tex => texture(decoder, form),
        Mnemonic::Tld4 => gather(decoder, form),
        Mnemonic::Suld => load_surface(decoder, form),
        Mnemonic::Sust => store_surface(decoder, form),
        _ => query(decoder, form),
    }
}

fn texture<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let level = form.one_of(&[Word::Base, Word::Level, Word::Grad]);
    let geometry = dimensions(&mut form)?;
    let vector = form.vector().ok_or("it has no vector")?;
    let ty = form.ty()?;
    let coordinate = form.ty()?;
    form.words_done()?;
    let (halves, wanted) = match ty {
        Type::F16 => (1, 4),
        Type::F16x2 => (2, 2),
        Type::U32 | Type::S32 | Type::F32 => (0, 4),
        _ => return Err(format!("`.{ty}` is not supported here")),
    };
    if vector != wanted {
        return Err(format!("`.v{vector}` is not supported here"));
    }
    let (run, at) = match coordinate {
        Type::F32 => (plain::<Reading<Sample>>(), Type::F32),
        Type::S32 if level != Some(Word::Grad) => (plain::<Reading<FetchWhole>>(), Type::B32),
        _ => return Err(format!("coordinates in `.{coordinate}` are not supported here")),
    };
    let mut fetch = decoder.fetch_at(&form, 1, geometry, at)?;
    fetch.width = if halves == 1 { Width::W16 } else { Width::W32 };
    let expected = match level {
        Some(Word::Level) => 3,
        Some(Word::Grad) => 4,
        _ => 2,
    };
    if form.operands.len() != expected {
        return Err("offsets and depths to compare with are not supported".to_owned());
    }
    let steps = |decoder: &mut Decoder<'p>, operand: usize| {
        let steps = list(&form.operands[operand]);
        decoder.sources(&steps[..steps.len().min(geometry.1)], Type::F32)
    };
    fetch.level = match level {
        Some(Word::Level) => Level::Of(decoder.source(&form.operands[2], at)?),
        Some(Word::Grad) => Level::Steps(steps(decoder, 2)?, steps(decoder, 3)?),
        _ => Level::Base,
    };
    let (values, resident) = match &form.operands[0] {
        Operand::Pair(pair) => (&pair.0, Some(&pair.1)),
        values => (values, None),
    };
    let destinations = destinations(decoder, values, ty, usize::from(vector))?;
    decoder.push_fetch(fetch, Op { run, imm: halves, ..fields() }, &destinations, ty)?;
    if let Some(resident) = resident {
        let a = decoder.fixed(Fixed::Truth(true));
        let dst = decoder.destination(resident, Type::Pred)?;
        decoder.push(Op { run: plain::<CopyPredicate>(), dst: dst.place, a, ..fields() });
    }
    Ok(())
}

fn destinations<'p>(
    decoder: &mut Decoder<'p>,
    values: &'p Operand<'p>,
    ty: Type,
    count: usize,
) -> Result<Vec<Destination>, Refused> {
    let values = list(values);
    if values.len() != count {
        return Err("the number of results differs from the vector's".to_owned());
    }
    values.iter().map(|value| decoder.destination(value, ty)).collect()
}

fn gather<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let component = form.one_of(&[Word::R, Word::G, Word::B, Word::A]).ok_or("it names no component")?;
    let channel = [Word::R, Word::G, Word::B, Word::A].iter().position(|word| *word == component);
    let geometry = dimensions(&mut form)?;
    if geometry.1 != 2 || form.vector() != Some(4) {
        return Err("this geometry is not supported here".to_owned());
    }
    let ty = form.ty()?;
    let coordinate = form.ty()?;
    form.done(2)?;
    if coordinate != Type::F32 || !matches!(ty, Type::U32 | Type::S32 | Type::F32) {
        return Err(format!("`.{ty}.{coordinate}` is not supported here"));
    }
    let fetch = decoder.fetch_at(&form, 1, geometry, Type::F32)?;
    let destinations = destinations(decoder, &form.operands[0], ty, 4)?;
    let op = Op { run: plain::<Reading<Gather>>(), imm: channel.unwrap_or(0) as u64, ..fields() };
    decoder.push_fetch(fetch, op, &destinations, ty)
}

fn query<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let level = form.has(Word::Level);
    let query = form.one_of(&QUERIES).ok_or("this query is not supported")?;
    let ty = form.ty()?;
    form.done(if level { 3 } else { 2 })?;
    let Operand::Address(address) = &form.operands[1] else {
        return Err("it has no object's handle".to_owned());
    };
    let handle = decoder.handle(address)?;
    let level = if level { Level::Of(decoder.source(&form.operands[2], Type::B32)?) } else { Level::Base };
    let fetch =
        Fetch { handle, values: Vec::new(), width: Width::W32, layer: None, coordinates: Vec::new(), level };
    let dst = decoder.destination(&form.operands[0], ty)?;
    let which = QUERIES.iter().position(|word| *word == query).unwrap_or(0) as u64;
    decoder.push_fetch(fetch, Op { run: plain::<Reading<Query>>(), imm: which, ..fields() }, &[dst], ty)
}

/// What `suld` and `sust` have in common: elements, their type, and what happens outside.
struct Surface {
    geometry: (bool, usize),
    count: usize,
    ty: Type,
    width: Width,
    /// Bytes of an element.
    bytes: u32,
    outside: u64,
}

fn surface(form: &mut Form<'_>) -> Result<Surface, Refused> {
    let geometry = dimensions(form)?;
    while form.cache().is_some() {}
    let count = form.vector().unwrap_or(1).into();
    let ty = form.ty()?;
    let outside = form.one_of(&OUTSIDE);
    let outside = OUTSIDE.iter().position(|word| Some(*word) == outside).unwrap_or(0) as u64;
    form.done(2)?;
    let bits = ty.bits().ok_or("this type is not supported")?;
    let width = Width::of_bits(bits).filter(|width| !matches!(width, Width::Pred | Width::W128));
    let width = width.ok_or_else(|| format!("`.{ty}` is not supported here"))?;
    Ok(Surface { geometry, count, ty, width, bytes: bits / 8, outside })
}

fn load_surface<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    if !form.has(Word::B) {
        return Err("only `.b` is supported".to_owned());
    }
    let Surface { geometry, count, ty, width, bytes, outside } = surface(&mut form)?;
    let mut fetch = decoder.fetch_at(&form, 1, geometry, Type::B32)?;
    fetch.width = width;
    let destinations = destinations(decoder, &form.operands[0], ty, count)?;
    let op = Op { run: plain::<Reading<SurfaceLoad>>(), imm: outside, b: bytes, ..fields() };
    decoder.push_fetch(fetch, op, &destinations, ty)
}

fn store_surface<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let whole = form.has(Word::P);
    if !whole && !form.has(Word::B) {
        return Err("it is neither `.b` nor `.p`".to_owned());
    }
    let Surface { geometry, count, ty, width, bytes, outside } = surface(&mut form)?;
    let mut fetch = decoder.fetch_at(&form, 0, geometry, Type::B32)?;
    let values = list(&form.operands[1]);
    if values.len() != count {
        return Err("the number of values differs from the vector's".to_owned());
    }
    fetch.values = decoder.sources(values, ty)?;
    fetch.width = width;
    if whole && bytes != 4 {
        return Err(format!("`.{ty}` is not supported here"));
    }
    let run = if whole { plain::<SurfaceStoreTexel>() } else { plain::<SurfaceStore>() };
    let aux = decoder.fetches.len() as u32;
    decoder.fetches.push(fetch);
    decoder.push(Op { run, imm: outside, b: bytes, aux, ..fields() });
    Ok(())
}
