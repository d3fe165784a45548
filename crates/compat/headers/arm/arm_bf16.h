/* ARM's bfloat16_t. */
#ifndef CUFERRY_ARM_BF16_H
#define CUFERRY_ARM_BF16_H
#pragma GCC system_header
#if defined(__aarch64__) || defined(__arm__)
#include_next <arm_bf16.h>
#else
#include "cuferry/neon_half.h"
typedef float float32_t;
#endif
#endif
