// Integers up to the last division and root, so that the gain, and with it the next frame, is the same on every processor.
#include "exposure.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

constexpr std::uint64_t pixels = static_cast<std::uint64_t>(output_width) * output_height;

// Of 255: linear light, so a good deal below the middle.
constexpr std::uint64_t target_mean = 90;

constexpr std::uint64_t least_gain = 16;
constexpr std::uint64_t most_gain = 4096;

}  // namespace

double mean(const Statistics& statistics) { return static_cast<double>(statistics.sum) / static_cast<double>(pixels); }

double contrast(const Statistics& statistics) {
  const std::uint64_t variance = pixels * statistics.sum_of_squares - statistics.sum * statistics.sum;
  return std::sqrt(static_cast<double>(variance)) / static_cast<double>(pixels);
}

int next_gain(int gain, const Statistics& statistics) {
  const std::uint64_t now = static_cast<std::uint64_t>(gain);
  const std::uint64_t sum = std::max<std::uint64_t>(statistics.sum, 1);
  const std::uint64_t wanted = now * target_mean * pixels / sum;
  return static_cast<int>(std::clamp(std::clamp(wanted, now / 2, now * 2), least_gain, most_gain));
}
