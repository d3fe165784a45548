/* Integers and polynomials, without saturation. */

/* Products and sums wrap around, which signed integers may not do in C. */
#define CUFERRY_NEON_LANE_PRODUCT(q, s, v, w, e, n, form, sign, name)                                            \
  CUFERRY_NEON v##_t name##q##_##form##_##s(v##_t a, v##_t b, w##_t c, const int lane) {                            \
    v##_t r;                                                                                                        \
    const uint32_t factor = (uint32_t)CUFERRY_AT(e, c, lane);                                                       \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = (e)((uint32_t)a[i] sign(uint32_t) b[i] * factor);             \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_LANE_PRODUCTS(q, s, v, d, w, e, n)                     \
  CUFERRY_NEON_LANE_PRODUCT(q, s, v, d, e, n, lane, +, vmla)             \
  CUFERRY_NEON_LANE_PRODUCT(q, s, v, w, e, n, laneq, +, vmla)            \
  CUFERRY_NEON_LANE_PRODUCT(q, s, v, d, e, n, lane, -, vmls)             \
  CUFERRY_NEON_LANE_PRODUCT(q, s, v, w, e, n, laneq, -, vmls)
CUFERRY_NEON_LANE_PRODUCTS(, s16, int16x4, int16x4, int16x8, int16_t, 4)
CUFERRY_NEON_LANE_PRODUCTS(, s32, int32x2, int32x2, int32x4, int32_t, 2)
CUFERRY_NEON_LANE_PRODUCTS(, u16, uint16x4, uint16x4, uint16x8, uint16_t, 4)
CUFERRY_NEON_LANE_PRODUCTS(, u32, uint32x2, uint32x2, uint32x4, uint32_t, 2)
CUFERRY_NEON_LANE_PRODUCTS(q, s16, int16x8, int16x4, int16x8, int16_t, 8)
CUFERRY_NEON_LANE_PRODUCTS(q, s32, int32x4, int32x2, int32x4, int32_t, 4)
CUFERRY_NEON_LANE_PRODUCTS(q, u16, uint16x8, uint16x4, uint16x8, uint16_t, 8)
CUFERRY_NEON_LANE_PRODUCTS(q, u32, uint32x4, uint32x2, uint32x4, uint32_t, 4)

/* Of narrow lanes (`s`, vectors `d` and `q`) to lanes twice as wide (`ws`, vector `w`). */
#define CUFERRY_NEON_WIDENING(s, d, q, ws, w, e)                                                                    \
  CUFERRY_NEON w##_t vabdl_high_##s(q##_t a, q##_t b) { return vabdl_##s(vget_high_##s(a), vget_high_##s(b)); }     \
  CUFERRY_NEON w##_t vabal_##s(w##_t a, d##_t b, d##_t c) { return vaddq_##ws(a, vabdl_##s(b, c)); }                \
  CUFERRY_NEON w##_t vabal_high_##s(w##_t a, q##_t b, q##_t c) { return vaddq_##ws(a, vabdl_high_##s(b, c)); }
CUFERRY_NEON_WIDENING(s8, int8x8, int8x16, s16, int16x8, int8_t)
CUFERRY_NEON_WIDENING(s16, int16x4, int16x8, s32, int32x4, int16_t)
CUFERRY_NEON_WIDENING(s32, int32x2, int32x4, s64, int64x2, int32_t)
CUFERRY_NEON_WIDENING(u8, uint8x8, uint8x16, u16, uint16x8, uint8_t)
CUFERRY_NEON_WIDENING(u16, uint16x4, uint16x8, u32, uint32x4, uint16_t)
CUFERRY_NEON_WIDENING(u32, uint32x2, uint32x4, u64, uint64x2, uint32_t)

