// What programs ask the driver itself for: entry points, contexts, modules, libraries, facts of the device.
#include "driver.h"

#include <cstdio>
#include <cstring>
#include <thread>

// `add(int *data, int value)`: data[0] += value times weight; and that variable.
static const char *const PTX = R"(
.version 6.3
.target sm_50
.address_size 64

.visible .global .align 4 .u32 weight = 5;
.visible .global .align 8 .b8 table[24];

.visible .entry add(.param .u64 data, .param .u32 value)
{
    .reg .u32 %a, %b, %w;
    .reg .u64 %p;
    ld.param.u64 %p, [data];
    ld.param.u32 %b, [value];
    cvta.to.global.u64 %p, %p;
    ld.global.u32 %w, [weight];
    ld.global.u32 %a, [%p];
    mad.lo.u32 %a, %b, %w, %a;
    st.global.u32 [%p], %a;
    ret;
}

.visible .entry nothing()
{
    ret;
}
)";

using Lookup = CUresult(const char *, void **, int, cuuint64_t, int *);

CASE(entry_points) {
    OK(DRIVER(cuInit)(0));
    int version = 0;
    OK(DRIVER(cuDriverGetVersion)(&version));
    if (version < 12000) return skipped("cuGetProcAddress_v2 comes with CUDA 12");
    Lookup *const lookup = driver<Lookup>("cuGetProcAddress_v2");
    const auto exported = [](const char *name) { return reinterpret_cast<void *>(driver<void()>(name)); };
    const int found = 0, not_found = 1, too_old = 2; // CUdriverProcAddressQueryResult, which CUDA 12 names
    const cuuint64_t legacy = 1, per_thread = 2;     // CUdriverProcAddress_flags
    const struct {
        const char *name;
        int version;
        cuuint64_t flags;
        const char *symbol;
        int status;
    } wanted[] = {{"cuMemAlloc", 12000, 0, "cuMemAlloc_v2", found},
                  {"cuMemAlloc", 3020, 0, "cuMemAlloc_v2", found},
                  {"cuGetProcAddress", 12000, 0, "cuGetProcAddress_v2", found},
                  {"cuLaunchKernel", 12000, legacy, "cuLaunchKernel", found},
                  {"cuLaunchKernel", 12000, per_thread, "cuLaunchKernel_ptsz", found},
                  {"cuStreamSynchronize", 11000, per_thread, "cuStreamSynchronize_ptsz", found},
                  {"cuMemcpyHtoD", 12000, per_thread, "cuMemcpyHtoD_v2_ptds", found},
                  {"cuDeviceGet", 12000, per_thread, "cuDeviceGet", found},
                  {"cuLibraryLoadData", 11000, 0, nullptr, too_old},
                  {"cuThereIsNoSuchFunction", 12000, 0, nullptr, not_found},
                  {"", 12000, 0, nullptr, not_found}};
    for (const auto &each : wanted) {
        void *function = &version;
        int status = 9;
        const CUresult result = lookup(each.name, &function, each.version, each.flags, &status);
        if (each.symbol != nullptr) {
            OK(result);
            CHECK(function == exported(each.symbol) && status == found);
        } else {
            // What there is not may be an error too.
            CHECK((result == CUDA_SUCCESS || result == CUDA_ERROR_NOT_FOUND) && function == nullptr);
            CHECK(status == each.status);
        }
    }
    void *function = nullptr;
    EXPECT(CUDA_ERROR_INVALID_VALUE, lookup("cuInit", &function, version + 10000, 0, nullptr));
    // What was found can be called.
    OK(lookup("cuDeviceGetName", &function, 12000, 0, nullptr));
    char name[100] = "", same[100] = "";
    OK(reinterpret_cast<CUresult (*)(char *, int, CUdevice)>(function)(name, sizeof name, 0));
    OK(DRIVER(cuDeviceGetName)(same, sizeof same, 0));
    CHECK(name[0] != 0 && strcmp(name, same) == 0);
    return "";
}

static CUresult create(CUcontext *context) {
    return driver<CUresult(CUcontext *, unsigned, CUdevice)>("cuCtxCreate_v2")(context, 0, 0);
}

