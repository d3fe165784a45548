// Memory that both sides see: what it says of itself, what the system's calls may do with it, and using it at once.
#include "gate.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

__global__ static void add_one(unsigned char *data, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) data[i] += 1;
}

static int attribute(cudaDeviceAttr which) {
    int value = 0;
    cudaDeviceGetAttribute(&value, which, 0);
    return value;
}

static const int SIZE = 8192;

__managed__ unsigned char managed_room[SIZE];
__device__ unsigned char device_room[SIZE];

/// One place of each kind that a host may write to.
struct Places {
    unsigned char *pinned = nullptr, *mapped = nullptr, *managed = nullptr, *registered = nullptr;

    cudaError_t make() {
        registered = static_cast<unsigned char *>(aligned_alloc(4096, SIZE));
        cudaError_t error = cudaMallocHost(&pinned, SIZE);
        if (error == cudaSuccess) error = cudaHostAlloc(&mapped, SIZE, cudaHostAllocMapped | cudaHostAllocPortable);
        if (error == cudaSuccess) error = cudaMallocManaged(&managed, SIZE);
        if (error == cudaSuccess) error = cudaHostRegister(registered, SIZE, cudaHostRegisterMapped);
        return error;
    }

    cudaError_t free() {
        cudaError_t error = cudaHostUnregister(registered);
        ::free(registered);
        if (error == cudaSuccess) error = cudaFreeHost(pinned);
        if (error == cudaSuccess) error = cudaFreeHost(mapped);
        if (error == cudaSuccess) error = cudaFree(managed);
        return error;
    }

    std::vector<unsigned char *> all() const { return {pinned, mapped, managed, registered, managed_room}; }
};

CASE(pointer_kinds) {
    Places places;
    OK(places.make());
    void *device = nullptr, *symbol = nullptr;
    OK(cudaMalloc(&device, SIZE));
    OK(cudaGetSymbolAddress(&symbol, device_room));
    int local = 0;
    const struct {
        void *pointer;
        cudaMemoryType type;
    } wanted[] = {{device, cudaMemoryTypeDevice},
                  {static_cast<char *>(device) + 100, cudaMemoryTypeDevice},
                  {symbol, cudaMemoryTypeDevice},
                  {places.pinned, cudaMemoryTypeHost},
                  {places.mapped + 100, cudaMemoryTypeHost},
                  {places.registered + 100, cudaMemoryTypeHost},
                  {places.managed, cudaMemoryTypeManaged},
                  {places.managed + 100, cudaMemoryTypeManaged},
                  {managed_room, cudaMemoryTypeManaged},
                  {&local, cudaMemoryTypeUnregistered}};
    for (const auto &each : wanted) {
        cudaPointerAttributes got;
        OK(cudaPointerGetAttributes(&got, each.pointer));
        CHECK(got.type == each.type);
        if (each.type == cudaMemoryTypeHost || each.type == cudaMemoryTypeManaged) {
            CHECK(got.hostPointer == each.pointer && got.devicePointer != nullptr);
        }
        if (each.type == cudaMemoryTypeDevice || each.type == cudaMemoryTypeManaged) {
            CHECK(got.devicePointer == each.pointer && got.device == 0);
        }
        if (each.type == cudaMemoryTypeHost) {
            void *seen = nullptr;
            OK(cudaHostGetDevicePointer(&seen, each.pointer, 0));
            CHECK(got.devicePointer == seen);
        }
    }
    OK(cudaFree(device));
    unsigned char *registered = places.registered;
    OK(cudaHostUnregister(registered));
    cudaPointerAttributes got;
    OK(cudaPointerGetAttributes(&got, registered));
    CHECK(got.type == cudaMemoryTypeUnregistered);
    OK(cudaHostRegister(registered, SIZE, cudaHostRegisterDefault));
    OK(places.free());
    return "";
}

