// One turn of the lidar, on the GPU.
#pragma once

#include <cuda_runtime.h>

constexpr int ring_count = 16;
constexpr int beams_per_ring = 4500;
constexpr int beam_count = ring_count * beams_per_ring;

// Angles in radians: one multiplication each, so that host and device agree on every bit.
constexpr float azimuth_step = 6.2831853f / beams_per_ring;
constexpr float elevation_step = 0.0349066f;

// A beam that nothing sent back has range 0; its point has this distance.
constexpr float no_return = -1.0f;

// Queues the kernel. `ranges` and `points` hold `beam_count` entries in device memory, ring by ring. Of a point, x, y and z are its
// place on the vehicle, and w is its distance from the sensor.
void points_of_scan(const float* ranges, float4* points);
