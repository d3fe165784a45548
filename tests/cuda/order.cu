// What waits for what: streams and events that are busy for certain, and many threads at once.
#include "gate.h"

#include <atomic>
#include <thread>

__global__ static void store(int *out, int value) { *out = value; }
__global__ static void append(int *out, int digit) { *out = *out * 10 + digit; }
__global__ static void double_it(int *data) { *data *= 2; }

CASE(stream_destroyed_while_busy) {
    // Its work is done all the same, and destroying it waits for nothing.
    cudaStream_t stream = nullptr;
    int *pinned = nullptr;
    OK(load(store));
    OK(cudaMallocHost(&pinned, sizeof(int)));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    *pinned = 0;
    Gate gate;
    OK(gate.close(stream));
    store<<<1, 1, 0, stream>>>(pinned, 7);
    OK(cudaStreamDestroy(stream));
    CHECK(*pinned == 0);
    gate.open();
    OK(cudaDeviceSynchronize());
    CHECK(*pinned == 7);
    OK(cudaFreeHost(pinned));
    return "";
}

CASE(stream_priorities) {
    int least = 0, greatest = 0, got = 0;
    OK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    for (int priority = greatest; priority <= least; ++priority) {
        cudaStream_t stream = nullptr;
        OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
        OK(cudaStreamGetPriority(stream, &got));
        CHECK(got == priority);
        OK(cudaStreamDestroy(stream));
    }
    // What is out of the range becomes the nearest that is in it.
    const int outside[2] = {least + 10, greatest - 10}, nearest[2] = {least, greatest};
    for (int i = 0; i < 2; ++i) {
        cudaStream_t stream = nullptr;
        OK(cudaStreamCreateWithPriority(&stream, cudaStreamDefault, outside[i]));
        OK(cudaStreamGetPriority(stream, &got));
        CHECK(got == nearest[i]);
        OK(cudaStreamDestroy(stream));
    }
#if CUDART_VERSION >= 12000
    cudaStream_t streams[2];
    unsigned long long ids[2] = {0, 0};
    for (int i = 0; i < 2; ++i) {
        OK(cudaStreamCreate(&streams[i]));
        OK(cudaStreamGetId(streams[i], &ids[i]));
    }
    CHECK(ids[0] != ids[1]);
    for (cudaStream_t stream : streams) OK(cudaStreamDestroy(stream));
#endif
    return "";
}

CASE(event_states) {
    // Of an event behind a closed gate nobody knows a time, and it is not done; behind the gate's opening it is.
    cudaStream_t stream = nullptr;
    cudaEvent_t before = nullptr, after = nullptr, never = nullptr;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaEventCreate(&before));
    OK(cudaEventCreateWithFlags(&after, cudaEventBlockingSync));
    OK(cudaEventCreate(&never));
    float time = -1;
    Gate gate;
    OK(cudaEventRecord(before, stream));
    OK(cudaEventSynchronize(before));
    OK(gate.close(stream));
    OK(cudaEventRecord(after, stream));
    EXPECT(cudaErrorNotReady, cudaEventQuery(after));
    EXPECT(cudaErrorNotReady, cudaEventElapsedTime(&time, before, after));
    OK(cudaEventQuery(before));
    OK(cudaEventQuery(never));
    EXPECT(cudaErrorNotReady, cudaStreamQuery(stream));
    gate.open();
    OK(cudaEventSynchronize(after));
    OK(cudaEventQuery(after));
    OK(cudaEventElapsedTime(&time, before, after));
    CHECK(time >= 0 && time < 60000);
    OK(cudaEventElapsedTime(&time, before, before));
    CHECK(time == 0);
    OK(cudaStreamSynchronize(stream));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&time, before, never));
    cudaEvent_t none = nullptr;
    EXPECT(cudaErrorInvalidValue, cudaEventCreateWithFlags(&none, 0x80));
    cudaGetLastError();
    for (cudaEvent_t event : {before, after, never}) OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
    return "";
}

