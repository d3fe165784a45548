//! Loads and stores in every space, vectors of them, and hints for caches, which do nothing.

use std::marker::PhantomData;

use cuferry_ptx::{Address, Cache, Immediate, Mnemonic, Operand, Semantics, Space, Type, Word};

use super::integer::addition_64;
use super::moves::{FromShared, resize};
use crate::block::SPIN;
use crate::code::{Fixed, Handler, NOWHERE, Op, Width, Words};
use crate::decode::{Decoder, Form, Refused, Symbol, fields};
use crate::isa::Isa;
use crate::lanes::{Lane, Map1, Map2, One, Two, Work, lanes_in, pick, plain};
use crate::space::{Flat, Local, Reach, Shared, Whole, load, load_whole, store, store_whole};
use crate::warp::Warp;
use crate::watch::Kind;

/// What lies in memory as `M` is held in a register as `R`.
pub(super) trait Held<M: Lane>: Lane {
    fn from_memory(value: M) -> Self;
    fn to_memory(self) -> M;
}

macro_rules! held {
    ($($memory:ty => $register:ty),*) => {$(
        impl Held<$memory> for $register {
            #[inline(always)]
            fn from_memory(value: $memory) -> Self {
                value as $register
            }
            #[inline(always)]
            fn to_memory(self) -> $memory {
                self as $memory
            }
        }
    )*};
}
held!(u8 => u16, i8 => i16, u16 => u16, u32 => u32, u64 => u64, u128 => u128);

/// A load of one element: `a` the address, `dst` where it goes.
pub(super) struct Load<S, M, R>(PhantomData<(S, M, R)>);
/// A load of a vector: `dst`, `b`, `c`, `d` where the elements go.
struct LoadVector<S, M, R>(PhantomData<(S, M, R)>);
/// A store of one element: `a` the address, `dst` the element.
pub(super) struct Store<S, M, R>(PhantomData<(S, M, R)>);
/// A store of a vector: `dst`, `b`, `c`, `d` the elements.
struct StoreVector<S, M, R>(PhantomData<(S, M, R)>);
/// The same for `volatile`, `relaxed` and their like: each lane's access is one access.
struct LoadOrdered<S, M, R>(PhantomData<(S, M, R)>);
struct StoreOrdered<S, M, R>(PhantomData<(S, M, R)>);

#[inline(always)]
fn places(op: &Op) -> [u32; 4] {
    [op.dst, op.b, op.c, op.d]
}

/// How many elements there are.
#[inline(always)]
fn count(op: &Op) -> u32 {
    if op.b == NOWHERE {
        1
    } else if op.c == NOWHERE {
        2
    } else {
        4
    }
}

#[inline(always)]
fn ahead(addresses: &[u64; 32], bytes: u32) -> [u64; 32] {
    let mut moved = *addresses;
    let mut lane = 0;
    while lane < 32 {
        moved[lane] += u64::from(bytes);
        lane += 1;
    }
    moved
}

#[inline(always)]
fn held<M: Lane, R: Held<M>>(values: [M; 32]) -> [R; 32] {
    let mut r = [R::default(); 32];
    let mut lane = 0;
    while lane < 32 {
        r[lane] = R::from_memory(values[lane]);
        lane += 1;
    }
    r
}

#[inline(always)]
fn kept<M: Lane, R: Held<M>>(r: [R; 32]) -> [M; 32] {
    let mut values = [M::default(); 32];
    let mut lane = 0;
    while lane < 32 {
        values[lane] = r[lane].to_memory();
        lane += 1;
    }
    values
}

const fn bytes<M>() -> u32 {
    size_of::<M>() as u32
}

impl<S: Reach, M: Lane, R: Held<M>> Work for Load<S, M, R> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = S::reach(warp, op, bytes::<M>(), false) else { return false };
        warp.put(op.dst, held::<M, R>(load::<M>(&addresses)));
        true
    }
}

