//! Tests of a warp's addresses, two at a time: of sums over lanes the compiler makes scalar code, some five times as slow.
#![expect(unsafe_code, reason = "SSE2's functions, which every x86_64 has")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi64, _mm_and_si128, _mm_castsi128_pd, _mm_cmpeq_epi32, _mm_movemask_epi8,
    _mm_movemask_pd, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi64x, _mm_setzero_si128, _mm_sub_epi64,
    _mm_xor_si128,
};

use super::Range;

#[inline(always)]
fn pair(addresses: &[u64; 32], at: usize) -> __m128i {
    let [first, second] = [addresses[at], addresses[at + 1]];
    // SAFETY: SSE2 is part of x86_64.
    unsafe { _mm_set_epi64x(second.cast_signed(), first.cast_signed()) }
}

#[inline(always)]
fn both(value: u64) -> __m128i {
    // SAFETY: SSE2 is part of x86_64.
    unsafe { _mm_set1_epi64x(value.cast_signed()) }
}

#[inline(always)]
fn is_zero(value: __m128i) -> bool {
    // SAFETY: SSE2 is part of x86_64.
    unsafe { _mm_movemask_epi8(_mm_cmpeq_epi32(value, _mm_setzero_si128())) == 0xffff }
}

/// Whether all addresses lie in the range, and are multiples of `size`, a power of two.
#[inline(always)]
pub(super) fn fit(addresses: &[u64; 32], range: Range, size: u32) -> bool {
    // SAFETY: SSE2 is part of x86_64.
    unsafe {
        let (start, limit) = (both(range.start), both(range.limit.cast_unsigned()));
        let (mut outside, mut low) = (_mm_setzero_si128(), _mm_setzero_si128());
        let mut at = 0;
        while at < 32 {
            let address = pair(addresses, at);
            let distance = _mm_sub_epi64(address, start);
            // Negative if the distance is, or exceeds the limit.
            outside = _mm_or_si128(outside, _mm_or_si128(distance, _mm_sub_epi64(limit, distance)));
            low = _mm_or_si128(low, address);
            at += 2;
        }
        _mm_movemask_pd(_mm_castsi128_pd(outside)) == 0
            && is_zero(_mm_and_si128(low, both(u64::from(size - 1))))
    }
}

/// Whether sixteen addresses from `first` on lie `step` bytes apart, in order.
#[inline(always)]
pub(super) fn apart(addresses: &[u64; 32], first: usize, step: u64) -> bool {
    // SAFETY: SSE2 is part of x86_64.
    unsafe {
        let mut wanted = _mm_add_epi64(both(addresses[first]), _mm_set_epi64x(step.cast_signed(), 0));
        let further = both(2 * step);
        let mut wrong = _mm_setzero_si128();
        let mut at = first;
        while at < first + 16 {
            wrong = _mm_or_si128(wrong, _mm_xor_si128(pair(addresses, at), wanted));
            wanted = _mm_add_epi64(wanted, further);
            at += 2;
        }
        is_zero(wrong)
    }
}
