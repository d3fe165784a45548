/* Integers that stop at their type's limits, and shifts by a vector. */

CUFERRY_NEON int64_t cuferry_clamp(cuferry_wide value, int64_t least, int64_t most) {
  return value < least ? least : value > most ? most : (int64_t)value;
}
CUFERRY_NEON uint64_t cuferry_clamp_unsigned(cuferry_wide value, uint64_t most) {
  return value < 0 ? 0 : value > (cuferry_wide)most ? most : (uint64_t)value;
}
#define CUFERRY_NEON_LEAST(bits) (-((int64_t)1 << (bits - 2)) - ((int64_t)1 << (bits - 2)))
#define CUFERRY_NEON_MOST(bits) (((int64_t)1 << (bits - 2)) - 1 + ((int64_t)1 << (bits - 2)))

/* Doubled products (`w` bits of result for `b` bits of factors), and the upper halves of them. */
#define CUFERRY_NEON_DOUBLED(b, w)                                                                                  \
  CUFERRY_NEON int##w##_t cuferry_doubled_##b(int##b##_t x, int##b##_t y) {                                         \
    return (int##w##_t)cuferry_clamp((cuferry_wide)x * y * 2, CUFERRY_NEON_LEAST(w), CUFERRY_NEON_MOST(w));         \
  }                                                                                                                 \
  CUFERRY_NEON int##w##_t cuferry_plus_##w(int##w##_t x, int##w##_t y) {                                            \
    return (int##w##_t)cuferry_clamp((cuferry_wide)x + y, CUFERRY_NEON_LEAST(w), CUFERRY_NEON_MOST(w));             \
  }                                                                                                                 \
  CUFERRY_NEON int##w##_t cuferry_minus_##w(int##w##_t x, int##w##_t y) {                                           \
    return (int##w##_t)cuferry_clamp((cuferry_wide)x - y, CUFERRY_NEON_LEAST(w), CUFERRY_NEON_MOST(w));             \
  }                                                                                                                 \
  CUFERRY_NEON int##b##_t cuferry_upper_##b(int##b##_t x, int##b##_t y) {                                           \
    return (int##b##_t)cuferry_clamp(((cuferry_wide)x * y * 2) >> b, CUFERRY_NEON_LEAST(b), CUFERRY_NEON_MOST(b));  \
  }                                                                                                                 \
  CUFERRY_NEON int##b##_t cuferry_fused_##b(int##b##_t sum, int##b##_t x, int##b##_t y, int sign) {                 \
    const cuferry_wide product = (cuferry_wide)x * y * 2 * sign + ((cuferry_wide)sum * ((int64_t)1 << b));          \
    return (int##b##_t)cuferry_clamp((product + ((int64_t)1 << (b - 1))) >> b, CUFERRY_NEON_LEAST(b), CUFERRY_NEON_MOST(b)); \
  }
CUFERRY_NEON_DOUBLED(16, 32)
CUFERRY_NEON_DOUBLED(32, 64)

