// Samples to bytes, by saturating NEON instructions: a doubling product, a rounding and narrowing shift.
#include "vibration.h"

#include <arm_neon.h>

void apply_gain(const std::vector<std::int16_t>& fixed, int gain, std::vector<std::uint8_t>& bytes) {
  const int16x8_t factor = vdupq_n_s16(static_cast<std::int16_t>(gain));
  const int16x8_t middle = vdupq_n_s16(16384);
  for (std::size_t i = 0; i < fixed.size(); i += 8) {
    int16x8_t value = vqrdmulhq_s16(vld1q_s16(&fixed[i]), factor);
    value = vqaddq_s16(value, middle);
    value = vqshlq_s16(value, vdupq_n_s16(1));
    vst1_u8(&bytes[i], vqrshrun_n_s16(value, 8));
  }
}