CASE(pinned_flags) {
    for (const unsigned flags : {unsigned(cudaHostAllocPortable), unsigned(cudaHostAllocWriteCombined),
                                 unsigned(cudaHostAllocPortable | cudaHostAllocMapped)}) {
        void *host = nullptr;
        unsigned got = 0;
        OK(cudaHostAlloc(&host, 100, flags));
        OK(cudaHostGetFlags(&got, static_cast<char *>(host) + 50));
        CHECK((got & flags) == flags);
        OK(cudaFreeHost(host));
    }
    void *host = nullptr;
    unsigned got = 0;
    int local = 0;
    EXPECT(cudaErrorInvalidValue, cudaHostAlloc(&host, 100, 0x100));
    EXPECT(cudaErrorInvalidValue, cudaHostGetFlags(&got, &local));
    EXPECT(cudaErrorInvalidValue, cudaHostGetDevicePointer(&host, &local, 0));
    EXPECT(cudaErrorInvalidValue, cudaFreeHost(&local));
    cudaGetLastError();
    return "";
}

CASE(registered_flags) {
    // Memory that begins and ends anywhere; twice, and once too often; and such as kernels only read.
    unsigned char *memory = static_cast<unsigned char *>(aligned_alloc(4096, 4 * SIZE)), *device = nullptr;
    memset(memory, 5, 4 * SIZE);
    unsigned char *odd = memory + 100;
    OK(cudaHostRegister(odd, 1000, cudaHostRegisterPortable | cudaHostRegisterMapped));
    EXPECT(cudaErrorHostMemoryAlreadyRegistered, cudaHostRegister(odd, 1000, cudaHostRegisterPortable));
    OK(cudaHostGetDevicePointer(&device, odd, 0));
    add_one<<<8, 128>>>(device, 1000);
    OK(cudaDeviceSynchronize());
    CHECK(odd[-1] == 5 && odd[0] == 6 && odd[999] == 6 && odd[1000] == 5);
    OK(cudaHostUnregister(odd));
    EXPECT(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(odd));
    EXPECT(cudaErrorInvalidValue, cudaHostRegister(memory, 0, cudaHostRegisterDefault));
    EXPECT(cudaErrorInvalidValue, cudaHostRegister(nullptr, 100, cudaHostRegisterDefault));
    EXPECT(cudaErrorInvalidValue, cudaHostRegister(memory, SIZE, 0x1000));
    cudaGetLastError();
    if (attribute(cudaDevAttrHostRegisterReadOnlySupported) != 0) {
        unsigned char *out = nullptr, back[16];
        OK(cudaHostRegister(memory + SIZE, SIZE, cudaHostRegisterReadOnly | cudaHostRegisterMapped));
        OK(cudaMalloc(&out, sizeof back));
        OK(cudaMemcpyAsync(out, memory + SIZE, sizeof back, cudaMemcpyHostToDevice));
        OK(cudaMemcpy(back, out, sizeof back, cudaMemcpyDeviceToHost));
        CHECK(back[0] == 5 && back[15] == 5);
        OK(cudaFree(out));
        OK(cudaHostUnregister(memory + SIZE));
    }
    free(memory);
    return "";
}

/// Fills a file with what a place holds, and the place anew from the file, by the system's own calls.
static Result through_a_file(unsigned char *place) {
    FILE *file = tmpfile();
    CHECK(file != nullptr);
    const int descriptor = fileno(file);
    memset(place, 0, SIZE);
    add_one<<<SIZE / 128, 128>>>(place, SIZE);
    OK(cudaDeviceSynchronize());
    CHECK(write(descriptor, place, SIZE) == SIZE);
    memset(place, 0, SIZE);
    CHECK(pread(descriptor, place, SIZE, 0) == SIZE);
    add_one<<<SIZE / 128, 128>>>(place, SIZE);
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < SIZE; ++i) CHECK(place[i] == 2);
    // The list of a vectored call may lie there too.
    iovec *parts = reinterpret_cast<iovec *>(place);
    parts[0] = {place + 1024, 100};
    parts[1] = {place + 2048, 50};
    CHECK(lseek(descriptor, 0, SEEK_SET) == 0 && readv(descriptor, parts, 2) == 150);
    CHECK(place[1024] == 1 && place[1123] == 1 && place[1124] == 2 && place[2048] == 1 && place[2097] == 1 && place[2098] == 2);
    // So may a path, and what the system answers.
    strcpy(reinterpret_cast<char *>(place), "/proc/self/exe");
    CHECK(readlink(reinterpret_cast<char *>(place), reinterpret_cast<char *>(place) + 512, 512) > 0 && place[512] == '/');
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], place + 1024, 100) == 100 && read(ends[0], place + 4096, 100) == 100);
    CHECK(place[4096] == 1 && place[4195] == 1 && place[4196] == 2);
    close(ends[0]);
    close(ends[1]);
    fclose(file);
    return "";
}