/* `l` is the letter of the scalar, `wl` that of the wide one. */
#define CUFERRY_NEON_DOUBLE_LONG(s, b, d, q, e, n, l, ws, w, we, wb)                                                \
  CUFERRY_NEON we vqdmull##l##_##s(e a, e b_) { return cuferry_doubled_##b(a, b_); }                                \
  CUFERRY_NEON we vqdmull##l##_lane_##s(e a, d##_t v, const int lane) { return cuferry_doubled_##b(a, v[lane]); }   \
  CUFERRY_NEON we vqdmull##l##_laneq_##s(e a, q##_t v, const int lane) { return cuferry_doubled_##b(a, v[lane]); }  \
  CUFERRY_NEON w##_t vqdmull_n_##s(d##_t a, e v) {                                                                  \
    w##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) r[i] = cuferry_doubled_##b(a[i], v);                                                \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vqdmull_##s(d##_t a, d##_t v) {                                                                \
    w##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) r[i] = cuferry_doubled_##b(a[i], v[i]);                                             \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vqdmull_lane_##s(d##_t a, d##_t v, const int lane) { return vqdmull_n_##s(a, v[lane]); }       \
  CUFERRY_NEON w##_t vqdmull_laneq_##s(d##_t a, q##_t v, const int lane) { return vqdmull_n_##s(a, v[lane]); }      \
  CUFERRY_NEON w##_t vqdmull_high_##s(q##_t a, q##_t v) { return vqdmull_##s(vget_high_##s(a), vget_high_##s(v)); } \
  CUFERRY_NEON w##_t vqdmull_high_n_##s(q##_t a, e v) { return vqdmull_n_##s(vget_high_##s(a), v); }                \
  CUFERRY_NEON w##_t vqdmull_high_lane_##s(q##_t a, d##_t v, const int lane) { return vqdmull_high_n_##s(a, v[lane]); } \
  CUFERRY_NEON w##_t vqdmull_high_laneq_##s(q##_t a, q##_t v, const int lane) { return vqdmull_high_n_##s(a, v[lane]); }
CUFERRY_NEON_DOUBLE_LONG(s16, 16, int16x4, int16x8, int16_t, 4, h, s32, int32x4, int32_t, 32)
CUFERRY_NEON_DOUBLE_LONG(s32, 32, int32x2, int32x4, int32_t, 2, s, s64, int64x2, int64_t, 64)

#define CUFERRY_NEON_DOUBLE_SUM(name, op, s, d, q, e, n, l, w, we, wb)                                              \
  CUFERRY_NEON w##_t cuferry_##name##_##s(w##_t a, w##_t product) {                                                 \
    for (int i = 0; i < n; i++) a[i] = cuferry_##op##_##wb(a[i], product[i]);                                       \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON we name##l##_##s(we a, e b, e c) { return cuferry_##op##_##wb(a, vqdmull##l##_##s(b, c)); }          \
  CUFERRY_NEON we name##l##_lane_##s(we a, e b, d##_t c, const int lane) { return name##l##_##s(a, b, c[lane]); }   \
  CUFERRY_NEON we name##l##_laneq_##s(we a, e b, q##_t c, const int lane) { return name##l##_##s(a, b, c[lane]); }  \
  CUFERRY_NEON w##_t name##_##s(w##_t a, d##_t b, d##_t c) { return cuferry_##name##_##s(a, vqdmull_##s(b, c)); }   \
  CUFERRY_NEON w##_t name##_n_##s(w##_t a, d##_t b, e c) { return cuferry_##name##_##s(a, vqdmull_n_##s(b, c)); }   \
  CUFERRY_NEON w##_t name##_lane_##s(w##_t a, d##_t b, d##_t c, const int lane) { return name##_n_##s(a, b, c[lane]); } \
  CUFERRY_NEON w##_t name##_laneq_##s(w##_t a, d##_t b, q##_t c, const int lane) { return name##_n_##s(a, b, c[lane]); } \
  CUFERRY_NEON w##_t name##_high_##s(w##_t a, q##_t b, q##_t c) { return name##_##s(a, vget_high_##s(b), vget_high_##s(c)); } \
  CUFERRY_NEON w##_t name##_high_n_##s(w##_t a, q##_t b, e c) { return name##_n_##s(a, vget_high_##s(b), c); }      \
  CUFERRY_NEON w##_t name##_high_lane_##s(w##_t a, q##_t b, d##_t c, const int lane) { return name##_high_n_##s(a, b, c[lane]); } \
  CUFERRY_NEON w##_t name##_high_laneq_##s(w##_t a, q##_t b, q##_t c, const int lane) { return name##_high_n_##s(a, b, c[lane]); }
