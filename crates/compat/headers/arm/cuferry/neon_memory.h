/* Loads and stores of several vectors. */

#define CUFERRY_NEON_INTERLEAVED(q, s, v, e, n, c)                                                                  \
  CUFERRY_NEON v##x##c##_t vld##c##q##_##s(const e *from) {                                                         \
    v##x##c##_t r;                                                                                                  \
    for (int i = 0; i < n; i++)                                                                                     \
      for (int k = 0; k < c; k++) CUFERRY_AT(e, r.val[k], i) = from[i * c + k];                                     \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON void vst##c##q##_##s(e *to, v##x##c##_t a) {                                                         \
    for (int i = 0; i < n; i++)                                                                                     \
      for (int k = 0; k < c; k++) to[i * c + k] = CUFERRY_AT(e, a.val[k], i);                                       \
  }                                                                                                                 \
  CUFERRY_NEON void vst##c##q##_lane_##s(e *to, v##x##c##_t a, const int lane) {                                    \
    for (int k = 0; k < c; k++) to[k] = CUFERRY_AT(e, a.val[k], lane);                                              \
  }                                                                                                                 \
  CUFERRY_NEON v##x##c##_t vld1##q##_##s##_x##c(const e *from) { v##x##c##_t r; memcpy(&r, from, sizeof r); return r; }

#define CUFERRY_NEON_LOAD_LANE(q, s, v, e, n, c)                                                                    \
  CUFERRY_NEON v##x##c##_t vld##c##q##_lane_##s(const e *from, v##x##c##_t a, const int lane) {                     \
    for (int k = 0; k < c; k++) CUFERRY_AT(e, a.val[k], lane) = from[k];                                            \
    return a;                                                                                                       \
  }

#define CUFERRY_NEON_LOAD_DUPLICATE(q, s, v, e, n, c)                                                               \
  CUFERRY_NEON v##x##c##_t vld##c##q##_dup_##s(const e *from) {                                                     \
    v##x##c##_t r;                                                                                                  \
    for (int i = 0; i < n; i++)                                                                                     \
      for (int k = 0; k < c; k++) CUFERRY_AT(e, r.val[k], i) = from[k];                                             \
    return r;                                                                                                       \
  }                                                                                                                 \
  CUFERRY_NEON void vst1##q##_##s##_x##c(e *to, v##x##c##_t a) { memcpy(to, &a, sizeof a); }

#define CUFERRY_NEON_TRIPLE(q, s, v, e, n) \
  CUFERRY_NEON_INTERLEAVED(q, s, v, e, n, 2) CUFERRY_NEON_INTERLEAVED(q, s, v, e, n, 3) CUFERRY_NEON_INTERLEAVED(q, s, v, e, n, 4)
CUFERRY_NEON_NEW(CUFERRY_NEON_TRIPLE)

#define CUFERRY_NEON_EVERY(q, s, v, e, n)                                                                           \
  CUFERRY_NEON_LOAD_LANE(q, s, v, e, n, 2) CUFERRY_NEON_LOAD_LANE(q, s, v, e, n, 3)                                 \
  CUFERRY_NEON_LOAD_LANE(q, s, v, e, n, 4)                                                                          \
  CUFERRY_NEON_LOAD_DUPLICATE(q, s, v, e, n, 2) CUFERRY_NEON_LOAD_DUPLICATE(q, s, v, e, n, 3)                       \
  CUFERRY_NEON_LOAD_DUPLICATE(q, s, v, e, n, 4)
CUFERRY_NEON_ALL(CUFERRY_NEON_EVERY)

CUFERRY_NEON int64x2x4_t vld1q_s64_x4(const int64_t *from) { int64x2x4_t r; memcpy(&r, from, sizeof r); return r; }
CUFERRY_NEON poly128_t vldrq_p128(const poly128_t *from) { poly128_t r; memcpy(&r, from, sizeof r); return r; }
CUFERRY_NEON void vstrq_p128(poly128_t *to, poly128_t a) { memcpy(to, &a, sizeof a); }
