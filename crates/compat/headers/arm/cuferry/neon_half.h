/* float16_t and bfloat16_t, where x86 compilers have none that behaves as ARM's.
 *
 * ARM's __fp16 is a storage type: arithmetic on it happens in float. In C, _Float16 comes closest, where the compiler
 * has it. In C++ (and so in CUDA) a class that converts to float and back does just what __fp16 does. Where neither is
 * possible (C with clang 14 or gcc 11) it is a structure: it can be moved, but arithmetic on it does not compile.
 * bfloat16_t has no arithmetic on ARM either. */
#ifndef CUFERRY_NEON_HALF_H
#define CUFERRY_NEON_HALF_H

#include <stdint.h>
#include <string.h>

#define CUFERRY_NEON static __inline__ __attribute__((__always_inline__, __unused__))

/* The nearest half, ties to even: bits of a float16_t. */
CUFERRY_NEON uint16_t cuferry_half_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 48 & 0x8000u);
  const int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
  uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
  if (exponent == 1024) return (uint16_t)(sign | 0x7c00u | (fraction ? 0x200u | (unsigned)(fraction >> 42) : 0u));
  if (exponent > 15) return (uint16_t)(sign | 0x7c00u);
  if (exponent < -25) return sign;
  fraction |= (uint64_t)1 << 52;
  const int dropped = exponent < -14 ? 28 - exponent : 42;
  const uint64_t rest = fraction & (((uint64_t)1 << dropped) - 1), tie = (uint64_t)1 << (dropped - 1);
  uint64_t kept = fraction >> dropped;
  kept += rest > tie || (rest == tie && (kept & 1));
  /* A carry out of the fraction raises the exponent, as it should. */
  if (exponent >= -14) kept += (uint64_t)(exponent + 14) << 10;
  return (uint16_t)(sign | kept);
}

CUFERRY_NEON float cuferry_half_value(uint16_t bits) {
  const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16, exponent = bits >> 10 & 31u, fraction = bits & 0x3ffu;
  uint32_t whole;
  float value;
  if (exponent == 0) {
    value = (float)fraction * (1.0f / 16777216.0f);
    memcpy(&whole, &value, sizeof whole);
    whole |= sign;
  } else if (exponent == 31) {
    whole = sign | 0x7f800000u | (fraction ? 0x400000u | fraction << 13 : 0u);
  } else {
    whole = sign | (exponent + 112u) << 23 | fraction << 13;
  }
  memcpy(&value, &whole, sizeof value);
  return value;
}

#if defined(__cplusplus)
#if defined(__CUDACC__)
#define CUFERRY_NEON_HOST __host__
#else
#define CUFERRY_NEON_HOST
#endif
struct cuferry_float16 {
  uint16_t bits;
#if __cplusplus >= 201103L
  cuferry_float16() = default;
#else
  cuferry_float16() {}
#endif
#define CUFERRY_NEON_FROM(type) \
  CUFERRY_NEON_HOST cuferry_float16(type value) : bits(cuferry_half_bits((double)value)) {}
  CUFERRY_NEON_FROM(float)
  CUFERRY_NEON_FROM(double)
  CUFERRY_NEON_FROM(int)
  CUFERRY_NEON_FROM(unsigned)
  CUFERRY_NEON_FROM(long)
  CUFERRY_NEON_FROM(unsigned long)
  CUFERRY_NEON_FROM(bool)
#undef CUFERRY_NEON_FROM
  CUFERRY_NEON_HOST operator float() const { return cuferry_half_value(bits); }
#define CUFERRY_NEON_ASSIGN(sign)                                       \
  CUFERRY_NEON_HOST cuferry_float16 &operator sign##=(double value) {   \
    return *this = cuferry_float16((float)*this sign value);            \
  }                                                                     \
  CUFERRY_NEON_HOST cuferry_float16 &operator sign##=(float value) {    \
    return *this = cuferry_float16((float)*this sign value);            \
  }                                                                     \
  CUFERRY_NEON_HOST cuferry_float16 &operator sign##=(int value) {      \
    return *this = cuferry_float16((float)*this sign (float)value);     \
  }                                                                     \
  CUFERRY_NEON_HOST cuferry_float16 &operator sign##=(cuferry_float16 value) { \
    return *this = cuferry_float16((float)*this sign (float)value);     \
  }
  CUFERRY_NEON_ASSIGN(+)
  CUFERRY_NEON_ASSIGN(-)
  CUFERRY_NEON_ASSIGN(*)
  CUFERRY_NEON_ASSIGN(/)
#undef CUFERRY_NEON_ASSIGN
};
typedef cuferry_float16 float16_t;
#elif defined(__FLT16_MANT_DIG__)
typedef _Float16 float16_t;
#define CUFERRY_NEON_FLOAT16_IS_NATIVE 1
#else
typedef struct {
  uint16_t bits;
} float16_t;
#endif

typedef struct {
  uint16_t bits;
} bfloat16_t;

CUFERRY_NEON float16_t cuferry_half(double value) {
  const uint16_t bits = cuferry_half_bits(value);
  float16_t half;
  memcpy(&half, &bits, sizeof half);
  return half;
}

CUFERRY_NEON float cuferry_float(float16_t half) {
  uint16_t bits;
  memcpy(&bits, &half, sizeof bits);
  return cuferry_half_value(bits);
}

/* The nearest bfloat16, ties to even; a NaN stays one. */
CUFERRY_NEON bfloat16_t cuferry_bfloat(float value) {
  uint32_t bits;
  bfloat16_t result;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    result.bits = (uint16_t)(bits >> 16 | 0x40u);
  } else {
    result.bits = (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
  }
  return result;
}

CUFERRY_NEON float cuferry_bfloat_value(bfloat16_t half) {
  const uint32_t bits = (uint32_t)half.bits << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#endif
