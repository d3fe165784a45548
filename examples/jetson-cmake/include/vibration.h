// Vibration of a machine, as a sensor sends it: filtered and packed on the CPU, its spectrum found on the GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

constexpr int tap_count = 32;
constexpr int sample_count = 4096;
constexpr int bin_count = 64;

// A low-pass filter by NEON (filter.cpp): `filtered[i]` is the sum of `taps[k] * samples[i + k]`.
void low_pass(const std::vector<float>& samples, const float (&taps)[tap_count], std::vector<float>& filtered);

// For the radio: 16 bits of fixed point, and half precision (filter.cpp).
void pack(const std::vector<float>& filtered, std::vector<std::int16_t>& fixed, std::vector<std::uint16_t>& halves);

// Samples to bytes with a gain, rounded and limited (gain.cpp).
void apply_gain(const std::vector<std::int16_t>& fixed, int gain, std::vector<std::uint8_t>& bytes);

// The power of each frequency on the GPU (spectrum.cu).
void spectrum(const std::vector<float>& filtered, float (&power)[bin_count]);

// Ends the program with 3 where no CUDA device answers.
void require_device();
