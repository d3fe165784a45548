//! What stands behind a mnemonic, each after a dot: `.rn`, `.ftz`, `.shared::cta`, `.m16n8k16`.

use std::fmt;

use crate::types::{Cache, Compare, Geometry, Rounding, Scope, Semantics, Space, Type};
use crate::words::words;

/// One word behind a mnemonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier<'text> {
    /// `.f32`: a type.
    Type(Type),
    /// `.global`: a state space.
    Space(Space),
    /// `.rn`: a rounding.
    Rounding(Rounding),
    /// `.lt`: a comparison. `.lo` and `.hi` are one behind `set`, `setp` and `vset`, and else a [`Word`].
    Compare(Compare),
    /// `.relaxed`: the order of a memory operation.
    Semantics(Semantics),
    /// `.gpu`: a scope. The `.cluster` of `barrier.cluster` is one too.
    Scope(Scope),
    /// `.ca`: a cache operator.
    Cache(Cache),
    /// `.2d`: a geometry.
    Geometry(Geometry),
    /// `.v2`, `.v4`, `.v8`: so many elements.
    Vector(u8),
    /// `.x1` to `.x128`: so many matrices or columns.
    Count(u8),
    /// `.m16n8k16`: the shape of a matrix operation; a dimension that is not named is 0.
    Shape(Shape),
    /// A word that belongs to none of these groups.
    Word(Word),
    /// A word that this crate doesn't know, without its dot.
    Other(&'text str),
}

/// The shape of a matrix operation, `m16n8k16`; `m8n8`, with no `k`, has 0 there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows of the result.
    pub m: u16,
    /// Columns of the result.
    pub n: u16,
    /// The dimension that is summed over.
    pub k: u16,
}

