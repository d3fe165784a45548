// Memory of every kind, and copies of every shape.
#include "case.h"

#include <cstdlib>
#include <cstring>
#include <numeric>

__global__ static void add_one(int *data, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) data[i] += 1;
}

static const int N = 1000;

static void launch_add_one(int *data) { add_one<<<(N + 127) / 128, 128>>>(data, N); }

CASE(device_memory) {
    int *device = nullptr;
    std::vector<int> host(N), back(N);
    std::iota(host.begin(), host.end(), 0);
    OK(cudaMalloc(&device, N * sizeof(int)));
    OK(cudaMemcpy(device, host.data(), N * sizeof(int), cudaMemcpyHostToDevice));
    launch_add_one(device);
    OK(cudaGetLastError());
    OK(cudaMemcpy(back.data(), device, N * sizeof(int), cudaMemcpyDeviceToHost));
    for (int i = 0; i < N; ++i) CHECK(back[i] == i + 1);
    size_t free_before = 0, free_after = 0, total = 0;
    OK(cudaMemGetInfo(&free_before, &total));
    CHECK(total > 0 && free_before <= total);
    OK(cudaFree(device));
    OK(cudaMemGetInfo(&free_after, &total));
    CHECK(free_after >= free_before);
    OK(cudaFree(nullptr));
    EXPECT(cudaErrorMemoryAllocation, cudaMalloc(&device, size_t(1) << 60));
    cudaGetLastError();
    return "";
}

CASE(default_direction) {
    int *device = nullptr, value = 7, back = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemcpy(device, &value, sizeof(int), cudaMemcpyDefault));
    OK(cudaMemcpy(&back, device, sizeof(int), cudaMemcpyDefault));
    CHECK(back == 7);
    EXPECT(cudaErrorInvalidValue, cudaMemcpy(&value, &back, sizeof(int), cudaMemcpyHostToDevice));
    cudaGetLastError();
    OK(cudaFree(device));
    return "";
}

CASE(pinned) {
    int *host = nullptr, *device = nullptr;
    OK(cudaMallocHost(&host, N * sizeof(int)));
    OK(cudaMalloc(&device, N * sizeof(int)));
    for (int i = 0; i < N; ++i) host[i] = i;
    OK(cudaMemcpyAsync(device, host, N * sizeof(int), cudaMemcpyHostToDevice));
    launch_add_one(device);
    OK(cudaMemcpyAsync(host, device, N * sizeof(int), cudaMemcpyDeviceToHost));
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < N; ++i) CHECK(host[i] == i + 1);
    unsigned flags = 99;
    OK(cudaHostGetFlags(&flags, host));
    OK(cudaFreeHost(host));
    OK(cudaFree(device));
    return "";
}

CASE(mapped) {
    int *host = nullptr, *device = nullptr;
    OK(cudaHostAlloc(&host, N * sizeof(int), cudaHostAllocMapped | cudaHostAllocPortable));
    for (int i = 0; i < N; ++i) host[i] = i;
    OK(cudaHostGetDevicePointer(&device, host, 0));
    launch_add_one(device);
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < N; ++i) CHECK(host[i] == i + 1);
    OK(cudaFreeHost(host));
    return "";
}

CASE(registered) {
    int *host = static_cast<int *>(aligned_alloc(4096, 8192)), *device = nullptr;
    for (int i = 0; i < N; ++i) host[i] = i;
    EXPECT(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(host));
    OK(cudaHostRegister(host, 8192, cudaHostRegisterMapped));
    EXPECT(cudaErrorHostMemoryAlreadyRegistered, cudaHostRegister(host, 8192, cudaHostRegisterMapped));
    cudaGetLastError();
    OK(cudaHostGetDevicePointer(&device, host, 0));
    launch_add_one(device);
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < N; ++i) CHECK(host[i] == i + 1);
    OK(cudaHostUnregister(host));
    free(host);
    return "";
}

CASE(managed) {
    int *data = nullptr;
    OK(cudaMallocManaged(&data, N * sizeof(int)));
    for (int i = 0; i < N; ++i) data[i] = i;
    launch_add_one(data);
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < N; ++i) CHECK(data[i] == i + 1);
    cudaPointerAttributes attributes;
    OK(cudaPointerGetAttributes(&attributes, data));
    CHECK(attributes.type == cudaMemoryTypeManaged);
    OK(cudaFree(data));
    return "";
}