#define CUFERRY_NEON_HIGH_PRODUCTS(s, d, q, ws, w, e)                                                               \
  CUFERRY_NEON w##_t vmull_high_n_##s(q##_t a, e b) { return vmull_##s(vget_high_##s(a), vdup_n_##s(b)); }          \
  CUFERRY_NEON w##_t vmull_high_lane_##s(q##_t a, d##_t b, const int lane) {                                        \
    return vmull_high_n_##s(a, CUFERRY_AT(e, b, lane));                                                             \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vmull_high_laneq_##s(q##_t a, q##_t b, const int lane) {                                       \
    return vmull_high_n_##s(a, CUFERRY_AT(e, b, lane));                                                             \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vmlal_high_lane_##s(w##_t a, q##_t b, d##_t c, const int lane) {                               \
    return vaddq_##ws(a, vmull_high_lane_##s(b, c, lane));                                                          \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vmlal_high_laneq_##s(w##_t a, q##_t b, q##_t c, const int lane) {                              \
    return vaddq_##ws(a, vmull_high_laneq_##s(b, c, lane));                                                         \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vmlsl_high_lane_##s(w##_t a, q##_t b, d##_t c, const int lane) {                               \
    return vsubq_##ws(a, vmull_high_lane_##s(b, c, lane));                                                          \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vmlsl_high_laneq_##s(w##_t a, q##_t b, q##_t c, const int lane) {                              \
    return vsubq_##ws(a, vmull_high_laneq_##s(b, c, lane));                                                         \
  }
CUFERRY_NEON_HIGH_PRODUCTS(s16, int16x4, int16x8, s32, int32x4, int16_t)
CUFERRY_NEON_HIGH_PRODUCTS(s32, int32x2, int32x4, s64, int64x2, int32_t)
CUFERRY_NEON_HIGH_PRODUCTS(u16, uint16x4, uint16x8, u32, uint32x4, uint16_t)
CUFERRY_NEON_HIGH_PRODUCTS(u32, uint32x2, uint32x4, u64, uint64x2, uint32_t)

/* Sums and differences of which the upper half is kept: of wide lanes (`s`, unsigned `u`) to narrow ones (`ns`). */
#define CUFERRY_NEON_NARROWED(name, sign, s, w, u, ns, d, q, ne, n, bits, rounding)                                 \
  CUFERRY_NEON d##_t name##_##s(w##_t a, w##_t b) {                                                                 \
    d##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) {                                                                                   \
      const u sum = (u)((u)a[i] sign(u) b[i] + ((u)rounding << (bits - 1)));                                        \
      CUFERRY_AT(ne, r, i) = (ne)(sum >> bits);                                                                     \
    }                                                                                                               \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_NARROWED_HIGH(name, s, w, ns, d, q) \
  CUFERRY_NEON q##_t name##_high_##s(d##_t r, w##_t a, w##_t b) { return vcombine_##ns(r, name##_##s(a, b)); }
#define CUFERRY_NEON_NARROWING(s, w, u, ns, d, q, ne, n, bits)                  \
  CUFERRY_NEON_NARROWED(vraddhn, +, s, w, u, ns, d, q, ne, n, bits, 1)          \
  CUFERRY_NEON_NARROWED(vrsubhn, -, s, w, u, ns, d, q, ne, n, bits, 1)          \
  CUFERRY_NEON_NARROWED_HIGH(vraddhn, s, w, ns, d, q)                           \
  CUFERRY_NEON_NARROWED_HIGH(vrsubhn, s, w, ns, d, q)                           \
  CUFERRY_NEON_NARROWED_HIGH(vaddhn, s, w, ns, d, q)                            \
  CUFERRY_NEON_NARROWED_HIGH(vsubhn, s, w, ns, d, q)
CUFERRY_NEON_NARROWING(s16, int16x8, uint16_t, s8, int8x8, int8x16, int8_t, 8, 8)
CUFERRY_NEON_NARROWING(s32, int32x4, uint32_t, s16, int16x4, int16x8, int16_t, 4, 16)
CUFERRY_NEON_NARROWING(s64, int64x2, uint64_t, s32, int32x2, int32x4, int32_t, 2, 32)
CUFERRY_NEON_NARROWING(u16, uint16x8, uint16_t, u8, uint8x8, uint8x16, uint8_t, 8, 8)
CUFERRY_NEON_NARROWING(u32, uint32x4, uint32_t, u16, uint16x4, uint16x8, uint16_t, 4, 16)
CUFERRY_NEON_NARROWING(u64, uint64x2, uint64_t, u32, uint32x2, uint32x4, uint32_t, 2, 32)