impl<S: Reach, M: Lane, R: Held<M>> Work for Store<S, M, R> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = S::reach(warp, op, bytes::<M>(), true) else { return false };
        store(warp.mask, &addresses, &kept::<M, R>(warp.get::<R>(op.dst)));
        true
    }
}

impl<S: Reach, M: Lane, R: Held<M>> Work for LoadVector<S, M, R> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let count = count(op);
        let Some(addresses) = S::reach(warp, op, bytes::<M>() * count, false) else { return false };
        for element in 0..count {
            let values = load::<M>(&ahead(&addresses, element * bytes::<M>()));
            warp.put(places(op)[element as usize], held::<M, R>(values));
        }
        true
    }
}

impl<S: Reach, M: Lane, R: Held<M>> Work for StoreVector<S, M, R> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let count = count(op);
        let Some(addresses) = S::reach(warp, op, bytes::<M>() * count, true) else { return false };
        for element in 0..count {
            let r = warp.get::<R>(places(op)[element as usize]);
            store(warp.mask, &ahead(&addresses, element * bytes::<M>()), &kept::<M, R>(r));
        }
        true
    }
}

impl<S: Reach, M: Lane, R: Held<M>> Work for LoadOrdered<S, M, R> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let count = count(op);
        let Some(addresses) = S::reach(warp, op, bytes::<M>() * count, false) else { return false };
        warp.budget -= SPIN;
        let mut vectors = [[R::default(); 32]; 4];
        for (lane, address) in addresses.into_iter().enumerate() {
            let Whole(elements) = load_whole::<M>(address, count);
            for (vector, element) in vectors.iter_mut().zip(elements) {
                vector[lane] = R::from_memory(element);
            }
        }
        for (place, vector) in places(op).into_iter().zip(vectors).take(count as usize) {
            warp.put(place, vector);
        }
        true
    }
}

impl<S: Reach, M: Lane, R: Held<M>> Work for StoreOrdered<S, M, R> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let count = count(op);
        let Some(addresses) = S::reach(warp, op, bytes::<M>() * count, true) else { return false };
        let mut vectors = [[R::default(); 32]; 4];
        for (place, vector) in places(op).into_iter().zip(&mut vectors).take(count as usize) {
            *vector = warp.get::<R>(place);
        }
        for lane in lanes_in(warp.mask) {
            let whole = Whole(vectors.map(|vector| vector[lane].to_memory()));
            store_whole::<M>(addresses[lane], count, &whole);
        }
        true
    }
}

/// What an access does, apart from types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    store: bool,
    ordered: bool,
    vector: bool,
}

/// The builds of one access; one build is enough for what goes lane by lane anyway.
fn build<S: Reach, M: Lane, R: Held<M>>(isa: Isa, shape: Shape) -> Handler {
    match (shape.store, shape.ordered, shape.vector) {
        (false, true, _) => plain::<LoadOrdered<S, M, R>>(),
        (true, true, _) => plain::<StoreOrdered<S, M, R>>(),
        (false, _, false) => pick::<Load<S, M, R>>(isa),
        (false, _, true) => pick::<LoadVector<S, M, R>>(isa),
        (true, _, false) => pick::<Store<S, M, R>>(isa),
        (true, _, true) => pick::<StoreVector<S, M, R>>(isa),
    }
}

/// The handler for elements of so many bits in memory, and the register that it works with.
fn handler<S: Reach>(isa: Isa, shape: Shape, bits: u32, signed: bool) -> Option<(Handler, Width)> {
    Some(match (bits, signed && !shape.store) {
        (8, false) => (build::<S, u8, u16>(isa, shape), Width::W16),
        (8, true) => (build::<S, i8, i16>(isa, shape), Width::W16),
        (16, _) => (build::<S, u16, u16>(isa, shape), Width::W16),
        (32, _) => (build::<S, u32, u32>(isa, shape), Width::W32),
        (64, _) => (build::<S, u64, u64>(isa, shape), Width::W64),
        (128, _) if !shape.vector && !shape.ordered => {
            let run =
                if shape.store { plain::<Store<S, u128, u128>>() } else { plain::<Load<S, u128, u128>>() };
            (run, Width::W128)
        }
        _ => return None,
    })
}

