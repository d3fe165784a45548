/* What of halves neon_float.h does not share with floats. */

#define CUFERRY_NEON_HALF_COMMON(q, s, v, e, n, uv, u)       \
  CUFERRY_NEON_OF_1(vneg, neg, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vadd, add, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vsub, sub, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vmul, mul, q, s, v, e, n)
CUFERRY_NEON_F16(CUFERRY_NEON_HALF_COMMON)

#define CUFERRY_NEON_HALF_SCALAR_PRODUCT(name, q, v) \
  CUFERRY_NEON v##_t name##q##_n_f16(v##_t a, float16_t b) { return name##q##_f16(a, vdup##q##_n_f16(b)); }
CUFERRY_NEON_HALF_SCALAR_PRODUCT(vmul, , float16x4)
CUFERRY_NEON_HALF_SCALAR_PRODUCT(vmul, q, float16x8)
CUFERRY_NEON_HALF_SCALAR_PRODUCT(vmulx, , float16x4)
CUFERRY_NEON_HALF_SCALAR_PRODUCT(vmulx, q, float16x8)
CUFERRY_NEON_PRODUCT_BY_LANE(vmul, , f16, float16x4, float16x4, float16x8, float16_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmul, q, f16, float16x8, float16x4, float16x8, float16_t)
CUFERRY_NEON_SCALAR_PRODUCT(vmul, mul, h, f16, float16x4, float16x8, float16_t)

#define CUFERRY_NEON_HALF_COMPARED(name, test, q, v, n)                                                             \
  CUFERRY_NEON uint16x##n##_t name##q##_f16(v##_t a, v##_t b) {                                                     \
    uint16x##n##_t r;                                                                                               \
    for (int i = 0; i < n; i++) {                                                                                   \
      const float x = cuferry_float(CUFERRY_AT(float16_t, a, i)), y = cuferry_float(CUFERRY_AT(float16_t, b, i));   \
      r[i] = (test) ? 0xffff : 0;                                                                                   \
    }                                                                                                               \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_HALF_COMPARE(name, test)                              \
  CUFERRY_NEON_HALF_COMPARED(name, test, , float16x4, 4)                   \
  CUFERRY_NEON_HALF_COMPARED(name, test, q, float16x8, 8)                  \
  CUFERRY_NEON uint16_t name##h_f16(float16_t a, float16_t b) {            \
    const float x = cuferry_float(a), y = cuferry_float(b);                \
    return (test) ? 0xffff : 0;                                            \
  }
#define CUFERRY_NEON_HALF_COMPARE_ZERO(name)                                                                        \
  CUFERRY_NEON uint16x4_t name##z_f16(float16x4_t a) { return name##_f16(a, vdup_n_f16(cuferry_half(0))); }         \
  CUFERRY_NEON uint16x8_t name##zq_f16(float16x8_t a) { return name##q_f16(a, vdupq_n_f16(cuferry_half(0))); }      \
  CUFERRY_NEON uint16_t name##zh_f16(float16_t a) { return name##h_f16(a, cuferry_half(0)); }
CUFERRY_NEON_HALF_COMPARE(vceq, x == y)
CUFERRY_NEON_HALF_COMPARE(vcge, x >= y)
CUFERRY_NEON_HALF_COMPARE(vcgt, x > y)
CUFERRY_NEON_HALF_COMPARE(vcle, x <= y)
CUFERRY_NEON_HALF_COMPARE(vclt, x < y)
CUFERRY_NEON_HALF_COMPARE(vcage, cuferry_abs_f32(x) >= cuferry_abs_f32(y))
CUFERRY_NEON_HALF_COMPARE(vcagt, cuferry_abs_f32(x) > cuferry_abs_f32(y))
CUFERRY_NEON_HALF_COMPARE(vcale, cuferry_abs_f32(x) <= cuferry_abs_f32(y))
CUFERRY_NEON_HALF_COMPARE(vcalt, cuferry_abs_f32(x) < cuferry_abs_f32(y))
CUFERRY_NEON_HALF_COMPARE_ZERO(vceq)
CUFERRY_NEON_HALF_COMPARE_ZERO(vcge)
CUFERRY_NEON_HALF_COMPARE_ZERO(vcgt)
CUFERRY_NEON_HALF_COMPARE_ZERO(vcle)
CUFERRY_NEON_HALF_COMPARE_ZERO(vclt)

CUFERRY_NEON float16x4_t vbsl_f16(uint16x4_t m, float16x4_t a, float16x4_t b) {
  return vreinterpret_f16_u16((vreinterpret_u16_f16(a) & m) | (vreinterpret_u16_f16(b) & ~m));
}
CUFERRY_NEON float16x8_t vbslq_f16(uint16x8_t m, float16x8_t a, float16x8_t b) {
  return vreinterpretq_f16_u16((vreinterpretq_u16_f16(a) & m) | (vreinterpretq_u16_f16(b) & ~m));
}

