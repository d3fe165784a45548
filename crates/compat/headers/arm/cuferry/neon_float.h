/* Arithmetic on vectors of floats, doubles and halves. */

/* Vectors of floating-point numbers, with the vector and the element that a comparison gives. */
#define CUFERRY_NEON_F32(M) M(, f32, float32x2, float32_t, 2, uint32x2, uint32_t) M(q, f32, float32x4, float32_t, 4, uint32x4, uint32_t)
#define CUFERRY_NEON_F64(M) M(, f64, float64x1, float64_t, 1, uint64x1, uint64_t) M(q, f64, float64x2, float64_t, 2, uint64x2, uint64_t)
#define CUFERRY_NEON_FLOAT64(M) M(, f64, float64x1, float64_t, 1) M(q, f64, float64x2, float64_t, 2)
#define CUFERRY_NEON_F16(M) M(, f16, float16x4, float16_t, 4, uint16x4, uint16_t) M(q, f16, float16x8, float16_t, 8, uint16x8, uint16_t)
#define CUFERRY_NEON_REAL(M) CUFERRY_NEON_F32(M) CUFERRY_NEON_F64(M) CUFERRY_NEON_F16(M)

#define CUFERRY_NEON_OF_1(name, op, q, s, v, e, n)                                                                  \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a) {                                                                       \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, a, i) = cuferry_##op##_##s(CUFERRY_AT(e, a, i));                      \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_OF_2(name, op, q, s, v, e, n)                                                                  \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t b) {                                                              \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, a, i) = cuferry_##op##_##s(CUFERRY_AT(e, a, i), CUFERRY_AT(e, b, i)); \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_OF_3(name, op, q, s, v, e, n)                                                                  \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t b, v##_t c) {                                                     \
    for (int i = 0; i < n; i++)                                                                                     \
      CUFERRY_AT(e, a, i) = cuferry_##op##_##s(CUFERRY_AT(e, a, i), CUFERRY_AT(e, b, i), CUFERRY_AT(e, c, i));      \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_INTEGRAL(name, way, q, s, v, e, n)                                                             \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a) {                                                                       \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, a, i) = cuferry_integral_##s(CUFERRY_AT(e, a, i), way);               \
    return a;                                                                                                       \
  }
#define CUFERRY_NEON_COMMON(q, s, v, e, n, uv, u)            \
  CUFERRY_NEON_OF_1(vrecpe, recpe, q, s, v, e, n)            \
  CUFERRY_NEON_OF_1(vrsqrte, rsqrte, q, s, v, e, n)          \
  CUFERRY_NEON_OF_2(vabd, abd, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vmaxnm, maxnm, q, s, v, e, n)            \
  CUFERRY_NEON_OF_2(vminnm, minnm, q, s, v, e, n)            \
  CUFERRY_NEON_OF_2(vmulx, mulx, q, s, v, e, n)              \
  CUFERRY_NEON_OF_2(vrecps, recps, q, s, v, e, n)            \
  CUFERRY_NEON_OF_2(vrsqrts, rsqrts, q, s, v, e, n)          \
  CUFERRY_NEON_INTEGRAL(vrnd, 'z', q, s, v, e, n)            \
  CUFERRY_NEON_INTEGRAL(vrnda, 'a', q, s, v, e, n)           \
  CUFERRY_NEON_INTEGRAL(vrndi, 'n', q, s, v, e, n)           \
  CUFERRY_NEON_INTEGRAL(vrndm, 'm', q, s, v, e, n)           \
  CUFERRY_NEON_INTEGRAL(vrndn, 'n', q, s, v, e, n)           \
  CUFERRY_NEON_INTEGRAL(vrndp, 'p', q, s, v, e, n)           \
  CUFERRY_NEON_INTEGRAL(vrndx, 'n', q, s, v, e, n)
CUFERRY_NEON_REAL(CUFERRY_NEON_COMMON)

/* The operations that inner loops are made of: four floats have SSE for them (below). */
#define CUFERRY_NEON_BASIC(q, s, v, e, n)                    \
  CUFERRY_NEON_OF_1(vabs, abs, q, s, v, e, n)                \
  CUFERRY_NEON_OF_1(vsqrt, sqrt, q, s, v, e, n)              \
  CUFERRY_NEON_OF_2(vdiv, div, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vmax, max, q, s, v, e, n)                \
  CUFERRY_NEON_OF_2(vmin, min, q, s, v, e, n)                \
  CUFERRY_NEON_OF_3(vfma, fma, q, s, v, e, n)                \
  CUFERRY_NEON_OF_3(vfms, fms, q, s, v, e, n)
