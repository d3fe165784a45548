// Stage 4: a 5x5 convolution, its weights in constant memory, its pixels in shared memory.
#include "cuda_check.h"
#include "isp.h"
#include "launch.cuh"

namespace {

constexpr int radius = sharpen_size / 2;
constexpr int tile_size = block_size + 2 * radius;

__constant__ float weights[sharpen_size * sharpen_size];

__global__ void sharpen_kernel(ImageView<const float4> image, ImageView<float> luma) {
  __shared__ float tile[tile_size][tile_size];

  // The block's pixels and a border of `radius` around them. Threads outside of the image help too: none may leave before the barrier.
  const int left = static_cast<int>(blockIdx.x) * block_size - radius;
  const int top = static_cast<int>(blockIdx.y) * block_size - radius;
  const int thread = static_cast<int>(threadIdx.y) * block_size + static_cast<int>(threadIdx.x);
  for (int i = thread; i < tile_size * tile_size; i += block_size * block_size) {
    const int tile_x = i % tile_size;
    const int tile_y = i / tile_size;
    const int x = min(max(left + tile_x, 0), image.width - 1);
    const int y = min(max(top + tile_y, 0), image.height - 1);
    tile[tile_y][tile_x] = image.at(x, y).w;
  }
  __syncthreads();

  const int x = static_cast<int>(blockIdx.x) * block_size + static_cast<int>(threadIdx.x);
  const int y = static_cast<int>(blockIdx.y) * block_size + static_cast<int>(threadIdx.y);
  if (x >= image.width || y >= image.height) return;
  float sum = 0.0f;
  for (int dy = 0; dy < sharpen_size; ++dy) {
    for (int dx = 0; dx < sharpen_size; ++dx) {
      sum += weights[dy * sharpen_size + dx] * tile[threadIdx.y + dy][threadIdx.x + dx];
    }
  }
  luma.at(x, y) = clamp_to_one(sum);
}

}  // namespace

void sharpen_weights(float (&result)[sharpen_size * sharpen_size]) {
  // Twice the pixel less its blurred neighbourhood, whose weights are binomial: 256ths.
  constexpr float binomial[sharpen_size] = {1.0f, 4.0f, 6.0f, 4.0f, 1.0f};
  for (int y = 0; y < sharpen_size; ++y) {
    for (int x = 0; x < sharpen_size; ++x) {
      const float twice = x == radius && y == radius ? 2.0f : 0.0f;
      result[y * sharpen_size + x] = twice - binomial[y] * binomial[x] / 256.0f;
    }
  }
}

void upload_sharpen_weights() {
  float values[sharpen_size * sharpen_size];
  sharpen_weights(values);
  CUDA_CHECK(cudaMemcpyToSymbol(weights, values, sizeof values));
}

void sharpen(ImageView<const float4> image, ImageView<float> luma, cudaStream_t stream) {
  sharpen_kernel<<<grid(image.width, image.height), block(), 0, stream>>>(image, luma);
  CUDA_CHECK(cudaGetLastError());
}
