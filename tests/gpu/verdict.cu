// One kernel, so that a program's fate on a GPU depends on the device code that nvcc was told to write, and on nothing else.
// Exit code: 0 when the kernel ran, 1 when CUDA refused (the error's number and name are printed).
#include <cstdio>

__global__ void answer(int *out) { *out = 42; }

static int refused(const char *what, cudaError_t error) {
    std::printf("%s: error %d %s\n", what, static_cast<int>(error), cudaGetErrorName(error));
    return 1;
}

int main() {
    int *device = nullptr;
    int host = 0;
    if (cudaError_t error = cudaMalloc(&device, sizeof host)) return refused("cudaMalloc", error);
    answer<<<1, 1>>>(device);
    if (cudaError_t error = cudaGetLastError()) return refused("launch", error);
    if (cudaError_t error = cudaMemcpy(&host, device, sizeof host, cudaMemcpyDeviceToHost)) return refused("copy", error);
    std::printf("answer %d\n", host);
    return host == 42 ? 0 : 1;
}