__managed__ int managed_value = 41;
__managed__ float managed_list[4] = {1, 2, 3, 4};

__global__ static void use_managed() {
    managed_value += 1;
    managed_list[2] *= 10;
}

CASE(managed_variables) {
    CHECK(managed_value == 41 && managed_list[3] == 4);
    managed_value = 50;
    use_managed<<<1, 1>>>();
    OK(cudaDeviceSynchronize());
    CHECK(managed_value == 51 && managed_list[2] == 30);
    return "";
}

__device__ int device_values[4] = {1, 2, 3, 4};
__constant__ int constant_values[4];

__global__ static void sum_values(int *out) {
    for (int i = 0; i < 4; ++i) *out += device_values[i] * constant_values[i];
    device_values[0] = 100;
}

CASE(symbols) {
    const int weights[4] = {1, 10, 100, 1000};
    int *out = nullptr, sum = 0, first = 0;
    size_t size = 0;
    void *address = nullptr;
    OK(cudaMemcpyToSymbol(constant_values, weights, sizeof weights));
    OK(cudaGetSymbolSize(&size, device_values));
    OK(cudaGetSymbolAddress(&address, device_values));
    CHECK(size == 16 && address != nullptr);
    const int three = 3;
    OK(cudaMemcpyToSymbol(device_values, &three, sizeof three, sizeof(int)));
    OK(cudaMalloc(&out, sizeof(int)));
    OK(cudaMemset(out, 0, sizeof(int)));
    sum_values<<<1, 1>>>(out);
    OK(cudaMemcpy(&sum, out, sizeof sum, cudaMemcpyDeviceToHost));
    CHECK(sum == 1 + 30 + 300 + 4000);
    OK(cudaMemcpyFromSymbol(&first, device_values, sizeof first));
    CHECK(first == 100);
    OK(cudaFree(out));
    return "";
}

CASE(planes) {
    const int width = 37, height = 11;
    char *device = nullptr;
    size_t pitch = 0;
    std::vector<char> host(width * height), back(width * height);
    for (size_t i = 0; i < host.size(); ++i) host[i] = char(i);
    OK(cudaMallocPitch(&device, &pitch, width, height));
    CHECK(pitch >= width && pitch % 32 == 0);
    OK(cudaMemset2D(device, pitch, 9, width, height));
    OK(cudaMemcpy2D(back.data(), width, device, pitch, width, height, cudaMemcpyDeviceToHost));
    for (char value : back) CHECK(value == 9);
    OK(cudaMemcpy2D(device, pitch, host.data(), width, width, height, cudaMemcpyHostToDevice));
    OK(cudaMemcpy2D(back.data(), width, device, pitch, width, height, cudaMemcpyDeviceToHost));
    CHECK(host == back);
    EXPECT(cudaErrorInvalidPitchValue, cudaMemcpy2D(back.data(), 5, device, pitch, width, height, cudaMemcpyDeviceToHost));
    cudaGetLastError();
    OK(cudaFree(device));
    return "";
}

CASE(volumes) {
    const int w = 5, h = 4, d = 3;
    cudaPitchedPtr device;
    OK(cudaMalloc3D(&device, make_cudaExtent(w * sizeof(int), h, d)));
    OK(cudaMemset3D(device, 0, make_cudaExtent(w * sizeof(int), h, d)));
    std::vector<int> host(w * h * d), back(w * h * d, -1);
    std::iota(host.begin(), host.end(), 0);
    cudaMemcpy3DParms in = {};
    in.srcPtr = make_cudaPitchedPtr(host.data(), w * sizeof(int), w, h);
    in.dstPtr = device;
    in.srcPos = make_cudaPos(sizeof(int), 1, 1);
    in.dstPos = make_cudaPos(sizeof(int), 1, 1);
    in.extent = make_cudaExtent(2 * sizeof(int), 2, 2);
    in.kind = cudaMemcpyHostToDevice;
    OK(cudaMemcpy3D(&in));
    cudaMemcpy3DParms out = {};
    out.srcPtr = device;
    out.dstPtr = make_cudaPitchedPtr(back.data(), w * sizeof(int), w, h);
    out.extent = make_cudaExtent(w * sizeof(int), h, d);
    out.kind = cudaMemcpyDeviceToHost;
    OK(cudaMemcpy3D(&out));
    for (int z = 0; z < d; ++z)
        for (int y = 0; y < h; ++y)
            for (int x = 0; x < w; ++x) {
                const bool inside = x >= 1 && x < 3 && y >= 1 && y < 3 && z >= 1 && z < 3;
                const int i = (z * h + y) * w + x;
                CHECK(back[i] == (inside ? i : 0));
            }
    OK(cudaFree(device.ptr));
    return "";
}