/// An address: the place of what is in a register, and what is added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) place: u32,
    pub(super) offset: u64,
}

impl<'p> Decoder<'p> {
    /// An address in generic, global, constant or parameter memory, in 64 bits.
    pub(super) fn flat_base(&mut self, address: &'p Address<'p>) -> Result<Base, Refused> {
        let (width, place, offset) = self.base(address)?;
        let place = if width == Width::W32 { self.resized(Width::W32, Width::W64, place)? } else { place };
        Ok(Base { place, offset })
    }

    /// An address in shared or local memory, in 32 bits.
    pub(super) fn window_base(&mut self, address: &'p Address<'p>) -> Result<Base, Refused> {
        let (width, place, offset) = self.base(address)?;
        let place = if width == Width::W64 { self.resized(Width::W64, Width::W32, place)? } else { place };
        Ok(Base { place, offset })
    }

    /// An address in global or shared memory as a generic one, in 64 bits: for what may name either.
    pub(super) fn generic_base(
        &mut self,
        address: &'p Address<'p>,
        space: Option<Space>,
    ) -> Result<Base, Refused> {
        match space {
            None | Some(Space::Global) => self.flat_base(address),
            Some(Space::Shared | Space::SharedCta | Space::SharedCluster) => {
                let Base { place, offset } = self.window_base(address)?;
                let wide = self.resized(Width::W32, Width::W64, place)?;
                let generic = self.temporary(Width::W64);
                self.push_bare(Op { run: plain::<FromShared>(), dst: generic, a: wide, ..fields() });
                Ok(Base { place: generic, offset })
            }
            Some(space) => Err(format!("`.{space}` is not supported here")),
        }
    }

    /// The same with the offset added: one place.
    pub(super) fn generic_address(
        &mut self,
        operand: &'p Operand<'p>,
        space: Option<Space>,
    ) -> Result<u32, Refused> {
        let Operand::Address(address) = operand else { return Err("it has no address".to_owned()) };
        let Base { place, offset } = self.generic_base(address, space)?;
        if offset == 0 {
            return Ok(place);
        }
        let sum = self.temporary(Width::W64);
        let b = self.constant(Width::W64, offset);
        self.push_bare(Op { run: addition_64(self.isa), dst: sum, a: place, b, ..fields() });
        Ok(sum)
    }

    fn base(&mut self, address: &'p Address<'p>) -> Result<(Width, u32, u64), Refused> {
        if !address.more.is_empty() {
            return Err("an address of this form is not supported here".to_owned());
        }
        let (width, place) = self.value(&address.base)?;
        if !matches!(width, Width::W32 | Width::W64) {
            return Err("an address has 32 or 64 bits".to_owned());
        }
        Ok((width, place, address.offset.cast_unsigned()))
    }

    pub(super) fn resized(&mut self, from: Width, to: Width, place: u32) -> Result<u32, Refused> {
        if let Some(value) = self.constant_at(place) {
            return Ok(self.constant(to, value));
        }
        let resized = self.temporary(to);
        let run = resize(self.isa, from, to, false).ok_or("this width is not supported")?;
        self.push_bare(Op { run, dst: resized, a: place, ..fields() });
        Ok(resized)
    }
}

/// The elements of a load or store: one, or those of a vector.
fn elements<'p>(operand: &'p Operand<'p>) -> Vec<&'p Operand<'p>> {
    match operand {
        Operand::Vector(parts) => parts.iter().collect(),
        one => vec![one],
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    match mnemonic {
        Mnemonic::Ld | Mnemonic::Ldu => access(decoder, form, false),
        Mnemonic::St => access(decoder, form, true),
        // Hints: what they name need not even be mapped.
        Mnemonic::Prefetch | Mnemonic::Prefetchu => Ok(()),
        Mnemonic::Applypriority | Mnemonic::Discard => {
            form.space();
            form.drop_hints();
            form.has(Word::L2);
            form.done(2)
        }
        Mnemonic::Createpolicy => {
            // A policy is a hint too: its bits are never looked at.
            let dst = decoder.destination(&form.operands[0], Type::B64)?;
            let zero = decoder.constant(Width::W64, 0);
            let run =
                resize(decoder.isa, Width::W64, Width::W64, false).ok_or("this width is not supported")?;
            decoder.push(Op { run, dst: dst.place, a: zero, ..fields() });
            Ok(())
        }
        _ => Err("not supported".to_owned()),
    }
}

