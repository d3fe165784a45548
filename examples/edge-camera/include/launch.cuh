// What all kernels over images share: blocks of 16 by 16 threads, one thread a pixel.
#pragma once

#include <cuda_runtime.h>

constexpr int block_size = 16;

inline dim3 block() { return dim3(block_size, block_size); }

// As many blocks as cover the image; the last ones may reach beyond it.
inline dim3 grid(int width, int height) {
  return dim3((width + block_size - 1) / block_size, (height + block_size - 1) / block_size);
}

// To the range of a channel.
__device__ inline float clamp_to_one(float value) { return fminf(fmaxf(value, 0.0f), 1.0f); }
