// The null stream as `--default-stream per-thread` has it, with which this file is compiled: one for each thread.
#include "gate.h"

#include <atomic>
#include <thread>

__global__ static void store(int *out, int value) { *out = value; }

static void CUDART_CB count(void *data) { ++*static_cast<std::atomic<int> *>(data); }

CASE(per_thread_by_option) {
    // One thread's null stream is busy; another's goes on, with kernels, copies, fills, events and callbacks.
    int *pinned = nullptr, *device = nullptr;
    cudaEvent_t event = nullptr;
    std::atomic<int> closed{0}, over{0}, called{0};
    OK(load(store));
    OK(cudaMallocHost(&pinned, 2 * sizeof(int)));
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    pinned[0] = pinned[1] = 0;
    Gate gate;
    cudaError_t errors[2] = {cudaErrorUnknown, cudaErrorUnknown};
    std::thread busy([&] {
        errors[0] = gate.close(nullptr);
        closed = 1;
        errors[1] = cudaStreamSynchronize(nullptr);
        over = 1;
    });
    while (closed == 0) std::this_thread::yield();
    store<<<1, 1>>>(pinned, 1);
    cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) error = cudaMemsetAsync(device, 7, sizeof(int));
    if (error == cudaSuccess) error = cudaMemcpyAsync(pinned + 1, device, sizeof(int), cudaMemcpyDeviceToHost);
    if (error == cudaSuccess) error = cudaLaunchHostFunc(nullptr, count, &called);
    if (error == cudaSuccess) error = cudaEventRecord(event);
    if (error == cudaSuccess) error = cudaEventSynchronize(event);
    if (error == cudaSuccess) error = cudaStreamQuery(nullptr);
    const int waiting = over, first = pinned[0], second = pinned[1], calls = called;
    gate.open();
    busy.join();
    OK(error);
    OK(errors[0]);
    OK(errors[1]);
    CHECK(waiting == 0 && over == 1 && first == 1 && second == 0x07070707 && calls == 1);
    OK(cudaEventDestroy(event));
    OK(cudaFreeHost(pinned));
    OK(cudaFree(device));
    return "";
}

CASE(per_thread_and_legacy) {
    // The null stream of all threads is still there, by its name, and waits for those of the threads.
    int *pinned = nullptr;
    OK(load(store));
    OK(cudaMallocHost(&pinned, sizeof(int)));
    *pinned = 0;
    Gate gate;
    OK(gate.close(nullptr));
    store<<<1, 1, 0, cudaStreamLegacy>>>(pinned, 3);
    EXPECT(cudaErrorNotReady, cudaStreamQuery(cudaStreamLegacy));
    EXPECT(cudaErrorNotReady, cudaStreamQuery(cudaStreamPerThread));
    CHECK(*pinned == 0);
    gate.open();
    OK(cudaStreamSynchronize(cudaStreamLegacy));
    CHECK(*pinned == 3);
    OK(cudaStreamQuery(cudaStreamPerThread));
    cudaGetLastError();
    OK(cudaFreeHost(pinned));
    return "";
}
