// The same five stages on the CPU, slow and simple, and how far the GPU's results lie from them.
#pragma once

#include <array>
#include <cstdint>

#include "calibration.h"
#include "image.h"
#include "isp.h"

// What went into a frame's first stage, and what came out of each.
struct FrameResults {
  ImageView<const std::uint16_t> raw;
  ImageView<const float4> demosaiced, corrected, resized;
  ImageView<const float> sharpened;
  const Statistics& statistics;
};

// A stage's name, and how far from the reference it may be.
struct Stage {
  const char* name;
  double limit;
};

constexpr int stage_count = 5;

// Demosaic and statistics round nothing, or once: they must be equal. The others add up a few products of numbers up to 4, in floats
// that hold 24 bits; the texture unit's own arithmetic is not specified, so resizing is given more room.
constexpr std::array<Stage, stage_count> stages = {{
    {"demosaic", 0.0},
    {"colour", 4e-6},
    {"resize", 2e-5},
    {"sharpen", 5e-6},
    {"statistics", 0.0},
}};

// Each stage's largest absolute difference. Each gets what the GPU's own stage got, so that an error shows where it arises; in double
// precision, so that the numbers are the same whatever processor computes them. Infinite where the GPU's result is not a number.
std::array<double, stage_count> largest_errors(const FrameResults& results, const Calibration& calibration);
