/* Moves of lanes: no arithmetic. */

#define CUFERRY_NEON_MAKE_D(q, s, v, e, n)                                                                          \
  CUFERRY_NEON v##_t vcreate_##s(uint64_t a) { v##_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON_NEW_D(CUFERRY_NEON_MAKE_D)

/* `d` and `w`: vectors of 64 and of 128 bits, of n and 2n lanes. */
#define CUFERRY_NEON_HALVES(s, d, w, e, n)                                                                          \
  CUFERRY_NEON w##_t vcombine_##s(d##_t low, d##_t high) {                                                          \
    w##_t r;                                                                                                        \
    memcpy(&r, &low, 8);                                                                                            \
    memcpy((char *)&r + 8, &high, 8);                                                                               \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON d##_t vget_low_##s(w##_t a) { d##_t r; memcpy(&r, &a, 8); return r; }                                \
  CUFERRY_NEON d##_t vget_high_##s(w##_t a) { d##_t r; memcpy(&r, (char *)&a + 8, 8); return r; }
CUFERRY_NEON_HALVES(p8, poly8x8, poly8x16, poly8_t, 8)
CUFERRY_NEON_HALVES(p16, poly16x4, poly16x8, poly16_t, 4)
CUFERRY_NEON_HALVES(p64, poly64x1, poly64x2, poly64_t, 1)
CUFERRY_NEON_HALVES(f16, float16x4, float16x8, float16_t, 4)
CUFERRY_NEON_HALVES(bf16, bfloat16x4, bfloat16x8, bfloat16_t, 4)

#define CUFERRY_NEON_LANES(q, s, v, e, n)                                                                           \
  CUFERRY_NEON v##_t vdup##q##_n_##s(e a) {                                                                         \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = a;                                                            \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON e vget##q##_lane_##s(v##_t a, const int lane) { return CUFERRY_AT(e, a, lane); }                     \
  CUFERRY_NEON v##_t vset##q##_lane_##s(e a, v##_t b, const int lane) { CUFERRY_AT(e, b, lane) = a; return b; }     \
  CUFERRY_NEON v##_t vld1##q##_##s(const e *from) { v##_t r; memcpy(&r, from, sizeof r); return r; }                \
  CUFERRY_NEON v##_t vld1##q##_dup_##s(const e *from) { return vdup##q##_n_##s(*from); }                            \
  CUFERRY_NEON v##_t vld1##q##_lane_##s(const e *from, v##_t a, const int lane) {                                   \
    CUFERRY_AT(e, a, lane) = *from;                                                                                 \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON void vst1##q##_##s(e *to, v##_t a) { memcpy(to, &a, sizeof a); }                                     \
  CUFERRY_NEON void vst1##q##_lane_##s(e *to, v##_t a, const int lane) { *to = CUFERRY_AT(e, a, lane); }            \
  CUFERRY_NEON v##_t vext##q##_##s(v##_t a, v##_t b, const int lane) {                                              \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = i + lane < n ? CUFERRY_AT(e, a, i + lane) : CUFERRY_AT(e, b, i + lane - n); \
    return r;                                                                                                       \
  }
CUFERRY_NEON_NEW(CUFERRY_NEON_LANES)

#define CUFERRY_NEON_MOVES(q, s, v, e, n) CUFERRY_NEON v##_t vmov##q##_n_##s(e a) { return vdup##q##_n_##s(a); }
CUFERRY_NEON_POLY(CUFERRY_NEON_MOVES)
CUFERRY_NEON_MOVES(, f16, float16x4, float16_t, 4)
CUFERRY_NEON_MOVES(q, f16, float16x8, float16_t, 8)