CASE(two_contexts) {
    // Each with a stream, memory and a module of its own; pushed and popped; and current in a thread of its own.
    OK(cudaFree(nullptr));
    CUcontext primary = nullptr, contexts[2], now = nullptr;
    OK(DRIVER(cuCtxGetCurrent)(&primary));
    CUstream streams[2];
    CUdeviceptr data[2];
    CUmodule modules[2];
    CUfunction functions[2];
    for (int i = 0; i < 2; ++i) {
        OK(create(&contexts[i]));
        OK(DRIVER(cuStreamCreate)(&streams[i], CU_STREAM_NON_BLOCKING));
        OK(DRIVER(cuMemAlloc_v2)(&data[i], 4));
        OK(DRIVER(cuMemsetD32_v2)(data[i], 100 * i, 1));
        OK(DRIVER(cuCtxSynchronize)()); // such a stream does not wait for the null stream's work
        OK(DRIVER(cuModuleLoadData)(&modules[i], PTX));
        OK(DRIVER(cuModuleGetFunction)(&functions[i], modules[i], "add"));
    }
    // On the stack now: the primary one, the first, the second.
    OK(DRIVER(cuCtxGetCurrent)(&now));
    CHECK(now == contexts[1] && contexts[0] != contexts[1] && contexts[0] != primary);
    for (int i = 1; i >= 0; --i) {
        CUcontext owner = nullptr;
        OK(DRIVER(cuStreamGetCtx)(streams[i], &owner));
        CHECK(owner == contexts[i]);
        OK(driver<CUresult(void *, CUpointer_attribute, CUdeviceptr)>("cuPointerGetAttribute")(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, data[i]));
        CHECK(owner == contexts[i]);
        int value = i + 1;
        void *arguments[] = {&data[i], &value};
        OK(DRIVER(cuLaunchKernel)(functions[i], 1, 1, 1, 1, 1, 1, 0, streams[i], arguments, nullptr));
        OK(DRIVER(cuStreamSynchronize)(streams[i]));
        OK(DRIVER(cuCtxSynchronize)());
        OK(DRIVER(cuCtxPopCurrent_v2)(&now));
        CHECK(now == contexts[i]);
    }
    OK(DRIVER(cuCtxGetCurrent)(&now));
    CHECK(now == primary);
    int values[2] = {-1, -1};
    CUresult results[2];
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
        threads[i] = std::thread([&, i] {
            CUcontext none = nullptr;
            CUresult result = DRIVER(cuCtxPopCurrent_v2)(&none); // a new thread's stack is empty
            results[i] = result == CUDA_ERROR_INVALID_CONTEXT ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
            result = DRIVER(cuCtxPushCurrent_v2)(contexts[i]);
            if (result == CUDA_SUCCESS) result = DRIVER(cuMemcpyDtoH_v2)(&values[i], data[i], 4);
            if (result != CUDA_SUCCESS) results[i] = result;
        });
    }
    for (std::thread &thread : threads) thread.join();
    for (CUresult result : results) OK(result);
    CHECK(values[0] == 5 && values[1] == 110);
    for (CUcontext context : contexts) OK(DRIVER(cuCtxDestroy_v2)(context));
    OK(DRIVER(cuCtxGetCurrent)(&now));
    CHECK(now == primary);
    OK(cudaDeviceSynchronize());
    return "";
}