words! {
    /// A word behind a mnemonic that is neither type, space, rounding nor of another group of its own.
    pub enum Word {
        // how to compute
        Approx = "approx", Full = "full", Ftz = "ftz", NoFtz = "noftz", Sat = "sat", Satfinite = "satfinite", Relu = "relu",
        NaN = "NaN", Xorsign = "xorsign", Abs = "abs", MaxAbs = "maxabs", Finite = "finite", Infinite = "infinite", Number = "number",
        NotANumber = "notanumber", Normal = "normal", Subnormal = "subnormal", Cc = "cc", Wide = "wide", Lo = "lo", Hi = "hi",
        Clamp = "clamp", Wrap = "wrap", ShiftAmt = "shiftamt", Oob = "oob", Safeadd = "safeadd", Scaled = "scaled",
        F4e = "f4e", B4e = "b4e", Rc8 = "rc8", Ecl = "ecl", Ecr = "ecr", Rc16 = "rc16",
        L = "l", Shr7 = "shr7", Shr15 = "shr15", Po = "po", AccF32 = "acc::f32",
        // operations
        Add = "add", Sub = "sub", Min = "min", Max = "max", And = "and", Or = "or", Xor = "xor", Inc = "inc", Dec = "dec",
        Exch = "exch", Cas = "cas", Popc = "popc", Load = "load", Store = "store", Mma = "mma", Cvt = "cvt", To = "to",
        // control and warps
        Uni = "uni", Sync = "sync", Aligned = "aligned", Arrive = "arrive", Wait = "wait", Red = "red", Warp = "warp",
        All = "all", Any = "any", Ballot = "ballot", Up = "up", Down = "down", Bfly = "bfly", Idx = "idx", Noinc = "noinc",
        LaunchDependents = "launch_dependents", Entry = "entry",
        // memory
        Async = "async", Bulk = "bulk", Tensor = "tensor", CommitGroup = "commit_group", WaitGroup = "wait_group",
        WaitAll = "wait_all", BulkGroup = "bulk_group", Read = "read", Group = "group", Prefetch = "prefetch", Reduce = "reduce",
        Mbarrier = "mbarrier", Init = "init", Inval = "inval", ExpectTx = "expect_tx", CompleteTx = "complete_tx",
        ArriveDrop = "arrive_drop", TestWait = "test_wait", TryWait = "try_wait", PendingCount = "pending_count",
        NoComplete = "noComplete", Parity = "parity", Unified = "unified", Gl = "gl", Level = "level", Proxy = "proxy",
        Alias = "alias", Generic = "generic", Tensormap = "tensormap", TensormapGeneric = "tensormap::generic",
        AsyncGeneric = "async::generic", ProxyReadonly = "proxy::readonly",
        MbarrierInit = "mbarrier_init", SyncRestrict = "sync_restrict",
        SyncRestrictCta = "sync_restrict::shared::cta", SyncRestrictCluster = "sync_restrict::shared::cluster",
        OpRestrict = "op_restrict", Replace = "replace", CpMask = "cp_mask", IgnoreOob = "ignore_oob",
        MbarrierCompleteTxBytes = "mbarrier::complete_tx::bytes", MbarrierArriveOne = "mbarrier::arrive::one",
        MulticastCluster = "multicast::cluster", MulticastClusterAll = "multicast::cluster::all", Multicast = "multicast",
        L1 = "L1", L2 = "L2", L1EvictNormal = "L1::evict_normal", L1EvictUnchanged = "L1::evict_unchanged",
        L1EvictFirst = "L1::evict_first", L1EvictLast = "L1::evict_last", L1NoAllocate = "L1::no_allocate",
        L2EvictNormal = "L2::evict_normal", L2EvictFirst = "L2::evict_first", L2EvictLast = "L2::evict_last",
        L2EvictUnchanged = "L2::evict_unchanged", L2CacheHint = "L2::cache_hint",
        L2Bytes64 = "L2::64B", L2Bytes128 = "L2::128B", L2Bytes256 = "L2::256B", Fractional = "fractional", Range = "range",
        LdReduce = "ld_reduce", St = "st", Cp = "cp", TryCancel = "try_cancel", QueryCancel = "query_cancel",
        IsCanceled = "is_canceled", GetFirstCtaid = "get_first_ctaid", GetFirstCtaidX = "get_first_ctaid::x",
        GetFirstCtaidY = "get_first_ctaid::y", GetFirstCtaidZ = "get_first_ctaid::z", BulkTensor = "bulk_tensor",
        // tensors
        Tile = "tile", TileGather4 = "tile::gather4", TileScatter4 = "tile::scatter4", Im2col = "im2col",
        Im2colW = "im2col::w", Im2colW128 = "im2col::w::128", Im2colNoOffs = "im2col_no_offs",
        GlobalAddress = "global_address", Rank = "rank", BoxDim = "box_dim", GlobalDim = "global_dim",
        GlobalStride = "global_stride", ElementStride = "element_stride", Elemtype = "elemtype",
        InterleaveLayout = "interleave_layout", SwizzleMode = "swizzle_mode", FillMode = "fill_mode",
        SwizzleAtomicity = "swizzle_atomicity", CpFenceproxy = "cp_fenceproxy",
        // matrices
        A = "a", B = "b", C = "c", D = "d", Row = "row", Col = "col", Trans = "trans", MmaAsync = "mma_async", Sp = "sp",
        SpOrderedMetadata = "sp::ordered_metadata", Fence = "fence", BlockScale = "block_scale", Block16 = "block16",
        Block32 = "block32", ScaleVec1x = "scale_vec::1X", ScaleVec2x = "scale_vec::2X", ScaleVec4x = "scale_vec::4X",
        KindF16 = "kind::f16", KindTf32 = "kind::tf32", KindF8f6f4 = "kind::f8f6f4", KindI8 = "kind::i8",
        KindMxf8f6f4 = "kind::mxf8f6f4", KindMxf4 = "kind::mxf4", KindMxf4nvf4 = "kind::mxf4nvf4",
        CtaGroup1 = "cta_group::1", CtaGroup2 = "cta_group::2", Alloc = "alloc", Dealloc = "dealloc",
        RelinquishAllocPermit = "relinquish_alloc_permit", Ld = "ld", WaitLd = "wait::ld", WaitSt = "wait::st",
        Commit = "commit", Shift = "shift", Ws = "ws", Pack16b = "pack::16b", Unpack16b = "unpack::16b",
        FenceBefore = "fence::before_thread_sync", FenceAfter = "fence::after_thread_sync",
        CollectorAFill = "collector::a::fill", CollectorAUse = "collector::a::use",
        CollectorALastuse = "collector::a::lastuse", CollectorADiscard = "collector::a::discard",
        CollectorB0Fill = "collector::b0::fill", CollectorB0Use = "collector::b0::use",
        CollectorB0Lastuse = "collector::b0::lastuse", CollectorB0Discard = "collector::b0::discard",
        CollectorB1Fill = "collector::b1::fill", CollectorB1Use = "collector::b1::use",
        CollectorB1Lastuse = "collector::b1::lastuse", CollectorB1Discard = "collector::b1::discard",
        CollectorB2Fill = "collector::b2::fill", CollectorB2Use = "collector::b2::use",
        CollectorB2Lastuse = "collector::b2::lastuse", CollectorB2Discard = "collector::b2::discard",
        CollectorB3Fill = "collector::b3::fill", CollectorB3Use = "collector::b3::use",
        CollectorB3Lastuse = "collector::b3::lastuse", CollectorB3Discard = "collector::b3::discard",
        B16x64 = "16x64b", B16x128 = "16x128b", B16x256 = "16x256b", B32x32 = "32x32b", B16x32x2 = "16x32bx2",
        B4x256 = "4x256b", B128x256 = "128x256b", B128x128 = "128x128b", B64x128 = "64x128b", B32x128 = "32x128b",
        Warpx4 = "warpx4", Warpx2Even = "warpx2::02_13", Warpx2Halves = "warpx2::01_23", Spcompress = "spcompress",
        // textures and surfaces
        P = "p",
        Base = "base", Grad = "grad", R = "r", G = "g", Trap = "trap", Zero = "zero",
        Width = "width", Height = "height", Depth = "depth", NumMipmapLevels = "num_mipmap_levels",
        NumSamples = "num_samples", ChannelDataType = "channel_data_type", ChannelOrder = "channel_order",
        ArraySize = "array_size", NormalizedCoords = "normalized_coords", FilterMode = "filter_mode",
        AddrMode0 = "addr_mode_0", AddrMode1 = "addr_mode_1", AddrMode2 = "addr_mode_2",
        ForceUnnormalizedCoords = "force_unnormalized_coords", MemoryLayout = "memory_layout",
        // registers
        Mode = "mode", Pack = "pack", Mask = "mask",
    }
}

