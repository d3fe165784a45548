// The low-pass filter and the packing of its result. NEON throughout: it runs on Jetsons.
#include "vibration.h"

#include <arm_neon.h>

void low_pass(const std::vector<float>& samples, const float (&taps)[tap_count], std::vector<float>& filtered) {
  for (std::size_t i = 0; i < filtered.size(); i += 4) {
    float32x4_t sum = vdupq_n_f32(0.0f);
    for (int k = 0; k < tap_count; k += 4) {
      const float32x4_t four = vld1q_f32(&taps[k]);
      sum = vfmaq_laneq_f32(sum, vld1q_f32(&samples[i + k]), four, 0);
      sum = vfmaq_laneq_f32(sum, vld1q_f32(&samples[i + k + 1]), four, 1);
      sum = vfmaq_laneq_f32(sum, vld1q_f32(&samples[i + k + 2]), four, 2);
      sum = vfmaq_laneq_f32(sum, vld1q_f32(&samples[i + k + 3]), four, 3);
    }
    // The sensor saturates at 1.5.
    sum = vminq_f32(vmaxq_f32(sum, vdupq_n_f32(-1.5f)), vdupq_n_f32(1.5f));
    vst1q_f32(&filtered[i], sum);
  }
}

void pack(const std::vector<float>& filtered, std::vector<std::int16_t>& fixed, std::vector<std::uint16_t>& halves) {
  for (std::size_t i = 0; i < filtered.size(); i += 8) {
    const float32x4_t low = vld1q_f32(&filtered[i]), high = vld1q_f32(&filtered[i + 4]);
    // 15 bits behind the point: what is above 1 stays at the limit.
    const int16x4_t low_fixed = vqmovn_s32(vcvtaq_s32_f32(vmulq_n_f32(low, 32768.0f)));
    const int16x4_t high_fixed = vqmovn_s32(vcvtaq_s32_f32(vmulq_n_f32(high, 32768.0f)));
    vst1q_s16(&fixed[i], vcombine_s16(low_fixed, high_fixed));
    const float16x8_t half = vcombine_f16(vcvt_f16_f32(low), vcvt_f16_f32(high));
    vst1q_u16(&halves[i], vreinterpretq_u16_f16(vmulq_n_f16(half, 0.5f)));
  }
}
