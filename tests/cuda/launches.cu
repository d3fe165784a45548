// Launches: arguments of every size and alignment, by each way in; grids; attributes; clusters; the stack and the heap.
#include "driver.h"

#include <cooperative_groups.h>

#include <cstring>
#include <utility>

template <int N> struct Bytes {
    unsigned char data[N];
};

/// A sum that every byte's place counts in, between arguments whose places depend on the size.
template <int N> __global__ static void weigh(char before, Bytes<N> bytes, double after, unsigned *out) {
    unsigned sum = unsigned(before) + unsigned(after);
    for (int i = 0; i < N; ++i) sum += bytes.data[i] * (i % 11 + 1);
    *out = sum;
}

template <int N> static Result weighed(unsigned *out) {
    Bytes<N> bytes;
    unsigned wanted = 3 + 1000, got = 0;
    for (int i = 0; i < N; ++i) {
        bytes.data[i] = (unsigned char)(i * 7 + N);
        wanted += bytes.data[i] * (i % 11 + 1);
    }
    weigh<N><<<1, 1>>>(3, bytes, 1000.0, out);
    memset(&bytes, 0, sizeof bytes); // what they were when they were given is what counts
    OK(cudaMemcpy(&got, out, sizeof got, cudaMemcpyDeviceToHost));
    return got == wanted ? "" : "wrong for " + std::to_string(N) + " bytes";
}

CASE(arguments_by_size) {
    unsigned *out = nullptr;
    OK(cudaMalloc(&out, sizeof(unsigned)));
    Result (*const sizes[])(unsigned *) = {
        weighed<1>,   weighed<2>,   weighed<3>,   weighed<4>,   weighed<5>,    weighed<7>,    weighed<8>,
        weighed<9>,   weighed<15>,  weighed<16>,  weighed<17>,  weighed<31>,   weighed<32>,   weighed<33>,
        weighed<64>,  weighed<100>, weighed<127>, weighed<255>, weighed<1000>, weighed<2048>, weighed<4000>};
    for (const auto size : sizes) {
        const Result result = size(out);
        if (!result.empty()) return result;
    }
    OK(cudaFree(out));
    return "";
}

struct alignas(16) Wide {
    double first;
    char second;
};

struct Answers {
    double values[12];
};

__global__ static void spread(signed char a, double b, short c, float4 d, bool e, long long f, Wide g, unsigned char h, int2 i,
                              char3 j, float k, Answers *out) {
    const double values[12] = {double(a), b,        double(c),    d.x + d.w * 10.0, double(e), double(f),
                               g.first,   double(g.second), double(h), i.x + i.y * 10.0, double(j.z), double(k)};
    for (int n = 0; n < 12; ++n) out->values[n] = values[n];
}

CASE(arguments_by_alignment) {
    Answers *device = nullptr, back;
    OK(cudaMalloc(&device, sizeof back));
    const float4 d = make_float4(1, 2, 3, 4);
    const Wide g = {6.5, 'g'};
    spread<<<1, 1>>>(-1, 2.25, -300, d, true, -(1LL << 40), g, 200, make_int2(7, 8), make_char3(1, 2, 3), 0.5f, device);
    OK(cudaMemcpy(&back, device, sizeof back, cudaMemcpyDeviceToHost));
    const double wanted[12] = {-1, 2.25, -300, 41, 1, -double(1LL << 40), 6.5, 'g', 200, 87, 3, 0.5};
    for (int n = 0; n < 12; ++n) CHECK(back.values[n] == wanted[n]);
    OK(cudaFree(device));
    return "";
}

__global__ static void keep_bits(float a, double b, unsigned long long *out) {
    out[0] = __float_as_uint(a);
    out[1] = __double_as_longlong(b);
}

CASE(arguments_by_bits) {
    // Numbers that whoever passes them on may take for others.
    const unsigned singles[] = {0x80000000, 1, 0x7f800001, 0x7fc12345, 0xff800000, 0x3f800000};
    const unsigned long long doubles[] = {1ull << 63, 1, 0x7ff0000000000001, 0x7ff8123456789abc, 0xfff0000000000000,
                                          0x3ff0000000000000};
    unsigned long long *device = nullptr, back[2];
    OK(cudaMalloc(&device, sizeof back));
    for (int i = 0; i < 6; ++i) {
        float a;
        double b;
        memcpy(&a, &singles[i], sizeof a);
        memcpy(&b, &doubles[i], sizeof b);
        void *arguments[] = {&a, &b, &device};
        OK(cudaLaunchKernel(reinterpret_cast<const void *>(keep_bits), dim3(1), dim3(1), arguments, 0, nullptr));
        OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
        CHECK(back[0] == singles[i] && back[1] == doubles[i]);
    }
    OK(cudaFree(device));
    return "";
}