CASE(primary_context) {
    OK(cudaFree(nullptr));
    CUcontext current = nullptr, retained = nullptr;
    unsigned flags = 99;
    int active = 0;
    OK(DRIVER(cuCtxGetCurrent)(&current));
    OK(DRIVER(cuDevicePrimaryCtxRetain)(&retained, 0));
    CHECK(retained == current && current != nullptr);
    OK(DRIVER(cuDevicePrimaryCtxGetState)(0, &flags, &active));
    CHECK(active == 1);
    OK(driver<CUresult(CUdevice)>("cuDevicePrimaryCtxRelease_v2")(0));
    OK(DRIVER(cuDevicePrimaryCtxGetState)(0, &flags, &active));
    CHECK(active == 1); // the runtime still holds it
    // What one makes the other knows, for it is one context.
    CUstream stream = nullptr;
    CUevent event = nullptr;
    CUdeviceptr data = 0;
    int value = 0;
    OK(DRIVER(cuStreamCreate)(&stream, CU_STREAM_DEFAULT));
    OK(DRIVER(cuEventCreate)(&event, CU_EVENT_DEFAULT));
    OK(DRIVER(cuMemAlloc_v2)(&data, 4));
    OK(cudaMemsetAsync(reinterpret_cast<void *>(data), 1, 4, stream));
    OK(cudaEventRecord(event, stream));
    OK(cudaStreamSynchronize(stream));
    OK(DRIVER(cuEventQuery)(event));
    OK(cudaMemcpy(&value, reinterpret_cast<void *>(data), 4, cudaMemcpyDeviceToHost));
    CHECK(value == 0x01010101);
    OK(cudaFree(reinterpret_cast<void *>(data)));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
    return "";
}

CASE(modules) {
    // From a file, with options for the compiler; what they say of themselves.
    OK(cudaFree(nullptr));
    char path[] = "/tmp/features-XXXXXX";
    const int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    CHECK(file != nullptr && fwrite(PTX, 1, strlen(PTX), file) == strlen(PTX) && fclose(file) == 0);
    CUmodule module = nullptr, other = nullptr;
    CUfunction function = nullptr;
    const CUresult result = DRIVER(cuModuleLoad)(&module, path);
    remove(path);
    OK(result);
    EXPECT(CUDA_ERROR_FILE_NOT_FOUND, DRIVER(cuModuleLoad)(&other, path));
    char log[256] = "";
    float time = -1;
    CUjit_option options[] = {CU_JIT_WALL_TIME, CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_MAX_REGISTERS};
    void *values[] = {nullptr, log, reinterpret_cast<void *>(sizeof log), reinterpret_cast<void *>(size_t(64))};
    OK(DRIVER(cuModuleLoadDataEx)(&other, PTX, 4, options, values));
    memcpy(&time, values, sizeof time); // a float in the pointer's place
    CHECK(time >= 0 && time < 60000);
    OK(DRIVER(cuModuleGetFunction)(&function, other, "add"));
    CUmodule owner = nullptr;
    int threads = 0;
    OK(DRIVER(cuFuncGetModule)(&owner, function));
    CHECK(owner == other);
    OK(DRIVER(cuFuncGetAttribute)(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function));
    CHECK(threads == 1024);
    OK(DRIVER(cuFuncSetCacheConfig)(function, CU_FUNC_CACHE_PREFER_L1));
    CUdeviceptr first = 0, second = 0;
    size_t size = 0;
    OK(DRIVER(cuModuleGetGlobal_v2)(&first, &size, module, "weight"));
    OK(DRIVER(cuModuleGetGlobal_v2)(&second, nullptr, other, "weight"));
    CHECK(size == 4 && first != second); // each module has its own
    OK(DRIVER(cuModuleGetGlobal_v2)(nullptr, &size, module, "table"));
    CHECK(size == 24);
    EXPECT(CUDA_ERROR_NOT_FOUND, DRIVER(cuModuleGetGlobal_v2)(&first, &size, module, "nothing_of_that_name"));
    for (CUmodule each : {module, other}) OK(DRIVER(cuModuleUnload)(each));
    return "";
}

