/* ARM's NEON intrinsics on x86_64: SIMDe's, with what SIMDe lacks or gives other results for.
 *
 * Wants SIMDe 0.7.4 on the include path (`simde/arm/neon.h`). Results equal an ARM CPU's bit for bit, but for the sign
 * and the payload of NaNs. */
#ifndef CUFERRY_ARM_NEON_H
#define CUFERRY_ARM_NEON_H
#pragma GCC system_header

#if defined(__aarch64__) || defined(__arm__)
#include_next <arm_neon.h>
#else

#define SIMDE_ENABLE_NATIVE_ALIASES
/* Whoever defines these, by cuferry/arm_features.h or by -D, is not on ARM: SIMDe must not take it for that. */
#pragma push_macro("__ARM_ARCH")
#undef __ARM_ARCH
#pragma push_macro("__ARM_NEON")
#undef __ARM_NEON
#pragma push_macro("__ARM_FEATURE_SVE")
#undef __ARM_FEATURE_SVE
#pragma push_macro("__ARM_FEATURE_FP16_VECTOR_ARITHMETIC")
#undef __ARM_FEATURE_FP16_VECTOR_ARITHMETIC
#pragma push_macro("__ARM_FP16_FORMAT_IEEE")
#undef __ARM_FP16_FORMAT_IEEE
/* SIMDe's names for halves step aside for ours. */
#define float16_t cuferry_simde_float16_t
#define float16x4_t cuferry_simde_float16x4_t
#define float16x8_t cuferry_simde_float16x8_t
#include <immintrin.h>
#include <simde/simde-common.h>
#if defined(__CUDACC__) && defined(__CUDACC_VER_MAJOR__) && __CUDACC_VER_MAJOR__ < 12
/* CUDA 11's front end knows no scalar beside a vector, and no cast of what a comparison of vectors gives. */
#undef SIMDE_VECTOR_SUBSCRIPT_OPS
#undef SIMDE_VECTOR_SUBSCRIPT_SCALAR
#endif
#include <simde/arm/neon.h>
#undef float16_t
#undef float16x4_t
#undef float16x8_t
#pragma pop_macro("__ARM_ARCH")
#pragma pop_macro("__ARM_NEON")
#pragma pop_macro("__ARM_FEATURE_SVE")
#pragma pop_macro("__ARM_FEATURE_FP16_VECTOR_ARITHMETIC")
#pragma pop_macro("__ARM_FP16_FORMAT_IEEE")

#include "cuferry/neon_undef.h"

#include "cuferry/neon_types.h"

#include "cuferry/neon_move.h"

#include "cuferry/neon_memory.h"

#include "cuferry/neon_integer.h"

#include "cuferry/neon_saturating.h"

#include "cuferry/neon_scalar.h"

#include "cuferry/neon_float.h"

#include "cuferry/neon_convert.h"

#include "cuferry/neon_float16.h"

#include "cuferry/neon_dot.h"

#include "cuferry/neon_crypto.h"

#endif
#endif