impl<'text> Modifier<'text> {
    /// What `text`, without its dot, says behind a mnemonic; `compares` where `lo` and `hi` are comparisons.
    pub(crate) fn parse(text: &'text str, compares: bool) -> Self {
        if compares && let Some(compare) = Compare::parse(text) {
            return Self::Compare(compare);
        }
        if let Some(found) = Type::parse(text) {
            return Self::Type(found);
        }
        match text {
            "v2" => return Self::Vector(2),
            "v4" => return Self::Vector(4),
            "v8" => return Self::Vector(8),
            "lo" => return Self::Word(Word::Lo),
            "hi" => return Self::Word(Word::Hi),
            _ => {}
        }
        None.or_else(|| Space::parse(text).map(Self::Space))
            .or_else(|| Rounding::parse(text).map(Self::Rounding))
            .or_else(|| Word::parse(text).map(Self::Word))
            .or_else(|| Compare::parse(text).map(Self::Compare))
            .or_else(|| Semantics::parse(text).map(Self::Semantics))
            .or_else(|| Scope::parse(text).map(Self::Scope))
            .or_else(|| Cache::parse(text).map(Self::Cache))
            .or_else(|| Geometry::parse(text).map(Self::Geometry))
            .or_else(|| count(text).map(Self::Count))
            .or_else(|| Shape::parse(text).map(Self::Shape))
            .unwrap_or(Self::Other(text))
    }
}

impl fmt::Display for Modifier<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(word) => word.fmt(formatter),
            Self::Space(word) => word.fmt(formatter),
            Self::Rounding(word) => word.fmt(formatter),
            Self::Compare(word) => word.fmt(formatter),
            Self::Semantics(word) => word.fmt(formatter),
            Self::Scope(word) => word.fmt(formatter),
            Self::Cache(word) => word.fmt(formatter),
            Self::Geometry(word) => word.fmt(formatter),
            Self::Vector(width) => write!(formatter, "v{width}"),
            Self::Count(count) => write!(formatter, "x{count}"),
            Self::Shape(shape) => shape.fmt(formatter),
            Self::Word(word) => word.fmt(formatter),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl Shape {
    fn parse(text: &str) -> Option<Self> {
        let (m, rest) = text.strip_prefix('m')?.split_once('n')?;
        let (n, k) = rest.split_once('k').unwrap_or((rest, "0"));
        let shape = Self { m: number(m)?, n: number(n)?, k: number(k)? };
        (shape.to_string() == text).then_some(shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "m{}n{}", self.m, self.n)?;
        if self.k == 0 { Ok(()) } else { write!(formatter, "k{}", self.k) }
    }
}

fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn count(text: &str) -> Option<u8> {
    ["x1", "x2", "x4", "x8", "x16", "x32", "x64", "x128"]
        .iter()
        .position(|known| *known == text)
        .map(|log| 1 << log)
}