CASE(libraries) {
#if CUDA_VERSION < 12000
    return skipped("libraries come with CUDA 12");
#else
    // A kernel of a library as it is, and as a context's function; its variables, and its module.
    OK(cudaFree(nullptr));
    CUlibrary library = nullptr;
    CUkernel kernel = nullptr;
    CUfunction function = nullptr, from_module = nullptr;
    CUmodule module = nullptr;
    CUdeviceptr data = 0, weight = 0;
    size_t size = 0;
    int value = 0, threads = 0;
    OK(DRIVER(cuLibraryLoadData)(&library, PTX, nullptr, nullptr, 0, nullptr, nullptr, 0));
    OK(DRIVER(cuLibraryGetKernel)(&kernel, library, "add"));
    OK(DRIVER(cuKernelGetFunction)(&function, kernel));
    OK(DRIVER(cuLibraryGetModule)(&module, library));
    OK(DRIVER(cuModuleGetFunction)(&from_module, module, "add"));
    OK(DRIVER(cuLibraryGetGlobal)(&weight, &size, library, "weight"));
    CHECK(size == 4);
    OK(DRIVER(cuMemsetD32_v2)(weight, 7, 1));
    OK(DRIVER(cuMemAlloc_v2)(&data, 4));
    OK(DRIVER(cuMemsetD32_v2)(data, 0, 1));
    int one = 1;
    void *arguments[] = {&data, &one};
    for (CUfunction each : {reinterpret_cast<CUfunction>(kernel), function, from_module})
        OK(DRIVER(cuLaunchKernel)(each, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr));
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, data, 4));
    CHECK(value == 21);
    OK(DRIVER(cuKernelGetAttribute)(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kernel, 0));
    CHECK(threads == 1024);
    EXPECT(CUDA_ERROR_NOT_FOUND, DRIVER(cuLibraryGetKernel)(&kernel, library, "nothing_of_that_name"));
#if CUDA_VERSION >= 12040
    unsigned kernels = 0;
    OK(DRIVER(cuLibraryGetKernelCount)(&kernels, library));
    CHECK(kernels == 2);
    CUkernel all[2];
    OK(DRIVER(cuLibraryEnumerateKernels)(all, 2, library));
    int known = 0;
    for (CUkernel each : all) {
        const char *name = nullptr;
        OK(DRIVER(cuKernelGetName)(&name, each));
        known += strcmp(name, "add") == 0 ? 1 : strcmp(name, "nothing") == 0 ? 10 : 100;
    }
    CHECK(known == 11);
#endif
    OK(DRIVER(cuMemFree_v2)(data));
    OK(DRIVER(cuLibraryUnload)(library));
    return "";
#endif
}

