// From the sensor's view to the vehicle's.
#include "cuda_check.h"
#include "geometry.cuh"

__device__ Pose sensor_pose;

namespace {

// beam.cu has a variable of this name too: they must stay two.
__device__ unsigned int calls;

}  // namespace

__device__ float3 to_vehicle(float3 point) {
  atomicAdd(&calls, 1u);
  const float* r = sensor_pose.rotation;
  const float* t = sensor_pose.translation;
  return make_float3(r[0] * point.x + r[1] * point.y + r[2] * point.z + t[0],
                     r[3] * point.x + r[4] * point.y + r[5] * point.z + t[1],
                     r[6] * point.x + r[7] * point.y + r[8] * point.z + t[2]);
}

void set_sensor_pose(const Pose& pose) {
  CUDA_CHECK(cudaMemcpyToSymbol(sensor_pose, &pose, sizeof pose));
  CUDA_CHECK(cudaDeviceSynchronize());
}

unsigned int pose_calls() {
  unsigned int count = 0;
  CUDA_CHECK(cudaMemcpyFromSymbol(&count, calls, sizeof count));
  return count;
}
