// Beams of a spinning lidar.
#include "cuda_check.h"
#include "geometry.cuh"

// pose.cu has a variable of this name too: they must stay two.
static __device__ unsigned int calls;

__device__ float3 beam_end(float range, float azimuth, float elevation) {
  atomicAdd(&calls, 1u);
  const float level = range * cosf(elevation);
  return make_float3(level * cosf(azimuth), level * sinf(azimuth), range * sinf(elevation));
}

unsigned int beam_calls() {
  unsigned int count = 0;
  CUDA_CHECK(cudaMemcpyFromSymbol(&count, calls, sizeof count));
  return count;
}