CASE(device_facts) {
    // The same facts by each way to them.
    OK(cudaFree(nullptr));
    cudaDeviceProp properties;
    OK(cudaGetDeviceProperties(&properties, 0));
    const struct {
        cudaDeviceAttr runtime;
        CUdevice_attribute driver;
        long long property;
    } facts[] = {
        {cudaDevAttrMaxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, properties.maxThreadsPerBlock},
        {cudaDevAttrMaxBlockDimZ, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, properties.maxThreadsDim[2]},
        {cudaDevAttrMaxGridDimX, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, properties.maxGridSize[0]},
        {cudaDevAttrMaxSharedMemoryPerBlock, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, (long long)properties.sharedMemPerBlock},
        {cudaDevAttrMaxSharedMemoryPerBlockOptin, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, (long long)properties.sharedMemPerBlockOptin},
        {cudaDevAttrTotalConstantMemory, CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, (long long)properties.totalConstMem},
        {cudaDevAttrWarpSize, CU_DEVICE_ATTRIBUTE_WARP_SIZE, properties.warpSize},
        {cudaDevAttrMaxRegistersPerBlock, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, properties.regsPerBlock},
        {cudaDevAttrMultiProcessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, properties.multiProcessorCount},
        {cudaDevAttrMaxThreadsPerMultiProcessor, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, properties.maxThreadsPerMultiProcessor},
        {cudaDevAttrComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, properties.major},
        {cudaDevAttrComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, properties.minor},
        {cudaDevAttrConcurrentKernels, CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, properties.concurrentKernels},
        {cudaDevAttrPciBusId, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, properties.pciBusID},
        {cudaDevAttrPciDomainId, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, properties.pciDomainID},
        {cudaDevAttrUnifiedAddressing, CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, properties.unifiedAddressing},
        {cudaDevAttrManagedMemory, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, properties.managedMemory},
        {cudaDevAttrConcurrentManagedAccess, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, properties.concurrentManagedAccess},
        {cudaDevAttrPageableMemoryAccess, CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, properties.pageableMemoryAccess},
        {cudaDevAttrCooperativeLaunch, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, properties.cooperativeLaunch},
        {cudaDevAttrGlobalMemoryBusWidth, CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, properties.memoryBusWidth},
        {cudaDevAttrL2CacheSize, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, properties.l2CacheSize},
    };
    for (const auto &fact : facts) {
        int first = -1, second = -2;
        OK(cudaDeviceGetAttribute(&first, fact.runtime, 0));
        OK(DRIVER(cuDeviceGetAttribute)(&second, fact.driver, 0));
        CHECK(first == second && first == fact.property);
    }
    char name[256] = "", bus[2][32] = {"", ""};
    size_t memory = 0;
    CUuuid identifier;
    int versions[2] = {0, 0}, runtime = 0, devices[2] = {0, 0};
    OK(DRIVER(cuDeviceGetName)(name, sizeof name, 0));
    OK(DRIVER(cuDeviceTotalMem_v2)(&memory, 0));
    OK(driver<CUresult(CUuuid *, CUdevice)>("cuDeviceGetUuid_v2")(&identifier, 0));
    OK(DRIVER(cuDeviceGetPCIBusId)(bus[0], sizeof bus[0], 0));
    OK(cudaDeviceGetPCIBusId(bus[1], sizeof bus[1], 0));
    OK(DRIVER(cuDriverGetVersion)(&versions[0]));
    OK(cudaDriverGetVersion(&versions[1]));
    OK(cudaRuntimeGetVersion(&runtime));
    OK(DRIVER(cuDeviceGetCount)(&devices[0]));
    OK(cudaGetDeviceCount(&devices[1]));
    CHECK(strcmp(name, properties.name) == 0 && memory == properties.totalGlobalMem);
    CHECK(memcmp(&identifier, &properties.uuid, sizeof identifier) == 0);
    CHECK(strcmp(bus[0], bus[1]) == 0 && strlen(bus[0]) == 12);
    CHECK(versions[0] == versions[1] && devices[0] == devices[1]);
    // As a library it may be a newer one of the same major number.
    CHECK(runtime >= CUDART_VERSION && runtime / 1000 == CUDART_VERSION / 1000);
    CHECK(versions[0] / 1000 >= runtime / 1000);
    int value = 0;
    EXPECT(CUDA_ERROR_INVALID_DEVICE, DRIVER(cuDeviceGetAttribute)(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 99));
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuDeviceGetAttribute)(&value, static_cast<CUdevice_attribute>(9999), 0));
    return "";
}

CASE(floats_by_value) {
    // The driver's functions that take a float as it is, and not its address.
    OK(cudaFree(nullptr));
    using Reference = void *;
    Reference reference = nullptr;
    const CUresult made = driver<CUresult(Reference *)>("cuTexRefCreate")(&reference);
    if (made == CUDA_ERROR_NOT_SUPPORTED) return skipped("the driver has no texture references");
    OK(made);
    float bias = -9, least = -9, most = -9;
    OK(driver<CUresult(Reference, float)>("cuTexRefSetMipmapLevelBias")(reference, 1.25f));
    OK(driver<CUresult(float *, Reference)>("cuTexRefGetMipmapLevelBias")(&bias, reference));
    CHECK(bias == 1.25f);
    OK(driver<CUresult(Reference, float, float)>("cuTexRefSetMipmapLevelClamp")(reference, 0.5f, 7.75f));
    OK(driver<CUresult(float *, float *, Reference)>("cuTexRefGetMipmapLevelClamp")(&least, &most, reference));
    CHECK(least == 0.5f && most == 7.75f);
    const float border[4] = {0.25f, -1, 3e38f, 0};
    float got[4] = {9, 9, 9, 9};
    OK(driver<CUresult(Reference, const float *)>("cuTexRefSetBorderColor")(reference, border));
    OK(driver<CUresult(float *, Reference)>("cuTexRefGetBorderColor")(got, reference));
    CHECK(memcmp(border, got, sizeof got) == 0);
    OK(driver<CUresult(Reference)>("cuTexRefDestroy")(reference));
    return "";
}