fn access<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>, store: bool) -> Result<(), Refused> {
    let semantics = form.semantics();
    form.scope();
    let space = form.space();
    let mut ordered = matches!(
        semantics,
        Some(
            Semantics::Volatile
                | Semantics::Relaxed
                | Semantics::Acquire
                | Semantics::Release
                | Semantics::Mmio
        )
    );
    while let Some(cache) = form.cache() {
        ordered |= cache == Cache::Cv;
    }
    form.drop_hints();
    let policy = form.has(Word::L2CacheHint);
    form.has(Word::Unified);
    let vector = form.vector().unwrap_or(1);
    let ty = form.ty()?;
    form.done(if policy { 3 } else { 2 })?;
    let (address, value) = if store { (0, 1) } else { (1, 0) };
    let Operand::Address(address) = &form.operands[address] else {
        return Err("it has no address".to_owned());
    };
    let list = elements(&form.operands[value]);
    if list.len() != usize::from(vector) {
        return Err("the number of elements differs from the vector's".to_owned());
    }
    if matches!(space, Some(Space::Param | Space::ParamEntry | Space::ParamFunc))
        && parameter(decoder, address, &list, ty, store)?
    {
        return Ok(());
    }
    let bits = ty.bits().ok_or("this type is not supported")?;
    // Four elements an operation; one of eight checks its alignment by halves.
    let mut done = 0;
    for part in list.chunks(4) {
        let shape = Shape { store, ordered, vector: part.len() > 1 };
        let (found, base) = match space {
            None | Some(Space::Global | Space::Const | Space::Param | Space::ParamEntry) => {
                (handler::<Flat>(decoder.isa, shape, bits, ty.is_signed()), decoder.flat_base(address)?)
            }
            Some(Space::Shared | Space::SharedCta | Space::SharedCluster) => {
                (handler::<Shared>(decoder.isa, shape, bits, ty.is_signed()), decoder.window_base(address)?)
            }
            Some(Space::Local) => {
                (handler::<Local>(Isa::Baseline, shape, bits, ty.is_signed()), decoder.window_base(address)?)
            }
            Some(space) => return Err(format!("`.{space}` is not supported here")),
        };
        let (run, width) = found.ok_or_else(|| format!("`.{ty}` is not supported here"))?;
        let imm = base.offset.wrapping_add(done * u64::from(bits / 8));
        let op = Op { run, a: base.place, imm, ..fields() };
        let watched = match space {
            None => Some(false),
            Some(Space::Shared | Space::SharedCta | Space::SharedCluster) => Some(true),
            Some(Space::Global) if ordered => Some(false),
            Some(_) => None,
        };
        let note = |decoder: &mut Decoder<'p>, kind: Kind| {
            if let Some(shared) = watched {
                decoder.note(&op, shared, bits / 8 * part.len() as u32, kind);
            }
        };
        let access = if store { Kind::WRITE } else { Kind::READ };
        note(
            decoder,
            match (ordered, store) {
                (false, _) => access,
                (true, false) => access.with(Kind::ATOMIC),
                (true, true) => access.with(Kind::ATOMIC).with(Kind::RELEASE),
            },
        );
        emit(decoder, part, ty, width, op, store)?;
        if ordered && !store {
            note(decoder, Kind::ACQUIRE);
        }
        done += part.len() as u64;
    }
    Ok(())
}