#define CUFERRY_NEON_HALF_SINGLE_1(name) CUFERRY_NEON_SINGLE_1(h, f16, float16_t, name)
#define CUFERRY_NEON_HALF_SINGLE_2(name) CUFERRY_NEON_SINGLE_2(h, f16, float16_t, name)
#define CUFERRY_NEON_HALF_SINGLE_INTEGRAL(name, way) \
  CUFERRY_NEON float16_t name##h_f16(float16_t a) { return cuferry_integral_f16(a, way); }
CUFERRY_NEON_HALF_SINGLE_1(abs)
CUFERRY_NEON_HALF_SINGLE_1(neg)
CUFERRY_NEON_HALF_SINGLE_1(sqrt)
CUFERRY_NEON_HALF_SINGLE_2(add)
CUFERRY_NEON_HALF_SINGLE_2(sub)
CUFERRY_NEON_HALF_SINGLE_2(mul)
CUFERRY_NEON_HALF_SINGLE_2(div)
CUFERRY_NEON_HALF_SINGLE_2(max)
CUFERRY_NEON_HALF_SINGLE_2(min)
CUFERRY_NEON_HALF_SINGLE_2(maxnm)
CUFERRY_NEON_HALF_SINGLE_2(minnm)
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrnd, 'z')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrnda, 'a')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrndi, 'n')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrndm, 'm')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrndn, 'n')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrndp, 'p')
CUFERRY_NEON_HALF_SINGLE_INTEGRAL(vrndx, 'n')
CUFERRY_NEON float16_t vfmah_f16(float16_t a, float16_t b, float16_t c) { return cuferry_fma_f16(a, b, c); }
CUFERRY_NEON float16_t vfmsh_f16(float16_t a, float16_t b, float16_t c) { return cuferry_fms_f16(a, b, c); }

#define CUFERRY_NEON_HALF_OF_INTEGER(bits)                                                                          \
  CUFERRY_NEON float16_t vcvth_f16_s##bits(int##bits##_t a) { return cuferry_half(CUFERRY_NEON_WIDE_f16(a)); }      \
  CUFERRY_NEON float16_t vcvth_f16_u##bits(uint##bits##_t a) { return cuferry_half(CUFERRY_NEON_WIDE_f16(a)); }
CUFERRY_NEON_HALF_OF_INTEGER(16)
CUFERRY_NEON_HALF_OF_INTEGER(32)
CUFERRY_NEON_HALF_OF_INTEGER(64)
#define CUFERRY_NEON_HALVES_OF_INTEGERS(q, n, sign, iv)                                                             \
  CUFERRY_NEON float16x##n##_t vcvt##q##_f16_##sign##16(iv##_t a) {                                                 \
    float16x##n##_t r;                                                                                              \
    for (int i = 0; i < n; i++) CUFERRY_AT(float16_t, r, i) = cuferry_half((double)a[i]);                           \
    return r;                                                                                                       \
  }
CUFERRY_NEON_HALVES_OF_INTEGERS(, 4, s, int16x4)
CUFERRY_NEON_HALVES_OF_INTEGERS(, 4, u, uint16x4)
CUFERRY_NEON_HALVES_OF_INTEGERS(q, 8, s, int16x8)
CUFERRY_NEON_HALVES_OF_INTEGERS(q, 8, u, uint16x8)

/* Products of halves, added to floats: the lower or the upper halves of vectors, or by one lane. */
#define CUFERRY_NEON_LONG(name, op, q, part, fv, v, n, first)                                                       \
  CUFERRY_NEON fv##_t name##q##_##part##_f16(fv##_t a, v##_t b, v##_t c) {                                          \
    for (int i = 0; i < n; i++)                                                                                     \
      a[i] = cuferry_##op##_f32(a[i], cuferry_float(CUFERRY_AT(float16_t, b, first + i)), cuferry_float(CUFERRY_AT(float16_t, c, first + i))); \
    return a;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON fv##_t name##q##_lane_##part##_f16(fv##_t a, v##_t b, float16x4_t c, const int lane) {               \
    return name##q##_##part##_f16(a, b, vdup##q##_lane_f16(c, lane));                                               \
  }                                                                                                                 \
  CUFERRY_NEON fv##_t name##q##_laneq_##part##_f16(fv##_t a, v##_t b, float16x8_t c, const int lane) {              \
    return name##q##_##part##_f16(a, b, vdup##q##_laneq_f16(c, lane));                                              \
  }
#define CUFERRY_NEON_LONGS(name, op)                                        \
  CUFERRY_NEON_LONG(name, op, , low, float32x2, float16x4, 2, 0)            \
  CUFERRY_NEON_LONG(name, op, , high, float32x2, float16x4, 2, 2)           \
  CUFERRY_NEON_LONG(name, op, q, low, float32x4, float16x8, 4, 0)           \
  CUFERRY_NEON_LONG(name, op, q, high, float32x4, float16x8, 4, 4)
CUFERRY_NEON_LONGS(vfmlal, fma)
CUFERRY_NEON_LONGS(vfmlsl, fms)
