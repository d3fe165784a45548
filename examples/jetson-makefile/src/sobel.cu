// Edges on the GPU. The image lies in memory that CPU and GPU share on a Jetson, so nothing is copied there.
#include "edge_detect.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_no_device = 3;

void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "edge-detect: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
#define CUDA_CHECK(call) check_cuda((call), #call)

// The sum of both slopes' sizes; 0 on the rim.
__host__ __device__ int edge(const std::uint8_t* grey, int x, int y) {
  if (x == 0 || y == 0 || x == image_width - 1 || y == image_height - 1) return 0;
  const std::uint8_t* above = grey + (y - 1) * image_width + x;
  const std::uint8_t* here = above + image_width;
  const std::uint8_t* below = here + image_width;
  const int across = above[1] + 2 * here[1] + below[1] - above[-1] - 2 * here[-1] - below[-1];
  const int down = below[-1] + 2 * below[0] + below[1] - above[-1] - 2 * above[0] - above[1];
  const int sum = (across < 0 ? -across : across) + (down < 0 ? -down : down);
  return sum > 255 ? 255 : sum;
}

__global__ void sobel_kernel(const std::uint8_t* grey, std::uint8_t* edges) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x < image_width && y < image_height) edges[y * image_width + x] = static_cast<std::uint8_t>(edge(grey, x, y));
}

}  // namespace

int sobel_at(const std::uint8_t* grey, int x, int y) { return edge(grey, x, y); }

void require_device() {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "edge-detect: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

void sobel(const Plane& grey, Plane& edges) {
  std::uint8_t *host_grey = nullptr, *host_edges = nullptr, *device_grey = nullptr, *device_edges = nullptr;
  CUDA_CHECK(cudaSetDeviceFlags(cudaDeviceMapHost));
  CUDA_CHECK(cudaHostAlloc(&host_grey, grey.size(), cudaHostAllocMapped));
  CUDA_CHECK(cudaHostAlloc(&host_edges, edges.size(), cudaHostAllocMapped));
  std::copy(grey.begin(), grey.end(), host_grey);
  CUDA_CHECK(cudaHostGetDevicePointer(&device_grey, host_grey, 0));
  CUDA_CHECK(cudaHostGetDevicePointer(&device_edges, host_edges, 0));

  const dim3 block(32, 8);
  const dim3 grid((image_width + block.x - 1) / block.x, (image_height + block.y - 1) / block.y);
  sobel_kernel<<<grid, block>>>(device_grey, device_edges);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaDeviceSynchronize());

  std::copy(host_edges, host_edges + edges.size(), edges.begin());
  CUDA_CHECK(cudaFreeHost(host_grey));
  CUDA_CHECK(cudaFreeHost(host_edges));
}