CASE(system_calls_on_shared_memory) {
    Places places;
    OK(places.make());
    for (unsigned char *place : places.all()) {
        const Result result = through_a_file(place);
        if (!result.empty()) return result;
    }
    OK(places.free());
    return "";
}

CASE(registered_file) {
    // A file in memory, mapped: what a kernel writes is in the file.
    const int descriptor = memfd_create("features", 0);
    if (descriptor < 0) return skipped("no files in memory here");
    CHECK(ftruncate(descriptor, SIZE) == 0);
    void *map = mmap(nullptr, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    CHECK(map != MAP_FAILED);
    unsigned char *device = nullptr, back[SIZE];
    memset(map, 40, SIZE);
    OK(cudaHostRegister(map, SIZE, cudaHostRegisterMapped));
    OK(cudaHostGetDevicePointer(&device, map, 0));
    add_one<<<SIZE / 128, 128>>>(device, SIZE);
    OK(cudaDeviceSynchronize());
    CHECK(pread(descriptor, back, SIZE, 0) == SIZE);
    for (unsigned char value : back) CHECK(value == 41);
    OK(cudaHostUnregister(map));
    munmap(map, SIZE);
    close(descriptor);
    return "";
}

/// Advice and prefetches take a device's number, or from CUDA 13 on a place, by value.
#if CUDART_VERSION >= 13000
static cudaMemLocation at(int device) {
    cudaMemLocation location = {};
    location.type = device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice;
    location.id = device == cudaCpuDeviceId ? 0 : device;
    return location;
}
static cudaError_t prefetch(const void *data, size_t size, int device) {
    return cudaMemPrefetchAsync(data, size, at(device), 0, nullptr);
}
#else
static int at(int device) { return device; }
static cudaError_t prefetch(const void *data, size_t size, int device) {
    return cudaMemPrefetchAsync(data, size, device, nullptr);
}
#endif

CASE(managed_hints) {
    if (attribute(cudaDevAttrConcurrentManagedAccess) == 0) return skipped("managed memory is not used from both sides at once");
    unsigned char *data = nullptr;
    int got = -9;
    OK(cudaMallocManaged(&data, SIZE));
    memset(data, 1, SIZE);
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseSetReadMostly, at(0)));
    OK(cudaMemRangeGetAttribute(&got, sizeof got, cudaMemRangeAttributeReadMostly, data, SIZE));
    CHECK(got == 1);
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseUnsetReadMostly, at(0)));
    OK(cudaMemRangeGetAttribute(&got, sizeof got, cudaMemRangeAttributeReadMostly, data, SIZE));
    CHECK(got == 0);
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseSetPreferredLocation, at(cudaCpuDeviceId)));
    OK(cudaMemRangeGetAttribute(&got, sizeof got, cudaMemRangeAttributePreferredLocation, data, SIZE));
    CHECK(got == cudaCpuDeviceId);
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseUnsetPreferredLocation, at(cudaCpuDeviceId)));
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseSetAccessedBy, at(0)));
    OK(cudaMemAdvise(data, SIZE, cudaMemAdviseUnsetAccessedBy, at(0)));
    // There and back, and the bytes come along.
    OK(prefetch(data, SIZE, 0));
    add_one<<<SIZE / 128, 128>>>(data, SIZE);
    OK(prefetch(data, SIZE, cudaCpuDeviceId));
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < SIZE; ++i) CHECK(data[i] == 2);
    OK(cudaMemRangeGetAttribute(&got, sizeof got, cudaMemRangeAttributeLastPrefetchLocation, data, SIZE));
    CHECK(got == cudaCpuDeviceId);
    OK(cudaFree(data));
    return "";
}

