// How a failed CUDA call, and a machine without a GPU, end the program.
#include "cuda_check.h"

#include <cstdio>
#include <cstdlib>

void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "edge-camera: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}

void require_device() {
  int device_count = 0;
  cudaError_t status = cudaGetDeviceCount(&device_count);
  if (status == cudaSuccess && device_count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "edge-camera: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}
