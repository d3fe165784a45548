// Every CUDA call's result is looked at: one that fails ends the program, with the call's name.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

// What the program exits with. 0 is PASS.
constexpr int exit_fail = 1;
constexpr int exit_no_device = 3;

inline void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "separable: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
#define CUDA_CHECK(call) check_cuda((call), #call)
