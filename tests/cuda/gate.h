// A kernel that runs until the host lets it end: so that "still busy" is a fact, and no matter of time.
#pragma once

#include "case.h"

/// Nanoseconds of the device's clock.
__device__ static inline unsigned long long device_time() {
    unsigned long long time;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time));
    return time;
}

/// It ends by itself in half a minute: then a case has failed, and does not hang.
__global__ static void wait_at(const volatile int *open) {
    const unsigned long long start = device_time();
    while (*open == 0 && device_time() - start < 30000000000ull) {
    }
}

/// Keeps the device busy for that many milliseconds.
__global__ static void work_for(int milliseconds, int *out) {
    const unsigned long long start = device_time();
    while (device_time() - start < milliseconds * 1000000ull) {
    }
    *out += 1;
}

// Of each file its own: one is compiled with another default stream.
namespace {

/// While a gate is closed its stream is busy. What a driver may only do on an idle device (allocating, the first launch of
/// a kernel: see `load`) has to be done before.
class Gate {
  public:
    Gate() {
        if (cudaHostAlloc(const_cast<int **>(&flag_), sizeof(int), cudaHostAllocMapped) != cudaSuccess)
            throw std::runtime_error("no memory for a gate");
        *flag_ = 0;
        cudaFuncAttributes attributes;
        cudaFuncGetAttributes(&attributes, wait_at);
    }
    Gate(const Gate &) = delete;
    ~Gate() {
        open();
        cudaDeviceSynchronize();
        cudaFreeHost(const_cast<int *>(flag_));
    }

    cudaError_t close(cudaStream_t stream) {
        wait_at<<<1, 1, 0, stream>>>(flag_);
        return cudaGetLastError();
    }

    void open() { *flag_ = 1; }

  private:
    volatile int *flag_ = nullptr;
};

/// Has a kernel loaded, which otherwise happens at its first launch.
template <typename Kernel> cudaError_t load(Kernel *kernel) {
    cudaFuncAttributes attributes;
    return cudaFuncGetAttributes(&attributes, kernel);
}

} // namespace
