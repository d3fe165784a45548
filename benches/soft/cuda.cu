// The kernels by CUDA, a launch and the wait for its end included. `wall`: by the time of day, not by CPU seconds.
#include <cstdlib>
#include <cstring>

#define KERNEL __global__
#define GLOBAL
#define SHARED(type, name, count) __shared__ type name[count]
#define BARRIER __syncthreads()
#define LOCAL_X threadIdx.x
#define LOCAL_Y threadIdx.y
#define GROUP_X blockIdx.x
#define GROUP_Y blockIdx.y
#define GLOBAL_X (blockIdx.x * blockDim.x + threadIdx.x)
#define GLOBAL_Y (blockIdx.y * blockDim.y + threadIdx.y)
#define GLOBAL_SIZE_X (gridDim.x * blockDim.x)
#define INVERSE_ROOT_F32 rsqrtf
#define INVERSE_ROOT_F64 rsqrt
#define ADD_SHARED(place) atomicAdd(place, 1u)
#define ADD_GLOBAL(place, value) atomicAdd(place, value)
#include "kernels.h"
#include "workload.h"

static void check(cudaError_t error) {
    if (error != cudaSuccess) {
        fprintf(stderr, "%s\n", cudaGetErrorString(error));
        exit(1);
    }
}

template <typename T> struct Device {
    T *data = nullptr;
    size_t count;
    explicit Device(size_t n) : count(n) {
        check(cudaMalloc(&data, n * sizeof(T)));
        check(cudaMemset(data, 0, n * sizeof(T)));
    }
    explicit Device(const std::vector<T> &from) : Device(from.size()) {
        check(cudaMemcpy(data, from.data(), count * sizeof(T), cudaMemcpyHostToDevice));
    }
    std::vector<T> back() const {
        std::vector<T> to(count);
        check(cudaMemcpy(to.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost));
        return to;
    }
};

template <typename Launch> double timed(Launch launch) {
    return least([&] {
        launch();
        check(cudaDeviceSynchronize());
    });
}

int main(int count, char **words) {
    if (count > 1 && strcmp(words[1], "wall") == 0)
        clock_used = CLOCK_MONOTONIC;
    check(cudaFree(nullptr));
    {
        Device<float> x(numbers<float>(saxpy_n)), y(saxpy_n);
        const double time = timed([&] { saxpy<<<saxpy_n / BLOCK, BLOCK>>>(saxpy_n, 2, x.data, y.data); });
        check(cudaMemset(y.data, 0, saxpy_n * sizeof(float)));
        saxpy<<<saxpy_n / BLOCK, BLOCK>>>(saxpy_n, 2, x.data, y.data);
        tell("saxpy", time, y.back());
    }
    {
        Device<float> a(numbers<float>(matmul_n * matmul_n)), b(numbers<float>(matmul_n * matmul_n)), c(matmul_n * matmul_n);
        const unsigned blocks = (matmul_n + TILE - 1) / TILE;
        const double time = timed([&] { matmul<<<dim3(blocks, blocks), dim3(TILE, TILE)>>>(matmul_n, a.data, b.data, c.data); });
        tell("matmul", time, c.back());
    }
    {
        Device<float> x(numbers<float>(reduction_n)), sums(reduction_blocks);
        const double time = timed([&] { reduction<<<reduction_blocks, BLOCK>>>(reduction_n, x.data, sums.data); });
        tell("reduction", time, sums.back());
    }
    {
        Device<unsigned> steps(mandelbrot_n * mandelbrot_n);
        const unsigned blocks = mandelbrot_n / TILE;
        const double time = timed([&] { mandelbrot<<<dim3(blocks, blocks), dim3(TILE, TILE)>>>(mandelbrot_n, mandelbrot_limit, steps.data); });
        tell("mandelbrot", time, steps.back());
    }
    {
        Device<float> body(numbers<float>(4 * nbody_n)), force(3 * nbody_n);
        const double time = timed([&] { nbody_f32<<<nbody_n / BLOCK, BLOCK>>>(nbody_n, body.data, force.data); });
        tell("nbody-f32", time, force.back());
    }
    {
        Device<double> body(numbers<double>(4 * nbody_n)), force(3 * nbody_n);
        const double time = timed([&] { nbody_f64<<<nbody_n / BLOCK, BLOCK>>>(nbody_n, body.data, force.data); });
        tell("nbody-f64", time, force.back());
    }
    {
        Device<unsigned char> x(numbers<unsigned char>(histogram_n, 256));
        Device<unsigned> counts(BINS);
        const double time = timed([&] { histogram<<<histogram_blocks, BLOCK>>>(histogram_n, x.data, counts.data); });
        check(cudaMemset(counts.data, 0, BINS * sizeof(unsigned)));
        histogram<<<histogram_blocks, BLOCK>>>(histogram_n, x.data, counts.data);
        tell("histogram", time, counts.back());
    }
    {
        Device<float> x(numbers<float>(transpose_n * transpose_n)), y(transpose_n * transpose_n);
        const unsigned blocks = transpose_n / WIDE_TILE;
        const double time = timed([&] { transpose<<<dim3(blocks, blocks), dim3(WIDE_TILE, 8)>>>(transpose_n, x.data, y.data); });
        tell("transpose", time, y.back());
    }
}