/// Pushes an access with its elements' places.
fn emit<'p>(
    decoder: &mut Decoder<'p>,
    part: &[&'p Operand<'p>],
    ty: Type,
    width: Width,
    mut op: Op,
    store: bool,
) -> Result<(), Refused> {
    op.aux = decoder.access();
    let mut places = [NOWHERE; 4];
    if store {
        for (place, operand) in places.iter_mut().zip(part) {
            *place = decoder.source(operand, ty)?;
        }
        [op.dst, op.b, op.c, op.d] = places;
        decoder.push(op);
        return Ok(());
    }
    let mut destinations = Vec::new();
    for (place, operand) in places.iter_mut().zip(part) {
        if matches!(operand, Operand::Sink) {
            *place = decoder.sink(width);
        } else {
            let destination = decoder.destination(operand, ty)?;
            destinations.push(destination);
            *place = destination.place;
        }
    }
    [op.dst, op.b, op.c, op.d] = places;
    decoder.push(op);
    for destination in destinations {
        decoder.settle(destination, ty)?;
    }
    Ok(())
}

/// Parameters at known places. `false`: the address is in a register, and the parameters are read as memory.
fn parameter<'p>(
    decoder: &mut Decoder<'p>,
    address: &'p Address<'p>,
    list: &[&'p Operand<'p>],
    ty: Type,
    store: bool,
) -> Result<bool, Refused> {
    let (name, offset) = match &address.base {
        Operand::Name(name) => (*name, address.offset),
        Operand::Offset { name, offset } => (*name, address.offset + offset),
        _ => return Ok(false),
    };
    if decoder.register(name).is_some() {
        return Ok(false);
    }
    let size = ty.bits().ok_or("this type is not supported")? / 8;
    for (index, operand) in (0_u32..).zip(list) {
        let at = u32::try_from(offset).map_err(|_| "an offset before the parameter")? + index * size;
        match decoder.symbol(name)? {
            Symbol::Parameter(base) if !store => kernel_parameter(decoder, base + at, size, operand, ty)?,
            Symbol::Words(words) if store => store_words(decoder, words, at, size, operand, ty)?,
            Symbol::Words(words) => load_words(decoder, words, at, size, operand, ty)?,
            _ => return Err(format!("`{name}` is no parameter that this can reach")),
        }
    }
    Ok(true)
}

/// A kernel's parameter: the same in all lanes, and known before they start.
fn kernel_parameter<'p>(
    decoder: &mut Decoder<'p>,
    offset: u32,
    size: u32,
    operand: &'p Operand<'p>,
    ty: Type,
) -> Result<(), Refused> {
    let Operand::Name(name) = operand else {
        return Err("a destination of this kind is not supported".to_owned());
    };
    let (width, _) = decoder.width_of_register(name).ok_or_else(|| format!("`{name}` is not a register"))?;
    if size > 8 || width.bytes() < size.min(2) || width == Width::W128 {
        return Err(format!("`.{ty}` is not supported here"));
    }
    if width.bytes() < size {
        return Err("the destination is too narrow".to_owned());
    }
    let place = decoder.fixed(Fixed::Parameter { offset, size, signed: ty.is_signed(), width });
    if decoder.alias(name, width, place) {
        return Ok(());
    }
    let (_, dst) = decoder.register(name).ok_or_else(|| format!("`{name}` is not a register"))?;
    let run = resize(decoder.isa, width, width, false).ok_or("this width is not supported")?;
    decoder.push(Op { run, dst, a: place, ..fields() });
    Ok(())
}

