// What every test kernel has in common: it reads words, and writes words.
#pragma once
#include <cstdint>
#define KERNEL extern "C" __global__ void
__device__ inline unsigned global_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