/* Shifts of one vector into another, whose other bits stay. */
#define CUFERRY_NEON_INSERT_LEFT(q, s, v, e, n)                                                                     \
  CUFERRY_NEON v##_t vsli##q##_n_##s(v##_t a, v##_t b, const int count) {                                           \
    v##_t r;                                                                                                        \
    const uint64_t kept = ((uint64_t)1 << count) - 1;                                                               \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, r, i) = (e)(((uint64_t)a[i] & kept) | (uint64_t)b[i] << count);       \
    return r;                                                                                                       \
  }
CUFERRY_NEON_INTEGER(CUFERRY_NEON_INSERT_LEFT)
CUFERRY_NEON_POLY(CUFERRY_NEON_INSERT_LEFT)
#define CUFERRY_NEON_INSERT_RIGHT(q, s, v, e, n)                                                                    \
  CUFERRY_NEON v##_t vsri##q##_n_##s(v##_t a, v##_t b, const int count) {                                           \
    v##_t r;                                                                                                        \
    const int bits = 8 * (int)sizeof(e);                                                                            \
    const uint64_t all = ~(uint64_t)0 >> (64 - bits), moved = count == bits ? 0 : all >> count;                     \
    for (int i = 0; i < n; i++)                                                                                     \
      CUFERRY_AT(e, r, i) = (e)(((uint64_t)a[i] & ~moved) | (count == bits ? 0 : (uint64_t)b[i] >> count));         \
    return r;                                                                                                       \
  }
CUFERRY_NEON_POLY(CUFERRY_NEON_INSERT_RIGHT)
CUFERRY_NEON int64_t vslid_n_s64(int64_t a, int64_t b, const int count) {
  return (int64_t)(((uint64_t)a & (((uint64_t)1 << count) - 1)) | (uint64_t)b << count);
}
CUFERRY_NEON uint64_t vslid_n_u64(uint64_t a, uint64_t b, const int count) {
  return (a & (((uint64_t)1 << count) - 1)) | b << count;
}

#define CUFERRY_NEON_SHIFT_NARROW_HIGH(name, s, w, ns, d, q) \
  CUFERRY_NEON q##_t name##_high_n_##s(d##_t r, w##_t a, const int count)
#define CUFERRY_NEON_SHIFTS_NARROW(s, w, u, ns, d, q, e, ne, n)                                                     \
  CUFERRY_NEON_SHIFT_NARROW_HIGH(vshrn, s, w, ns, d, q) {                                                           \
    d##_t high;                                                                                                     \
    for (int i = 0; i < n; i++) CUFERRY_AT(ne, high, i) = (ne)(a[i] >> count);                                      \
    return vcombine_##ns(r, high);                                                                                  \
  }                                                                                                                 \
  CUFERRY_NEON_SHIFT_NARROW_HIGH(vrshrn, s, w, ns, d, q) {                                                          \
    d##_t high;                                                                                                     \
    for (int i = 0; i < n; i++) CUFERRY_AT(ne, high, i) = (ne)((u)((u)a[i] + ((u)1 << (count - 1))) >> count);      \
    return vcombine_##ns(r, high);                                                                                  \
  }
CUFERRY_NEON_SHIFTS_NARROW(s16, int16x8, uint16_t, s8, int8x8, int8x16, int16_t, int8_t, 8)
CUFERRY_NEON_SHIFTS_NARROW(s32, int32x4, uint32_t, s16, int16x4, int16x8, int32_t, int16_t, 4)
CUFERRY_NEON_SHIFTS_NARROW(s64, int64x2, uint64_t, s32, int32x2, int32x4, int64_t, int32_t, 2)
CUFERRY_NEON_SHIFTS_NARROW(u16, uint16x8, uint16_t, u8, uint8x8, uint8x16, uint16_t, uint8_t, 8)
CUFERRY_NEON_SHIFTS_NARROW(u32, uint32x4, uint32_t, u16, uint16x4, uint16x8, uint32_t, uint16_t, 4)
CUFERRY_NEON_SHIFTS_NARROW(u64, uint64x2, uint64_t, u32, uint32x2, uint32x4, uint64_t, uint32_t, 2)

