/* Conversions: to integers they stop at the limits, and NaN becomes 0; x86's give 0x80000000 for all of these. */

CUFERRY_NEON int64_t cuferry_to_signed(double value, int bits) {
  const double limit = (double)((uint64_t)1 << (bits - 1));
  if (value != value) return 0;
  return value >= limit ? CUFERRY_NEON_MOST(bits) : value < -limit ? CUFERRY_NEON_LEAST(bits) : (int64_t)value;
}
CUFERRY_NEON uint64_t cuferry_to_unsigned(double value, int bits) {
  const double limit = 2.0 * (double)((uint64_t)1 << (bits - 1));
  if (!(value > 0)) return 0;
  return value >= limit ? ~(uint64_t)0 >> (64 - bits) : (uint64_t)value;
}
/* Of a float or a double, or of a half as a float. */
#define CUFERRY_NEON_SIGNED_OF(value, way, bits) cuferry_to_signed(cuferry_integral_f64(value, way), bits)
#define CUFERRY_NEON_UNSIGNED_OF(value, way, bits) cuferry_to_unsigned(cuferry_integral_f64(value, way), bits)

#define CUFERRY_NEON_VALUE_f16(a) ((double)cuferry_float(a))
#define CUFERRY_NEON_VALUE_f32(a) ((double)(a))
#define CUFERRY_NEON_VALUE_f64(a) (a)

#define CUFERRY_NEON_TO_INTEGER(letter, way, q, bits, s, v, e, n)                                                   \
  CUFERRY_NEON int##bits##x##n##_t vcvt##letter##q##_s##bits##_##s(v##_t a) {                                       \
    int##bits##x##n##_t r;                                                                                          \
    for (int i = 0; i < n; i++)                                                                                     \
      r[i] = (int##bits##_t)CUFERRY_NEON_SIGNED_OF(CUFERRY_NEON_VALUE_##s(CUFERRY_AT(e, a, i)), way, bits);         \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON uint##bits##x##n##_t vcvt##letter##q##_u##bits##_##s(v##_t a) {                                      \
    uint##bits##x##n##_t r;                                                                                         \
    for (int i = 0; i < n; i++)                                                                                     \
      r[i] = (uint##bits##_t)CUFERRY_NEON_UNSIGNED_OF(CUFERRY_NEON_VALUE_##s(CUFERRY_AT(e, a, i)), way, bits);      \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, l, bits, s, e)                                                  \
  CUFERRY_NEON int##bits##_t vcvt##letter##l##_s##bits##_##s(e a) {                                                 \
    return (int##bits##_t)CUFERRY_NEON_SIGNED_OF(CUFERRY_NEON_VALUE_##s(a), way, bits);                             \
  }                                                                                                                 \
  CUFERRY_NEON uint##bits##_t vcvt##letter##l##_u##bits##_##s(e a) {                                                \
    return (uint##bits##_t)CUFERRY_NEON_UNSIGNED_OF(CUFERRY_NEON_VALUE_##s(a), way, bits);                          \
  }
#define CUFERRY_NEON_TO_INTEGERS(letter, way)                                                   \
  CUFERRY_NEON_TO_INTEGER(letter, way, , 32, f32, float32x2, float32_t, 2)                      \
  CUFERRY_NEON_TO_INTEGER(letter, way, , 64, f64, float64x1, float64_t, 1)                      \
  CUFERRY_NEON_TO_INTEGER(letter, way, q, 64, f64, float64x2, float64_t, 2)                     \
  CUFERRY_NEON_TO_INTEGER(letter, way, , 16, f16, float16x4, float16_t, 4)                      \
  CUFERRY_NEON_TO_INTEGER(letter, way, q, 16, f16, float16x8, float16_t, 8)                     \
  CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, s, 32, f32, float32_t)                            \
  CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, d, 64, f64, float64_t)                            \
  CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, h, 16, f16, float16_t)                            \
  CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, h, 32, f16, float16_t)                            \
  CUFERRY_NEON_TO_INTEGER_SINGLE(letter, way, h, 64, f16, float16_t)
