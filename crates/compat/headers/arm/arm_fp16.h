/* ARM's intrinsics for one half-precision number: part of arm_neon.h here. */
#ifndef CUFERRY_ARM_FP16_H
#define CUFERRY_ARM_FP16_H
#pragma GCC system_header
#if defined(__aarch64__) || defined(__arm__)
#include_next <arm_fp16.h>
#else
#include "arm_neon.h"
#endif
#endif
