// The driver API as programs call it: contexts, modules, libraries, linking, words of memory.
#include "driver.h"

#include <cstring>

// `add(int *data, int value)`: data[0] += value; and a variable.
static const char *const PTX = R"(
.version 6.3
.target sm_50
.address_size 64

.visible .global .align 4 .u32 weight = 5;

.visible .entry add(.param .u64 data, .param .u32 value)
{
    .reg .u32 %a, %b;
    .reg .u64 %p;
    ld.param.u64 %p, [data];
    ld.param.u32 %b, [value];
    cvta.to.global.u64 %p, %p;
    ld.global.u32 %a, [%p];
    add.u32 %a, %a, %b;
    st.global.u32 [%p], %a;
    ret;
}
)";

static const char *const TWICE = R"(
.version 6.3
.target sm_50
.address_size 64

.visible .func (.param .b32 result) twice(.param .b32 value)
{
    .reg .u32 %a;
    ld.param.u32 %a, [value];
    add.u32 %a, %a, %a;
    st.param.b32 [result], %a;
    ret;
}
)";

static const char *const USES_TWICE = R"(
.version 6.3
.target sm_50
.address_size 64

.extern .func (.param .b32 result) twice(.param .b32 value);

.visible .entry double_it(.param .u64 data)
{
    .reg .u32 %a;
    .reg .u64 %p;
    ld.param.u64 %p, [data];
    ld.global.u32 %a, [%p];
    {
        .param .b32 in;
        .param .b32 out;
        st.param.b32 [in], %a;
        call (out), twice, (in);
        ld.param.b32 %a, [out];
    }
    st.global.u32 [%p], %a;
    ret;
}
)";

CASE(driver_contexts) {
    OK(DRIVER(cuInit)(0));
    CUcontext before = nullptr, own = nullptr, now = nullptr;
    CUdevice device = -1;
    unsigned flags = 0;
    OK(DRIVER(cuCtxGetCurrent)(&before));
    OK(driver<CUresult(CUcontext *, unsigned, CUdevice)>("cuCtxCreate_v2")(&own, CU_CTX_SCHED_YIELD, 0));
    OK(DRIVER(cuCtxGetCurrent)(&now));
    CHECK(now == own);
    OK(driver<CUresult(CUdevice *)>("cuCtxGetDevice")(&device));
    CHECK(device == 0);
    OK(DRIVER(cuCtxGetFlags)(&flags));
    CHECK((flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_YIELD);
    CUdeviceptr memory = 0;
    OK(DRIVER(cuMemAlloc_v2)(&memory, 64));
    OK(DRIVER(cuCtxPopCurrent_v2)(&now));
    CHECK(now == own);
    OK(DRIVER(cuCtxGetCurrent)(&now));
    CHECK(now == before);
    OK(DRIVER(cuCtxPushCurrent_v2)(own));
    OK(DRIVER(cuCtxDestroy_v2)(own));
    OK(DRIVER(cuCtxSetCurrent)(before));
    OK(cudaFree(nullptr));
    return "";
}

CASE(driver_module) {
    OK(cudaFree(nullptr));
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUdeviceptr data = 0, weight = 0;
    size_t size = 0;
    OK(DRIVER(cuModuleLoadData)(&module, PTX));
    OK(DRIVER(cuModuleGetFunction)(&function, module, "add"));
    EXPECT(CUDA_ERROR_NOT_FOUND, DRIVER(cuModuleGetFunction)(&function, module, "nothing"));
    OK(DRIVER(cuModuleGetFunction)(&function, module, "add"));
    OK(DRIVER(cuModuleGetGlobal_v2)(&weight, &size, module, "weight"));
    CHECK(size == 4);
    int value = 0;
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, weight, 4));
    CHECK(value == 5);
    OK(DRIVER(cuMemAlloc_v2)(&data, 4));
    OK(DRIVER(cuMemsetD32_v2)(data, 100, 1));
    value = 11;
    void *pointers[] = {&data, &value};
    OK(DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, pointers, nullptr));
    struct {
        CUdeviceptr data;
        int value;
    } buffer = {data, 1000};
    size_t length = 12;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &length, CU_LAUNCH_PARAM_END};
    OK(DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra));
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, data, 4));
    CHECK(value == 1111);
    OK(DRIVER(cuMemFree_v2)(data));
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuMemFree_v2)(data));
    OK(DRIVER(cuModuleUnload)(module));
    return "";
}

