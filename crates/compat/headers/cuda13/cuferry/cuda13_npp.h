/*
 * What NPP's functions without a stream context had by themselves, and CUDA 13 dropped: the stream of the process, and
 * what the GPU can do. The functions are in headers that are made from the toolkit's own.
 */
#ifndef CUFERRY_CUDA13_NPP_H
#define CUFERRY_CUDA13_NPP_H
#pragma GCC system_header

#include <limits.h>
#include <nppdefs.h>

/* A body for what the toolkit declares and its libraries lack; and what only C++ can have. */
#ifdef __cplusplus
#define CUFERRY_NPP_BODY extern "C" __inline__ __attribute__((__gnu_inline__, __always_inline__))
#define CUFERRY_NPP_CPP(...) extern "C++" { __VA_ARGS__ }
#else
#define CUFERRY_NPP_BODY extern __inline__ __attribute__((__gnu_inline__, __always_inline__))
#define CUFERRY_NPP_CPP(...)
#endif

/* One for the process, whichever file or library sets it. */
#ifdef __cplusplus
extern "C" {
#endif
__attribute__((weak)) cudaStream_t cuferryNppStream = 0;
#ifdef __cplusplus
}
extern "C++" {
#endif

static __inline__ NppStatus nppGetStreamContext(NppStreamContext *context)
{
    static const enum cudaDeviceAttr asked[] = {
        cudaDevAttrMultiProcessorCount, cudaDevAttrMaxThreadsPerMultiProcessor, cudaDevAttrMaxThreadsPerBlock,
        cudaDevAttrMaxSharedMemoryPerBlock, cudaDevAttrComputeCapabilityMajor, cudaDevAttrComputeCapabilityMinor,
    };
    int value[6] = {0, 0, 0, 0, 0, 0}, device = 0, index;
    unsigned int flags = 0;
    if (!context) return NPP_NULL_POINTER_ERROR;
    if (cudaGetDevice(&device) != cudaSuccess) return NPP_CUDA_KERNEL_EXECUTION_ERROR;
    for (index = 0; index < 6; ++index)
        if (cudaDeviceGetAttribute(&value[index], asked[index], device) != cudaSuccess) return NPP_CUDA_KERNEL_EXECUTION_ERROR;
    if (cudaStreamGetFlags(cuferryNppStream, &flags) != cudaSuccess) return NPP_CUDA_KERNEL_EXECUTION_ERROR;
    __builtin_memset(context, 0, sizeof *context);
    context->hStream = cuferryNppStream;
    context->nCudaDeviceId = device;
    context->nMultiProcessorCount = value[0];
    context->nMaxThreadsPerMultiProcessor = value[1];
    context->nMaxThreadsPerBlock = value[2];
    context->nSharedMemPerBlock = (size_t)value[3];
    context->nCudaDevAttrComputeCapabilityMajor = value[4];
    context->nCudaDevAttrComputeCapabilityMinor = value[5];
    context->nStreamFlags = flags;
    return NPP_SUCCESS;
}
/* An error leaves it empty, and NPP's function says what it makes of that. */
static __inline__ NppStreamContext cuferryNppContext(void)
{
    NppStreamContext context;
    if (nppGetStreamContext(&context) != NPP_SUCCESS) __builtin_memset(&context, 0, sizeof context);
    return context;
}

static __inline__ cudaStream_t nppGetStream(void) { return cuferryNppStream; }
static __inline__ NppStatus nppSetStream(cudaStream_t stream)
{
    cuferryNppStream = stream;
    return NPP_SUCCESS;
}
static __inline__ int nppGetGpuNumSMs(void) { return cuferryNppContext().nMultiProcessorCount; }
static __inline__ int nppGetMaxThreadsPerBlock(void) { return cuferryNppContext().nMaxThreadsPerBlock; }
static __inline__ int nppGetMaxThreadsPerSM(void) { return cuferryNppContext().nMaxThreadsPerMultiProcessor; }
static __inline__ unsigned int nppGetStreamNumSMs(void) { return (unsigned int)nppGetGpuNumSMs(); }
static __inline__ unsigned int nppGetStreamMaxThreadsPerSM(void) { return (unsigned int)nppGetMaxThreadsPerSM(); }
static __inline__ int nppGetGpuDeviceProperties(int *perSm, int *perBlock, int *sms)
{
    NppStreamContext context;
    if (nppGetStreamContext(&context) != NPP_SUCCESS) return -1;
    *perSm = context.nMaxThreadsPerMultiProcessor;
    *perBlock = context.nMaxThreadsPerBlock;
    *sms = context.nMultiProcessorCount;
    return 0;
}

#ifdef __cplusplus
/* A size that NPP counts in `size_t` since CUDA 13, for who asks with an `int`: one that does not fit becomes -1. */
class cuferryNppSize {
public:
    explicit cuferryNppSize(int *to) : to_(to), value_(0) {}
    ~cuferryNppSize()
    {
        if (to_) *to_ = value_ > static_cast<size_t>(INT_MAX) ? -1 : static_cast<int>(value_);
    }
    operator size_t *() { return to_ ? &value_ : nullptr; }

private:
    int *to_;
    size_t value_;
};
}
#endif
#endif
