// Two kernels that use something of everything that is counted.
#include <cstdio>
__constant__ float coefficients[16];
__device__ int counter;
struct Big { float values[64]; };

extern "C" __global__ void saxpy(int n, float a, const float *x, float *y) {
    __shared__ float tile[128];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    tile[threadIdx.x & 127] = i < n ? x[i] : 0;
    __syncthreads();
    if (i < n) y[i] = a * tile[(threadIdx.x + 1) & 127] + y[i] * coefficients[i & 15];
}

template <typename T>
__global__ void __launch_bounds__(256, 2) fill(T *p, T value, Big big) {
    p[threadIdx.x] = value + static_cast<T>(big.values[threadIdx.x & 63]);
    atomicAdd(&counter, 1);
}

int main() {
    saxpy<<<1, 32>>>(1, 2.f, nullptr, nullptr);
    fill<<<1, 1>>>(static_cast<float *>(nullptr), 1.f, Big{});
    cudaDeviceSynchronize();
    std::puts("done");
}
