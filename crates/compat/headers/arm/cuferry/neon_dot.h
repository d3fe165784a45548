/* Products of small matrices and groups of four, and of bfloat16 numbers. */

#define CUFERRY_NEON_MIXED_DOT(q, r_t, u_t, s_t, n)                                                                 \
  CUFERRY_NEON r_t vusdot##q##_s32(r_t r, u_t a, s_t b) {                                                           \
    for (int i = 0; i < n; i++) {                                                                                   \
      uint32_t sum = (uint32_t)r[i];                                                                                \
      for (int k = 0; k < 4; k++) sum += (uint32_t)((int32_t)a[4 * i + k] * b[4 * i + k]);                          \
      r[i] = (int32_t)sum;                                                                                          \
    }                                                                                                               \
    return r;                                                                                                       \
  }
CUFERRY_NEON_MIXED_DOT(, int32x2_t, uint8x8_t, int8x8_t, 2)
CUFERRY_NEON_MIXED_DOT(q, int32x4_t, uint8x16_t, int8x16_t, 4)
/* One group of four bytes, as often as there are lanes. */
#define CUFERRY_NEON_GROUP(q, s, from) vreinterpret##q##_##s##_s32(vdup##q##_n_s32(CUFERRY_AT(int32_t, from, lane)))
#define CUFERRY_NEON_MIXED_DOT_BY_LANE(q, r_t, u_t, s_t, form, ul_t, sl_t)                                          \
  CUFERRY_NEON r_t vusdot##q##_##form##_s32(r_t r, u_t a, sl_t b, const int lane) {                                 \
    return vusdot##q##_s32(r, a, CUFERRY_NEON_GROUP(q, s8, b));                                                   \
  }                                                                                                                 \
  CUFERRY_NEON r_t vsudot##q##_##form##_s32(r_t r, s_t a, ul_t b, const int lane) {                                 \
    return vusdot##q##_s32(r, CUFERRY_NEON_GROUP(q, u8, b), a);                                                   \
  }
CUFERRY_NEON_MIXED_DOT_BY_LANE(, int32x2_t, uint8x8_t, int8x8_t, lane, uint8x8_t, int8x8_t)
CUFERRY_NEON_MIXED_DOT_BY_LANE(, int32x2_t, uint8x8_t, int8x8_t, laneq, uint8x16_t, int8x16_t)
CUFERRY_NEON_MIXED_DOT_BY_LANE(q, int32x4_t, uint8x16_t, int8x16_t, lane, uint8x8_t, int8x8_t)
CUFERRY_NEON_MIXED_DOT_BY_LANE(q, int32x4_t, uint8x16_t, int8x16_t, laneq, uint8x16_t, int8x16_t)

/* Two rows of eight, times two columns of eight. */
#define CUFERRY_NEON_MATRIX(name, r_t, e, a_t, b_t)                                                                 \
  CUFERRY_NEON r_t name(r_t r, a_t a, b_t b) {                                                                      \
    for (int i = 0; i < 4; i++) {                                                                                   \
      uint32_t sum = (uint32_t)r[i];                                                                                \
      for (int k = 0; k < 8; k++) sum += (uint32_t)((int32_t)a[i / 2 * 8 + k] * (int32_t)b[i % 2 * 8 + k]);         \
      r[i] = (e)sum;                                                                                                \
    }                                                                                                               \
    return r;                                                                                                       \
  }
CUFERRY_NEON_MATRIX(vmmlaq_s32, int32x4_t, int32_t, int8x16_t, int8x16_t)
CUFERRY_NEON_MATRIX(vmmlaq_u32, uint32x4_t, uint32_t, uint8x16_t, uint8x16_t)
CUFERRY_NEON_MATRIX(vusmmlaq_s32, int32x4_t, int32_t, uint8x16_t, int8x16_t)

/* Conversions of bfloat16. */
CUFERRY_NEON bfloat16_t vcvth_bf16_f32(float32_t a) { return cuferry_bfloat(a); }
CUFERRY_NEON float32_t vcvtah_f32_bf16(bfloat16_t a) { return cuferry_bfloat_value(a); }
CUFERRY_NEON bfloat16x4_t vcvt_bf16_f32(float32x4_t a) {
  bfloat16x4_t r;
  for (int i = 0; i < 4; i++) CUFERRY_AT(bfloat16_t, r, i) = cuferry_bfloat(a[i]);
  return r;
}
CUFERRY_NEON float32x4_t vcvt_f32_bf16(bfloat16x4_t a) {
  float32x4_t r;
  for (int i = 0; i < 4; i++) r[i] = cuferry_bfloat_value(CUFERRY_AT(bfloat16_t, a, i));
  return r;
}
CUFERRY_NEON float32x4_t vcvtq_low_f32_bf16(bfloat16x8_t a) { return vcvt_f32_bf16(vget_low_bf16(a)); }
CUFERRY_NEON float32x4_t vcvtq_high_f32_bf16(bfloat16x8_t a) { return vcvt_f32_bf16(vget_high_bf16(a)); }
CUFERRY_NEON bfloat16x8_t vcvtq_low_bf16_f32(float32x4_t a) { return vcombine_bf16(vcvt_bf16_f32(a), vcreate_bf16(0)); }
CUFERRY_NEON bfloat16x8_t vcvtq_high_bf16_f32(bfloat16x8_t r, float32x4_t a) {
  return vcombine_bf16(vget_low_bf16(r), vcvt_bf16_f32(a));
}

