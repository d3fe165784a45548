// Stage 5: a histogram and two sums, reduced by warp, by block, and over the image.
#include "cuda_check.h"
#include "isp.h"

namespace {

constexpr int threads = 256;
constexpr int most_blocks = 64;
constexpr unsigned all_lanes = 0xffffffffu;

__device__ unsigned long long sum_over_warp(unsigned long long value) {
  for (int distance = warpSize / 2; distance > 0; distance /= 2) {
    value += __shfl_down_sync(all_lanes, value, distance);
  }
  return value;  // whole in lane 0 only
}

// A block takes every `gridDim.x`th row.
__global__ void statistics_kernel(ImageView<const float> luma, Statistics* statistics) {
  __shared__ unsigned int histogram[Statistics::bins];
  for (int bin = threadIdx.x; bin < Statistics::bins; bin += threads) histogram[bin] = 0;
  __syncthreads();

  unsigned long long sum = 0;
  unsigned long long sum_of_squares = 0;
  for (int y = blockIdx.x; y < luma.height; y += gridDim.x) {
    for (int x = threadIdx.x; x < luma.width; x += threads) {
      // Scaling by a power of two is exact: no rounding can move a pixel to the next bin.
      const int bin = min(static_cast<int>(luma.at(x, y) * Statistics::bins), Statistics::bins - 1);
      atomicAdd(&histogram[bin], 1u);
      sum += bin;
      sum_of_squares += bin * bin;
    }
  }

  sum = sum_over_warp(sum);
  sum_of_squares = sum_over_warp(sum_of_squares);
  if (threadIdx.x % warpSize == 0) {
    atomicAdd(&statistics->sum, sum);
    atomicAdd(&statistics->sum_of_squares, sum_of_squares);
  }
  __syncthreads();
  for (int bin = threadIdx.x; bin < Statistics::bins; bin += threads) {
    if (histogram[bin] != 0) atomicAdd(&statistics->histogram[bin], histogram[bin]);
  }
}

}  // namespace

void gather_statistics(ImageView<const float> luma, Statistics* statistics, cudaStream_t stream) {
  const int blocks = luma.height < most_blocks ? luma.height : most_blocks;
  statistics_kernel<<<blocks, threads, 0, stream>>>(luma, statistics);
  CUDA_CHECK(cudaGetLastError());
}
