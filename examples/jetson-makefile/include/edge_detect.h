// The stages of edge-detect: colour to grey and its statistics on the CPU, edges on the GPU.
#pragma once

#include <cstdint>
#include <vector>

constexpr int image_width = 640;
constexpr int image_height = 360;

using Plane = std::vector<std::uint8_t>;

// What the CPU says of a grey image: the values that the exposure control of a camera would use.
struct Brightness {
  float mean;
  float deviation;
  float focus;               // mean square of the differences of neighbours: sharp images have more
  std::uint32_t energy;      // sum of squares, modulo 2^32
};

// Red, green and blue, byte by byte, to grey (grey.cpp, NEON throughout).
void to_grey(const Plane& colour, Plane& grey);
Brightness brightness(const Plane& grey);

// How many pixels have each value (histogram.cpp, NEON where the compiler has it).
void histogram(const Plane& grey, std::uint32_t (&counts)[256]);

// Sobel's operator on the GPU (sobel.cu), and the same on the CPU to compare with.
void sobel(const Plane& grey, Plane& edges);
int sobel_at(const std::uint8_t* grey, int x, int y);

// Ends the program with 3 where no CUDA device answers.
void require_device();
