/* The operations of ARM's floating-point unit on one number each, where C's or x86's are not the same: the building
 * blocks of neon_float.h, neon_convert.h and neon_float16.h. Needs no libm but for `fma` of doubles without FMA. */

CUFERRY_NEON uint32_t cuferry_bits_f32(float32_t a) { uint32_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON uint64_t cuferry_bits_f64(float64_t a) { uint64_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON uint16_t cuferry_bits_f16(float16_t a) { uint16_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON float32_t cuferry_from_f32(uint32_t a) { float32_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON float64_t cuferry_from_f64(uint64_t a) { float64_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON float16_t cuferry_from_f16(uint16_t a) { float16_t r; memcpy(&r, &a, sizeof r); return r; }

/* A value of which the compiler knows nothing: a product that is not to be fused with a sum. */
CUFERRY_NEON float32_t cuferry_opaque_f32(float32_t a) { __asm__("" : "+x"(a)); return a; }
CUFERRY_NEON float64_t cuferry_opaque_f64(float64_t a) { __asm__("" : "+x"(a)); return a; }

/* a + b * c, rounded once. */
CUFERRY_NEON float64_t cuferry_fma_f64(float64_t a, float64_t b, float64_t c) { return __builtin_fma(b, c, a); }
CUFERRY_NEON float32_t cuferry_fma_f32(float32_t a, float32_t b, float32_t c) {
#if defined(__FMA__)
  return __builtin_fmaf(b, c, a);
#else
  /* The product is exact as a double. The sum is rounded to odd, so that rounding it to float rounds but once. */
  const float64_t product = (float64_t)b * (float64_t)c, sum = cuferry_opaque_f64(product + (float64_t)a);
  const float64_t part = cuferry_opaque_f64(sum - product);
  const float64_t lost = cuferry_opaque_f64(product - (sum - part)) + cuferry_opaque_f64((float64_t)a - part);
  uint64_t bits = cuferry_bits_f64(sum);
  if (lost == 0 || !(sum - sum == 0) || (bits & 1)) return (float32_t)sum;
  bits += (lost > 0) == (sum > 0) ? 1 : ~(uint64_t)0;
  return (float32_t)cuferry_from_f64(bits);
#endif
}

#define CUFERRY_NEON_SCALARS(s, u, bits, fraction)                                                                  \
  CUFERRY_NEON int cuferry_is_nan_##s(float##bits##_t a) { return a != a; }                                         \
  CUFERRY_NEON int cuferry_signals_##s(float##bits##_t a) {                                                         \
    return a != a && !(cuferry_bits_##s(a) >> (fraction - 1) & 1);                                                  \
  }                                                                                                                 \
  CUFERRY_NEON int cuferry_is_inf_##s(float##bits##_t a) {                                                          \
    return cuferry_bits_##s(a) << 1 == (u)((((u)1 << (bits - 1 - fraction)) - 1) << (fraction + 1));                \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_abs_##s(float##bits##_t a) {                                                 \
    return cuferry_from_##s(cuferry_bits_##s(a) & ~((u)1 << (bits - 1)));                                           \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_neg_##s(float##bits##_t a) {                                                 \
    return cuferry_from_##s(cuferry_bits_##s(a) ^ (u)1 << (bits - 1));                                              \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_add_##s(float##bits##_t a, float##bits##_t b) { return a + b; }              \
  CUFERRY_NEON float##bits##_t cuferry_sub_##s(float##bits##_t a, float##bits##_t b) { return a - b; }              \
  CUFERRY_NEON float##bits##_t cuferry_mul_##s(float##bits##_t a, float##bits##_t b) { return a * b; }              \
  CUFERRY_NEON float##bits##_t cuferry_div_##s(float##bits##_t a, float##bits##_t b) { return a / b; }              \
  CUFERRY_NEON float##bits##_t cuferry_abd_##s(float##bits##_t a, float##bits##_t b) { return cuferry_abs_##s(a - b); } \
  /* Of zeros, the greater is +0 and the lesser -0. */                                                              \
  CUFERRY_NEON float##bits##_t cuferry_max_##s(float##bits##_t a, float##bits##_t b) {                              \
    if (a != a || b != b) return a + b;                                                                             \
    return a == b ? cuferry_from_##s(cuferry_bits_##s(a) & cuferry_bits_##s(b)) : a > b ? a : b;                    \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_min_##s(float##bits##_t a, float##bits##_t b) {                              \
    if (a != a || b != b) return a + b;                                                                             \
    return a == b ? cuferry_from_##s(cuferry_bits_##s(a) | cuferry_bits_##s(b)) : a < b ? a : b;                    \
  }                                                                                                                 \
  /* A quiet NaN loses to a number, a signalling one does not. */                                                   \
  CUFERRY_NEON float##bits##_t cuferry_maxnm_##s(float##bits##_t a, float##bits##_t b) {                            \
    if (cuferry_signals_##s(a) || cuferry_signals_##s(b)) return a + b;                                             \
    return a != a ? b : b != b ? a : cuferry_max_##s(a, b);                                                         \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_minnm_##s(float##bits##_t a, float##bits##_t b) {                            \
    if (cuferry_signals_##s(a) || cuferry_signals_##s(b)) return a + b;                                             \
    return a != a ? b : b != b ? a : cuferry_min_##s(a, b);                                                         \
  }                                                                                                                 \
  CUFERRY_NEON int cuferry_is_zero_times_inf_##s(float##bits##_t a, float##bits##_t b) {                            \
    return (a == 0 && cuferry_is_inf_##s(b)) || (b == 0 && cuferry_is_inf_##s(a));                                  \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_mulx_##s(float##bits##_t a, float##bits##_t b) {                             \
    if (!cuferry_is_zero_times_inf_##s(a, b)) return a * b;                                                         \
    return ((cuferry_bits_##s(a) ^ cuferry_bits_##s(b)) >> (bits - 1)) ? (float##bits##_t)-2 : (float##bits##_t)2;  \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_fms_##s(float##bits##_t a, float##bits##_t b, float##bits##_t c) {           \
    return cuferry_fma_##s(a, cuferry_neg_##s(b), c);                                                               \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_mla_##s(float##bits##_t a, float##bits##_t b, float##bits##_t c) {           \
    return a + cuferry_opaque_##s(b * c);                                                                           \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_mls_##s(float##bits##_t a, float##bits##_t b, float##bits##_t c) {           \
    return a - cuferry_opaque_##s(b * c);                                                                           \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_recps_##s(float##bits##_t a, float##bits##_t b) {                            \
    return cuferry_is_zero_times_inf_##s(a, b) ? (float##bits##_t)2 : cuferry_fms_##s((float##bits##_t)2, a, b);    \
  }                                                                                                                 \
  CUFERRY_NEON float##bits##_t cuferry_rsqrts_##s(float##bits##_t a, float##bits##_t b) {                           \
    if (cuferry_is_zero_times_inf_##s(a, b)) return (float##bits##_t)1.5;                                           \
    /* Halved before the sum, not after it: twice the result may be too large. */                                   \
    return cuferry_halved_fms_##s(a, b);                                                                            \
  }                                                                                                                 \
  /* Integral, in one of five ways: 'z' to zero, 'm' down, 'p' up, 'n' nearest, ties to even, 'a' ties away. */     \
  CUFERRY_NEON float##bits##_t cuferry_integral_##s(float##bits##_t a, char way) {                                  \
    if (!(cuferry_abs_##s(a) < (float##bits##_t)((u)1 << fraction))) return a + 0;                                  \
    int64_t whole = (int64_t)a;                                                                                     \
    const float##bits##_t rest = a - (float##bits##_t)whole, size = cuferry_abs_##s(rest);                          \
    const int64_t away = rest < 0 ? -1 : 1;                                                                         \
    if (way == 'm' && rest < 0) whole--;                                                                            \
    if (way == 'p' && rest > 0) whole++;                                                                            \
    if (way == 'a' && size >= (float##bits##_t)0.5) whole += away;                                                  \
    if (way == 'n' && (size > (float##bits##_t)0.5 || (size == (float##bits##_t)0.5 && (whole & 1)))) whole += away; \
    const u sign = cuferry_bits_##s(a) & (u)1 << (bits - 1);                                                        \
    return cuferry_from_##s(cuferry_bits_##s(cuferry_abs_##s((float##bits##_t)whole)) | sign);                      \
  }

/* (3 - a * b) / 2, rounded once. A product that is infinite by itself stays so. */
CUFERRY_NEON float64_t cuferry_halved_fms_f64(float64_t a, float64_t b) {
  const float64_t smaller = a < 1 && a > -1 ? b : a, other = a < 1 && a > -1 ? a : b;
  return cuferry_fma_f64(1.5, -0.5 * smaller, other);
}
CUFERRY_NEON float32_t cuferry_halved_fms_f32(float32_t a, float32_t b) {
  const float32_t smaller = a < 1 && a > -1 ? b : a, other = a < 1 && a > -1 ? a : b;
  return cuferry_fma_f32(1.5f, -0.5f * smaller, other);
}
CUFERRY_NEON_SCALARS(f32, uint32_t, 32, 23)
CUFERRY_NEON_SCALARS(f64, uint64_t, 64, 52)

CUFERRY_NEON float32_t cuferry_sqrt_f32(float32_t a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
CUFERRY_NEON float64_t cuferry_sqrt_f64(float64_t a) { return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(a), _mm_set_sd(a))); }

/* The tables behind ARM's estimates, as its architecture manual computes them (RecipEstimate, RecipSqrtEstimate). */
CUFERRY_NEON unsigned cuferry_reciprocal_table(unsigned scaled) {
  return ((1u << 19) / (2 * scaled + 1) + 1) / 2;
}
CUFERRY_NEON unsigned cuferry_root_table(unsigned scaled) {
  unsigned root = 512;
  const unsigned argument = scaled < 256 ? 2 * scaled + 1 : (scaled / 2 * 2 + 1) * 2;
  while (argument * (root + 1) * (root + 1) < (1u << 28)) root++;
  return (root + 1) / 2;
}
/* `a`'s bits, as those of a format with `width` bits, of which `fraction` are the fraction's. */
CUFERRY_NEON uint64_t cuferry_reciprocal(uint64_t a, int width, int fraction) {
  const uint64_t sign = a & (uint64_t)1 << (width - 1), size = a ^ sign;
  const int most = (1 << (width - 1 - fraction)) - 1;
  int exponent = (int)(size >> fraction);
  uint64_t rest = (size & (((uint64_t)1 << fraction) - 1)) << (52 - fraction);
  if (exponent == most) return rest ? a | (uint64_t)1 << (fraction - 1) : sign;
  /* Less than a quarter of the smallest normal number. */
  if (size < (uint64_t)1 << (fraction - 2)) return sign | (uint64_t)most << fraction;
  if (exponent == 0) {
    if (rest >> 51) {
      rest <<= 1;
    } else {
      exponent = -1;
      rest <<= 2;
    }
  }
  const unsigned estimate = cuferry_reciprocal_table(256 | (unsigned)(rest >> 44 & 0xff));
  exponent = most - 2 - exponent;
  rest = (uint64_t)(estimate & 0xff) << 44;
  if (exponent == 0) rest = (uint64_t)1 << 51 | rest >> 1;
  if (exponent == -1) rest = (uint64_t)1 << 50 | rest >> 2;
  return sign | (uint64_t)(exponent < 0 ? 0 : exponent) << fraction | rest >> (52 - fraction);
}
CUFERRY_NEON uint64_t cuferry_root(uint64_t a, int width, int fraction) {
  const uint64_t sign = a & (uint64_t)1 << (width - 1), size = a ^ sign;
  const int most = (1 << (width - 1 - fraction)) - 1;
  int exponent = (int)(size >> fraction);
  uint64_t rest = (size & (((uint64_t)1 << fraction) - 1)) << (52 - fraction);
  if (exponent == most && rest) return a | (uint64_t)1 << (fraction - 1);
  if (size == 0) return sign | (uint64_t)most << fraction;
  if (sign) return ((uint64_t)most << fraction) | (uint64_t)1 << (fraction - 1);
  if (exponent == most) return 0;
  if (exponent == 0) {
    for (; !(rest >> 51 & 1); rest <<= 1) exponent--;
    rest <<= 1;
  }
  const unsigned upper = (unsigned)(rest >> 44 & 0xff);
  const unsigned estimate = cuferry_root_table(exponent & 1 ? 128 | upper >> 1 : 256 | upper);
  exponent = (3 * (most / 2) - 1 - exponent) / 2;
  return (uint64_t)exponent << fraction | (uint64_t)(estimate & 0xff) << (fraction - 8);
}
CUFERRY_NEON uint64_t cuferry_exponent_reciprocal(uint64_t a, int width, int fraction) {
  const uint64_t sign = a & (uint64_t)1 << (width - 1), size = a ^ sign, most = ((uint64_t)1 << (width - 1 - fraction)) - 1;
  const uint64_t exponent = size >> fraction;
  if (exponent == most && (size & (((uint64_t)1 << fraction) - 1))) return a | (uint64_t)1 << (fraction - 1);
  return sign | (exponent == 0 ? most - 1 : exponent ^ most) << fraction;
}
#define CUFERRY_NEON_ESTIMATES(s, e, u, width, fraction)                                                            \
  CUFERRY_NEON e cuferry_recpe_##s(e a) { return cuferry_from_##s((u)cuferry_reciprocal(cuferry_bits_##s(a), width, fraction)); } \
  CUFERRY_NEON e cuferry_rsqrte_##s(e a) { return cuferry_from_##s((u)cuferry_root(cuferry_bits_##s(a), width, fraction)); } \
  CUFERRY_NEON e cuferry_recpx_##s(e a) {                                                                           \
    return cuferry_from_##s((u)cuferry_exponent_reciprocal(cuferry_bits_##s(a), width, fraction));                  \
  }
CUFERRY_NEON_ESTIMATES(f16, float16_t, uint16_t, 16, 10)
CUFERRY_NEON_ESTIMATES(f32, float32_t, uint32_t, 32, 23)
CUFERRY_NEON_ESTIMATES(f64, float64_t, uint64_t, 64, 52)

/* Halves: computed as floats, which is exact enough that rounding to a half rounds but once; fused sums as doubles. */
#define CUFERRY_NEON_HALF_OF_1(op) \
  CUFERRY_NEON float16_t cuferry_##op##_f16(float16_t a) { return cuferry_half(cuferry_##op##_f32(cuferry_float(a))); }
#define CUFERRY_NEON_HALF_OF_2(op)                                                  \
  CUFERRY_NEON float16_t cuferry_##op##_f16(float16_t a, float16_t b) {             \
    return cuferry_half(cuferry_##op##_f32(cuferry_float(a), cuferry_float(b)));    \
  }
CUFERRY_NEON_HALF_OF_1(sqrt)
CUFERRY_NEON_HALF_OF_2(add)
CUFERRY_NEON_HALF_OF_2(sub)
CUFERRY_NEON_HALF_OF_2(mul)
CUFERRY_NEON_HALF_OF_2(div)
CUFERRY_NEON_HALF_OF_2(max)
CUFERRY_NEON_HALF_OF_2(min)
CUFERRY_NEON_HALF_OF_2(mulx)
CUFERRY_NEON float16_t cuferry_abs_f16(float16_t a) { return cuferry_from_f16(cuferry_bits_f16(a) & 0x7fff); }
CUFERRY_NEON float16_t cuferry_neg_f16(float16_t a) { return cuferry_from_f16(cuferry_bits_f16(a) ^ 0x8000); }
CUFERRY_NEON float16_t cuferry_abd_f16(float16_t a, float16_t b) { return cuferry_abs_f16(cuferry_sub_f16(a, b)); }
CUFERRY_NEON int cuferry_signals_f16(float16_t a) {
  return (cuferry_bits_f16(a) & 0x7fff) > 0x7c00 && !(cuferry_bits_f16(a) & 0x200);
}
#define CUFERRY_NEON_HALF_NUMBER(op, other)                                                                         \
  CUFERRY_NEON float16_t cuferry_##op##_f16(float16_t a, float16_t b) {                                             \
    if (cuferry_signals_f16(a) || cuferry_signals_f16(b)) return cuferry_add_f16(a, b);                             \
    return cuferry_is_nan_f32(cuferry_float(a)) ? b : cuferry_is_nan_f32(cuferry_float(b)) ? a : cuferry_##other##_f16(a, b); \
  }
CUFERRY_NEON_HALF_NUMBER(maxnm, max)
CUFERRY_NEON_HALF_NUMBER(minnm, min)
CUFERRY_NEON float16_t cuferry_fma_f16(float16_t a, float16_t b, float16_t c) {
  return cuferry_half((double)cuferry_float(a) + (double)cuferry_float(b) * (double)cuferry_float(c));
}
CUFERRY_NEON float16_t cuferry_fms_f16(float16_t a, float16_t b, float16_t c) {
  return cuferry_fma_f16(a, cuferry_neg_f16(b), c);
}
CUFERRY_NEON float16_t cuferry_recps_f16(float16_t a, float16_t b) {
  const float x = cuferry_float(a), y = cuferry_float(b);
  return cuferry_half(cuferry_is_zero_times_inf_f32(x, y) ? 2.0 : 2.0 - (double)x * (double)y);
}
CUFERRY_NEON float16_t cuferry_rsqrts_f16(float16_t a, float16_t b) {
  const float x = cuferry_float(a), y = cuferry_float(b);
  return cuferry_half(cuferry_is_zero_times_inf_f32(x, y) ? 1.5 : (3.0 - (double)x * (double)y) / 2);
}
CUFERRY_NEON float16_t cuferry_integral_f16(float16_t a, char way) {
  return cuferry_half(cuferry_integral_f32(cuferry_float(a), way));
}