struct Part8;
impl Map2 for Part8 {
    type A = u32;
    type B = u32;
    type R = u16;
    #[inline(always)]
    fn map(a: u32, b: u32) -> u16 {
        ((a >> b) & 0xff) as u16
    }
}
struct Part8S;
impl Map2 for Part8S {
    type A = u32;
    type B = u32;
    type R = i16;
    #[inline(always)]
    fn map(a: u32, b: u32) -> i16 {
        ((a >> b) as i8).into()
    }
}
struct Part16;
impl Map2 for Part16 {
    type A = u32;
    type B = u32;
    type R = u16;
    #[inline(always)]
    fn map(a: u32, b: u32) -> u16 {
        (a >> b) as u16
    }
}
/// Puts 8 or 16 bits into a word: `a` the value, `b` how far up, `c` the mask of its bits; `dst` is the word.
struct Insert;
impl Work for Insert {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let value = warp.get::<u16>(op.a);
        let mut word = warp.get::<u32>(op.dst);
        for lane in 0..32 {
            let mask = op.c << op.b;
            word[lane] = (word[lane] & !mask) | ((u32::from(value[lane]) << op.b) & mask);
        }
        warp.put(op.dst, word);
        true
    }
}
struct Join;
impl Map2 for Join {
    type A = u32;
    type B = u32;
    type R = u64;
    #[inline(always)]
    fn map(a: u32, b: u32) -> u64 {
        u64::from(a) | u64::from(b) << 32
    }
}
struct Low;
impl Map1 for Low {
    type A = u64;
    type R = u32;
    #[inline(always)]
    fn map(a: u64) -> u32 {
        a as u32
    }
}
struct High;
impl Map1 for High {
    type A = u64;
    type R = u32;
    #[inline(always)]
    fn map(a: u64) -> u32 {
        (a >> 32) as u32
    }
}

fn word_place(words: Words, at: u32, size: u32) -> Result<u32, Refused> {
    if !at.is_multiple_of(size) || (at + size).div_ceil(4) > words.count {
        return Err("it does not lie within the parameter".to_owned());
    }
    Ok(words.offset + at / 4 * Width::W32.slot())
}

fn load_words<'p>(
    decoder: &mut Decoder<'p>,
    words: Words,
    at: u32,
    size: u32,
    operand: &'p Operand<'p>,
    ty: Type,
) -> Result<(), Refused> {
    let place = word_place(words, at, size)?;
    let dst = decoder.destination(operand, ty)?;
    let shift = decoder.constant(Width::W32, u64::from(at % 4 * 8));
    let fields = Op { dst: dst.place, a: place, b: shift, ..fields() };
    match (size, ty.is_signed()) {
        (1, false) => decoder.work::<Two<Part8>>(fields),
        (1, true) => decoder.work::<Two<Part8S>>(fields),
        (2, _) => decoder.work::<Two<Part16>>(fields),
        (4, _) => {
            let run =
                resize(decoder.isa, Width::W32, Width::W32, false).ok_or("this width is not supported")?;
            decoder.push(Op { run, ..fields });
        }
        (8, _) => decoder.work::<Two<Join>>(Op { b: place + Width::W32.slot(), ..fields }),
        _ => return Err(format!("`.{ty}` is not supported here")),
    }
    decoder.settle(dst, ty)
}

fn store_words<'p>(
    decoder: &mut Decoder<'p>,
    words: Words,
    at: u32,
    size: u32,
    operand: &'p Operand<'p>,
    ty: Type,
) -> Result<(), Refused> {
    let place = word_place(words, at, size)?;
    let a = match operand {
        Operand::Immediate(number @ (Immediate::Signed(_) | Immediate::Unsigned(_))) if size < 2 => {
            decoder.constant(Width::W16, number.integer().unwrap_or(0))
        }
        _ => decoder.source(operand, ty)?,
    };
    let fields = Op { dst: place, a, ..fields() };
    match size {
        1 => decoder.work::<Insert>(Op { b: at % 4 * 8, c: 0xff, ..fields }),
        2 => decoder.work::<Insert>(Op { b: at % 4 * 8, c: 0xffff, ..fields }),
        4 => {
            let run =
                resize(decoder.isa, Width::W32, Width::W32, false).ok_or("this width is not supported")?;
            decoder.push(Op { run, ..fields });
        }
        8 => {
            decoder.work::<One<Low>>(fields);
            decoder.work::<One<High>>(Op { dst: place + Width::W32.slot(), ..fields });
        }
        _ => return Err(format!("`.{ty}` is not supported here")),
    }
    Ok(())
}