CUFERRY_NEON_BASIC(, f32, float32x2, float32_t, 2)
CUFERRY_NEON_FLOAT64(CUFERRY_NEON_BASIC)
CUFERRY_NEON_BASIC(, f16, float16x4, float16_t, 4)
CUFERRY_NEON_BASIC(q, f16, float16x8, float16_t, 8)
/* ARM's compilers give a product and a sum for these, rounded twice. */
#define CUFERRY_NEON_UNFUSED(q, s, v, e, n) \
  CUFERRY_NEON_OF_3(vmla, mla, q, s, v, e, n) CUFERRY_NEON_OF_3(vmls, mls, q, s, v, e, n)
CUFERRY_NEON_UNFUSED(, f32, float32x2, float32_t, 2)
CUFERRY_NEON_FLOAT64(CUFERRY_NEON_UNFUSED)

CUFERRY_NEON __m128 cuferry_m128(float32x4_t a) { __m128 r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON float32x4_t cuferry_f32x4(__m128 a) { float32x4_t r; memcpy(&r, &a, sizeof r); return r; }
CUFERRY_NEON __m128 cuferry_chosen(__m128 mask, __m128 a, __m128 b) {
  return _mm_or_ps(_mm_and_ps(mask, a), _mm_andnot_ps(mask, b));
}
CUFERRY_NEON __m128 cuferry_opaque_m128(__m128 a) { __asm__("" : "+x"(a)); return a; }
CUFERRY_NEON float32x4_t vabsq_f32(float32x4_t a) {
  return cuferry_f32x4(_mm_andnot_ps(_mm_set1_ps(-0.0f), cuferry_m128(a)));
}
CUFERRY_NEON float32x4_t vsqrtq_f32(float32x4_t a) { return cuferry_f32x4(_mm_sqrt_ps(cuferry_m128(a))); }
CUFERRY_NEON float32x4_t vdivq_f32(float32x4_t a, float32x4_t b) {
  return cuferry_f32x4(_mm_div_ps(cuferry_m128(a), cuferry_m128(b)));
}
/* x86's give the second of two zeros, and of a number and a NaN. ARM's give +0 or -0, and the NaN. */
CUFERRY_NEON float32x4_t vmaxq_f32(float32x4_t a, float32x4_t b) {
  const __m128 x = cuferry_m128(a), y = cuferry_m128(b);
  const __m128 number = cuferry_chosen(_mm_cmpeq_ps(x, y), _mm_and_ps(x, y), _mm_max_ps(x, y));
  return cuferry_f32x4(cuferry_chosen(_mm_cmpunord_ps(x, y), _mm_add_ps(x, y), number));
}
CUFERRY_NEON float32x4_t vminq_f32(float32x4_t a, float32x4_t b) {
  const __m128 x = cuferry_m128(a), y = cuferry_m128(b);
  const __m128 number = cuferry_chosen(_mm_cmpeq_ps(x, y), _mm_or_ps(x, y), _mm_min_ps(x, y));
  return cuferry_f32x4(cuferry_chosen(_mm_cmpunord_ps(x, y), _mm_add_ps(x, y), number));
}
CUFERRY_NEON float32x4_t vmlaq_f32(float32x4_t a, float32x4_t b, float32x4_t c) {
  const __m128 product = cuferry_opaque_m128(_mm_mul_ps(cuferry_m128(b), cuferry_m128(c)));
  return cuferry_f32x4(_mm_add_ps(cuferry_m128(a), product));
}
CUFERRY_NEON float32x4_t vmlsq_f32(float32x4_t a, float32x4_t b, float32x4_t c) {
  const __m128 product = cuferry_opaque_m128(_mm_mul_ps(cuferry_m128(b), cuferry_m128(c)));
  return cuferry_f32x4(_mm_sub_ps(cuferry_m128(a), product));
}
#if defined(__FMA__)
CUFERRY_NEON float32x4_t vfmaq_f32(float32x4_t a, float32x4_t b, float32x4_t c) {
  return cuferry_f32x4(_mm_fmadd_ps(cuferry_m128(b), cuferry_m128(c), cuferry_m128(a)));
}
CUFERRY_NEON float32x4_t vfmsq_f32(float32x4_t a, float32x4_t b, float32x4_t c) {
  return cuferry_f32x4(_mm_fnmadd_ps(cuferry_m128(b), cuferry_m128(c), cuferry_m128(a)));
}
#else
CUFERRY_NEON_OF_3(vfma, fma, q, f32, float32x4, float32_t, 4)
CUFERRY_NEON_OF_3(vfms, fms, q, f32, float32x4, float32_t, 4)
#endif

/* With one factor for all lanes, given itself or as a lane of a vector of 64 (`d`) or 128 bits (`w`). */
#define CUFERRY_NEON_BY_SCALAR(name, q, s, v, d, w, e)                                                              \
  CUFERRY_NEON v##_t name##q##_n_##s(v##_t a, v##_t b, e c) { return name##q##_##s(a, b, vdup##q##_n_##s(c)); }     \
  CUFERRY_NEON v##_t name##q##_lane_##s(v##_t a, v##_t b, d##_t c, const int lane) {                                \
    return name##q##_n_##s(a, b, CUFERRY_AT(e, c, lane));                                                           \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_laneq_##s(v##_t a, v##_t b, w##_t c, const int lane) {                               \
    return name##q##_n_##s(a, b, CUFERRY_AT(e, c, lane));                                                           \
  }
