// Streams, events, callbacks, threads.
#include "case.h"

#include <atomic>
#include <thread>

__global__ static void store(int *out, int value) { *out = value; }

/// Appends a digit: order shows.
__global__ static void append(int *out, int digit) { *out = *out * 10 + digit; }

__global__ static void busy(int *out, int rounds) {
    int value = 1;
    for (int i = 0; i < rounds; ++i) value = value * 1103515245 + 12345;
    *out = value | 1;
}

static int read(const int *device) {
    int value = -1;
    cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost);
    return value;
}

CASE(streams) {
    cudaStream_t stream = nullptr;
    int *device = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaDeviceSynchronize()); // such a stream does not wait for the null stream's work
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for (int digit = 1; digit <= 5; ++digit) append<<<1, 1, 0, stream>>>(device, digit);
    OK(cudaStreamSynchronize(stream));
    OK(cudaStreamQuery(stream));
    CHECK(read(device) == 12345);
    unsigned flags = 0;
    OK(cudaStreamGetFlags(stream, &flags));
    CHECK(flags == cudaStreamNonBlocking);
    OK(cudaStreamDestroy(stream));
    int least = 0, greatest = 0, priority = 9;
    OK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    CHECK(least == 0 && greatest <= 0);
    OK(cudaStreamCreateWithPriority(&stream, cudaStreamDefault, greatest));
    OK(cudaStreamGetPriority(stream, &priority));
    CHECK(priority == greatest);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}

CASE(null_stream) {
    // What is in the null stream waits for blocking streams, and they for it.
    cudaStream_t first = nullptr, second = nullptr;
    int *device = nullptr, *scratch = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMalloc(&scratch, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaStreamCreate(&first));
    OK(cudaStreamCreate(&second));
    busy<<<1, 1, 0, first>>>(scratch, 100000);
    append<<<1, 1, 0, first>>>(device, 1);
    append<<<1, 1>>>(device, 2);
    append<<<1, 1, 0, second>>>(device, 3);
    append<<<1, 1>>>(device, 4);
    CHECK(read(device) == 1234);
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
    OK(cudaFree(device));
    OK(cudaFree(scratch));
    return "";
}

CASE(events) {
    cudaStream_t first = nullptr, second = nullptr;
    cudaEvent_t start = nullptr, middle = nullptr, end = nullptr, untimed = nullptr;
    int *device = nullptr, *scratch = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMalloc(&scratch, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaDeviceSynchronize());
    OK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
    OK(cudaEventCreate(&start));
    OK(cudaEventCreate(&middle));
    OK(cudaEventCreate(&end));
    OK(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming));
    float time = -1;
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&time, start, end));
    cudaGetLastError();
    OK(cudaEventQuery(start));
    OK(cudaEventRecord(start, first));
    busy<<<1, 1, 0, first>>>(scratch, 100000);
    append<<<1, 1, 0, first>>>(device, 1);
    OK(cudaEventRecord(middle, first));
    OK(cudaStreamWaitEvent(second, middle, 0));
    append<<<1, 1, 0, second>>>(device, 2);
    OK(cudaEventRecord(end, second));
    OK(cudaEventSynchronize(end));
    OK(cudaEventQuery(middle));
    CHECK(read(device) == 12);
    OK(cudaEventElapsedTime(&time, start, end));
    CHECK(time > 0 && time < 60000);
    OK(cudaEventRecord(untimed, first));
    OK(cudaEventSynchronize(untimed));
    EXPECT(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&time, start, untimed));
    cudaGetLastError();
    for (cudaEvent_t event : {start, middle, end, untimed}) OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
    OK(cudaFree(device));
    OK(cudaFree(scratch));
    return "";
}

struct Called {
    std::atomic<int> order{0};
    int host = 0, callback = 0;
    cudaError_t inside = cudaSuccess, status = cudaErrorUnknown;
};

static void CUDART_CB on_host(void *data) {
    Called *called = static_cast<Called *>(data);
    called->host = ++called->order;
    void *pointer = nullptr;
    called->inside = cudaMalloc(&pointer, 16);
}

static void CUDART_CB on_callback(cudaStream_t, cudaError_t status, void *data) {
    Called *called = static_cast<Called *>(data);
    called->callback = ++called->order;
    called->status = status;
}

CASE(callbacks) {
    cudaStream_t stream = nullptr;
    int *device = nullptr;
    Called called;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    store<<<1, 1, 0, stream>>>(device, 5);
    OK(cudaLaunchHostFunc(stream, on_host, &called));
    OK(cudaStreamAddCallback(stream, on_callback, &called, 0));
    OK(cudaStreamSynchronize(stream));
    CHECK(called.host == 1 && called.callback == 2 && called.status == cudaSuccess);
    CHECK(called.inside == cudaErrorNotPermitted);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}

CASE(threads) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([thread, &wrong] {
            int *device = nullptr;
            cudaStream_t stream = nullptr;
            cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
            cudaMalloc(&device, sizeof(int));
            for (int round = 0; round < 20; ++round) {
                int back = -1;
                store<<<1, 1, 0, stream>>>(device, thread * 100 + round);
                cudaMemcpyAsync(&back, device, sizeof back, cudaMemcpyDeviceToHost, stream);
                cudaStreamSynchronize(stream);
                wrong += back != thread * 100 + round;
            }
            cudaFree(device);
            cudaStreamDestroy(stream);
        });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK(wrong == 0);
    OK(cudaGetLastError());
    return "";
}

CASE(per_thread_stream) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 2; ++thread) {
        threads.emplace_back([thread, &wrong] {
            int *device = nullptr, back = -1;
            cudaMalloc(&device, sizeof(int));
            store<<<1, 1, 0, cudaStreamPerThread>>>(device, thread + 1);
            cudaMemcpyAsync(&back, device, sizeof back, cudaMemcpyDeviceToHost, cudaStreamPerThread);
            cudaStreamSynchronize(cudaStreamPerThread);
            wrong += back != thread + 1;
            cudaFree(device);
        });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK(wrong == 0);
    return "";
}

__global__ static void wait_for(volatile int *flag, int *out) {
    while (*flag == 0) {
    }
    *out = 1;
}

CASE(kernel_waits_for_host) {
    // The host goes on while a kernel runs, and the kernel sees what it writes.
    volatile int *flag = nullptr;
    int *out = nullptr;
    OK(cudaHostAlloc((void **)&flag, sizeof(int), cudaHostAllocMapped));
    OK(cudaMalloc(&out, sizeof(int)));
    *flag = 0;
    cudaStream_t stream = nullptr;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    wait_for<<<1, 1, 0, stream>>>(flag, out);
    EXPECT(cudaErrorNotReady, cudaStreamQuery(stream));
    cudaGetLastError();
    *flag = 1;
    OK(cudaStreamSynchronize(stream));
    CHECK(read(out) == 1);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(out));
    OK(cudaFreeHost((void *)flag));
    return "";
}
