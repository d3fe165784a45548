// Stage 1: the two colours that each pixel of the sensor did not see, from its neighbours.
#include "cuda_check.h"
#include "isp.h"
#include "launch.cuh"
#include "sensor.h"

namespace {

// Beyond the border comes its mirror image, which leaves red beside green and green beside blue.
__device__ int mirror(int i, int size) {
  if (i < 0) return -i;
  return i < size ? i : 2 * size - 2 - i;
}

// Sums are of four pixels' light, `scale` brings four whites to 1: integers up to the one multiplication at the end.
__global__ void demosaic_kernel(ImageView<const std::uint16_t> raw, ImageView<float4> rgb, int black_level, float scale) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= raw.width || y >= raw.height) return;

  const auto light = [&](int dx, int dy) {
    return max(static_cast<int>(raw.at(mirror(x + dx, raw.width), mirror(y + dy, raw.height))) - black_level, 0);
  };
  const int here = 4 * light(0, 0);
  const int horizontal = light(-1, 0) + light(1, 0);
  const int vertical = light(0, -1) + light(0, 1);
  const int cross = horizontal + vertical;

  int red, green, blue;
  if (x % 2 == y % 2) {
    const int diagonal = light(-1, -1) + light(1, -1) + light(-1, 1) + light(1, 1);
    const bool on_red = y % 2 == 0;
    red = on_red ? here : diagonal;
    green = cross;
    blue = on_red ? diagonal : here;
  } else {
    // Green: red lies beside it in even rows, above and below it in odd ones.
    const bool red_row = y % 2 == 0;
    red = 2 * (red_row ? horizontal : vertical);
    green = here;
    blue = 2 * (red_row ? vertical : horizontal);
  }
  rgb.at(x, y) = make_float4(static_cast<float>(red) * scale, static_cast<float>(green) * scale, static_cast<float>(blue) * scale, 0.0f);
}

}  // namespace

void demosaic(ImageView<const std::uint16_t> raw, ImageView<float4> rgb, int black_level, cudaStream_t stream) {
  const float scale = 1.0f / static_cast<float>(4 * (sensor_white - black_level));
  demosaic_kernel<<<grid(raw.width, raw.height), block(), 0, stream>>>(raw, rgb, black_level, scale);
  CUDA_CHECK(cudaGetLastError());
}
