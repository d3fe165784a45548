// The kernel: it calls functions and reads a variable that live in the library.
#include "scan.h"

#include "cuda_check.h"
#include "geometry.cuh"

namespace {

__global__ void points_kernel(const float* ranges, float4* points) {
  const int beam = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (beam >= beam_count) return;
  const float azimuth = static_cast<float>(beam % beams_per_ring) * azimuth_step;
  const float elevation = static_cast<float>(beam / beams_per_ring - ring_count / 2) * elevation_step;
  const float3 seen = beam_end(ranges[beam], azimuth, elevation);
  if (ranges[beam] == 0.0f) {
    points[beam] = make_float4(0.0f, 0.0f, 0.0f, no_return);
    return;
  }
  const float3 point = to_vehicle(seen);
  const float dx = point.x - sensor_pose.translation[0];
  const float dy = point.y - sensor_pose.translation[1];
  const float dz = point.z - sensor_pose.translation[2];
  points[beam] = make_float4(point.x, point.y, point.z, sqrtf(dx * dx + dy * dy + dz * dz));
}

}  // namespace

void points_of_scan(const float* ranges, float4* points) {
  constexpr int threads = 128;
  points_kernel<<<(beam_count + threads - 1) / threads, threads>>>(ranges, points);
  CUDA_CHECK(cudaGetLastError());
}