__global__ static void mix(char a, double b, short c, unsigned *out) {
    *out = unsigned(a) + unsigned(b) * 100 + unsigned(c) * 10000;
}

CASE(arguments_through_the_driver) {
    // The runtime's kernel, launched by the driver: with pointers, with a packed buffer, and with attributes.
    cudaFunction_t function = nullptr;
    unsigned *out = nullptr, got = 0;
    OK(cudaMalloc(&out, sizeof got));
    OK(cudaGetFuncBySymbol(&function, reinterpret_cast<const void *>(mix)));
    char a = 1;
    double b = 2;
    short c = 3;
    void *pointers[] = {&a, &b, &c, &out};
    OK(DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, pointers, nullptr));
    OK(cudaMemcpy(&got, out, sizeof got, cudaMemcpyDeviceToHost));
    CHECK(got == 30201);
    struct {
        char a = 4;
        double b = 5;
        short c = 6;
        unsigned *out;
    } packed;
    packed.out = out;
    size_t size = sizeof packed;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_END};
    OK(DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra));
    OK(cudaMemcpy(&got, out, sizeof got, cudaMemcpyDeviceToHost));
    CHECK(got == 60504);
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, pointers, extra));
    CUlaunchAttribute attribute = {};
    attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    attribute.value.cooperative = 1;
    CUlaunchConfig config = {};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = config.blockDimY = config.blockDimZ = 1;
    config.attrs = &attribute;
    config.numAttrs = 1;
    a = 7;
    OK(DRIVER(cuLaunchKernelEx)(&config, function, pointers, nullptr));
    OK(cudaMemcpy(&got, out, sizeof got, cudaMemcpyDeviceToHost));
    CHECK(got == 30207);
#if CUDART_VERSION >= 12040
    // Where each argument lies.
    const size_t offsets[] = {0, 8, 16, 24}, sizes[] = {1, 8, 2, 8};
    for (size_t i = 0; i < 4; ++i) {
        size_t offset = 99, length = 99;
        OK(DRIVER(cuFuncGetParamInfo)(function, i, &offset, &length));
        CHECK(offset == offsets[i] && length == sizes[i]);
    }
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuFuncGetParamInfo)(function, 4, &size, &size));
#endif
    OK(cudaFree(out));
    return "";
}

__global__ static void number_threads(int *out) {
    const dim3 at(blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y,
                  blockIdx.z * blockDim.z + threadIdx.z);
    const int width = gridDim.x * blockDim.x, height = gridDim.y * blockDim.y;
    const int number = (at.z * height + at.y) * width + at.x;
    out[number] = number;
}

CASE(grid_shapes) {
    const dim3 grid(3, 2, 4), block(5, 7, 2);
    const int count = 3 * 2 * 4 * 5 * 7 * 2;
    int *device = nullptr, back[count];
    OK(cudaMalloc(&device, sizeof back));
    OK(cudaMemset(device, 0xff, sizeof back));
    number_threads<<<grid, block>>>(device);
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < count; ++i) CHECK(back[i] == i);
    OK(cudaFree(device));
    return "";
}

__global__ static void grid_ranks(unsigned long long *out) {
    cooperative_groups::grid_group grid = cooperative_groups::this_grid();
    grid.sync();
    if (threadIdx.x == 0) out[blockIdx.x] = grid.thread_rank() * 1000 + grid.size();
}

CASE(launch_attributes) {
    // A cooperative launch in a stream, by attributes, with a priority; and how a launch is told that it cannot be.
    cudaStream_t stream = nullptr;
    unsigned long long *device = nullptr, back[3];
    OK(cudaMalloc(&device, sizeof back));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    cudaLaunchAttribute attributes[2] = {};
    attributes[0].id = cudaLaunchAttributeCooperative;
    attributes[0].val.cooperative = 1;
    attributes[1].id = cudaLaunchAttributePriority;
    attributes[1].val.priority = 0;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(3);
    config.blockDim = dim3(64);
    config.stream = stream;
    config.attrs = attributes;
    config.numAttrs = 2;
    OK(cudaLaunchKernelEx(&config, grid_ranks, device));
    OK(cudaStreamSynchronize(stream));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (unsigned long long i = 0; i < 3; ++i) CHECK(back[i] == i * 64 * 1000 + 192);
    config.gridDim = dim3(1 << 20);
    EXPECT(cudaErrorCooperativeLaunchTooLarge, cudaLaunchKernelEx(&config, grid_ranks, device));
    cudaGetLastError();
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)
#define CLUSTERS 1
#endif

