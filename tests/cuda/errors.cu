// Kernels that fail: which error comes, and that it stays.
#include "case.h"

#include <cassert>
#include <thread>

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

CASE(invalid_values) {
    // What is no value is refused, and the device goes on.
    int *device = nullptr, local = 0, value = 0;
    OK(cudaMalloc(&device, 64));
    EXPECT(cudaErrorInvalidValue, cudaMalloc(static_cast<int **>(nullptr), 16));
    EXPECT(cudaErrorInvalidValue, cudaMemcpy(device, nullptr, 4, cudaMemcpyHostToDevice));
    EXPECT(cudaErrorInvalidValue, cudaMemcpy(nullptr, &local, 4, cudaMemcpyHostToDevice));
    EXPECT(cudaErrorInvalidMemcpyDirection, cudaMemcpy(device, &local, 4, static_cast<cudaMemcpyKind>(77)));
    EXPECT(cudaErrorInvalidValue, cudaMemset(nullptr, 0, 4));
    EXPECT(cudaErrorInvalidValue, cudaMemset(device, 0, size_t(1) << 40));
    EXPECT(cudaErrorInvalidValue, cudaFree(&local));
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    EXPECT(cudaErrorInvalidValue, cudaStreamCreate(nullptr));
    EXPECT(cudaErrorInvalidValue, cudaStreamCreateWithFlags(&stream, 0x10));
    EXPECT(cudaErrorInvalidResourceHandle, cudaStreamDestroy(nullptr));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventDestroy(nullptr));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventRecord(nullptr, nullptr));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventSynchronize(nullptr));
    EXPECT(cudaErrorInvalidDevice, cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 99));
    EXPECT(cudaErrorInvalidDevice, cudaSetDevice(-1));
    EXPECT(cudaErrorInvalidValue, cudaDeviceGetAttribute(&value, static_cast<cudaDeviceAttr>(9999), 0));
    cudaGetLastError();
    OK(cudaEventCreate(&event));
    OK(cudaEventDestroy(event));
    store_at<<<1, 1>>>(device);
    OK(cudaMemcpy(&local, device, sizeof local, cudaMemcpyDeviceToHost));
    CHECK(local == 1);
    OK(cudaFree(device));
    EXPECT(cudaErrorInvalidValue, cudaFree(device));
    cudaGetLastError();
    return "";
}

CASE(last_errors) {
    // The last error stays until it is asked for, through calls that succeed, and is a thread's own.
    int *device = nullptr;
    OK(cudaGetLastError());
    EXPECT(cudaErrorMemoryAllocation, cudaMalloc(&device, size_t(1) << 60));
    OK(cudaFree(nullptr));
    OK(cudaMalloc(&device, 64));
    EXPECT(cudaErrorMemoryAllocation, cudaPeekAtLastError());
    cudaError_t others[2] = {cudaErrorUnknown, cudaErrorUnknown};
    std::thread([&others] {
        others[0] = cudaGetLastError();
        cudaSetDevice(99);
        others[1] = cudaPeekAtLastError();
    }).join();
    OK(others[0]);
    EXPECT(cudaErrorInvalidDevice, others[1]);
    EXPECT(cudaErrorMemoryAllocation, cudaPeekAtLastError());
    EXPECT(cudaErrorMemoryAllocation, cudaGetLastError());
    OK(cudaGetLastError());
    // A launch that is refused says so there alone.
    store_at<<<1, 100000>>>(device);
    CHECK(cudaPeekAtLastError() != cudaSuccess && cudaGetLastError() != cudaSuccess);
    OK(cudaDeviceSynchronize());
    OK(cudaFree(device));
    return "";
}

CASE(child_fault_everywhere) {
    // A fault in one stream is every stream's, and every event's; what the host holds is still there.
    cudaStream_t faulty = nullptr, other = nullptr;
    cudaEvent_t event = nullptr;
    int *pinned = nullptr;
    OK(cudaStreamCreateWithFlags(&faulty, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    OK(cudaEventCreate(&event));
    OK(cudaMallocHost(&pinned, 64));
    *pinned = 8;
    store_at<<<1, 1, 0, faulty>>>(reinterpret_cast<int *>(size_t(16)));
    EXPECT(cudaErrorIllegalAddress, cudaStreamSynchronize(faulty));
    EXPECT(cudaErrorIllegalAddress, cudaStreamSynchronize(other));
    EXPECT(cudaErrorIllegalAddress, cudaStreamQuery(other));
    EXPECT(cudaErrorIllegalAddress, cudaEventRecord(event, other));
    store_at<<<1, 1, 0, other>>>(pinned);
    EXPECT(cudaErrorIllegalAddress, cudaGetLastError());
    EXPECT(cudaErrorIllegalAddress, cudaMemcpy(pinned + 1, pinned, 4, cudaMemcpyDefault));
    cudaError_t elsewhere = cudaSuccess;
    std::thread([&elsewhere] { elsewhere = cudaDeviceSynchronize(); }).join();
    EXPECT(cudaErrorIllegalAddress, elsewhere);
    CHECK(*pinned == 8);
    return "";
}

CASE(fault_everywhere) { return child("child_fault_everywhere") == 0 ? "" : "the child failed"; }

__device__ int kept = 17;
__global__ static void change() { kept += 1; }

CASE(child_reset_anew) {
    // After a reset everything is as at the start, and can be had anew.
    for (int round = 0; round < 3; ++round) {
        cudaStream_t stream = nullptr;
        cudaEvent_t event = nullptr;
        int *pinned = nullptr, *managed = nullptr, *device = nullptr;
        OK(cudaStreamCreate(&stream));
        OK(cudaEventCreate(&event));
        OK(cudaMallocHost(&pinned, 64));
        OK(cudaMallocManaged(&managed, 64));
        OK(cudaMalloc(&device, 64));
        change<<<1, 1, 0, stream>>>();
        OK(cudaMemcpyFromSymbolAsync(pinned, kept, sizeof(int), 0, cudaMemcpyDeviceToHost, stream));
        store_at<<<1, 1, 0, stream>>>(managed);
        OK(cudaEventRecord(event, stream));
        OK(cudaStreamSynchronize(stream));
        CHECK(*pinned == 18 && *managed == 1);
        OK(cudaDeviceReset());
    }
    return "";
}

CASE(reset_anew) { return child("child_reset_anew") == 0 ? "" : "the child failed"; }
