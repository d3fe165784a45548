// Stage 2: from what the sensor sees to what a display shows, with the calibration in constant memory.
#include "cuda_check.h"
#include "isp.h"
#include "launch.cuh"

namespace {

struct ColourConstants {
  float gains[3];
  float matrix[9];
};

__constant__ ColourConstants colour;

__global__ void correct_colour_kernel(ImageView<const float4> rgb, ImageView<float4> corrected) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= rgb.width || y >= rgb.height) return;

  const float4 pixel = rgb.at(x, y);
  // Cut off at white before colours mix: else a channel that is full turns highlights pink.
  const float red = fminf(pixel.x * colour.gains[0], 1.0f);
  const float green = fminf(pixel.y * colour.gains[1], 1.0f);
  const float blue = fminf(pixel.z * colour.gains[2], 1.0f);
  const float* m = colour.matrix;
  float4 result;
  result.x = clamp_to_one(m[0] * red + m[1] * green + m[2] * blue);
  result.y = clamp_to_one(m[3] * red + m[4] * green + m[5] * blue);
  result.z = clamp_to_one(m[6] * red + m[7] * green + m[8] * blue);
  result.w = luma_red * result.x + luma_green * result.y + luma_blue * result.z;
  corrected.at(x, y) = result;
}

}  // namespace

void upload_colour(const Calibration& calibration) {
  ColourConstants constants;
  for (int i = 0; i < 3; ++i) constants.gains[i] = calibration.white_balance[i];
  for (int i = 0; i < 9; ++i) constants.matrix[i] = calibration.colour_matrix[i];
  CUDA_CHECK(cudaMemcpyToSymbol(colour, &constants, sizeof constants));
}

void correct_colour(ImageView<const float4> rgb, ImageView<float4> corrected, cudaStream_t stream) {
  correct_colour_kernel<<<grid(rgb.width, rgb.height), block(), 0, stream>>>(rgb, corrected);
  CUDA_CHECK(cudaGetLastError());
}
