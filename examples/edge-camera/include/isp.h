// The image signal processor: five stages that turn what the sensor read into a sharp luma image and its statistics.
//
// Each function queues one kernel on `stream` and returns at once. Channels are linear light, from 0 to 1.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "calibration.h"
#include "image.h"

// What the pipeline puts out: two thirds of the sensor's resolution.
constexpr int output_width = 640;
constexpr int output_height = 360;

// How much red, green and blue add to brightness (ITU-R BT.709).
constexpr float luma_red = 0.2126f;
constexpr float luma_green = 0.7152f;
constexpr float luma_blue = 0.0722f;

// The sharpening kernel is this many pixels wide and high.
constexpr int sharpen_size = 5;

// Counts of luma in 256 steps. All integers, so the order in which threads add up cannot show.
struct Statistics {
  static constexpr int bins = 256;
  unsigned int histogram[bins];
  // Of bin numbers, over all pixels.
  unsigned long long sum;
  unsigned long long sum_of_squares;
};

// Puts the calibration's gains and matrix into constant memory. Waits for nothing: synchronize the device before the first frame.
void upload_colour(const Calibration& calibration);

// Puts the sharpening weights into constant memory; likewise.
void upload_sharpen_weights();

// The weights: row by row, their sum is 1. They have few bits, so floats hold them exactly.
void sharpen_weights(float (&weights)[sharpen_size * sharpen_size]);

// Bayer RGGB to red, green and blue by bilinear interpolation; the black level becomes 0 and the sensor's white 1.
void demosaic(ImageView<const std::uint16_t> raw, ImageView<float4> rgb, int black_level, cudaStream_t stream);

// White balance, then the colour matrix; luma goes into `w`.
void correct_colour(ImageView<const float4> rgb, ImageView<float4> corrected, cudaStream_t stream);

// Scales to the size of `resized`; the texture unit interpolates between four neighbours.
void resize(cudaTextureObject_t source, int source_width, int source_height, ImageView<float4> resized, cudaStream_t stream);

// Convolves the luma in `w` with the sharpening weights; pixels beyond the border repeat it.
void sharpen(ImageView<const float4> image, ImageView<float> luma, cudaStream_t stream);

// Adds to `statistics`, in device memory, which must be zero before.
void gather_statistics(ImageView<const float> luma, Statistics* statistics, cudaStream_t stream);

// The way to read `image` with interpolation, in units of pixels, repeating the border. The caller destroys it.
cudaTextureObject_t make_texture(ImageView<const float4> image);