#if CUDART_VERSION >= 12020 && CUDART_VERSION < 13000
CASE(managed_hints_by_place) {
    // The form that CUDA 13 has under the plain names.
    if (attribute(cudaDevAttrConcurrentManagedAccess) == 0) return skipped("managed memory is not used from both sides at once");
    unsigned char *data = nullptr;
    cudaMemLocation device = {}, host = {};
    device.type = cudaMemLocationTypeDevice;
    host.type = cudaMemLocationTypeHost;
    OK(cudaMallocManaged(&data, SIZE));
    memset(data, 3, SIZE);
    OK(cudaMemAdvise_v2(data, SIZE, cudaMemAdviseSetPreferredLocation, device));
    int got = -9;
    OK(cudaMemRangeGetAttribute(&got, sizeof got, cudaMemRangeAttributePreferredLocation, data, SIZE));
    CHECK(got == 0);
    OK(cudaMemPrefetchAsync_v2(data, SIZE, device, 0, nullptr));
    add_one<<<SIZE / 128, 128>>>(data, SIZE);
    OK(cudaMemPrefetchAsync_v2(data, SIZE, host, 0, nullptr));
    OK(cudaDeviceSynchronize());
    CHECK(data[0] == 4 && data[SIZE - 1] == 4);
    OK(cudaFree(data));
    return "";
}
#endif

__global__ static void count_up(int *counter, int times) {
    for (int i = 0; i < times; ++i) atomicAdd_system(counter, 1);
}

CASE(system_atomics) {
    // Both sides count the same word at once, and none of the steps is lost.
    int *counter = nullptr;
    if (attribute(cudaDevAttrConcurrentManagedAccess) != 0) {
        OK(cudaMallocManaged(&counter, sizeof(int)));
    } else if (attribute(cudaDevAttrHostNativeAtomicSupported) != 0) {
        OK(cudaHostAlloc(&counter, sizeof(int), cudaHostAllocMapped));
    } else {
        return skipped("the device has no atomics that the host takes part in");
    }
    *counter = 0;
    count_up<<<4, 32>>>(counter, 50);
    OK(cudaGetLastError());
    for (int i = 0; i < 5000; ++i) __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
    OK(cudaDeviceSynchronize());
    CHECK(*counter == 4 * 32 * 50 + 5000);
    cudaPointerAttributes kind;
    OK(cudaPointerGetAttributes(&kind, counter));
    OK(kind.type == cudaMemoryTypeManaged ? cudaFree(counter) : cudaFreeHost(counter));
    return "";
}

__global__ static void answer(volatile int *words) {
    // The host says 1, 2, 3 …; each is answered in the next word.
    for (int i = 1; i <= 100; ++i) {
        while (words[0] != i) {
        }
        words[1] = i * i;
        __threadfence_system();
        words[2] = i;
    }
}

CASE(kernel_and_host_talk) {
    volatile int *words = nullptr;
    OK(cudaHostAlloc((void **)&words, 3 * sizeof(int), cudaHostAllocMapped));
    words[0] = words[1] = words[2] = 0;
    answer<<<1, 1>>>(words);
    OK(cudaGetLastError());
    int wrong = 0;
    for (int i = 1; i <= 100; ++i) {
        words[0] = i;
        while (words[2] != i && cudaStreamQuery(nullptr) == cudaErrorNotReady) {
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        wrong += words[1] != i * i;
    }
    cudaGetLastError();
    OK(cudaDeviceSynchronize());
    CHECK(wrong == 0);
    OK(cudaFreeHost((void *)words));
    return "";
}
