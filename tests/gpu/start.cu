// The least that a CUDA program does: it starts, and makes the device's context. How long that takes is measured from outside.
#include <cuda_runtime.h>

#include <cstdio>

int main() {
    const cudaError_t error = cudaFree(nullptr);
    if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
    return error != cudaSuccess;
}
