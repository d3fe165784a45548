/* The vector types that SIMDe lacks (polynomials, halves), lists of all types, and access to their lanes. */
#ifndef CUFERRY_NEON_TYPES_H
#define CUFERRY_NEON_TYPES_H

#include "neon_half.h"

/* Polynomials are unsigned integers here: overloads that differ in nothing else clash, and do not compile. */
typedef uint8_t poly8_t;
typedef uint16_t poly16_t;
typedef uint64_t poly64_t;
__extension__ typedef unsigned __int128 poly128_t;
__extension__ typedef __int128 cuferry_wide;
__extension__ typedef unsigned __int128 cuferry_unsigned_wide;

#define CUFERRY_NEON_VECTOR(element, name, bytes) typedef element name __attribute__((__vector_size__(bytes)))
CUFERRY_NEON_VECTOR(poly8_t, poly8x8_t, 8);
CUFERRY_NEON_VECTOR(poly16_t, poly16x4_t, 8);
CUFERRY_NEON_VECTOR(poly64_t, poly64x1_t, 8);
CUFERRY_NEON_VECTOR(poly8_t, poly8x16_t, 16);
CUFERRY_NEON_VECTOR(poly16_t, poly16x8_t, 16);
CUFERRY_NEON_VECTOR(poly64_t, poly64x2_t, 16);

#if defined(__cplusplus)
#define CUFERRY_NEON_SUBSCRIPT(element)              \
  element &operator[](int i) { return lane[i]; }     \
  const element &operator[](int i) const { return lane[i]; }
#else
#define CUFERRY_NEON_SUBSCRIPT(element)
#endif
#define CUFERRY_NEON_STRUCTURE(element, name, lanes) \
  typedef struct name {                              \
    element lane[lanes];                             \
    CUFERRY_NEON_SUBSCRIPT(element)                  \
  } __attribute__((__aligned__(2 * lanes))) name
#if defined(CUFERRY_NEON_FLOAT16_IS_NATIVE)
CUFERRY_NEON_VECTOR(float16_t, float16x4_t, 8);
CUFERRY_NEON_VECTOR(float16_t, float16x8_t, 16);
#else
CUFERRY_NEON_STRUCTURE(float16_t, float16x4_t, 4);
CUFERRY_NEON_STRUCTURE(float16_t, float16x8_t, 8);
#endif
CUFERRY_NEON_STRUCTURE(bfloat16_t, bfloat16x4_t, 4);
CUFERRY_NEON_STRUCTURE(bfloat16_t, bfloat16x8_t, 8);

/* Each list calls its macro with: `q` or nothing, the suffix, the vector without `_t`, the element, the lanes. */
#define CUFERRY_NEON_SIGNED_D(M) M(, s8, int8x8, int8_t, 8) M(, s16, int16x4, int16_t, 4) M(, s32, int32x2, int32_t, 2) M(, s64, int64x1, int64_t, 1)
#define CUFERRY_NEON_SIGNED_Q(M) M(q, s8, int8x16, int8_t, 16) M(q, s16, int16x8, int16_t, 8) M(q, s32, int32x4, int32_t, 4) M(q, s64, int64x2, int64_t, 2)
#define CUFERRY_NEON_UNSIGNED_D(M) M(, u8, uint8x8, uint8_t, 8) M(, u16, uint16x4, uint16_t, 4) M(, u32, uint32x2, uint32_t, 2) M(, u64, uint64x1, uint64_t, 1)
#define CUFERRY_NEON_UNSIGNED_Q(M) M(q, u8, uint8x16, uint8_t, 16) M(q, u16, uint16x8, uint16_t, 8) M(q, u32, uint32x4, uint32_t, 4) M(q, u64, uint64x2, uint64_t, 2)
#define CUFERRY_NEON_FLOAT_D(M) M(, f32, float32x2, float32_t, 2) M(, f64, float64x1, float64_t, 1)
#define CUFERRY_NEON_FLOAT_Q(M) M(q, f32, float32x4, float32_t, 4) M(q, f64, float64x2, float64_t, 2)
#define CUFERRY_NEON_POLY_D(M) M(, p8, poly8x8, poly8_t, 8) M(, p16, poly16x4, poly16_t, 4) M(, p64, poly64x1, poly64_t, 1)
#define CUFERRY_NEON_POLY_Q(M) M(q, p8, poly8x16, poly8_t, 16) M(q, p16, poly16x8, poly16_t, 8) M(q, p64, poly64x2, poly64_t, 2)
#define CUFERRY_NEON_HALF_D(M) M(, f16, float16x4, float16_t, 4) M(, bf16, bfloat16x4, bfloat16_t, 4)
#define CUFERRY_NEON_HALF_Q(M) M(q, f16, float16x8, float16_t, 8) M(q, bf16, bfloat16x8, bfloat16_t, 8)