CUFERRY_NEON_DOUBLE_SUM(vqdmlal, plus, s16, int16x4, int16x8, int16_t, 4, h, int32x4, int32_t, 32)
CUFERRY_NEON_DOUBLE_SUM(vqdmlal, plus, s32, int32x2, int32x4, int32_t, 2, s, int64x2, int64_t, 64)
CUFERRY_NEON_DOUBLE_SUM(vqdmlsl, minus, s16, int16x4, int16x8, int16_t, 4, h, int32x4, int32_t, 32)
CUFERRY_NEON_DOUBLE_SUM(vqdmlsl, minus, s32, int32x2, int32x4, int32_t, 2, s, int64x2, int64_t, 64)

#define CUFERRY_NEON_UPPER_OF(name, q, s, b, v, d, w, e, n)                                                         \
  CUFERRY_NEON v##_t name##q##_n_##s(v##_t a, e c) {                                                                \
    for (int i = 0; i < n; i++) a[i] = cuferry_##name##_##b(a[i], c);                                               \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t c) {                                                              \
    for (int i = 0; i < n; i++) a[i] = cuferry_##name##_##b(a[i], c[i]);                                            \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_lane_##s(v##_t a, d##_t c, const int lane) { return name##q##_n_##s(a, c[lane]); }   \
  CUFERRY_NEON v##_t name##q##_laneq_##s(v##_t a, w##_t c, const int lane) { return name##q##_n_##s(a, c[lane]); }
#define CUFERRY_NEON_UPPER_SCALAR(name, l, s, b, d, w, e)                                                           \
  CUFERRY_NEON e name##l##_##s(e a, e c) { return cuferry_##name##_##b(a, c); }                                     \
  CUFERRY_NEON e name##l##_lane_##s(e a, d##_t c, const int lane) { return cuferry_##name##_##b(a, c[lane]); }      \
  CUFERRY_NEON e name##l##_laneq_##s(e a, w##_t c, const int lane) { return cuferry_##name##_##b(a, c[lane]); }
#define cuferry_vqdmulh_16 cuferry_upper_16
#define cuferry_vqdmulh_32 cuferry_upper_32
#define cuferry_vqrdmulh_16(a, b) cuferry_fused_16(0, a, b, 1)
#define cuferry_vqrdmulh_32(a, b) cuferry_fused_32(0, a, b, 1)
#define CUFERRY_NEON_UPPERS(name)                                                          \
  CUFERRY_NEON_UPPER_OF(name, , s16, 16, int16x4, int16x4, int16x8, int16_t, 4)            \
  CUFERRY_NEON_UPPER_OF(name, q, s16, 16, int16x8, int16x4, int16x8, int16_t, 8)           \
  CUFERRY_NEON_UPPER_OF(name, , s32, 32, int32x2, int32x2, int32x4, int32_t, 2)            \
  CUFERRY_NEON_UPPER_OF(name, q, s32, 32, int32x4, int32x2, int32x4, int32_t, 4)           \
  CUFERRY_NEON_UPPER_SCALAR(name, h, s16, 16, int16x4, int16x8, int16_t)                   \
  CUFERRY_NEON_UPPER_SCALAR(name, s, s32, 32, int32x2, int32x4, int32_t)
CUFERRY_NEON_UPPERS(vqdmulh)
CUFERRY_NEON_UPPERS(vqrdmulh)

#define CUFERRY_NEON_FUSED_UPPER_OF(name, sign, q, s, b, v, d, w, e, n)                                             \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t x, v##_t y) {                                                     \
    for (int i = 0; i < n; i++) a[i] = cuferry_fused_##b(a[i], x[i], y[i], sign);                                   \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_lane_##s(v##_t a, v##_t x, d##_t y, const int lane) {                                \
    for (int i = 0; i < n; i++) a[i] = cuferry_fused_##b(a[i], x[i], y[lane], sign);                                \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_laneq_##s(v##_t a, v##_t x, w##_t y, const int lane) {                               \
    for (int i = 0; i < n; i++) a[i] = cuferry_fused_##b(a[i], x[i], y[lane], sign);                                \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_FUSED_UPPER_SCALAR(name, sign, l, s, b, d, w, e)                                               \
  CUFERRY_NEON e name##l##_##s(e a, e x, e y) { return cuferry_fused_##b(a, x, y, sign); }                          \
  CUFERRY_NEON e name##l##_lane_##s(e a, e x, d##_t y, const int lane) { return cuferry_fused_##b(a, x, y[lane], sign); } \
  CUFERRY_NEON e name##l##_laneq_##s(e a, e x, w##_t y, const int lane) { return cuferry_fused_##b(a, x, y[lane], sign); }