CASE(driver_jit_log) {
    OK(cudaFree(nullptr));
    CUmodule module = nullptr;
    char errors[512] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {errors, reinterpret_cast<void *>(sizeof errors)};
    const char *const broken = ".version 6.3\n.target sm_50\n.address_size 64\n.visible .entry f() { nonsense here }\n";
    EXPECT(CUDA_ERROR_INVALID_PTX, DRIVER(cuModuleLoadDataEx)(&module, broken, 2, options, values));
    CHECK(strlen(errors) > 0);
    const char *const newer = ".version 99.9\n.target sm_50\n.address_size 64\n";
    EXPECT(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, DRIVER(cuModuleLoadData)(&module, newer));
    return "";
}

CASE(driver_library) {
#if CUDA_VERSION < 12000
    return skipped("libraries come with CUDA 12");
#else
    OK(cudaFree(nullptr));
    CUlibrary library = nullptr;
    CUkernel kernel = nullptr;
    CUdeviceptr data = 0;
    OK(DRIVER(cuLibraryLoadData)(&library, PTX, nullptr, nullptr, 0, nullptr, nullptr, 0));
    OK(DRIVER(cuLibraryGetKernel)(&kernel, library, "add"));
    OK(DRIVER(cuMemAlloc_v2)(&data, 4));
    OK(DRIVER(cuMemsetD32_v2)(data, 1, 1));
    int value = 2;
    void *pointers[] = {&data, &value};
    OK(DRIVER(cuLaunchKernel)(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 1, 1, 1, 0, nullptr, pointers, nullptr));
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, data, 4));
    CHECK(value == 3);
    size_t offset = 0, size = 0;
    OK(DRIVER(cuKernelGetParamInfo)(kernel, 1, &offset, &size));
    CHECK(offset == 8 && size == 4);
    OK(DRIVER(cuMemFree_v2)(data));
    OK(DRIVER(cuLibraryUnload)(library));
    return "";
#endif
}

CASE(driver_link) {
    OK(cudaFree(nullptr));
    CUlinkState state = nullptr;
    void *image = nullptr;
    size_t size = 0;
    OK(DRIVER(cuLinkCreate_v2)(0, nullptr, nullptr, &state));
    const auto add = DRIVER(cuLinkAddData_v2);
    OK(add(state, CU_JIT_INPUT_PTX, const_cast<char *>(TWICE), strlen(TWICE) + 1, "twice", 0, nullptr, nullptr));
    OK(add(state, CU_JIT_INPUT_PTX, const_cast<char *>(USES_TWICE), strlen(USES_TWICE) + 1, "uses", 0, nullptr, nullptr));
    OK(DRIVER(cuLinkComplete)(state, &image, &size));
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUdeviceptr data = 0;
    OK(DRIVER(cuModuleLoadData)(&module, image));
    OK(DRIVER(cuLinkDestroy)(state));
    OK(DRIVER(cuModuleGetFunction)(&function, module, "double_it"));
    OK(DRIVER(cuMemAlloc_v2)(&data, 4));
    OK(DRIVER(cuMemsetD32_v2)(data, 21, 1));
    void *pointers[] = {&data};
    OK(DRIVER(cuLaunchKernel)(function, 1, 1, 1, 1, 1, 1, 0, nullptr, pointers, nullptr));
    int value = 0;
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, data, 4));
    CHECK(value == 42);
    OK(DRIVER(cuMemFree_v2)(data));
    OK(DRIVER(cuModuleUnload)(module));
    return "";
}