#define CUFERRY_NEON_SCALAR_BY_LANE(name, op, l, s, d, w, e)                                                        \
  CUFERRY_NEON e name##l##_lane_##s(e a, e b, d##_t c, const int lane) {                                            \
    return cuferry_##op##_##s(a, b, CUFERRY_AT(e, c, lane));                                                        \
  }                                                                                                                 \
  CUFERRY_NEON e name##l##_laneq_##s(e a, e b, w##_t c, const int lane) {                                           \
    return cuferry_##op##_##s(a, b, CUFERRY_AT(e, c, lane));                                                        \
  }
#define CUFERRY_NEON_FUSED_BY_SCALAR(name, op)                                            \
  CUFERRY_NEON_BY_SCALAR(name, , f32, float32x2, float32x2, float32x4, float32_t)         \
  CUFERRY_NEON_BY_SCALAR(name, q, f32, float32x4, float32x2, float32x4, float32_t)        \
  CUFERRY_NEON_BY_SCALAR(name, , f64, float64x1, float64x1, float64x2, float64_t)         \
  CUFERRY_NEON_BY_SCALAR(name, q, f64, float64x2, float64x1, float64x2, float64_t)        \
  CUFERRY_NEON_BY_SCALAR(name, , f16, float16x4, float16x4, float16x8, float16_t)         \
  CUFERRY_NEON_BY_SCALAR(name, q, f16, float16x8, float16x4, float16x8, float16_t)        \
  CUFERRY_NEON_SCALAR_BY_LANE(name, op, s, f32, float32x2, float32x4, float32_t)          \
  CUFERRY_NEON_SCALAR_BY_LANE(name, op, d, f64, float64x1, float64x2, float64_t)          \
  CUFERRY_NEON_SCALAR_BY_LANE(name, op, h, f16, float16x4, float16x8, float16_t)
CUFERRY_NEON_FUSED_BY_SCALAR(vfma, fma)
CUFERRY_NEON_FUSED_BY_SCALAR(vfms, fms)
CUFERRY_NEON_BY_SCALAR(vmla, , f32, float32x2, float32x2, float32x4, float32_t)
CUFERRY_NEON_BY_SCALAR(vmla, q, f32, float32x4, float32x2, float32x4, float32_t)
CUFERRY_NEON_BY_SCALAR(vmls, , f32, float32x2, float32x2, float32x4, float32_t)
CUFERRY_NEON_BY_SCALAR(vmls, q, f32, float32x4, float32x2, float32x4, float32_t)

#define CUFERRY_NEON_PRODUCT_BY_LANE(name, q, s, v, d, w, e)                                                        \
  CUFERRY_NEON v##_t name##q##_lane_##s(v##_t a, d##_t b, const int lane) {                                         \
    return name##q##_##s(a, vdup##q##_n_##s(CUFERRY_AT(e, b, lane)));                                               \
  }                                                                                                                 \
  CUFERRY_NEON v##_t name##q##_laneq_##s(v##_t a, w##_t b, const int lane) {                                        \
    return name##q##_##s(a, vdup##q##_n_##s(CUFERRY_AT(e, b, lane)));                                               \
  }
