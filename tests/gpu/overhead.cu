// What calls of CUDA cost: a line `name value unit` each, the median of several rounds. It ends with 1 if what it measured
// was not carried out.
//
// usage: overhead [SCALE]
// SCALE, from 0 to 1, scales the number of rounds and the largest copy: 1 is for a GPU, 0.01 takes seconds without one.
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

static void check(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    exit(1);
}
#define CHECK(call) check(call, #call)

static double scale = 1;

/// So many, scaled, and at least `least`.
static int scaled(int count, int least) { return std::max(least, int(count * scale)); }

/// Seconds that each of `calls` calls of `call` takes: the median of some rounds. What `behind` does is not measured.
template <typename Call, typename Behind> static double measure(int calls, int rounds, Call call, Behind behind) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    for (int round = -1; round < rounds; ++round) {
        const Clock::time_point start = Clock::now();
        for (int i = 0; i < calls; ++i) call();
        const std::chrono::duration<double> time = Clock::now() - start;
        behind();
        if (round >= 0) times.push_back(time.count() / calls); // the first is for the caches
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

static void print(const std::string &name, double value, const char *unit) {
    printf("%s %.4g %s\n", name.c_str(), value, unit);
    fflush(stdout);
}

static void wait() { CHECK(cudaDeviceSynchronize()); }
static void nothing() {}

/// Counts the launches, so that none is left out unnoticed.
__global__ static void count(unsigned *launches) { *launches += 1; }

static std::string spelled(size_t bytes) {
    return bytes >= 1 << 20 ? std::to_string(bytes >> 20) + "M" : std::to_string(bytes >> 10) + "K";
}

static void calls() {
    const int rounds = scaled(21, 3), few = scaled(100, 5), many = scaled(1000, 10);
    unsigned *device = nullptr, launches = 0, counted = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    CHECK(cudaMalloc(&device, sizeof(unsigned)));
    CHECK(cudaMemset(device, 0, sizeof(unsigned)));
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    wait();
    const auto launch = [&] {
        count<<<1, 1, 0, stream>>>(device);
        ++launches;
    };
    print("launch_issue", 1e6 * measure(few, rounds, launch, wait), "us");
    print("launch_and_synchronize", 1e6 * measure(few, rounds, [&] { launch(), CHECK(cudaStreamSynchronize(stream)); }, nothing), "us");
    print("synchronize_idle", 1e6 * measure(many, rounds, wait, nothing), "us");
    print("last_error", 1e6 * measure(many, rounds, [] { CHECK(cudaGetLastError()); }, nothing), "us");
    print("stream_query", 1e6 * measure(many, rounds, [&] { CHECK(cudaStreamQuery(stream)); }, nothing), "us");
    print("event_record", 1e6 * measure(few, rounds, [&] { CHECK(cudaEventRecord(event, stream)); }, wait), "us");
    const auto allocate = [] {
        void *memory = nullptr;
        CHECK(cudaMalloc(&memory, 1 << 20));
        CHECK(cudaFree(memory));
    };
    print("malloc_and_free_1M", 1e6 * measure(scaled(20, 3), rounds, allocate, nothing), "us");
    CHECK(cudaMemcpy(&counted, device, sizeof counted, cudaMemcpyDeviceToHost));
    if (counted != launches) {
        fprintf(stderr, "%u launches were carried out of %u\n", counted, launches);
        exit(1);
    }
    CHECK(cudaFree(device));
    CHECK(cudaStreamDestroy(stream));
    CHECK(cudaEventDestroy(event));
}

static void copies(bool pinned, size_t bytes, int repeats, int rounds) {
    const std::string name = pinned ? "pinned" : "pageable";
    unsigned char *host = nullptr, *back = nullptr;
    void *device = nullptr;
    for (unsigned char **memory : {&host, &back}) {
        if (pinned) {
            CHECK(cudaMallocHost(memory, bytes));
        } else {
            *memory = static_cast<unsigned char *>(malloc(bytes));
        }
    }
    memset(host, 0x5a, bytes);
    memset(back, 0, bytes);
    CHECK(cudaMalloc(&device, bytes));
    const double in = measure(repeats, rounds, [&] { CHECK(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice)); }, wait);
    const double out = measure(repeats, rounds, [&] { CHECK(cudaMemcpy(back, device, bytes, cudaMemcpyDeviceToHost)); }, wait);
    print(name + "_h2d_" + spelled(bytes), bytes / in * 1e-9, "GB/s");
    print(name + "_d2h_" + spelled(bytes), bytes / out * 1e-9, "GB/s");
    if (memcmp(host, back, bytes) != 0) {
        fprintf(stderr, "what was copied there and back is not what it was\n");
        exit(1);
    }
    CHECK(cudaFree(device));
    for (unsigned char *memory : {host, back}) {
        if (pinned) {
            CHECK(cudaFreeHost(memory));
        } else {
            free(memory);
        }
    }
}

int main(int argc, char **argv) {
    if (argc > 1) scale = atof(argv[1]);
    if (!(scale > 0 && scale <= 1)) {
        fprintf(stderr, "usage: overhead [SCALE], from 0 to 1\n");
        return 2;
    }
    calls();
    const size_t large = std::max<size_t>(2, size_t(256 * scale)) << 20;
    for (const bool pinned : {true, false}) {
        copies(pinned, 4 << 10, scaled(100, 3), scaled(21, 3));
        copies(pinned, 1 << 20, scaled(20, 2), scaled(21, 3));
        copies(pinned, large, 1, scaled(7, 3));
    }
    return 0;
}