CASE(driver_fills) {
    OK(cudaFree(nullptr));
    CUdeviceptr data = 0;
    unsigned char bytes[32];
    OK(DRIVER(cuMemAlloc_v2)(&data, sizeof bytes));
    OK(DRIVER(cuMemsetD8_v2)(data, 0, sizeof bytes));
    OK(DRIVER(cuMemsetD8_v2)(data + 1, 0x11, 3));
    OK(DRIVER(cuMemsetD16_v2)(data + 4, 0x2233, 2));
    OK(DRIVER(cuMemsetD2D32_v2)(data + 8, 12, 0x44556677, 1, 2));
    OK(DRIVER(cuMemcpyDtoH_v2)(bytes, data, sizeof bytes));
    const unsigned char wanted[32] = {0,    0x11, 0x11, 0x11, 0x33, 0x22, 0x33, 0x22, 0x77, 0x66, 0x55,
                                      0x44, 0,    0,    0,    0,    0,    0,    0,    0,    0x77, 0x66,
                                      0x55, 0x44, 0,    0,    0,    0,    0,    0,    0,    0};
    CHECK(memcmp(bytes, wanted, sizeof bytes) == 0);
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuMemsetD16_v2)(data + 1, 0, 1));
    CUdeviceptr base = 0;
    size_t size = 0;
    OK(DRIVER(cuMemGetAddressRange_v2)(&base, &size, data + 7));
    CHECK(base == data && size == sizeof bytes);
    OK(DRIVER(cuMemFree_v2)(data));
    return "";
}

CASE(driver_words) {
    OK(cudaFree(nullptr));
    CUstream first = nullptr, second = nullptr;
    CUdeviceptr word = 0;
    OK(DRIVER(cuStreamCreate)(&first, CU_STREAM_NON_BLOCKING));
    OK(DRIVER(cuStreamCreate)(&second, CU_STREAM_NON_BLOCKING));
    OK(DRIVER(cuMemAlloc_v2)(&word, 8));
    OK(DRIVER(cuMemsetD32_v2)(word, 0, 2));
    OK(DRIVER(cuCtxSynchronize)());
    using Word = CUresult(CUstream, CUdeviceptr, cuuint32_t, unsigned);
    OK(driver<Word>("cuStreamWaitValue32_v2")(first, word, 3, CU_STREAM_WAIT_VALUE_GEQ));
    OK(driver<Word>("cuStreamWriteValue32_v2")(first, word + 4, 77, 0));
    EXPECT(CUDA_ERROR_NOT_READY, DRIVER(cuStreamQuery)(first));
    OK(driver<Word>("cuStreamWriteValue32_v2")(second, word, 4, 0));
    OK(DRIVER(cuStreamSynchronize)(first));
    int value = 0;
    OK(DRIVER(cuMemcpyDtoH_v2)(&value, word + 4, 4));
    CHECK(value == 77);
    OK(DRIVER(cuMemFree_v2)(word));
    OK(DRIVER(cuStreamDestroy_v2)(first));
    OK(DRIVER(cuStreamDestroy_v2)(second));
    return "";
}

CASE(driver_handles) {
    // Handles that stand for nothing are errors, and nothing worse.
    OK(cudaFree(nullptr));
    CUevent event = nullptr;
    OK(DRIVER(cuEventCreate)(&event, 0));
    OK(DRIVER(cuEventDestroy_v2)(event));
    const char *name = nullptr;
    OK(DRIVER(cuGetErrorName)(CUDA_ERROR_INVALID_HANDLE, &name));
    CHECK(strcmp(name, "CUDA_ERROR_INVALID_HANDLE") == 0);
    EXPECT(CUDA_ERROR_INVALID_VALUE, DRIVER(cuGetErrorName)(static_cast<CUresult>(4242), &name));
    void *function = nullptr;
    using Lookup = CUresult(const char *, void **, int, cuuint64_t, void *);
    OK(driver<Lookup>("cuGetProcAddress_v2")("cuMemAlloc", &function, 11000, 0, nullptr));
    CHECK(function == reinterpret_cast<void *>(DRIVER(cuMemAlloc_v2)));
    return "";
}