#define CUFERRY_NEON_SHIFTS_WIDE(s, d, q, w, we, u, n)                                                              \
  CUFERRY_NEON w##_t vshll_n_##s(d##_t a, const int count) {                                                        \
    w##_t r;                                                                                                        \
    for (int i = 0; i < n; i++) CUFERRY_AT(we, r, i) = (we)((u)(we)a[i] << count);                                  \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON w##_t vshll_high_n_##s(q##_t a, const int count) { return vshll_n_##s(vget_high_##s(a), count); }
CUFERRY_NEON_SHIFTS_WIDE(s8, int8x8, int8x16, int16x8, int16_t, uint32_t, 8)
CUFERRY_NEON_SHIFTS_WIDE(s16, int16x4, int16x8, int32x4, int32_t, uint32_t, 4)
CUFERRY_NEON_SHIFTS_WIDE(s32, int32x2, int32x4, int64x2, int64_t, uint64_t, 2)
CUFERRY_NEON_SHIFTS_WIDE(u8, uint8x8, uint8x16, uint16x8, uint16_t, uint32_t, 8)
CUFERRY_NEON_SHIFTS_WIDE(u16, uint16x4, uint16x8, uint32x4, uint32_t, uint32_t, 4)
CUFERRY_NEON_SHIFTS_WIDE(u32, uint32x2, uint32x4, uint64x2, uint64_t, uint64_t, 2)

CUFERRY_NEON uint64x2_t vxarq_u64(uint64x2_t a, uint64x2_t b, const int right) {
  a ^= b;
  for (int i = 0; i < 2 && right; i++) a[i] = a[i] >> right | a[i] << (64 - right);
  return a;
}

#define CUFERRY_NEON_XOR3(q, s, v, e, n) \
  CUFERRY_NEON v##_t veor3q_##s(v##_t a, v##_t b, v##_t c) { return a ^ b ^ c; }
CUFERRY_NEON_INTEGER_Q(CUFERRY_NEON_XOR3)

/* Products of polynomials over two elements. */
CUFERRY_NEON poly128_t cuferry_carryless(uint64_t a, uint64_t b) {
  cuferry_unsigned_wide sum = 0;
  for (int i = 0; i < 64; i++) sum ^= b >> i & 1 ? (cuferry_unsigned_wide)a << i : 0;
  return sum;
}
CUFERRY_NEON poly8x8_t vmul_p8(poly8x8_t a, poly8x8_t b) {
  poly8x8_t r;
  for (int i = 0; i < 8; i++) r[i] = (poly8_t)cuferry_carryless(a[i], b[i]);
  return r;
}
CUFERRY_NEON poly8x16_t vmulq_p8(poly8x16_t a, poly8x16_t b) {
  return vcombine_p8(vmul_p8(vget_low_p8(a), vget_low_p8(b)), vmul_p8(vget_high_p8(a), vget_high_p8(b)));
}
CUFERRY_NEON poly16x8_t vmull_p8(poly8x8_t a, poly8x8_t b) {
  poly16x8_t r;
  for (int i = 0; i < 8; i++) r[i] = (poly16_t)cuferry_carryless(a[i], b[i]);
  return r;
}
CUFERRY_NEON poly16x8_t vmull_high_p8(poly8x16_t a, poly8x16_t b) { return vmull_p8(vget_high_p8(a), vget_high_p8(b)); }
CUFERRY_NEON poly128_t vmull_p64(poly64_t a, poly64_t b) { return cuferry_carryless(a, b); }
CUFERRY_NEON poly128_t vmull_high_p64(poly64x2_t a, poly64x2_t b) { return cuferry_carryless(a[1], b[1]); }

/* What polynomials share with unsigned integers, of which they are made here. */
#define CUFERRY_NEON_POLY_LOGIC(q, s, us, v, uv)                                                                    \
  CUFERRY_NEON v##_t vbsl##q##_##s(uv##_t m, v##_t a, v##_t b) { return (a & m) | (b & ~m); }
#define CUFERRY_NEON_POLY_TESTS(q, s, us, v, uv) \
  CUFERRY_NEON uv##_t vtst##q##_##s(v##_t a, v##_t b) { return vtst##q##_##us(a, b); }
