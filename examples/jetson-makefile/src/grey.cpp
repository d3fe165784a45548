// Colour to grey, and statistics of it, in NEON: on a Jetson there is always NEON, so there is no other way here.
#include "edge_detect.h"

#include <arm_neon.h>

#include <cstddef>

void to_grey(const Plane& colour, Plane& grey) {
  // 77 + 150 + 29 = 256: BT.601's weights.
  const uint8x8_t red = vdup_n_u8(77), green = vdup_n_u8(150), blue = vdup_n_u8(29);
  for (std::size_t i = 0; i < grey.size(); i += 8) {
    const uint8x8x3_t pixels = vld3_u8(&colour[3 * i]);
    uint16x8_t sum = vmull_u8(pixels.val[0], red);
    sum = vmlal_u8(sum, pixels.val[1], green);
    sum = vmlal_u8(sum, pixels.val[2], blue);
    vst1_u8(&grey[i], vrshrn_n_u16(sum, 8));
  }
}

Brightness brightness(const Plane& grey) {
  const float count = static_cast<float>(grey.size());

  // Sixteen pixels a step: their sum, and the sum of their squares.
  uint32x4_t sums = vdupq_n_u32(0), squares = vdupq_n_u32(0);
  for (std::size_t i = 0; i < grey.size(); i += 16) {
    const uint8x16_t pixels = vld1q_u8(&grey[i]);
    sums = vpadalq_u16(sums, vpaddlq_u8(pixels));
    squares = vdotq_u32(squares, pixels, pixels);
  }
  const float mean = static_cast<float>(vaddvq_u32(sums)) / count;

  // Deviation and focus in floats, four pixels a step.
  float32x4_t deviation = vdupq_n_f32(0.0f), focus = vdupq_n_f32(0.0f);
  const float32x4_t centre = vdupq_n_f32(mean), sixteenth = vdupq_n_f32(0.0625f);
  for (std::size_t i = 0; i + 12 < grey.size(); i += 8) {
    const uint16x8_t here = vmovl_u8(vld1_u8(&grey[i])), next = vmovl_u8(vld1_u8(&grey[i + 1]));
    const int16x8_t slope = vreinterpretq_s16_u16(vsubq_u16(next, here));
    const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(here)));
    const float32x4_t high = vcvtq_f32_u32(vmovl_u16(vget_high_u16(here)));
    const float32x4_t low_rest = vsubq_f32(low, centre), high_rest = vsubq_f32(high, centre);
    deviation = vfmaq_f32(deviation, low_rest, low_rest);
    deviation = vfmaq_f32(deviation, high_rest, high_rest);
    const float32x4_t low_slope = vcvtq_f32_s32(vmovl_s16(vget_low_s16(slope)));
    const float32x4_t high_slope = vcvtq_f32_s32(vmovl_s16(vget_high_s16(slope)));
    focus = vmlaq_f32(focus, vmulq_f32(low_slope, sixteenth), low_slope);
    focus = vmlaq_f32(focus, vmulq_f32(high_slope, sixteenth), high_slope);
  }
  // A root by two steps of Newton's from the CPU's estimate, as image pipelines do it.
  const float variance = vaddvq_f32(deviation) / count;
  const float32x2_t argument = vdup_n_f32(variance);
  float32x2_t root = vrsqrte_f32(argument);
  root = vmul_f32(root, vrsqrts_f32(vmul_f32(argument, root), root));
  root = vmul_f32(root, vrsqrts_f32(vmul_f32(argument, root), root));
  return {mean, vget_lane_f32(vmul_f32(argument, root), 0), vaddvq_f32(focus) / count, vaddvq_u32(squares)};
}
