// The library `geometry`, for host code.
#pragma once

// How a sensor is mounted: a point p that it sees is at `rotation` * p + `translation` on the vehicle, in metres.
struct Pose {
  float rotation[9];  // row by row
  float translation[3];
};

// Sets the pose that the device functions use. Waits until the device has it.
void set_sensor_pose(const Pose& pose);

// How often the device functions of geometry.cuh were called since the program started.
unsigned int beam_calls();
unsigned int pose_calls();