#define CUFERRY_NEON_SCALAR_PRODUCT(name, op, l, s, d, w, e)                                                        \
  CUFERRY_NEON e name##l##_lane_##s(e a, d##_t b, const int lane) { return cuferry_##op##_##s(a, CUFERRY_AT(e, b, lane)); } \
  CUFERRY_NEON e name##l##_laneq_##s(e a, w##_t b, const int lane) { return cuferry_##op##_##s(a, CUFERRY_AT(e, b, lane)); }
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, , f32, float32x2, float32x2, float32x4, float32_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, q, f32, float32x4, float32x2, float32x4, float32_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, , f64, float64x1, float64x1, float64x2, float64_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, q, f64, float64x2, float64x1, float64x2, float64_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, , f16, float16x4, float16x4, float16x8, float16_t)
CUFERRY_NEON_PRODUCT_BY_LANE(vmulx, q, f16, float16x8, float16x4, float16x8, float16_t)
CUFERRY_NEON_SCALAR_PRODUCT(vmulx, mulx, s, f32, float32x2, float32x4, float32_t)
CUFERRY_NEON_SCALAR_PRODUCT(vmulx, mulx, d, f64, float64x1, float64x2, float64_t)
CUFERRY_NEON_SCALAR_PRODUCT(vmulx, mulx, h, f16, float16x4, float16x8, float16_t)

/* Neighbours: all pairs of two vectors, and all lanes of one, two by two. */
#define CUFERRY_NEON_PAIRWISE(name, op, q, s, v, e, n)                                                              \
  CUFERRY_NEON v##_t name##q##_##s(v##_t a, v##_t b) {                                                              \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n / 2; i++) {                                                                               \
      CUFERRY_AT(e, r, i) = cuferry_##op##_##s(CUFERRY_AT(e, a, 2 * i), CUFERRY_AT(e, a, 2 * i + 1));               \
      CUFERRY_AT(e, r, n / 2 + i) = cuferry_##op##_##s(CUFERRY_AT(e, b, 2 * i), CUFERRY_AT(e, b, 2 * i + 1));       \
    }                                                                                                               \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_ACROSS(name, op, s, v, e, n)                                                                   \
  CUFERRY_NEON e name##_##s(v##_t a) {                                                                              \
    for (int left = n / 2; left > 0; left /= 2)                                                                     \
      for (int i = 0; i < left; i++)                                                                                \
        CUFERRY_AT(e, a, i) = cuferry_##op##_##s(CUFERRY_AT(e, a, 2 * i), CUFERRY_AT(e, a, 2 * i + 1));             \
    return CUFERRY_AT(e, a, 0);                                                                                     \
  }