#define CUFERRY_NEON_FUSED_UPPERS(name, sign)                                                      \
  CUFERRY_NEON_FUSED_UPPER_OF(name, sign, , s16, 16, int16x4, int16x4, int16x8, int16_t, 4)        \
  CUFERRY_NEON_FUSED_UPPER_OF(name, sign, q, s16, 16, int16x8, int16x4, int16x8, int16_t, 8)       \
  CUFERRY_NEON_FUSED_UPPER_OF(name, sign, , s32, 32, int32x2, int32x2, int32x4, int32_t, 2)        \
  CUFERRY_NEON_FUSED_UPPER_OF(name, sign, q, s32, 32, int32x4, int32x2, int32x4, int32_t, 4)       \
  CUFERRY_NEON_FUSED_UPPER_SCALAR(name, sign, h, s16, 16, int16x4, int16x8, int16_t)               \
  CUFERRY_NEON_FUSED_UPPER_SCALAR(name, sign, s, s32, 32, int32x2, int32x4, int32_t)
CUFERRY_NEON_FUSED_UPPERS(vqrdmlah, 1)
CUFERRY_NEON_FUSED_UPPERS(vqrdmlsh, -1)

/* Shifts by a count of either sign, which is the lowest byte of its lane: to the left, or to the right, rounded or not. */
CUFERRY_NEON cuferry_wide cuferry_shift(cuferry_wide value, int count, int rounded) {
  /* 64 bits further there is nothing left but the sign, and nothing more to lose on the left. */
  if (count >= 0) return count > 63 ? (value < 0 ? -1 : value > 0) * ((cuferry_wide)1 << 126) : value * ((cuferry_wide)1 << count);
  count = -count;
  if (count > 65) return rounded ? 0 : value < 0 ? -1 : 0;
  return (value + (rounded ? (cuferry_wide)1 << (count - 1) : 0)) >> count;
}
/* Without saturation, what is shifted out on the left is lost. */
CUFERRY_NEON uint64_t cuferry_shift_wrapped(cuferry_wide value, int count, int rounded) {
  return count > 63 ? 0 : (uint64_t)cuferry_shift(value, count, rounded);
}
#define CUFERRY_NEON_BITS(e) (8 * (int)sizeof(e))
#define CUFERRY_NEON_LIMIT(e, value) ((e)cuferry_clamp(value, CUFERRY_NEON_LEAST(CUFERRY_NEON_BITS(e)), CUFERRY_NEON_MOST(CUFERRY_NEON_BITS(e))))
#define CUFERRY_NEON_LIMIT_UNSIGNED(e, value) ((e)cuferry_clamp_unsigned(value, ~(uint64_t)0 >> (64 - CUFERRY_NEON_BITS(e))))