#define CUFERRY_NEON_INTEGER_D(M) CUFERRY_NEON_SIGNED_D(M) CUFERRY_NEON_UNSIGNED_D(M)
#define CUFERRY_NEON_INTEGER_Q(M) CUFERRY_NEON_SIGNED_Q(M) CUFERRY_NEON_UNSIGNED_Q(M)
#define CUFERRY_NEON_INTEGER(M) CUFERRY_NEON_INTEGER_D(M) CUFERRY_NEON_INTEGER_Q(M)
#define CUFERRY_NEON_SIGNED(M) CUFERRY_NEON_SIGNED_D(M) CUFERRY_NEON_SIGNED_Q(M)
#define CUFERRY_NEON_UNSIGNED(M) CUFERRY_NEON_UNSIGNED_D(M) CUFERRY_NEON_UNSIGNED_Q(M)
#define CUFERRY_NEON_FLOAT(M) CUFERRY_NEON_FLOAT_D(M) CUFERRY_NEON_FLOAT_Q(M)
#define CUFERRY_NEON_POLY(M) CUFERRY_NEON_POLY_D(M) CUFERRY_NEON_POLY_Q(M)
/* What SIMDe has, what it lacks, and both. */
#define CUFERRY_NEON_OLD_D(M) CUFERRY_NEON_INTEGER_D(M) CUFERRY_NEON_FLOAT_D(M)
#define CUFERRY_NEON_OLD_Q(M) CUFERRY_NEON_INTEGER_Q(M) CUFERRY_NEON_FLOAT_Q(M)
#define CUFERRY_NEON_NEW_D(M) CUFERRY_NEON_POLY_D(M) CUFERRY_NEON_HALF_D(M)
#define CUFERRY_NEON_NEW_Q(M) CUFERRY_NEON_POLY_Q(M) CUFERRY_NEON_HALF_Q(M)
#define CUFERRY_NEON_NEW(M) CUFERRY_NEON_NEW_D(M) CUFERRY_NEON_NEW_Q(M)
#define CUFERRY_NEON_ALL_D(M) CUFERRY_NEON_OLD_D(M) CUFERRY_NEON_NEW_D(M)
#define CUFERRY_NEON_ALL_Q(M) CUFERRY_NEON_OLD_Q(M) CUFERRY_NEON_NEW_Q(M)
#define CUFERRY_NEON_ALL(M) CUFERRY_NEON_ALL_D(M) CUFERRY_NEON_ALL_Q(M)

/* A macro is not expanded within itself: a list within a list needs a second name. */
#define CUFERRY_NEON_OTHER_OLD_D(M, a, b) M(a, b, s8, int8x8) M(a, b, s16, int16x4) M(a, b, s32, int32x2) M(a, b, s64, int64x1) M(a, b, u8, uint8x8) M(a, b, u16, uint16x4) M(a, b, u32, uint32x2) M(a, b, u64, uint64x1) M(a, b, f32, float32x2) M(a, b, f64, float64x1)
#define CUFERRY_NEON_OTHER_OLD_Q(M, a, b) M(a, b, s8, int8x16) M(a, b, s16, int16x8) M(a, b, s32, int32x4) M(a, b, s64, int64x2) M(a, b, u8, uint8x16) M(a, b, u16, uint16x8) M(a, b, u32, uint32x4) M(a, b, u64, uint64x2) M(a, b, f32, float32x4) M(a, b, f64, float64x2)

#define CUFERRY_NEON_TUPLES(q, s, v, e, n)  \
  typedef struct v##x2_t { v##_t val[2]; } v##x2_t; \
  typedef struct v##x3_t { v##_t val[3]; } v##x3_t; \
  typedef struct v##x4_t { v##_t val[4]; } v##x4_t;
CUFERRY_NEON_NEW(CUFERRY_NEON_TUPLES)

/* Lane `i` of a variable, to read and to write. */
#define CUFERRY_AT(e, v, i) (((e *)(void *)&(v))[i])

#endif
