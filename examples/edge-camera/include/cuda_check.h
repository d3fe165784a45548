// Every CUDA call's result is looked at: one that fails ends the program, with the call's name.
#pragma once

#include <cuda_runtime.h>

// What the program exits with. 0 is PASS.
constexpr int exit_fail = 1;
constexpr int exit_usage = 2;
constexpr int exit_no_device = 3;

// Ends the program with `exit_fail` unless `status` is a success.
void check_cuda(cudaError_t status, const char* call);
#define CUDA_CHECK(call) check_cuda((call), #call)

// Ends the program with `exit_no_device` unless a driver and a device are here.
void require_device();