CUFERRY_NEON_TO_INTEGERS(, 'z')
CUFERRY_NEON_TO_INTEGERS(a, 'a')
CUFERRY_NEON_TO_INTEGERS(m, 'm')
CUFERRY_NEON_TO_INTEGERS(n, 'n')
CUFERRY_NEON_TO_INTEGERS(p, 'p')
CUFERRY_NEON_TO_INTEGER(a, 'a', q, 32, f32, float32x4, float32_t, 4)
CUFERRY_NEON_TO_INTEGER(m, 'm', q, 32, f32, float32x4, float32_t, 4)
CUFERRY_NEON_TO_INTEGER(n, 'n', q, 32, f32, float32x4, float32_t, 4)
CUFERRY_NEON_TO_INTEGER(p, 'p', q, 32, f32, float32x4, float32_t, 4)
/* The usual one, without a branch: what is too large has all bits of 0x80000000 turned, and NaN has none. */
CUFERRY_NEON int32x4_t vcvtq_s32_f32(float32x4_t a) {
  __m128 x;
  int32x4_t r;
  memcpy(&x, &a, 16);
  const __m128i large = _mm_castps_si128(_mm_cmpge_ps(x, _mm_set1_ps(2147483648.0f)));
  const __m128i number = _mm_castps_si128(_mm_cmpord_ps(x, x));
  const __m128i whole = _mm_and_si128(_mm_xor_si128(_mm_cvttps_epi32(x), large), number);
  memcpy(&r, &whole, 16);
  return r;
}
CUFERRY_NEON uint32x4_t vcvtq_u32_f32(float32x4_t a) {
  uint32x4_t r;
  for (int i = 0; i < 4; i++) r[i] = (uint32_t)cuferry_to_unsigned((double)a[i], 32);
  return r;
}

/* Fixed point, `count` bits behind the point. */
CUFERRY_NEON double cuferry_power_of_two(int exponent) { return cuferry_from_f64((uint64_t)(1023 + exponent) << 52); }
#define CUFERRY_NEON_RESULT_f16(value) cuferry_half(value)
#define CUFERRY_NEON_RESULT_f32(value) ((float)(value))
#define CUFERRY_NEON_RESULT_f64(value) (value)
#define CUFERRY_NEON_TO_FIXED(sign, value, count, bits) \
  cuferry_to_##sign((value) * cuferry_power_of_two(count), bits)
#define CUFERRY_NEON_FIXED(q, bits, s, v, e, n)                                                                     \
  CUFERRY_NEON int##bits##x##n##_t vcvt##q##_n_s##bits##_##s(v##_t a, const int count) {                            \
    int##bits##x##n##_t r;                                                                                          \
    for (int i = 0; i < n; i++)                                                                                     \
      r[i] = (int##bits##_t)CUFERRY_NEON_TO_FIXED(signed, CUFERRY_NEON_VALUE_##s(CUFERRY_AT(e, a, i)), count, bits); \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON uint##bits##x##n##_t vcvt##q##_n_u##bits##_##s(v##_t a, const int count) {                           \
    uint##bits##x##n##_t r;                                                                                         \
    for (int i = 0; i < n; i++)                                                                                     \
      r[i] = (uint##bits##_t)CUFERRY_NEON_TO_FIXED(unsigned, CUFERRY_NEON_VALUE_##s(CUFERRY_AT(e, a, i)), count, bits); \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vcvt##q##_n_##s##_s##bits(int##bits##x##n##_t a, const int count) {                            \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i++)                                                                                     \
      CUFERRY_AT(e, r, i) = CUFERRY_NEON_RESULT_##s((double)a[i] * cuferry_power_of_two(-count));                   \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vcvt##q##_n_##s##_u##bits(uint##bits##x##n##_t a, const int count) {                           \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i++)                                                                                     \
      CUFERRY_AT(e, r, i) = CUFERRY_NEON_RESULT_##s((double)a[i] * cuferry_power_of_two(-count));                   \
    return r;                                                                                                       \
  }
CUFERRY_NEON_FIXED(, 32, f32, float32x2, float32_t, 2)
CUFERRY_NEON_FIXED(q, 32, f32, float32x4, float32_t, 4)
CUFERRY_NEON_FIXED(, 64, f64, float64x1, float64_t, 1)
CUFERRY_NEON_FIXED(q, 64, f64, float64x2, float64_t, 2)
CUFERRY_NEON_FIXED(, 16, f16, float16x4, float16_t, 4)
CUFERRY_NEON_FIXED(q, 16, f16, float16x8, float16_t, 8)

/* A whole number of 64 bits as a double that rounds to a half as the number itself does: odd, where bits are lost. */
CUFERRY_NEON double cuferry_odd(uint64_t size) {
  const int dropped = size >> 53 ? 11 : 0;
  const uint64_t kept = size >> dropped << dropped;
  return (double)(kept | (uint64_t)(size != kept) << dropped);
}
#define CUFERRY_NEON_WIDE_f16(a) ((a) < 0 ? -cuferry_odd((uint64_t)0 - (uint64_t)(a)) : cuferry_odd((uint64_t)(a)))
#define CUFERRY_NEON_WIDE_f32(a) ((double)(a))
#define CUFERRY_NEON_WIDE_f64(a) ((double)(a))
#define CUFERRY_NEON_FIXED_SINGLE(l, bits, s, e)                                                                    \
  CUFERRY_NEON int##bits##_t vcvt##l##_n_s##bits##_##s(e a, const int count) {                                      \
    return (int##bits##_t)CUFERRY_NEON_TO_FIXED(signed, CUFERRY_NEON_VALUE_##s(a), count, bits);                    \
  }                                                                                                                 \
  CUFERRY_NEON uint##bits##_t vcvt##l##_n_u##bits##_##s(e a, const int count) {                                     \
    return (uint##bits##_t)CUFERRY_NEON_TO_FIXED(unsigned, CUFERRY_NEON_VALUE_##s(a), count, bits);                 \
  }                                                                                                                 \
  CUFERRY_NEON e vcvt##l##_n_##s##_s##bits(int##bits##_t a, const int count) {                                      \
    return CUFERRY_NEON_RESULT_##s(CUFERRY_NEON_WIDE_##s(a) * cuferry_power_of_two(-count));                        \
  }                                                                                                                 \
  CUFERRY_NEON e vcvt##l##_n_##s##_u##bits(uint##bits##_t a, const int count) {                                     \
    return CUFERRY_NEON_RESULT_##s(CUFERRY_NEON_WIDE_##s(a) * cuferry_power_of_two(-count));                        \
  }