/* The arithmetic of BFDOT and BFMMLA: rounded to odd, without subnormal numbers. */
CUFERRY_NEON float32_t cuferry_flushed(float32_t a) {
  return cuferry_abs_f32(a) < 1.17549435e-38f ? cuferry_from_f32(cuferry_bits_f32(a) & 0x80000000u) : a;
}
CUFERRY_NEON float32_t cuferry_flushed_odd(float64_t exact) {
  if (cuferry_abs_f64(exact) < 1.17549435082228750797e-38) return cuferry_from_f32((uint32_t)(cuferry_bits_f64(exact) >> 32) & 0x80000000u);
  if (cuferry_abs_f64(exact) >= 340282366920938463463374607431768211456.0) return (float32_t)exact;
  return vcvtxd_f32_f64(exact);
}
CUFERRY_NEON float32_t cuferry_odd_sum(float32_t a, float32_t b) {
  const float64_t x = (float64_t)cuferry_flushed(a), y = (float64_t)cuferry_flushed(b), sum = cuferry_opaque_f64(x + y);
  const float64_t part = cuferry_opaque_f64(sum - x);
  const float64_t lost = cuferry_opaque_f64(x - (sum - part)) + cuferry_opaque_f64(y - part);
  uint64_t bits = cuferry_bits_f64(sum);
  if (sum - sum == 0 && lost != 0 && !(bits & 1)) bits += (lost > 0) == (sum > 0) ? 1 : ~(uint64_t)0;
  return cuferry_flushed_odd(cuferry_from_f64(bits));
}
CUFERRY_NEON float32_t cuferry_odd_product(bfloat16_t a, bfloat16_t b) {
  return cuferry_flushed_odd((float64_t)cuferry_flushed(cuferry_bfloat_value(a)) * (float64_t)cuferry_flushed(cuferry_bfloat_value(b)));
}
/* Of the pairs at `i` and `j` of two vectors. */
#define CUFERRY_NEON_BF(v, i) CUFERRY_AT(bfloat16_t, v, i)
#define CUFERRY_NEON_BF_DOT(sum, a, i, b, j)                                                             \
  cuferry_odd_sum(sum, cuferry_odd_sum(cuferry_odd_product(CUFERRY_NEON_BF(a, i), CUFERRY_NEON_BF(b, j)), \
                                       cuferry_odd_product(CUFERRY_NEON_BF(a, (i) + 1), CUFERRY_NEON_BF(b, (j) + 1))))
#define CUFERRY_NEON_BF_DOTS(q, r_t, v_t, n)                                                                        \
  CUFERRY_NEON r_t vbfdot##q##_f32(r_t r, v_t a, v_t b) {                                                           \
    for (int i = 0; i < n; i++) r[i] = CUFERRY_NEON_BF_DOT(r[i], a, 2 * i, b, 2 * i);                               \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON r_t vbfdot##q##_lane_f32(r_t r, v_t a, bfloat16x4_t b, const int lane) {                             \
    for (int i = 0; i < n; i++) r[i] = CUFERRY_NEON_BF_DOT(r[i], a, 2 * i, b, 2 * lane);                            \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON r_t vbfdot##q##_laneq_f32(r_t r, v_t a, bfloat16x8_t b, const int lane) {                            \
    for (int i = 0; i < n; i++) r[i] = CUFERRY_NEON_BF_DOT(r[i], a, 2 * i, b, 2 * lane);                            \
    return r;                                                                                                       \
  }
CUFERRY_NEON_BF_DOTS(, float32x2_t, bfloat16x4_t, 2)
CUFERRY_NEON_BF_DOTS(q, float32x4_t, bfloat16x8_t, 4)
CUFERRY_NEON float32x4_t vbfmmlaq_f32(float32x4_t r, bfloat16x8_t a, bfloat16x8_t b) {
  for (int i = 0; i < 4; i++) {
    const float32_t sum = CUFERRY_NEON_BF_DOT(r[i], a, i / 2 * 4, b, i % 2 * 4);
    r[i] = CUFERRY_NEON_BF_DOT(sum, a, i / 2 * 4 + 2, b, i % 2 * 4 + 2);
  }
  return r;
}

/* Every second lane, added to floats: these round as floats do. */
#define CUFERRY_NEON_BF_LONG(letter, first)                                                                         \
  CUFERRY_NEON float32x4_t vbfmlal##letter##q_f32(float32x4_t r, bfloat16x8_t a, bfloat16x8_t b) {                  \
    for (int i = 0; i < 4; i++)                                                                                     \
      r[i] = cuferry_fma_f32(r[i], cuferry_bfloat_value(CUFERRY_NEON_BF(a, 2 * i + first)), cuferry_bfloat_value(CUFERRY_NEON_BF(b, 2 * i + first))); \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON float32x4_t vbfmlal##letter##q_lane_f32(float32x4_t r, bfloat16x8_t a, bfloat16x4_t b, const int lane) { \
    return vbfmlal##letter##q_f32(r, a, vdupq_lane_bf16(b, lane));                                                  \
  }                                                                                                                 \
  CUFERRY_NEON float32x4_t vbfmlal##letter##q_laneq_f32(float32x4_t r, bfloat16x8_t a, bfloat16x8_t b, const int lane) { \
    return vbfmlal##letter##q_f32(r, a, vdupq_laneq_bf16(b, lane));                                                 \
  }
CUFERRY_NEON_BF_LONG(b, 0)
CUFERRY_NEON_BF_LONG(t, 1)
