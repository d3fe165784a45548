// Copies in streams, symbols, arrays of three dimensions, memory pools, and what the device counts.
#include "case.h"

#include <cstring>
#include <numeric>

__global__ static void add_one(int *data, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) data[i] += 1;
}

CASE(planes_in_streams) {
    // Host to device, to another pitch, and back, all in one stream's order.
    const int w = 13, h = 9;
    cudaStream_t stream = nullptr;
    int *pinned = nullptr, *first = nullptr, *second = nullptr;
    size_t pitch = 0;
    OK(cudaStreamCreate(&stream));
    OK(cudaMallocHost(&pinned, 2 * w * h * sizeof(int)));
    OK(cudaMallocPitch(&first, &pitch, w * sizeof(int), h));
    OK(cudaMalloc(&second, w * h * sizeof(int)));
    std::iota(pinned, pinned + w * h, 5);
    OK(cudaMemset2DAsync(first, pitch, 0, w * sizeof(int), h, stream));
    OK(cudaMemcpy2DAsync(first, pitch, pinned, w * sizeof(int), w * sizeof(int), h, cudaMemcpyHostToDevice, stream));
    OK(cudaMemcpy2DAsync(second, w * sizeof(int), first, pitch, w * sizeof(int), h, cudaMemcpyDeviceToDevice, stream));
    add_one<<<1, 128, 0, stream>>>(second, w * h);
    OK(cudaMemcpy2DAsync(pinned + w * h, w * sizeof(int), second, w * sizeof(int), w * sizeof(int), h, cudaMemcpyDefault, stream));
    OK(cudaStreamSynchronize(stream));
    for (int i = 0; i < w * h; ++i) CHECK(pinned[w * h + i] == i + 6);
    // From host to host, with gaps, and nothing at all.
    char from[30], to[30];
    memset(to, 'x', sizeof to);
    for (int i = 0; i < 30; ++i) from[i] = char('A' + i % 10);
    OK(cudaMemcpy2D(to, 15, from, 10, 4, 2, cudaMemcpyHostToHost));
    CHECK(memcmp(to, "ABCDxxxxxxxxxxxABCDxxxxxxxxxxx", 30) == 0);
    OK(cudaMemcpy(to, from, 0, cudaMemcpyHostToHost));
    OK(cudaMemcpyAsync(second, pinned, 0, cudaMemcpyHostToDevice, stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaStreamDestroy(stream));
    OK(cudaFreeHost(pinned));
    OK(cudaFree(first));
    OK(cudaFree(second));
    return "";
}

CASE(pageable_copies) {
    // What ordinary memory held when it was given is what arrives.
    cudaStream_t stream = nullptr;
    const int count = 3000;
    int *device = nullptr;
    std::vector<int> host(count), back(count);
    std::iota(host.begin(), host.end(), 0);
    OK(cudaStreamCreate(&stream));
    OK(cudaMalloc(&device, count * sizeof(int)));
    for (int round = 0; round < 3; ++round) {
        OK(cudaMemcpyAsync(device, host.data(), count * sizeof(int), cudaMemcpyHostToDevice, stream));
        for (int &value : host) value += 1000;
        add_one<<<(count + 127) / 128, 128, 0, stream>>>(device, count);
        OK(cudaMemcpyAsync(back.data(), device, count * sizeof(int), cudaMemcpyDeviceToHost, stream));
        OK(cudaStreamSynchronize(stream));
        for (int i = 0; i < count; ++i) CHECK(back[i] == i + 1000 * round + 1);
    }
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}

CASE(arrays_of_volumes) {
    // A box into an array of three dimensions, from there a smaller one into another, and out.
    const int w = 6, h = 5, d = 4;
    cudaArray_t first = nullptr, second = nullptr;
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<int>();
    OK(cudaMalloc3DArray(&first, &format, make_cudaExtent(w, h, d)));
    OK(cudaMalloc3DArray(&second, &format, make_cudaExtent(3, 3, 3)));
    std::vector<int> host(w * h * d), back(27, -1);
    std::iota(host.begin(), host.end(), 100);
    cudaMemcpy3DParms in = {};
    in.srcPtr = make_cudaPitchedPtr(host.data(), w * sizeof(int), w, h);
    in.dstArray = first;
    in.extent = make_cudaExtent(w, h, d);
    in.kind = cudaMemcpyHostToDevice;
    OK(cudaMemcpy3D(&in));
    cudaMemcpy3DParms between = {};
    between.srcArray = first;
    between.srcPos = make_cudaPos(2, 1, 1);
    between.dstArray = second;
    between.extent = make_cudaExtent(3, 3, 3);
    between.kind = cudaMemcpyDeviceToDevice;
    OK(cudaMemcpy3D(&between));
    cudaMemcpy3DParms out = {};
    out.srcArray = second;
    out.dstPtr = make_cudaPitchedPtr(back.data(), 3 * sizeof(int), 3, 3);
    out.extent = make_cudaExtent(3, 3, 3);
    out.kind = cudaMemcpyDeviceToHost;
    OK(cudaMemcpy3DAsync(&out, nullptr));
    OK(cudaDeviceSynchronize());
    for (int z = 0; z < 3; ++z)
        for (int y = 0; y < 3; ++y)
            for (int x = 0; x < 3; ++x) CHECK(back[(z * 3 + y) * 3 + x] == 100 + ((z + 1) * h + y + 1) * w + x + 2);
    cudaExtent extent = {};
    cudaChannelFormatDesc got = {};
    unsigned flags = 9;
    OK(cudaArrayGetInfo(&got, &extent, &flags, first));
    CHECK(extent.width == w && extent.height == h && extent.depth == d && got.x == 32 && flags == cudaArrayDefault);
    OK(cudaFreeArray(first));
    OK(cudaFreeArray(second));
    return "";
}

__device__ int symbol_values[4];
__constant__ int symbol_weights[4];

__global__ static void weigh(int *out) {
    int sum = 0;
    for (int i = 0; i < 4; ++i) sum += symbol_values[i] * symbol_weights[i];
    *out = sum;
}

CASE(symbols_in_streams) {
    cudaStream_t stream = nullptr;
    int *pinned = nullptr, *out = nullptr;
    OK(cudaStreamCreate(&stream));
    OK(cudaMallocHost(&pinned, 12 * sizeof(int)));
    OK(cudaMalloc(&out, sizeof(int)));
    for (int i = 0; i < 4; ++i) pinned[i] = i + 1, pinned[4 + i] = i == 3 ? 1000 : i == 2 ? 100 : i == 1 ? 10 : 1;
    OK(cudaMemcpyToSymbolAsync(symbol_values, pinned, 4 * sizeof(int), 0, cudaMemcpyHostToDevice, stream));
    OK(cudaMemcpyToSymbolAsync(symbol_weights, pinned + 4, 4 * sizeof(int), 0, cudaMemcpyHostToDevice, stream));
    weigh<<<1, 1, 0, stream>>>(out);
    OK(cudaMemcpyToSymbolAsync(symbol_values, out, sizeof(int), 2 * sizeof(int), cudaMemcpyDeviceToDevice, stream));
    OK(cudaMemcpyFromSymbolAsync(pinned + 8, symbol_values, 3 * sizeof(int), sizeof(int), cudaMemcpyDeviceToHost, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK(pinned[8] == 2 && pinned[9] == 4321 && pinned[10] == 4);
    void *address = nullptr;
    size_t size = 0;
    OK(cudaGetSymbolAddress(&address, symbol_weights));
    OK(cudaGetSymbolSize(&size, symbol_weights));
    CHECK(address != nullptr && size == 16);
    // Its address is as good as its name.
    OK(cudaMemcpy(pinned, static_cast<int *>(address) + 2, sizeof(int), cudaMemcpyDeviceToHost));
    CHECK(pinned[0] == 100);
    static int no_symbol = 0;
    EXPECT(cudaErrorInvalidValue, cudaMemcpyToSymbol(symbol_values, pinned, 16, 4));
    EXPECT(cudaErrorInvalidSymbol, cudaGetSymbolAddress(&address, no_symbol));
    EXPECT(cudaErrorInvalidSymbol, cudaGetSymbolSize(&size, no_symbol));
    cudaGetLastError();
    OK(cudaStreamDestroy(stream));
    OK(cudaFreeHost(pinned));
    OK(cudaFree(out));
    return "";
}

static const size_t MIB = 1 << 20;

static unsigned long long account(cudaMemPool_t pool, cudaMemPoolAttr which) {
    unsigned long long value = ~0ull;
    cudaMemPoolGetAttribute(pool, which, &value);
    return value;
}

CASE(pool_accounts) {
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    cudaMemPool_t pool = nullptr, before = nullptr, now = nullptr;
    cudaStream_t stream = nullptr, other = nullptr;
    cudaEvent_t event = nullptr;
    OK(cudaMemPoolCreate(&pool, &properties));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    int value = 9;
    for (const cudaMemPoolAttr which : {cudaMemPoolReuseFollowEventDependencies, cudaMemPoolReuseAllowOpportunistic,
                                        cudaMemPoolReuseAllowInternalDependencies}) {
        OK(cudaMemPoolGetAttribute(pool, which, &value));
        CHECK(value == 1);
        value = 0;
        OK(cudaMemPoolSetAttribute(pool, which, &value));
        value = 9;
        OK(cudaMemPoolGetAttribute(pool, which, &value));
        CHECK(value == 0);
    }
    cudaMemLocation here = {};
    here.type = cudaMemLocationTypeDevice;
    cudaMemAccessFlags access = cudaMemAccessFlagsProtNone;
    OK(cudaMemPoolGetAccess(&access, pool, &here));
    CHECK(access == cudaMemAccessFlagsProtReadWrite);
    CHECK(account(pool, cudaMemPoolAttrUsedMemCurrent) == 0);

    // The device's own pool for a while: from it comes what is allocated without a pool's name.
    OK(cudaDeviceGetMemPool(&before, 0));
    OK(cudaDeviceSetMemPool(0, pool));
    OK(cudaDeviceGetMemPool(&now, 0));
    CHECK(now == pool && before != pool);
    int *first = nullptr, *second = nullptr;
    OK(cudaMallocAsync(&first, MIB, stream));
    OK(cudaMallocFromPoolAsync(&second, MIB, pool, stream));
    OK(cudaDeviceSetMemPool(0, before));
    CHECK(account(pool, cudaMemPoolAttrUsedMemCurrent) >= 2 * MIB);
    CHECK(account(pool, cudaMemPoolAttrReservedMemCurrent) >= account(pool, cudaMemPoolAttrUsedMemCurrent));
    cudaPointerAttributes kind;
    OK(cudaPointerGetAttributes(&kind, first));
    CHECK(kind.type == cudaMemoryTypeDevice && kind.device == 0);
    // Allocated in one stream, used and freed in another.
    OK(cudaMemsetAsync(first, 0, MIB, stream));
    OK(cudaEventRecord(event, stream));
    OK(cudaStreamWaitEvent(other, event, 0));
    add_one<<<4, 128, 0, other>>>(first, 500);
    int back[500];
    OK(cudaMemcpyAsync(back, first, sizeof back, cudaMemcpyDeviceToHost, other));
    OK(cudaFreeAsync(first, other));
    OK(cudaFreeAsync(second, stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaStreamSynchronize(other));
    for (int got : back) CHECK(got == 1);
    CHECK(account(pool, cudaMemPoolAttrUsedMemCurrent) == 0 && account(pool, cudaMemPoolAttrUsedMemHigh) >= 2 * MIB);
    unsigned long long nothing = 0;
    OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &nothing));
    CHECK(account(pool, cudaMemPoolAttrUsedMemHigh) == 0);
    OK(cudaMemPoolTrimTo(pool, 0));
    CHECK(account(pool, cudaMemPoolAttrReservedMemCurrent) == 0);
    OK(cudaMemPoolDestroy(pool));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
    OK(cudaStreamDestroy(other));
    return "";
}

CASE(memory_counts) {
    size_t before = 0, during = 0, after = 0, total = 0, same = 0;
    void *device = nullptr;
    OK(cudaMemGetInfo(&before, &total));
    OK(cudaMalloc(&device, 64 * MIB));
    OK(cudaMemGetInfo(&during, &same));
    CHECK(same == total && during + 64 * MIB <= before);
    OK(cudaFree(device));
    OK(cudaMemGetInfo(&after, &same));
    CHECK(after >= during + 64 * MIB);
    cudaDeviceProp properties;
    OK(cudaGetDeviceProperties(&properties, 0));
    CHECK(properties.totalGlobalMem == total);
    EXPECT(cudaErrorMemoryAllocation, cudaMalloc(&device, total + MIB));
    cudaGetLastError();
    return "";
}