#define CUFERRY_NEON_NEIGHBOURS(op)                                            \
  CUFERRY_NEON_PAIRWISE(vp##op, op, , f32, float32x2, float32_t, 2)            \
  CUFERRY_NEON_PAIRWISE(vp##op, op, q, f32, float32x4, float32_t, 4)           \
  CUFERRY_NEON_PAIRWISE(vp##op, op, q, f64, float64x2, float64_t, 2)           \
  CUFERRY_NEON_PAIRWISE(vp##op, op, , f16, float16x4, float16_t, 4)            \
  CUFERRY_NEON_PAIRWISE(vp##op, op, q, f16, float16x8, float16_t, 8)           \
  CUFERRY_NEON_ACROSS(vp##op##s, op, f32, float32x2, float32_t, 2)             \
  CUFERRY_NEON_ACROSS(vp##op##qd, op, f64, float64x2, float64_t, 2)            \
  CUFERRY_NEON_ACROSS(v##op##v, op, f32, float32x2, float32_t, 2)              \
  CUFERRY_NEON_ACROSS(v##op##vq, op, f32, float32x4, float32_t, 4)             \
  CUFERRY_NEON_ACROSS(v##op##vq, op, f64, float64x2, float64_t, 2)             \
  CUFERRY_NEON_ACROSS(v##op##v, op, f16, float16x4, float16_t, 4)              \
  CUFERRY_NEON_ACROSS(v##op##vq, op, f16, float16x8, float16_t, 8)
CUFERRY_NEON_NEIGHBOURS(max)
CUFERRY_NEON_NEIGHBOURS(min)
CUFERRY_NEON_NEIGHBOURS(maxnm)
CUFERRY_NEON_NEIGHBOURS(minnm)
CUFERRY_NEON_ACROSS(vaddv, add, f32, float32x2, float32_t, 2)
CUFERRY_NEON_ACROSS(vaddvq, add, f32, float32x4, float32_t, 4)
CUFERRY_NEON_ACROSS(vaddvq, add, f64, float64x2, float64_t, 2)
CUFERRY_NEON_PAIRWISE(vpadd, add, , f16, float16x4, float16_t, 4)
CUFERRY_NEON_PAIRWISE(vpadd, add, q, f16, float16x8, float16_t, 8)

/* Numbers by themselves. */
#define CUFERRY_NEON_SINGLE_1(l, s, e, name) CUFERRY_NEON e v##name##l##_##s(e a) { return cuferry_##name##_##s(a); }
#define CUFERRY_NEON_SINGLE_2(l, s, e, name) CUFERRY_NEON e v##name##l##_##s(e a, e b) { return cuferry_##name##_##s(a, b); }
#define CUFERRY_NEON_SINGLES(l, s, e)        \
  CUFERRY_NEON_SINGLE_1(l, s, e, recpe)      \
  CUFERRY_NEON_SINGLE_1(l, s, e, recpx)      \
  CUFERRY_NEON_SINGLE_1(l, s, e, rsqrte)     \
  CUFERRY_NEON_SINGLE_2(l, s, e, abd)        \
  CUFERRY_NEON_SINGLE_2(l, s, e, mulx)       \
  CUFERRY_NEON_SINGLE_2(l, s, e, recps)      \
  CUFERRY_NEON_SINGLE_2(l, s, e, rsqrts)
CUFERRY_NEON_SINGLES(s, f32, float32_t)
CUFERRY_NEON_SINGLES(d, f64, float64_t)
CUFERRY_NEON_SINGLES(h, f16, float16_t)
CUFERRY_NEON float32_t vrndns_f32(float32_t a) { return cuferry_integral_f32(a, 'n'); }

/* Less, by size: greater the other way round. */
#define CUFERRY_NEON_BY_SIZE(q, s, v, e, n, uv, u)                                              \
  CUFERRY_NEON uv##_t vcale##q##_##s(v##_t a, v##_t b) { return vcage##q##_##s(b, a); }         \
  CUFERRY_NEON uv##_t vcalt##q##_##s(v##_t a, v##_t b) { return vcagt##q##_##s(b, a); }
CUFERRY_NEON_F32(CUFERRY_NEON_BY_SIZE)
CUFERRY_NEON_F64(CUFERRY_NEON_BY_SIZE)
CUFERRY_NEON uint32_t vcales_f32(float32_t a, float32_t b) { return vcages_f32(b, a); }
CUFERRY_NEON uint32_t vcalts_f32(float32_t a, float32_t b) { return vcagts_f32(b, a); }
CUFERRY_NEON uint64_t vcaled_f64(float64_t a, float64_t b) { return vcaged_f64(b, a); }
CUFERRY_NEON uint64_t vcaltd_f64(float64_t a, float64_t b) { return vcagtd_f64(b, a); }

/* Complex numbers, turned by 0, 90, 180 or 270 degrees: a part times `x` goes to the real sum, one times `y` to the
 * imaginary one. */
#define CUFERRY_NEON_TURNED_SUM(q, s, v, e, n, uv, u)                                                               \
  CUFERRY_NEON v##_t vcadd##q##_rot90_##s(v##_t a, v##_t b) {                                                       \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i += 2) {                                                                                \
      CUFERRY_AT(e, r, i) = cuferry_sub_##s(CUFERRY_AT(e, a, i), CUFERRY_AT(e, b, i + 1));                          \
      CUFERRY_AT(e, r, i + 1) = cuferry_add_##s(CUFERRY_AT(e, a, i + 1), CUFERRY_AT(e, b, i));                      \
    }                                                                                                               \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vcadd##q##_rot270_##s(v##_t a, v##_t b) {                                                      \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i += 2) {                                                                                \
      CUFERRY_AT(e, r, i) = cuferry_add_##s(CUFERRY_AT(e, a, i), CUFERRY_AT(e, b, i + 1));                          \
      CUFERRY_AT(e, r, i + 1) = cuferry_sub_##s(CUFERRY_AT(e, a, i + 1), CUFERRY_AT(e, b, i));                      \
    }                                                                                                               \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_TURNED(rot, part, x, xop, y, yop, q, s, v, e, n)                                               \
  CUFERRY_NEON v##_t vcmla##q##rot##_##s(v##_t a, v##_t b, v##_t c) {                                               \
    v##_t r;                                                                                                        \
    for (int i = 0; i < n; i += 2) {                                                                                \
      CUFERRY_AT(e, r, i) = cuferry_##xop##_##s(CUFERRY_AT(e, a, i), CUFERRY_AT(e, b, i + part), CUFERRY_AT(e, c, i + x)); \
      CUFERRY_AT(e, r, i + 1) = cuferry_##yop##_##s(CUFERRY_AT(e, a, i + 1), CUFERRY_AT(e, b, i + part), CUFERRY_AT(e, c, i + y)); \
    }                                                                                                               \
    return r;                                                                                                       \
  }
#define CUFERRY_NEON_TURNS(q, s, v, e, n)                                 \
  CUFERRY_NEON_TURNED(, 0, 0, fma, 1, fma, q, s, v, e, n)                 \
  CUFERRY_NEON_TURNED(_rot90, 1, 1, fms, 0, fma, q, s, v, e, n)           \
  CUFERRY_NEON_TURNED(_rot180, 0, 0, fms, 1, fms, q, s, v, e, n)          \
  CUFERRY_NEON_TURNED(_rot270, 1, 1, fma, 0, fms, q, s, v, e, n)
#define CUFERRY_NEON_TURNED_BY_LANE(rot, q, s, v, d, w, e, n)                                                       \
  CUFERRY_NEON v##_t vcmla##q##rot##_lane_##s(v##_t a, v##_t b, d##_t c, const int lane) {                          \
    v##_t pairs;                                                                                                    \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, pairs, i) = CUFERRY_AT(e, c, 2 * lane + i % 2);                       \
    return vcmla##q##rot##_##s(a, b, pairs);                                                                        \
  }                                                                                                                 \
  CUFERRY_NEON v##_t vcmla##q##rot##_laneq_##s(v##_t a, v##_t b, w##_t c, const int lane) {                         \
    v##_t pairs;                                                                                                    \
    for (int i = 0; i < n; i++) CUFERRY_AT(e, pairs, i) = CUFERRY_AT(e, c, 2 * lane + i % 2);                       \
    return vcmla##q##rot##_##s(a, b, pairs);                                                                        \
  }
#define CUFERRY_NEON_TURNS_BY_LANE(q, s, v, d, w, e, n)                   \
  CUFERRY_NEON_TURNED_BY_LANE(, q, s, v, d, w, e, n)                      \
  CUFERRY_NEON_TURNED_BY_LANE(_rot90, q, s, v, d, w, e, n)                \
  CUFERRY_NEON_TURNED_BY_LANE(_rot180, q, s, v, d, w, e, n)               \
  CUFERRY_NEON_TURNED_BY_LANE(_rot270, q, s, v, d, w, e, n)
CUFERRY_NEON_F32(CUFERRY_NEON_TURNED_SUM)
CUFERRY_NEON_F16(CUFERRY_NEON_TURNED_SUM)
CUFERRY_NEON_TURNED_SUM(q, f64, float64x2, float64_t, 2, , )
CUFERRY_NEON_TURNS(, f32, float32x2, float32_t, 2)
CUFERRY_NEON_TURNS(q, f32, float32x4, float32_t, 4)
CUFERRY_NEON_TURNS(q, f64, float64x2, float64_t, 2)
CUFERRY_NEON_TURNS(, f16, float16x4, float16_t, 4)
CUFERRY_NEON_TURNS(q, f16, float16x8, float16_t, 8)
CUFERRY_NEON_TURNS_BY_LANE(, f32, float32x2, float32x2, float32x4, float32_t, 2)
CUFERRY_NEON_TURNS_BY_LANE(q, f32, float32x4, float32x2, float32x4, float32_t, 4)
CUFERRY_NEON_TURNS_BY_LANE(, f16, float16x4, float16x4, float16x8, float16_t, 4)
CUFERRY_NEON_TURNS_BY_LANE(q, f16, float16x8, float16x4, float16x8, float16_t, 8)