__global__ static void swap_in_cluster(int *out) {
#if defined(CLUSTERS) && defined(__CUDA_ARCH__)
    // Each block reads what the other has in its shared memory.
    __shared__ int own;
    cooperative_groups::cluster_group cluster = cooperative_groups::this_cluster();
    if (threadIdx.x == 0) own = 100 + blockIdx.x;
    cluster.sync();
    const int *other = cluster.map_shared_rank(&own, cluster.block_rank() ^ 1);
    if (threadIdx.x == 0) out[blockIdx.x] = *other;
    cluster.sync();
#endif
}

CASE(cluster_launches) {
    int major = 0, clusters = 0;
    cudaFuncAttributes facts;
    OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    OK(cudaFuncGetAttributes(&facts, swap_in_cluster));
    if (major < 9 || facts.ptxVersion < 90) return skipped("clusters come with compute capability 9.0");
    int *device = nullptr, back[6];
    OK(cudaMalloc(&device, sizeof back));
    cudaLaunchAttribute cluster = {};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = 2;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(6);
    config.blockDim = dim3(32);
    config.attrs = &cluster;
    config.numAttrs = 1;
    OK(cudaOccupancyMaxActiveClusters(&clusters, swap_in_cluster, &config));
    CHECK(clusters >= 1);
    OK(cudaLaunchKernelEx(&config, swap_in_cluster, device));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 6; ++i) CHECK(back[i] == 100 + (i ^ 1));
    // A grid that its clusters do not fill is refused.
    config.gridDim = dim3(5);
    CHECK(cudaLaunchKernelEx(&config, swap_in_cluster, device) != cudaSuccess);
    cudaGetLastError();
    OK(cudaDeviceSynchronize());
    OK(cudaFree(device));
    return "";
}

__device__ static int depth(volatile int level) { return level <= 0 ? 0 : 1 + depth(level - 1); }
__global__ static void recurse(int level, int *out) { *out = depth(level); }

__global__ static void use_heap(int **kept, int *sum) {
    // One kernel's memory is there for the next.
    if (*kept == nullptr) {
        *kept = static_cast<int *>(malloc(1000 * sizeof(int)));
        for (int i = 0; *kept != nullptr && i < 1000; ++i) (*kept)[i] = i;
    } else {
        for (int i = 0; i < 1000; ++i) *sum += (*kept)[i];
        free(*kept);
    }
}

CASE(stack_and_heap) {
    size_t before = 0, stack = 0;
    int *out = nullptr, **kept = nullptr, value = 0;
    OK(cudaMalloc(&out, sizeof(int)));
    OK(cudaMalloc(&kept, sizeof(int *)));
    OK(cudaMemset(kept, 0, sizeof(int *)));
    OK(cudaMemset(out, 0, sizeof(int)));
    OK(cudaDeviceGetLimit(&before, cudaLimitStackSize));
    OK(cudaDeviceSetLimit(cudaLimitStackSize, 32 << 10));
    OK(cudaDeviceGetLimit(&stack, cudaLimitStackSize));
    CHECK(stack >= 32 << 10);
    recurse<<<1, 1>>>(200, out);
    OK(cudaMemcpy(&value, out, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 200);
    OK(cudaDeviceSetLimit(cudaLimitStackSize, before));
    OK(cudaMemset(out, 0, sizeof(int)));
    use_heap<<<1, 1>>>(kept, out);
    use_heap<<<1, 1>>>(kept, out);
    OK(cudaMemcpy(&value, out, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 499500);
    size_t queue = 0;
    OK(cudaDeviceGetLimit(&queue, cudaLimitPrintfFifoSize));
    CHECK(queue > 0);
    CHECK(cudaDeviceGetLimit(&queue, cudaLimit(77)) != cudaSuccess);
    cudaGetLastError();
    OK(cudaFree(out));
    OK(cudaFree(kept));
    return "";
}