#define CUFERRY_NEON_DUPLICATES(s, d, w, e, n, letter)                                                              \
  CUFERRY_NEON d##_t vdup_lane_##s(d##_t a, const int lane) { return vdup_n_##s(CUFERRY_AT(e, a, lane)); }          \
  CUFERRY_NEON d##_t vdup_laneq_##s(w##_t a, const int lane) { return vdup_n_##s(CUFERRY_AT(e, a, lane)); }         \
  CUFERRY_NEON w##_t vdupq_lane_##s(d##_t a, const int lane) { return vdupq_n_##s(CUFERRY_AT(e, a, lane)); }        \
  CUFERRY_NEON w##_t vdupq_laneq_##s(w##_t a, const int lane) { return vdupq_n_##s(CUFERRY_AT(e, a, lane)); }
CUFERRY_NEON_DUPLICATES(p8, poly8x8, poly8x16, poly8_t, 8, b)
CUFERRY_NEON_DUPLICATES(p16, poly16x4, poly16x8, poly16_t, 4, h)
CUFERRY_NEON_DUPLICATES(p64, poly64x1, poly64x2, poly64_t, 1, d)
CUFERRY_NEON_DUPLICATES(f16, float16x4, float16x8, float16_t, 4, h)
CUFERRY_NEON_DUPLICATES(bf16, bfloat16x4, bfloat16x8, bfloat16_t, 4, h)

#define CUFERRY_NEON_SCALAR_LANES(s, d, w, e, letter)                                                               \
  CUFERRY_NEON e vdup##letter##_lane_##s(d##_t a, const int lane) { return CUFERRY_AT(e, a, lane); }                \
  CUFERRY_NEON e vdup##letter##_laneq_##s(w##_t a, const int lane) { return CUFERRY_AT(e, a, lane); }
CUFERRY_NEON_SCALAR_LANES(s8, int8x8, int8x16, int8_t, b)
CUFERRY_NEON_SCALAR_LANES(u8, uint8x8, uint8x16, uint8_t, b)
CUFERRY_NEON_SCALAR_LANES(p8, poly8x8, poly8x16, poly8_t, b)
CUFERRY_NEON_SCALAR_LANES(s16, int16x4, int16x8, int16_t, h)
CUFERRY_NEON_SCALAR_LANES(u16, uint16x4, uint16x8, uint16_t, h)
CUFERRY_NEON_SCALAR_LANES(p16, poly16x4, poly16x8, poly16_t, h)
CUFERRY_NEON_SCALAR_LANES(f16, float16x4, float16x8, float16_t, h)
CUFERRY_NEON_SCALAR_LANES(bf16, bfloat16x4, bfloat16x8, bfloat16_t, h)

#define CUFERRY_NEON_COPIES(s, d, w, e)                                                                             \
  CUFERRY_NEON d##_t vcopy_lane_##s(d##_t a, const int to, d##_t b, const int from) {                               \
    CUFERRY_AT(e, a, to) = CUFERRY_AT(e, b, from);                                                                  \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON d##_t vcopy_laneq_##s(d##_t a, const int to, w##_t b, const int from) {                              \
    CUFERRY_AT(e, a, to) = CUFERRY_AT(e, b, from);                                                                  \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vcopyq_lane_##s(w##_t a, const int to, d##_t b, const int from) {                              \
    CUFERRY_AT(e, a, to) = CUFERRY_AT(e, b, from);                                                                  \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vcopyq_laneq_##s(w##_t a, const int to, w##_t b, const int from) {                             \
    CUFERRY_AT(e, a, to) = CUFERRY_AT(e, b, from);                                                                  \
    return a;                                                                                                       \
  }
CUFERRY_NEON_COPIES(s8, int8x8, int8x16, int8_t)
CUFERRY_NEON_COPIES(s16, int16x4, int16x8, int16_t)
CUFERRY_NEON_COPIES(s32, int32x2, int32x4, int32_t)
CUFERRY_NEON_COPIES(s64, int64x1, int64x2, int64_t)
CUFERRY_NEON_COPIES(u8, uint8x8, uint8x16, uint8_t)
CUFERRY_NEON_COPIES(u16, uint16x4, uint16x8, uint16_t)
CUFERRY_NEON_COPIES(u32, uint32x2, uint32x4, uint32_t)
CUFERRY_NEON_COPIES(u64, uint64x1, uint64x2, uint64_t)
CUFERRY_NEON_COPIES(f32, float32x2, float32x4, float32_t)
CUFERRY_NEON_COPIES(f64, float64x1, float64x2, float64_t)
CUFERRY_NEON_COPIES(p8, poly8x8, poly8x16, poly8_t)
CUFERRY_NEON_COPIES(p16, poly16x4, poly16x8, poly16_t)
CUFERRY_NEON_COPIES(p64, poly64x1, poly64x2, poly64_t)
CUFERRY_NEON_COPIES(bf16, bfloat16x4, bfloat16x8, bfloat16_t)

