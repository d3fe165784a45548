/* ARM's types that need no header there: __fp16 and __bf16. To be included before all else (-include). */
#ifndef CUFERRY_ARM_TYPES_H
#define CUFERRY_ARM_TYPES_H
#pragma GCC system_header
#if !defined(__aarch64__) && !defined(__arm__) && !defined(__ASSEMBLER__)
#include "neon_half.h"
/* In C, clang knows __fp16 itself. */
#if defined(__cplusplus) || (defined(CUFERRY_NEON_FLOAT16_IS_NATIVE) && !defined(__clang__))
#define __fp16 float16_t
#endif
#define __bf16 bfloat16_t
#endif
#endif