CASE(event_recorded_anew) {
    // Who waits for an event waits for where it stood when that was said, and for nothing if it stood nowhere.
    cudaStream_t first = nullptr, second = nullptr, third = nullptr;
    cudaEvent_t event = nullptr;
    int *pinned = nullptr;
    OK(load(append));
    OK(cudaMallocHost(&pinned, sizeof(int)));
    for (cudaStream_t *stream : {&first, &second, &third}) OK(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    *pinned = 0;
    Gate gate;
    OK(cudaStreamWaitEvent(second, event, 0));
    append<<<1, 1, 0, second>>>(pinned, 1);
    OK(cudaStreamSynchronize(second));
    CHECK(*pinned == 1);
    OK(cudaEventRecord(event, second)); // done at once
    OK(cudaStreamWaitEvent(third, event, 0));
    OK(gate.close(first));
    append<<<1, 1, 0, first>>>(pinned, 3);
    OK(cudaEventRecord(event, first)); // done when the gate opens
    append<<<1, 1, 0, third>>>(pinned, 2);
    OK(cudaStreamSynchronize(third));
    CHECK(*pinned == 12);
    OK(cudaStreamWaitEvent(third, event, 0));
    OK(cudaEventDestroy(event)); // whoever waits for it goes on waiting
    append<<<1, 1, 0, third>>>(pinned, 4);
    EXPECT(cudaErrorNotReady, cudaStreamQuery(third));
    CHECK(*pinned == 12);
    gate.open();
    OK(cudaStreamSynchronize(third));
    CHECK(*pinned == 1234);
    cudaGetLastError();
    for (cudaStream_t stream : {first, second, third}) OK(cudaStreamDestroy(stream));
    OK(cudaFreeHost(pinned));
    return "";
}

CASE(null_stream_waits) {
    // A stream that blocks holds up the null stream, and one that does not passes it by.
    cudaStream_t blocking = nullptr, free = nullptr;
    int *pinned = nullptr;
    OK(load(store));
    OK(cudaMallocHost(&pinned, 2 * sizeof(int)));
    pinned[0] = pinned[1] = 0;
    OK(cudaStreamCreate(&blocking));
    OK(cudaStreamCreateWithFlags(&free, cudaStreamNonBlocking));
    Gate gate;
    OK(gate.close(blocking));
    store<<<1, 1>>>(pinned, 1);
    store<<<1, 1, 0, free>>>(pinned + 1, 2);
    OK(cudaStreamSynchronize(free));
    EXPECT(cudaErrorNotReady, cudaStreamQuery(nullptr));
    CHECK(pinned[0] == 0 && pinned[1] == 2);
    gate.open();
    OK(cudaStreamSynchronize(nullptr));
    CHECK(pinned[0] == 1);
    cudaGetLastError();
    OK(cudaStreamDestroy(blocking));
    OK(cudaStreamDestroy(free));
    OK(cudaFreeHost(pinned));
    return "";
}

static void CUDART_CB count(void *data) { ++*static_cast<std::atomic<int> *>(data); }

/// What each of eight threads does: its own stream, event, memory and callbacks.
static int rounds_of(int thread) {
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    int *pinned = nullptr, *device = nullptr, wrong = 0;
    std::atomic<int> called{0};
    wrong += cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess;
    wrong += cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess;
    wrong += cudaMallocHost(&pinned, 2 * sizeof(int)) != cudaSuccess;
    wrong += cudaMalloc(&device, sizeof(int)) != cudaSuccess;
    for (int round = 0; round < 25 && wrong == 0; ++round) {
        pinned[0] = thread * 1000 + round;
        cudaMemcpyAsync(device, pinned, sizeof(int), cudaMemcpyHostToDevice, stream);
        double_it<<<1, 1, 0, stream>>>(device);
        cudaMemcpyAsync(pinned + 1, device, sizeof(int), cudaMemcpyDeviceToHost, stream);
        cudaLaunchHostFunc(stream, count, &called);
        cudaEventRecord(event, stream);
        wrong += cudaEventSynchronize(event) != cudaSuccess;
        wrong += pinned[1] != 2 * (thread * 1000 + round) || called != round + 1;
    }
    wrong += cudaGetLastError() != cudaSuccess;
    wrong += cudaFree(device) != cudaSuccess;
    wrong += cudaFreeHost(pinned) != cudaSuccess;
    wrong += cudaEventDestroy(event) != cudaSuccess;
    wrong += cudaStreamDestroy(stream) != cudaSuccess;
    return wrong;
}

CASE(threads_with_streams) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread)
        threads.emplace_back([thread, &wrong] { wrong += rounds_of(thread); });
    for (std::thread &thread : threads) thread.join();
    CHECK(wrong == 0);
    return "";
}

CASE(threads_share_a_stream) {
    // Made by one thread, used by eight, waited for by another: every launch is carried out once.
    cudaStream_t stream = nullptr;
    int *device = nullptr, value = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    value = 1;
    OK(cudaMemcpy(device, &value, sizeof value, cudaMemcpyHostToDevice));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 8; ++thread)
        threads.emplace_back([stream, device] {
            for (int i = 0; i < 3; ++i) double_it<<<1, 1, 0, stream>>>(device);
        });
    for (std::thread &thread : threads) thread.join();
    cudaError_t error = cudaErrorUnknown;
    std::thread([stream, &error] { error = cudaStreamSynchronize(stream); }).join();
    OK(error);
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 1 << 24);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}