/* Casts of vectors of 64 and of 128 bits: from each new type to all others, and back. */
#define CUFERRY_NEON_CAST(q, to, v, from, w) \
  CUFERRY_NEON v##_t vreinterpret##q##_##to##_##from(w##_t a) { v##_t r; memcpy(&r, &a, sizeof r); return r; }
#define CUFERRY_NEON_CAST_D(a, b, c, d) CUFERRY_NEON_CAST(, a, b, c, d) CUFERRY_NEON_CAST(, c, d, a, b)
#define CUFERRY_NEON_CAST_Q(a, b, c, d) CUFERRY_NEON_CAST(q, a, b, c, d) CUFERRY_NEON_CAST(q, c, d, a, b)
#define CUFERRY_NEON_CASTS_D(q, s, v, e, n) CUFERRY_NEON_OTHER_OLD_D(CUFERRY_NEON_CAST_D, s, v)
#define CUFERRY_NEON_CASTS_Q(q, s, v, e, n) CUFERRY_NEON_OTHER_OLD_Q(CUFERRY_NEON_CAST_Q, s, v)
CUFERRY_NEON_NEW_D(CUFERRY_NEON_CASTS_D)
CUFERRY_NEON_NEW_Q(CUFERRY_NEON_CASTS_Q)
CUFERRY_NEON_CAST_D(p8, poly8x8, p16, poly16x4)
CUFERRY_NEON_CAST_D(p8, poly8x8, p64, poly64x1)
CUFERRY_NEON_CAST_D(p8, poly8x8, f16, float16x4)
CUFERRY_NEON_CAST_D(p8, poly8x8, bf16, bfloat16x4)
CUFERRY_NEON_CAST_D(p16, poly16x4, p64, poly64x1)
CUFERRY_NEON_CAST_D(p16, poly16x4, f16, float16x4)
CUFERRY_NEON_CAST_D(p16, poly16x4, bf16, bfloat16x4)
CUFERRY_NEON_CAST_D(p64, poly64x1, f16, float16x4)
CUFERRY_NEON_CAST_D(p64, poly64x1, bf16, bfloat16x4)
CUFERRY_NEON_CAST_D(f16, float16x4, bf16, bfloat16x4)
CUFERRY_NEON_CAST_Q(p8, poly8x16, p16, poly16x8)
CUFERRY_NEON_CAST_Q(p8, poly8x16, p64, poly64x2)
CUFERRY_NEON_CAST_Q(p8, poly8x16, f16, float16x8)
CUFERRY_NEON_CAST_Q(p8, poly8x16, bf16, bfloat16x8)
CUFERRY_NEON_CAST_Q(p16, poly16x8, p64, poly64x2)
CUFERRY_NEON_CAST_Q(p16, poly16x8, f16, float16x8)
CUFERRY_NEON_CAST_Q(p16, poly16x8, bf16, bfloat16x8)
CUFERRY_NEON_CAST_Q(p64, poly64x2, f16, float16x8)
CUFERRY_NEON_CAST_Q(p64, poly64x2, bf16, bfloat16x8)
CUFERRY_NEON_CAST_Q(f16, float16x8, bf16, bfloat16x8)
#define CUFERRY_NEON_CAST_P128(q, s, v, e, n) CUFERRY_NEON_CAST_Q(p128, poly128, s, v)
CUFERRY_NEON_ALL_Q(CUFERRY_NEON_CAST_P128)