CASE(arrays) {
    const int w = 8, h = 6;
    cudaArray_t array = nullptr;
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    OK(cudaMallocArray(&array, &format, w, h));
    std::vector<float> host(w * h), back(w * h);
    std::iota(host.begin(), host.end(), 0.5f);
    OK(cudaMemcpy2DToArray(array, 0, 0, host.data(), w * sizeof(float), w * sizeof(float), h, cudaMemcpyHostToDevice));
    OK(cudaMemcpy2DFromArray(back.data(), w * sizeof(float), array, 0, 0, w * sizeof(float), h, cudaMemcpyDeviceToHost));
    CHECK(host == back);
    cudaChannelFormatDesc got;
    cudaExtent extent;
    unsigned flags = 0;
    OK(cudaArrayGetInfo(&got, &extent, &flags, array));
    CHECK(got.x == 32 && got.f == cudaChannelFormatKindFloat);
    CHECK(int(extent.width) == w && int(extent.height) == h);
    OK(cudaFreeArray(array));
    return "";
}

CASE(memory_pools) {
    cudaStream_t stream = nullptr;
    OK(cudaStreamCreate(&stream));
    int *first = nullptr, *second = nullptr;
    OK(cudaMallocAsync(&first, N * sizeof(int), stream));
    OK(cudaMemsetAsync(first, 0, N * sizeof(int), stream));
    add_one<<<(N + 127) / 128, 128, 0, stream>>>(first, N);
    OK(cudaMallocAsync(&second, N * sizeof(int), stream));
    OK(cudaMemcpyAsync(second, first, N * sizeof(int), cudaMemcpyDeviceToDevice, stream));
    OK(cudaFreeAsync(first, stream));
    std::vector<int> back(N);
    OK(cudaMemcpyAsync(back.data(), second, N * sizeof(int), cudaMemcpyDeviceToHost, stream));
    OK(cudaFreeAsync(second, stream));
    OK(cudaStreamSynchronize(stream));
    for (int value : back) CHECK(value == 1);
    cudaMemPool_t pool = nullptr;
    OK(cudaDeviceGetDefaultMemPool(&pool, 0));
    unsigned long long threshold = 1 << 20;
    OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
    threshold = 0;
    OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
    CHECK(threshold == 1 << 20);
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    cudaMemPool_t own = nullptr;
    OK(cudaMemPoolCreate(&own, &properties));
    OK(cudaMallocFromPoolAsync(&first, 64, own, stream));
    OK(cudaFreeAsync(first, stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaMemPoolTrimTo(own, 0));
    OK(cudaMemPoolDestroy(own));
    OK(cudaStreamDestroy(stream));
    return "";
}

CASE(pointer_attributes) {
    int *device = nullptr, *pinned = nullptr, local = 0;
    OK(cudaMalloc(&device, 64));
    OK(cudaMallocHost(&pinned, 64));
    cudaPointerAttributes attributes;
    OK(cudaPointerGetAttributes(&attributes, device + 1));
    CHECK(attributes.type == cudaMemoryTypeDevice && attributes.device == 0 && attributes.devicePointer == device + 1);
    OK(cudaPointerGetAttributes(&attributes, pinned));
    CHECK(attributes.type == cudaMemoryTypeHost && attributes.hostPointer == pinned);
    OK(cudaPointerGetAttributes(&attributes, &local));
    CHECK(attributes.type == cudaMemoryTypeUnregistered);
    OK(cudaFree(device));
    OK(cudaFreeHost(pinned));
    return "";
}
