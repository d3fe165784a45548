// A program that the GPU is busy with: bodies that attract one another, each pair looked at in each step. What it does is
// checked by the energy, which stays. Prints `name value unit` a line, and PASS.
//
// usage: busy [STEPS [BODIES]]
// Without arguments it is meant to take 5 to 6 seconds on an H200; `busy 3 512` takes less without a GPU.
#include <cuda_runtime.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

static void check(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return;
    fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    exit(1);
}
#define CHECK(call) check(call, #call)

static const int BLOCK = 256;

/// Below this distance bodies attract one another less: no pair flies apart by a step that is too long.
__device__ static const float SOFTENING_SQUARED = 0.01f;

/// One step: in `from` and `to` a body is its place and its mass. The number of bodies is a multiple of BLOCK.
__global__ static void __launch_bounds__(BLOCK) step(const float4 *from, float4 *to, float3 *velocities, int bodies, float time) {
    __shared__ float4 tile[BLOCK];
    const int own = blockIdx.x * BLOCK + threadIdx.x;
    const float4 body = from[own];
    float3 pull = make_float3(0, 0, 0);
    for (int start = 0; start < bodies; start += BLOCK) {
        tile[threadIdx.x] = from[start + threadIdx.x];
        __syncthreads();
#pragma unroll 16
        for (int i = 0; i < BLOCK; ++i) {
            const float4 other = tile[i];
            const float x = other.x - body.x, y = other.y - body.y, z = other.z - body.z;
            const float inverse = rsqrtf(x * x + y * y + z * z + SOFTENING_SQUARED);
            const float weight = other.w * inverse * inverse * inverse;
            pull.x += x * weight;
            pull.y += y * weight;
            pull.z += z * weight;
        }
        __syncthreads();
    }
    float3 velocity = velocities[own];
    velocity.x += pull.x * time;
    velocity.y += pull.y * time;
    velocity.z += pull.z * time;
    velocities[own] = velocity;
    to[own] = make_float4(body.x + velocity.x * time, body.y + velocity.y * time, body.z + velocity.z * time, body.w);
}

/// Each body's energy of motion, and its half of the energy between it and the others.
__global__ static void energy(const float4 *bodies, const float3 *velocities, int count, double2 *out) {
    const int own = blockIdx.x * blockDim.x + threadIdx.x;
    const float4 body = bodies[own];
    const float3 velocity = velocities[own];
    double between = 0;
    for (int i = 0; i < count; ++i) {
        const float4 other = bodies[i];
        const float x = other.x - body.x, y = other.y - body.y, z = other.z - body.z;
        if (i != own) between -= other.w * rsqrtf(x * x + y * y + z * z + SOFTENING_SQUARED);
    }
    const float squared = velocity.x * velocity.x + velocity.y * velocity.y + velocity.z * velocity.z;
    out[own] = make_double2(0.5 * body.w * squared, 0.5 * body.w * between);
}

/// A number from -1 to 1 that every machine has alike.
static float random_number() {
    static unsigned long long state = 12345;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return float(int(state >> 40) - (1 << 23)) / float(1 << 23);
}

struct Energy {
    double motion = 0, between = 0;
};

static Energy sum(const float4 *bodies, const float3 *velocities, int count) {
    double2 *device = nullptr;
    std::vector<double2> host(count);
    CHECK(cudaMalloc(&device, count * sizeof(double2)));
    energy<<<count / BLOCK, BLOCK>>>(bodies, velocities, count, device);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(host.data(), device, count * sizeof(double2), cudaMemcpyDeviceToHost));
    CHECK(cudaFree(device));
    Energy all;
    for (const double2 &one : host) all.motion += one.x, all.between += one.y;
    return all;
}

int main(int argc, char **argv) {
    const auto begin = std::chrono::steady_clock::now();
    const int steps = argc > 1 ? atoi(argv[1]) : 2000;
    const int bodies = argc > 2 ? atoi(argv[2]) : 65536;
    if (steps < 1 || bodies < BLOCK || bodies % BLOCK != 0) {
        fprintf(stderr, "usage: busy [STEPS [BODIES]], the bodies a multiple of %d\n", BLOCK);
        return 2;
    }
    std::vector<float4> host(bodies);
    for (float4 &body : host) {
        const float x = random_number(), y = random_number(), z = random_number();
        body = make_float4(x, y, z, 1.0f / bodies);
    }
    float4 *from = nullptr, *to = nullptr;
    float3 *velocities = nullptr;
    cudaEvent_t start = nullptr, end = nullptr;
    CHECK(cudaMalloc(&from, bodies * sizeof(float4)));
    CHECK(cudaMalloc(&to, bodies * sizeof(float4)));
    CHECK(cudaMalloc(&velocities, bodies * sizeof(float3)));
    CHECK(cudaMemcpy(from, host.data(), bodies * sizeof(float4), cudaMemcpyHostToDevice));
    CHECK(cudaMemset(velocities, 0, bodies * sizeof(float3)));
    CHECK(cudaEventCreate(&start));
    CHECK(cudaEventCreate(&end));
    const Energy before = sum(from, velocities, bodies);
    CHECK(cudaEventRecord(start));
    for (int i = 0; i < steps; ++i) {
        step<<<bodies / BLOCK, BLOCK>>>(from, to, velocities, bodies, 2e-4f);
        std::swap(from, to);
    }
    CHECK(cudaGetLastError());
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    float milliseconds = 0;
    CHECK(cudaEventElapsedTime(&milliseconds, start, end));
    const Energy after = sum(from, velocities, bodies);

    const double whole = before.motion + before.between;
    const double drift = std::abs((after.motion + after.between - whole) / whole);
    // They began at rest, and fall towards one another.
    const bool moved = before.motion == 0 && after.motion > 0 && after.between < before.between;
    printf("busy_bodies %d 1\nbusy_steps %d 1\nbusy_kernels %.4f s\n", bodies, steps, milliseconds * 1e-3);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    printf("busy_whole %.4f s\nbusy_energy_drift %.3g 1\n", time.count(), drift);
    const bool passed = moved && drift < 1e-3;
    printf(passed ? "PASS\n" : "FAIL\n");
    return passed ? 0 : 1;
}
