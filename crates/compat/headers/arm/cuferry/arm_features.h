/* The macros by which sources choose ARM's side: for a user who asks for it, since many `#if`s of theirs mean more than
 * intrinsics by it. To be included before all else (-include). Extensions of the architecture are not among them. */
#ifndef CUFERRY_ARM_FEATURES_H
#define CUFERRY_ARM_FEATURES_H
#if !defined(__aarch64__) && !defined(__arm__)
#define __ARM_NEON 1
#define __ARM_FP 14
#define __ARM_FP16_ARGS 1
#define __ARM_FP16_FORMAT_IEEE 1
#define __ARM_FEATURE_CLZ 1
#define __ARM_FEATURE_FMA 1
#define __ARM_FEATURE_IDIV 1
#define __ARM_FEATURE_NUMERIC_MAXMIN 1
#define __ARM_FEATURE_UNALIGNED 1
#endif
#endif
