// A camera sensor that needs no camera: a test chart behind a Bayer filter, lit, amplified and noisy.
#pragma once

#include <cstdint>

#include "image.h"

// Red and green alternate in even rows, green and blue in odd ones (RGGB). Both sizes are multiples of 6: of the Bayer pattern's 2
// and the resizer's 3.
constexpr int sensor_width = 960;
constexpr int sensor_height = 540;
// Twelve bits a pixel.
constexpr int sensor_white = 4095;

// A gain of 1: gains count in 256ths, because integers come out the same on every processor.
constexpr int gain_one = 256;

// Takes frame number `frame` with `gain` and the sensor's `black_level`. The same arguments give the same bits everywhere.
void capture(ImageView<std::uint16_t> raw, int frame, int gain, int black_level);
