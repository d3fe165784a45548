// A histogram: NEON where the compiler has it, plain C++ elsewhere. Both count the same.
#include "edge_detect.h"

#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

void histogram(const Plane& grey, std::uint32_t (&counts)[256]) {
#ifdef __ARM_NEON
  // Four tables, so that neighbours of one value do not wait for one another.
  std::uint32_t tables[4][256] = {};
  for (std::size_t i = 0; i < grey.size(); i += 8) {
    const uint64_t pixels = vget_lane_u64(vreinterpret_u64_u8(vld1_u8(&grey[i])), 0);
    for (int k = 0; k < 8; ++k) ++tables[k % 4][pixels >> 8 * k & 0xff];
  }
  for (int value = 0; value < 256; value += 4) {
    uint32x4_t sum = vaddq_u32(vld1q_u32(&tables[0][value]), vld1q_u32(&tables[1][value]));
    sum = vaddq_u32(sum, vaddq_u32(vld1q_u32(&tables[2][value]), vld1q_u32(&tables[3][value])));
    vst1q_u32(&counts[value], sum);
  }
#else
  for (std::uint32_t& count : counts) count = 0;
  for (const std::uint8_t pixel : grey) ++counts[pixel];
#endif
}
