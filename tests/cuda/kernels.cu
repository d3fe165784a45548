// What kernels can do beside computing: printing, waiting for one another, reading textures.
#include "case.h"

#include <cooperative_groups.h>

#include <unistd.h>

__global__ static void print() { printf("thread %d of block %d: %s %.2f\n", threadIdx.x, blockIdx.x, "says", 1.5); }

/// What is written to standard output while `run` runs.
static std::string output_of(cudaError_t (*run)()) {
    fflush(stdout);
    FILE *file = tmpfile();
    const int kept = dup(1);
    dup2(fileno(file), 1);
    const cudaError_t error = run();
    fflush(stdout);
    dup2(kept, 1);
    close(kept);
    rewind(file);
    std::string text;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) text.push_back(char(c));
    fclose(file);
    return error == cudaSuccess ? text : cudaGetErrorString(error);
}

CASE(printing) {
    const std::string text = output_of([] {
        print<<<1, 2>>>();
        return cudaDeviceSynchronize();
    });
    const std::string wanted = "thread 0 of block 0: says 1.50\nthread 1 of block 0: says 1.50\n";
    return text == wanted ? "" : "it printed `" + text + "`";
}

__global__ static void grid_sum(int *data, int *sum) {
    // Each block writes its word; after the whole grid has met, each reads all of them.
    data[blockIdx.x] = blockIdx.x + 1;
    cooperative_groups::this_grid().sync();
    if (threadIdx.x == 0) {
        int total = 0;
        for (unsigned i = 0; i < gridDim.x; ++i) total += data[i];
        sum[blockIdx.x] = total;
    }
}

CASE(cooperative_launch) {
    const int blocks = 4;
    int *data = nullptr, *sum = nullptr, back[blocks];
    OK(cudaMalloc(&data, blocks * sizeof(int)));
    OK(cudaMalloc(&sum, blocks * sizeof(int)));
    void *arguments[] = {&data, &sum};
    OK(cudaLaunchCooperativeKernel(reinterpret_cast<void *>(grid_sum), dim3(blocks), dim3(32), arguments, 0, nullptr));
    OK(cudaMemcpy(back, sum, sizeof back, cudaMemcpyDeviceToHost));
    for (int value : back) CHECK(value == 10);
    EXPECT(cudaErrorCooperativeLaunchTooLarge,
           cudaLaunchCooperativeKernel(reinterpret_cast<void *>(grid_sum), dim3(1 << 20), dim3(32), arguments, 0, nullptr));
    cudaGetLastError();
    OK(cudaFree(data));
    OK(cudaFree(sum));
    return "";
}

__global__ static void shared_reverse(int *data) {
    extern __shared__ int room[];
    room[threadIdx.x] = data[threadIdx.x];
    __syncthreads();
    data[threadIdx.x] = room[blockDim.x - 1 - threadIdx.x];
}

CASE(dynamic_shared_memory) {
    const int count = 256;
    int *device = nullptr, host[count];
    for (int i = 0; i < count; ++i) host[i] = i;
    OK(cudaMalloc(&device, sizeof host));
    OK(cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice));
    shared_reverse<<<1, count, sizeof host>>>(device);
    OK(cudaMemcpy(host, device, sizeof host, cudaMemcpyDeviceToHost));
    for (int i = 0; i < count; ++i) CHECK(host[i] == count - 1 - i);
    // More than 48 KiB has to be asked for.
    shared_reverse<<<1, count, 60 << 10>>>(device);
    EXPECT(cudaErrorInvalidValue, cudaGetLastError());
    OK(cudaFuncSetAttribute(shared_reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 60 << 10));
    shared_reverse<<<1, count, 60 << 10>>>(device);
    OK(cudaDeviceSynchronize());
    OK(cudaFree(device));
    return "";
}

__global__ static void __launch_bounds__(128) bounded(int *out) { *out = 1; }

CASE(kernel_attributes) {
    cudaFuncAttributes attributes;
    OK(cudaFuncGetAttributes(&attributes, bounded));
    CHECK(attributes.maxThreadsPerBlock == 128 && attributes.numRegs > 0 && attributes.ptxVersion >= 50);
    int blocks = 0, grid = 0, block = 0;
    OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, shared_reverse, 256, 1024));
    CHECK(blocks >= 1 && blocks <= 32);
    OK(cudaOccupancyMaxPotentialBlockSize(&grid, &block, bounded, 0, 0));
    CHECK(block > 0 && block <= 128 && block % 32 == 0 && grid > 0);
    int *device = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    bounded<<<1, 256>>>(device);
    const cudaError_t error = cudaGetLastError();
    CHECK(error == cudaErrorInvalidValue || error == cudaErrorLaunchOutOfResources);
    // The runtime of CUDA 11 and 12 looks for itself; that of 13 passes on what the driver says.
    for (const int threads : {0, 2048}) {
        bounded<<<1, threads>>>(device);
        const cudaError_t size_error = cudaGetLastError();
        CHECK(size_error == cudaErrorInvalidConfiguration || (CUDART_VERSION >= 13000 && size_error == cudaErrorInvalidValue));
    }
    // None of these is the device's fault: it goes on.
    bounded<<<1, 128>>>(device);
    OK(cudaDeviceSynchronize());
    OK(cudaFree(device));
    return "";
}

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)
#define CLUSTERS 1
#endif

__global__ static void cluster_ranks(unsigned *out) {
#if defined(CLUSTERS) && defined(__CUDA_ARCH__)
    unsigned rank, size;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
    out[blockIdx.x] = rank * 10 + size;
#endif
}

CASE(clusters) {
    int major = 0;
    cudaFuncAttributes attributes;
    OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
    OK(cudaFuncGetAttributes(&attributes, cluster_ranks));
    if (major < 9 || attributes.ptxVersion < 90) return skipped("clusters come with compute capability 9.0");
    unsigned *device = nullptr, back[4];
    OK(cudaMalloc(&device, sizeof back));
    cudaLaunchAttribute cluster;
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = 2;
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(4);
    config.blockDim = dim3(1);
    config.attrs = &cluster;
    config.numAttrs = 1;
    OK(cudaLaunchKernelEx(&config, cluster_ranks, device));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    CHECK(back[0] == 2 && back[1] == 12 && back[2] == 2 && back[3] == 12);
    OK(cudaFree(device));
    return "";
}