/* Lanes of two vectors, taken in turns. `r` is the first or the second half of the result. */
#define CUFERRY_NEON_PICK(q, s, v, e, n, name, first, second)                                                       \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t b) {                                                              \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = (first) < n ? CUFERRY_AT(e, a, first) : CUFERRY_AT(e, b, (first) - n); \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_ONES(q, s, v, e, n)                                       \
  CUFERRY_NEON_PICK(q, s, v, e, n, vzip1, i / 2 + i % 2 * n, 0)                \
  CUFERRY_NEON_PICK(q, s, v, e, n, vzip2, n / 2 + i / 2 + i % 2 * n, 0)        \
  CUFERRY_NEON_PICK(q, s, v, e, n, vuzp1, 2 * i, 0)                            \
  CUFERRY_NEON_PICK(q, s, v, e, n, vuzp2, 2 * i + 1, 0)                        \
  CUFERRY_NEON_PICK(q, s, v, e, n, vtrn1, i - i % 2 + i % 2 * n, 0)            \
  CUFERRY_NEON_PICK(q, s, v, e, n, vtrn2, i - i % 2 + 1 + i % 2 * n, 0)
#define CUFERRY_NEON_PAIR(q, s, v, name) \
  CUFERRY_NEON v##x2_t name##q##_##s(v##_t a, v##_t b) { v##x2_t r = {{name##1##q##_##s(a, b), name##2##q##_##s(a, b)}}; return r; }
#define CUFERRY_NEON_PAIRS(q, s, v, e, n) \
  CUFERRY_NEON_ONES(q, s, v, e, n) CUFERRY_NEON_PAIR(q, s, v, vzip) CUFERRY_NEON_PAIR(q, s, v, vuzp) CUFERRY_NEON_PAIR(q, s, v, vtrn)
CUFERRY_NEON_PAIRS(, p8, poly8x8, poly8_t, 8)
CUFERRY_NEON_PAIRS(, p16, poly16x4, poly16_t, 4)
CUFERRY_NEON_PAIRS(, f16, float16x4, float16_t, 4)
CUFERRY_NEON_PAIRS(q, p8, poly8x16, poly8_t, 16)
CUFERRY_NEON_PAIRS(q, p16, poly16x8, poly16_t, 8)
CUFERRY_NEON_PAIRS(q, f16, float16x8, float16_t, 8)
CUFERRY_NEON_ONES(q, p64, poly64x2, poly64_t, 2)

#define CUFERRY_NEON_REVERSE(q, s, v, e, n, bits, group) \
  CUFERRY_NEON v##_t vrev##bits##q##_##s(v##_t a) {      \
    v##_t r;                                             \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = CUFERRY_AT(e, a, i / group * group + group - 1 - i % group); \
    return r;                                            \
  }
CUFERRY_NEON_REVERSE(, p8, poly8x8, poly8_t, 8, 16, 2)
CUFERRY_NEON_REVERSE(, p8, poly8x8, poly8_t, 8, 32, 4)
CUFERRY_NEON_REVERSE(, p8, poly8x8, poly8_t, 8, 64, 8)
CUFERRY_NEON_REVERSE(, p16, poly16x4, poly16_t, 4, 32, 2)
CUFERRY_NEON_REVERSE(, p16, poly16x4, poly16_t, 4, 64, 4)
CUFERRY_NEON_REVERSE(, f16, float16x4, float16_t, 4, 64, 4)
CUFERRY_NEON_REVERSE(q, p8, poly8x16, poly8_t, 16, 16, 2)
CUFERRY_NEON_REVERSE(q, p8, poly8x16, poly8_t, 16, 32, 4)
CUFERRY_NEON_REVERSE(q, p8, poly8x16, poly8_t, 16, 64, 8)
CUFERRY_NEON_REVERSE(q, p16, poly16x8, poly16_t, 8, 32, 2)
CUFERRY_NEON_REVERSE(q, p16, poly16x8, poly16_t, 8, 64, 4)
CUFERRY_NEON_REVERSE(q, f16, float16x8, float16_t, 8, 64, 4)