CUFERRY_NEON_FIXED_SINGLE(s, 32, f32, float32_t)
CUFERRY_NEON_FIXED_SINGLE(d, 64, f64, float64_t)
CUFERRY_NEON_FIXED_SINGLE(h, 16, f16, float16_t)
CUFERRY_NEON_FIXED_SINGLE(h, 32, f16, float16_t)
CUFERRY_NEON_FIXED_SINGLE(h, 64, f16, float16_t)

/* Between formats. */
CUFERRY_NEON float16x4_t vcvt_f16_f32(float32x4_t a) {
  float16x4_t r;
  for (int i = 0; i < 4; i++) CUFERRY_AT(float16_t, r, i) = cuferry_half((double)a[i]);
  return r;
}
CUFERRY_NEON float32x4_t vcvt_f32_f16(float16x4_t a) {
  float32x4_t r;
  for (int i = 0; i < 4; i++) r[i] = cuferry_float(CUFERRY_AT(float16_t, a, i));
  return r;
}
CUFERRY_NEON float16x8_t vcvt_high_f16_f32(float16x4_t r, float32x4_t a) { return vcombine_f16(r, vcvt_f16_f32(a)); }
CUFERRY_NEON float32x4_t vcvt_high_f32_f16(float16x8_t a) { return vcvt_f32_f16(vget_high_f16(a)); }
CUFERRY_NEON float32x4_t vcvt_high_f32_f64(float32x2_t r, float64x2_t a) { return vcombine_f32(r, vcvt_f32_f64(a)); }
CUFERRY_NEON float64x2_t vcvt_high_f64_f32(float32x4_t a) { return vcvt_f64_f32(vget_high_f32(a)); }

/* To odd: the last bit tells that others were lost. */
CUFERRY_NEON float32_t vcvtxd_f32_f64(float64_t a) {
  const float32_t nearest = (float32_t)a;
  uint32_t bits = cuferry_bits_f32(nearest);
  if (a != a || (float64_t)nearest == a || cuferry_is_inf_f64(a) || (bits & 1)) return nearest;
  /* An infinity that was no one comes from a number above all floats. Else back over the half-way mark, if it was crossed. */
  if (cuferry_abs_f64((float64_t)nearest) > cuferry_abs_f64(a)) return cuferry_from_f32(bits - 1);
  return cuferry_from_f32(bits + 1);
}
CUFERRY_NEON float32x2_t vcvtx_f32_f64(float64x2_t a) {
  float32x2_t r;
  for (int i = 0; i < 2; i++) r[i] = vcvtxd_f32_f64(a[i]);
  return r;
}
CUFERRY_NEON float32x4_t vcvtx_high_f32_f64(float32x2_t r, float64x2_t a) { return vcombine_f32(r, vcvtx_f32_f64(a)); }

/* To whole numbers that fit 32 or 64 bits, as floats; what does not fit becomes the least of them. */
#define CUFERRY_NEON_FITTING(name, way, bits, q, s, v, e, n)                                                        \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a) {                                                                       \
    const e limit = (e)((uint64_t)1 << (bits - 1));                                                                 \
    for (int i = 0; i < n; i++) {                                                                                   \
      const e whole = cuferry_integral_##s(a[i], way);                                                              \
      a[i] = whole >= -limit && whole < limit ? whole : -limit;                                                     \
    }                                                                                                               \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_FITTINGS(q, s, v, e, n)                    \
  CUFERRY_NEON_FITTING(vrnd32x, 'n', 32, q, s, v, e, n)         \
  CUFERRY_NEON_FITTING(vrnd32z, 'z', 32, q, s, v, e, n)         \
  CUFERRY_NEON_FITTING(vrnd64x, 'n', 64, q, s, v, e, n)         \
  CUFERRY_NEON_FITTING(vrnd64z, 'z', 64, q, s, v, e, n)
CUFERRY_NEON_FLOAT(CUFERRY_NEON_FITTINGS)
