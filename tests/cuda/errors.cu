// Kernels that fail: which error comes, and that it stays.
#include "case.h"

#include <cassert>

__global__ static void store_at(int *where) { *where = 1; }
__global__ static void store_misaligned(char *where) { *reinterpret_cast<int *>(where + 1) = 1; }
__global__ static void fail() { asm volatile("trap;"); }
__global__ static void claim(int value) { assert(value == 0); }

/// After a kernel's fault each call says the same.
static Result sticks(cudaError_t wanted) {
    EXPECT(wanted, cudaDeviceSynchronize());
    void *pointer = nullptr;
    EXPECT(wanted, cudaMalloc(&pointer, 16));
    EXPECT(wanted, cudaGetLastError());
    EXPECT(wanted, cudaDeviceSynchronize());
    return "";
}

CASE(child_illegal_address) {
    // The first page is never mapped. A high address may be: an H200's driver took a store to 2^40.
    store_at<<<1, 1>>>(reinterpret_cast<int *>(size_t(16)));
    return sticks(cudaErrorIllegalAddress);
}

CASE(child_misaligned) {
    char *device = nullptr;
    OK(cudaMalloc(&device, 64));
    store_misaligned<<<1, 1>>>(device);
    return sticks(cudaErrorMisalignedAddress);
}

CASE(child_trap) {
    fail<<<1, 1>>>();
    return sticks(cudaErrorLaunchFailure);
}

CASE(child_assert) {
    claim<<<1, 1>>>(1);
    return sticks(cudaErrorAssert);
}

CASE(errors_stick) {
    EXPECT(0, child("child_illegal_address"));
    EXPECT(0, child("child_misaligned"));
    EXPECT(0, child("child_trap"));
    EXPECT(0, child("child_assert"));
    return "";
}


CASE(error_names) {
    CHECK(std::string(cudaGetErrorName(cudaErrorIllegalAddress)) == "cudaErrorIllegalAddress");
    CHECK(std::string(cudaGetErrorString(cudaErrorIllegalAddress)) == "an illegal memory access was encountered");
    OK(cudaSetDevice(0));
    EXPECT(cudaErrorInvalidDevice, cudaSetDevice(99));
    EXPECT(cudaErrorInvalidDevice, cudaGetLastError());
    OK(cudaGetLastError());
    return "";
}

CASE(device_properties) {
    int devices = 0;
    cudaDeviceProp properties;
    OK(cudaGetDeviceCount(&devices));
    CHECK(devices >= 1);
    OK(cudaGetDeviceProperties(&properties, 0));
    CHECK(properties.warpSize == 32 && properties.maxThreadsPerBlock == 1024 && properties.multiProcessorCount > 0);
    CHECK(properties.major * 10 + properties.minor >= 75 && properties.totalGlobalMem > 0 && properties.name[0] != 0);
    CHECK(properties.maxThreadsDim[2] == 64 && properties.maxGridSize[1] == 65535);
    char bus[32] = "";
    int device = 9;
    OK(cudaDeviceGetPCIBusId(bus, sizeof bus, 0));
    OK(cudaDeviceGetByPCIBusId(&device, bus));
    CHECK(device == 0);
    size_t heap = 0;
    OK(cudaDeviceSetLimit(cudaLimitMallocHeapSize, 16 << 20));
    OK(cudaDeviceGetLimit(&heap, cudaLimitMallocHeapSize));
    CHECK(heap >= 16 << 20);
    return "";
}

CASE(reset) { return child("child_reset") == 0 ? "" : "the child failed"; }

CASE(child_reset) {
    int *device = nullptr;
    OK(cudaMalloc(&device, 64));
    store_at<<<1, 1>>>(device);
    OK(cudaDeviceSynchronize());
    OK(cudaDeviceReset());
    OK(cudaMalloc(&device, 64));
    store_at<<<1, 1>>>(device);
    OK(cudaDeviceSynchronize());
    return "";
}
