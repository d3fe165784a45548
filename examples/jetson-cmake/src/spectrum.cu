// The power of each frequency: one block a frequency, summed in shared memory.
#include "vibration.h"

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_no_device = 3;
constexpr int threads = 256;

void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "vibration: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
#define CUDA_CHECK(call) check_cuda((call), #call)

__global__ void spectrum_kernel(const float* samples, int count, float* power) {
  __shared__ float cosines[threads], sines[threads];
  const int thread = static_cast<int>(threadIdx.x);
  const int bin = static_cast<int>(blockIdx.x);
  float cosine = 0.0f, sine = 0.0f;
  for (int i = thread; i < count; i += threads) {
    float s, c;
    sincospif(2.0f * static_cast<float>(bin * i % count) / static_cast<float>(count), &s, &c);
    cosine += samples[i] * c;
    sine += samples[i] * s;
  }
  cosines[thread] = cosine;
  sines[thread] = sine;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) {
      cosines[thread] += cosines[thread + half];
      sines[thread] += sines[thread + half];
    }
  }
  if (thread == 0) power[bin] = (cosines[0] * cosines[0] + sines[0] * sines[0]) / static_cast<float>(count);
}

}  // namespace

void require_device() {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "vibration: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

void spectrum(const std::vector<float>& filtered, float (&power)[bin_count]) {
  const std::size_t bytes = filtered.size() * sizeof(float);
  float *samples = nullptr, *device_power = nullptr;
  CUDA_CHECK(cudaMallocManaged(&samples, bytes));
  CUDA_CHECK(cudaMallocManaged(&device_power, sizeof power));
  for (std::size_t i = 0; i < filtered.size(); ++i) samples[i] = filtered[i];
  spectrum_kernel<<<bin_count, threads>>>(samples, static_cast<int>(filtered.size()), device_power);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaDeviceSynchronize());
  for (int bin = 0; bin < bin_count; ++bin) power[bin] = device_power[bin];
  CUDA_CHECK(cudaFree(samples));
  CUDA_CHECK(cudaFree(device_power));
}