#define CUFERRY_NEON_POLY_EQUAL(q, s, us, v, uv)                                                                    \
  CUFERRY_NEON uv##_t vceq##q##_##s(v##_t a, v##_t b) { return vceq##q##_##us(a, b); }                              \
  CUFERRY_NEON uv##_t vceqz##q##_##s(v##_t a) { return vceqz##q##_##us(a); }
#define CUFERRY_NEON_POLY_BITS(q, v, uv)                                                                            \
  CUFERRY_NEON v##_t vcnt##q##_p8(v##_t a) { return vcnt##q##_u8(a); }                                              \
  CUFERRY_NEON v##_t vrbit##q##_p8(v##_t a) { return vrbit##q##_u8(a); }                                            \
  CUFERRY_NEON v##_t vmvn##q##_p8(v##_t a) { return ~a; }
#define CUFERRY_NEON_EACH_POLY(M)                                                                                   \
  M(, p8, u8, poly8x8, uint8x8) M(q, p8, u8, poly8x16, uint8x16) M(, p64, u64, poly64x1, uint64x1)                  \
  M(q, p64, u64, poly64x2, uint64x2)
CUFERRY_NEON_EACH_POLY(CUFERRY_NEON_POLY_LOGIC)
CUFERRY_NEON_POLY_LOGIC(, p16, u16, poly16x4, uint16x4)
CUFERRY_NEON_POLY_LOGIC(q, p16, u16, poly16x8, uint16x8)
CUFERRY_NEON_EACH_POLY(CUFERRY_NEON_POLY_TESTS)
CUFERRY_NEON_POLY_TESTS(, p16, u16, poly16x4, uint16x4)
CUFERRY_NEON_POLY_TESTS(q, p16, u16, poly16x8, uint16x8)
CUFERRY_NEON_EACH_POLY(CUFERRY_NEON_POLY_EQUAL)
CUFERRY_NEON_POLY_BITS(, poly8x8, uint8x8)
CUFERRY_NEON_POLY_BITS(q, poly8x16, uint8x16)

/* Tables of polynomials. */
#define CUFERRY_NEON_TABLE_AS(to, from, of) to of; memcpy(&of, &from, sizeof of);
#define CUFERRY_NEON_TABLES(q, v, uv, x, tx)                                                                        \
  CUFERRY_NEON v##_t vqtbl##x##q##_p8(poly8x16##tx t, uv##_t i) {                                                   \
    CUFERRY_NEON_TABLE_AS(uint8x16##tx, t, table)                                                                   \
    return vqtbl##x##q##_u8(table, i);                                                                              \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vqtbx##x##q##_p8(v##_t a, poly8x16##tx t, uv##_t i) {                                          \
    CUFERRY_NEON_TABLE_AS(uint8x16##tx, t, table)                                                                   \
    return vqtbx##x##q##_u8(a, table, i);                                                                           \
  }
#define CUFERRY_NEON_TABLES_OF(x, tx)                                                                               \
  CUFERRY_NEON_TABLES(, poly8x8, uint8x8, x, tx) CUFERRY_NEON_TABLES(q, poly8x16, uint8x16, x, tx)                  \
  CUFERRY_NEON poly8x8_t vtbl##x##_p8(poly8x8##tx t, uint8x8_t i) {                                                 \
    CUFERRY_NEON_TABLE_AS(uint8x8##tx, t, table)                                                                    \
    return vtbl##x##_u8(table, i);                                                                                  \
  }                                                                                                                 \
  CUFERRY_NEON poly8x8_t vtbx##x##_p8(poly8x8_t a, poly8x8##tx t, uint8x8_t i) {                                    \
    CUFERRY_NEON_TABLE_AS(uint8x8##tx, t, table)                                                                    \
    return vtbx##x##_u8(a, table, i);                                                                               \
  }
CUFERRY_NEON_TABLES_OF(1, _t)
CUFERRY_NEON_TABLES_OF(2, x2_t)
CUFERRY_NEON_TABLES_OF(3, x3_t)
CUFERRY_NEON_TABLES_OF(4, x4_t)