#define CUFERRY_NEON_SHIFT_BY_VECTOR(q, s, v, cv, e, n, LIMIT)                                                      \
  CUFERRY_NEON v##_t vrshl##q##_##s(v##_t a, cv##_t c) {                                                            \
    for (int i = 0; i < n; i++) a[i] = (e)cuferry_shift_wrapped(a[i], (int8_t)c[i], 1);                             \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vqshl##q##_##s(v##_t a, cv##_t c) {                                                            \
    for (int i = 0; i < n; i++) a[i] = LIMIT(e, cuferry_shift(a[i], (int8_t)c[i], 0));                              \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vqrshl##q##_##s(v##_t a, cv##_t c) {                                                           \
    for (int i = 0; i < n; i++) a[i] = LIMIT(e, cuferry_shift(a[i], (int8_t)c[i], 1));                              \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vqshl##q##_n_##s(v##_t a, const int count) {                                                   \
    for (int i = 0; i < n; i++) a[i] = LIMIT(e, cuferry_shift(a[i], count, 0));                                     \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_SHIFT_SIGNED(q, s, v, e, n) CUFERRY_NEON_SHIFT_BY_VECTOR(q, s, v, v, e, n, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_SIGNED(CUFERRY_NEON_SHIFT_SIGNED)
#define CUFERRY_NEON_SHIFT_UNSIGNED(q, s, v, e, n) CUFERRY_NEON_SHIFT_BY_VECTOR(q, s, u##v, v, u##e, n, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_SHIFT_UNSIGNED(, u8, int8x8, int8_t, 8)
CUFERRY_NEON_SHIFT_UNSIGNED(, u16, int16x4, int16_t, 4)
CUFERRY_NEON_SHIFT_UNSIGNED(, u32, int32x2, int32_t, 2)
CUFERRY_NEON_SHIFT_UNSIGNED(, u64, int64x1, int64_t, 1)
CUFERRY_NEON_SHIFT_UNSIGNED(q, u8, int8x16, int8_t, 16)
CUFERRY_NEON_SHIFT_UNSIGNED(q, u16, int16x8, int16_t, 8)
CUFERRY_NEON_SHIFT_UNSIGNED(q, u32, int32x4, int32_t, 4)
CUFERRY_NEON_SHIFT_UNSIGNED(q, u64, int64x2, int64_t, 2)

#define CUFERRY_NEON_SHIFT_SCALAR(l, s, e, ce, LIMIT)                                                               \
  CUFERRY_NEON e vqshl##l##_##s(e a, ce c) { return LIMIT(e, cuferry_shift(a, (int8_t)c, 0)); }                     \
  CUFERRY_NEON e vqrshl##l##_##s(e a, ce c) { return LIMIT(e, cuferry_shift(a, (int8_t)c, 1)); }                    \
  CUFERRY_NEON e vqshl##l##_n_##s(e a, const int count) { return LIMIT(e, cuferry_shift(a, count, 0)); }
CUFERRY_NEON_SHIFT_SCALAR(b, s8, int8_t, int8_t, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_SHIFT_SCALAR(h, s16, int16_t, int16_t, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_SHIFT_SCALAR(s, s32, int32_t, int32_t, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_SHIFT_SCALAR(d, s64, int64_t, int64_t, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_SHIFT_SCALAR(b, u8, uint8_t, int8_t, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_SHIFT_SCALAR(h, u16, uint16_t, int16_t, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_SHIFT_SCALAR(s, u32, uint32_t, int32_t, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_SHIFT_SCALAR(d, u64, uint64_t, int64_t, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON int64_t vrshld_s64(int64_t a, int64_t c) { return (int64_t)cuferry_shift_wrapped(a, (int8_t)c, 1); }
CUFERRY_NEON uint64_t vrshld_u64(uint64_t a, int64_t c) { return cuferry_shift_wrapped(a, (int8_t)c, 1); }
CUFERRY_NEON uint16_t vqshluh_n_s16(int16_t a, const int count) { return CUFERRY_NEON_LIMIT_UNSIGNED(uint16_t, cuferry_shift(a, count, 0)); }
CUFERRY_NEON uint64_t vqshlud_n_s64(int64_t a, const int count) { return CUFERRY_NEON_LIMIT_UNSIGNED(uint64_t, cuferry_shift(a, count, 0)); }

/* Shifts to the right that narrow: the upper half of a vector (`w` to `d`, which joins to `q`), and scalars. */
#define CUFERRY_NEON_LIMITED_HIGH(name, s, w, ns, d, q, ne, n, rounded, LIMIT)                                      \
  CUFERRY_NEON q##_t name##_high_n_##s(d##_t r, w##_t a, const int count) {                                         \
    d##_t high;                                                                                                     \
    for (int i = 0; i < n; i++) high[i] = LIMIT(ne, cuferry_shift(a[i], -count, rounded));                          \
    return vcombine_##ns(r, high);                                                                                  \
  }
#define CUFERRY_NEON_LIMITED_HIGHS(s, us, b, nb, n, t)                                                              \
  CUFERRY_NEON_LIMITED_HIGH(vqshrn, s##b, int##b##x##n, s##nb, int##nb##x##n, int##nb##x##t, int##nb##_t, n, 0, CUFERRY_NEON_LIMIT) \
  CUFERRY_NEON_LIMITED_HIGH(vqrshrn, s##b, int##b##x##n, s##nb, int##nb##x##n, int##nb##x##t, int##nb##_t, n, 1, CUFERRY_NEON_LIMIT) \
  CUFERRY_NEON_LIMITED_HIGH(vqshrn, us##b, uint##b##x##n, us##nb, uint##nb##x##n, uint##nb##x##t, uint##nb##_t, n, 0, CUFERRY_NEON_LIMIT_UNSIGNED) \
  CUFERRY_NEON_LIMITED_HIGH(vqrshrn, us##b, uint##b##x##n, us##nb, uint##nb##x##n, uint##nb##x##t, uint##nb##_t, n, 1, CUFERRY_NEON_LIMIT_UNSIGNED) \
  CUFERRY_NEON_LIMITED_HIGH(vqshrun, s##b, int##b##x##n, us##nb, uint##nb##x##n, uint##nb##x##t, uint##nb##_t, n, 0, CUFERRY_NEON_LIMIT_UNSIGNED) \
  CUFERRY_NEON_LIMITED_HIGH(vqrshrun, s##b, int##b##x##n, us##nb, uint##nb##x##n, uint##nb##x##t, uint##nb##_t, n, 1, CUFERRY_NEON_LIMIT_UNSIGNED) \
  CUFERRY_NEON uint##nb##x##t##_t vqmovun_high_s##b(uint##nb##x##n##_t r, int##b##x##n##_t a) {                     \
    uint##nb##x##n##_t high;                                                                                        \
    for (int i = 0; i < n; i++) high[i] = CUFERRY_NEON_LIMIT_UNSIGNED(uint##nb##_t, a[i]);                          \
    return vcombine_u##nb(r, high);                                                                                 \
  }
CUFERRY_NEON_LIMITED_HIGHS(s, u, 16, 8, 8, 16)
CUFERRY_NEON_LIMITED_HIGHS(s, u, 32, 16, 4, 8)
CUFERRY_NEON_LIMITED_HIGHS(s, u, 64, 32, 2, 4)
#define CUFERRY_NEON_LIMITED_SCALAR(name, s, e, ne, rounded, LIMIT) \
  CUFERRY_NEON ne name##h_n_##s(e a, const int count) { return LIMIT(ne, cuferry_shift(a, -count, rounded)); }
CUFERRY_NEON_LIMITED_SCALAR(vqshrn, s16, int16_t, int8_t, 0, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_LIMITED_SCALAR(vqrshrn, s16, int16_t, int8_t, 1, CUFERRY_NEON_LIMIT)
CUFERRY_NEON_LIMITED_SCALAR(vqshrn, u16, uint16_t, uint8_t, 0, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_LIMITED_SCALAR(vqrshrn, u16, uint16_t, uint8_t, 1, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_LIMITED_SCALAR(vqshrun, s16, int16_t, uint8_t, 0, CUFERRY_NEON_LIMIT_UNSIGNED)
CUFERRY_NEON_LIMITED_SCALAR(vqrshrun, s16, int16_t, uint8_t, 1, CUFERRY_NEON_LIMIT_UNSIGNED)
