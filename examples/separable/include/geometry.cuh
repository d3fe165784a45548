// The library `geometry`, for device code: defined in its files, called from others, joined by the device linker.
#pragma once

#include "geometry.h"

// Defined in pose.cu.
extern __device__ Pose sensor_pose;

// Where a beam of this azimuth (radians) and elevation (radians) ends, as the sensor sees it.
__device__ float3 beam_end(float range, float azimuth, float elevation);

// The same point on the vehicle.
__device__ float3 to_vehicle(float3 point);
