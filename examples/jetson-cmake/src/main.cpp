// vibration: filters a signal that it makes itself, packs it for a radio, and finds its spectrum.
//
//   vibration         all of it; the GPU's spectrum is compared with one in double precision
//   vibration --cpu   the CPU's part alone, printed to the last bit

#include "vibration.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_usage = 2;
constexpr double error_limit = 1e-4;

// Three triangle waves and noise, exact in floats: the same on every machine.
float triangle(int i, int period) {
  const int phase = i % period;
  return static_cast<float>(2 * phase < period ? phase : period - phase) / 1024.0f - static_cast<float>(period) / 4096.0f;
}

std::vector<float> signal() {
  std::vector<float> samples(sample_count + tap_count);
  std::uint32_t random = 1;
  for (int i = 0; i < static_cast<int>(samples.size()); ++i) {
    random = random * 1664525u + 1013904223u;
    const float noise = static_cast<float>(static_cast<std::int32_t>(random) >> 20) / 4096.0f;
    samples[static_cast<std::size_t>(i)] = 16.0f * triangle(i, 512) + 8.0f * triangle(i, 100) + noise;
  }
  return samples;
}

template <typename T>
std::uint32_t checksum(const std::vector<T>& values) {
  std::uint32_t sum = 0;
  for (const T value : values) sum = sum * 31 + static_cast<std::uint32_t>(value);
  return sum;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool cpu_only = argument_count == 2 && std::strcmp(arguments[1], "--cpu") == 0;
  if (argument_count > 1 && !cpu_only) {
    std::fprintf(stderr, "usage: vibration [--cpu]\n");
    return exit_usage;
  }
  if (!cpu_only) require_device();

  float taps[tap_count];
  for (int k = 0; k < tap_count; ++k) taps[k] = static_cast<float>(k < tap_count / 2 ? k + 1 : tap_count - k) / 272.0f;
  const std::vector<float> samples = signal();
  std::vector<float> filtered(sample_count);
  low_pass(samples, taps, filtered);

  if (cpu_only) {
    std::vector<std::int16_t> fixed(sample_count);
    std::vector<std::uint16_t> halves(sample_count);
    std::vector<std::uint8_t> bytes(sample_count);
    pack(filtered, fixed, halves);
    for (int i = 0; i < sample_count; i += 301) std::printf("sample %4d   %a   %d   %04x\n", i, filtered[i], fixed[i], halves[i]);
    for (const int gain : {1000, 20000, 32767, -32768}) {
      apply_gain(fixed, gain, bytes);
      std::printf("gain %6d   bytes %08x\n", gain, checksum(bytes));
    }
    std::printf("fixed %08x   halves %08x\n", checksum(fixed), checksum(halves));
    return 0;
  }

  float power[bin_count];
  spectrum(filtered, power);
  const double turn = 2.0 * std::acos(-1.0) / sample_count;
  double largest = 0.0;
  for (int bin = 0; bin < bin_count; ++bin) {
    double cosine = 0.0, sine = 0.0;
    for (int i = 0; i < sample_count; ++i) {
      const double angle = turn * (bin * i % sample_count);
      cosine += filtered[static_cast<std::size_t>(i)] * std::cos(angle);
      sine += filtered[static_cast<std::size_t>(i)] * std::sin(angle);
    }
    const double expected = (cosine * cosine + sine * sine) / sample_count;
    const double error = std::fabs(power[bin] - expected) / (1.0 + expected);
    // A NaN must not pass for no error.
    largest = std::isnan(error) ? HUGE_VAL : std::max(largest, error);
  }
  const bool good = largest <= error_limit;
  std::printf("%s: largest error %.2g\n", good ? "PASS" : "FAIL", largest);
  return good ? 0 : exit_fail;
}
