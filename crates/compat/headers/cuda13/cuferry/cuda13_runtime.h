/*
 * What CUDA 13 dropped from the CUDA runtime, by means of what took its place. With another CUDA nothing happens.
 * A name whose parameters changed is an overload in C++ and a macro with parameters in C.
 */
#pragma GCC system_header
#if !defined(CUFERRY_CUDA13_RUNTIME_H) && defined(CUDART_VERSION) && CUDART_VERSION >= 13000 && CUDART_VERSION < 14000
#define CUFERRY_CUDA13_RUNTIME_H

#include <stddef.h>

/* Names that only lost their version. */
#define cudaDevAttrMaxTimelineSemaphoreInteropSupported cudaDevAttrTimelineSemaphoreInteropSupported
#define cudaEventElapsedTime_v2 cudaEventElapsedTime
#define cudaGraphAddDependencies_v2 cudaGraphAddDependencies
#define cudaGraphAddNode_v2 cudaGraphAddNode
#define cudaGraphGetEdges_v2 cudaGraphGetEdges
#define cudaGraphNodeGetDependencies_v2 cudaGraphNodeGetDependencies
#define cudaGraphNodeGetDependentNodes_v2 cudaGraphNodeGetDependentNodes
#define cudaGraphRemoveDependencies_v2 cudaGraphRemoveDependencies
#define cudaMemAdvise_v2 cudaMemAdvise
#define cudaMemPrefetchAsync_v2 cudaMemPrefetchAsync
#define cudaSignalExternalSemaphoresAsync_v2 cudaSignalExternalSemaphoresAsync
#define cudaStreamGetCaptureInfo_v3 cudaStreamGetCaptureInfo
#define cudaStreamUpdateCaptureDependencies_v2 cudaStreamUpdateCaptureDependencies
#define cudaWaitExternalSemaphoresAsync_v2 cudaWaitExternalSemaphoresAsync

/* The thread's functions became the device's in CUDA 4. */
static __inline__ cudaError_t cudaThreadExit(void) { return cudaDeviceReset(); }
static __inline__ cudaError_t cudaThreadSynchronize(void) { return cudaDeviceSynchronize(); }
static __inline__ cudaError_t cudaThreadSetLimit(enum cudaLimit limit, size_t value)
{
    return cudaDeviceSetLimit(limit, value);
}
static __inline__ cudaError_t cudaThreadGetLimit(size_t *value, enum cudaLimit limit)
{
    return cudaDeviceGetLimit(value, limit);
}
static __inline__ cudaError_t cudaThreadGetCacheConfig(enum cudaFuncCache *config)
{
    return cudaDeviceGetCacheConfig(config);
}
static __inline__ cudaError_t cudaThreadSetCacheConfig(enum cudaFuncCache config)
{
    return cudaDeviceSetCacheConfig(config);
}

/* They converted for GPUs without double, of which CUDA 13 serves none. */
static __inline__ cudaError_t cudaSetDoubleForDevice(double *value) { return (void)value, cudaSuccess; }
static __inline__ cudaError_t cudaSetDoubleForHost(double *value) { return (void)value, cudaSuccess; }

#ifdef CUFERRY_CUDA13_FIELDS
/* Negative, and so an error, where the toolkit has other words at the structure's end than driver_types.h expects. */
typedef char cuferryKnowsReservedWords[sizeof(struct cuferryReservedWords) == 57 * sizeof(int) ? 1 : -1];

/* The properties with the fields that driver_types.h gives back. CUDA 12 had this very name behind the macro. */
static __inline__ cudaError_t cudaGetDeviceProperties_v2(struct cudaDeviceProp *prop, int device)
{
    cudaError_t error = cudaGetDeviceProperties(prop, device);
    /* No GPU of CUDA 13 launches on several devices at once: the function is gone. */
    if (error == cudaSuccess) prop->cooperativeMultiDeviceLaunch = 0;
#define CUFERRY_FILL(field, attribute) \
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&prop->field, attribute, device)
    CUFERRY_FILL(clockRate, cudaDevAttrClockRate);
    CUFERRY_FILL(memoryClockRate, cudaDevAttrMemoryClockRate);
    CUFERRY_FILL(deviceOverlap, cudaDevAttrGpuOverlap);
    CUFERRY_FILL(computeMode, cudaDevAttrComputeMode);
    CUFERRY_FILL(kernelExecTimeoutEnabled, cudaDevAttrKernelExecTimeout);
    CUFERRY_FILL(singleToDoublePrecisionPerfRatio, cudaDevAttrSingleToDoublePrecisionPerfRatio);
    CUFERRY_FILL(maxTexture1DLinear, cudaDevAttrMaxTexture1DLinearWidth);
#undef CUFERRY_FILL
    return error;
}
#define cudaGetDeviceProperties cudaGetDeviceProperties_v2
#endif

/* A device's number as the location that it meant: cudaCpuDeviceId is the host. */
static __inline__ struct cudaMemLocation cuferryMemLocation(int device)
{
    struct cudaMemLocation location;
    __builtin_memset(&location, 0, sizeof location);
    location.type = device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice;
    location.id = device == cudaCpuDeviceId ? 0 : device;
    return location;
}

/* No copy is named by its index any more: SIZE_MAX says so, as it did. */
static __inline__ cudaError_t cuferryNoIndex(cudaError_t error, size_t *index)
{
    if (error != cudaSuccess && index) *index = (size_t)-1;
    return error;
}

#ifdef __cplusplus
/* Some projects include CUDA's headers inside `extern "C"`, where nothing can be overloaded. */
extern "C++" {
/*
 * Templates where a braced list or a null pointer would else fit both the old parameter and the new one: neither says
 * what it is, so it stays with the new.
 */
template <bool isClass> struct cuferryUnlessClass {};
template <> struct cuferryUnlessClass<false> { typedef cudaError_t type; };
template <class T> struct cuferryIfNumber : cuferryUnlessClass<__is_class(T)> {};
template <class T> struct cuferryIfSize {};
template <> struct cuferryIfSize<size_t> { typedef cudaError_t type; };

template <class Device>
static inline typename cuferryIfNumber<Device>::type
cudaMemAdvise(const void *devPtr, size_t count, enum cudaMemoryAdvise advice, Device device)
{
    return cudaMemAdvise(devPtr, count, advice, cuferryMemLocation(static_cast<int>(device)));
}
template <class Device>
static inline typename cuferryIfNumber<Device>::type
cudaMemPrefetchAsync(const void *devPtr, size_t count, Device device, cudaStream_t stream = 0)
{
    return cudaMemPrefetchAsync(devPtr, count, cuferryMemLocation(static_cast<int>(device)), 0, stream);
}
static inline cudaError_t cudaGraphAddDependencies(
    cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to, size_t count)
{
    return cudaGraphAddDependencies(graph, from, to, 0, count);
}
static inline cudaError_t cudaGraphRemoveDependencies(
    cudaGraph_t graph, const cudaGraphNode_t *from, const cudaGraphNode_t *to, size_t count)
{
    return cudaGraphRemoveDependencies(graph, from, to, 0, count);
}
static inline cudaError_t cudaGraphGetEdges(
    cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to, size_t *count)
{
    return cudaGraphGetEdges(graph, from, to, 0, count);
}
static inline cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *nodes, size_t *count)
{
    return cudaGraphNodeGetDependencies(node, nodes, 0, count);
}
static inline cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t *nodes, size_t *count)
{
    return cudaGraphNodeGetDependentNodes(node, nodes, 0, count);
}
static inline cudaError_t cudaGraphAddNode(
    cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *after, size_t count, cudaGraphNodeParams *params)
{
    return cudaGraphAddNode(node, graph, after, 0, count, params);
}
template <class Size>
static inline typename cuferryIfSize<Size>::type cudaStreamGetCaptureInfo(
    cudaStream_t stream, enum cudaStreamCaptureStatus *status, unsigned long long *id, cudaGraph_t *graph,
    const cudaGraphNode_t **dependencies, Size *count)
{
    return cudaStreamGetCaptureInfo(stream, status, id, graph, dependencies, 0, count);
}
static inline cudaError_t cudaStreamGetCaptureInfo_v2(
    cudaStream_t stream, enum cudaStreamCaptureStatus *status, unsigned long long *id = 0, cudaGraph_t *graph = 0,
    const cudaGraphNode_t **dependencies = 0, size_t *count = 0)
{
    return cudaStreamGetCaptureInfo(stream, status, id, graph, dependencies, 0, count);
}
static inline cudaError_t cudaStreamUpdateCaptureDependencies(
    cudaStream_t stream, cudaGraphNode_t *dependencies, size_t count, unsigned int flags = 0)
{
    return cudaStreamUpdateCaptureDependencies(stream, dependencies, 0, count, flags);
}
static inline cudaError_t cudaMemcpyBatchAsync(
    void **dsts, void **srcs, size_t *sizes, size_t count, struct cudaMemcpyAttributes *attrs, size_t *attrsIdxs,
    size_t numAttrs, size_t *failIdx, cudaStream_t stream)
{
    return cuferryNoIndex(
        cudaMemcpyBatchAsync(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, stream), failIdx);
}
static inline cudaError_t cudaMemcpy3DBatchAsync(
    size_t numOps, struct cudaMemcpy3DBatchOp *opList, size_t *failIdx, unsigned long long flags, cudaStream_t stream)
{
    return cuferryNoIndex(cudaMemcpy3DBatchAsync(numOps, opList, flags, stream), failIdx);
}
}
#else
/* C tells the old call by the count of arguments, or by the type of one. A name without a call stays what it was. */
#define CUFERRY_COUNT(...) CUFERRY_COUNT_OF(__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define CUFERRY_COUNT_OF(a, b, c, d, e, f, g, h, i, count, ...) count
#define CUFERRY_JOIN(a, b) CUFERRY_JOINED(a, b)
#define CUFERRY_JOINED(a, b) a##b
#define CUFERRY_BY_COUNT(name, ...) CUFERRY_JOIN(name, CUFERRY_COUNT(__VA_ARGS__))(__VA_ARGS__)

static __inline__ cudaError_t cuferryMemAdvise(const void *devPtr, size_t count, enum cudaMemoryAdvise advice, int device)
{
    return cudaMemAdvise(devPtr, count, advice, cuferryMemLocation(device));
}
#define cudaMemAdvise(devPtr, count, advice, place) \
    _Generic((place), struct cudaMemLocation: cudaMemAdvise, default: cuferryMemAdvise)(devPtr, count, advice, place)
#ifndef __CUDART_API_PER_THREAD_DEFAULT_STREAM
static __inline__ cudaError_t cuferryMemPrefetchAsync4(const void *devPtr, size_t count, int device, cudaStream_t stream)
{
    return cudaMemPrefetchAsync(devPtr, count, cuferryMemLocation(device), 0, stream);
}
#define cuferryMemPrefetchAsync5 cudaMemPrefetchAsync
#define cudaMemPrefetchAsync(...) CUFERRY_BY_COUNT(cuferryMemPrefetchAsync, __VA_ARGS__)
#endif
#define cuferryGraphAddDependencies4(graph, from, to, count) cudaGraphAddDependencies(graph, from, to, 0, count)
#define cuferryGraphAddDependencies5 cudaGraphAddDependencies
#define cudaGraphAddDependencies(...) CUFERRY_BY_COUNT(cuferryGraphAddDependencies, __VA_ARGS__)
#define cuferryGraphRemoveDependencies4(graph, from, to, count) cudaGraphRemoveDependencies(graph, from, to, 0, count)
#define cuferryGraphRemoveDependencies5 cudaGraphRemoveDependencies
#define cudaGraphRemoveDependencies(...) CUFERRY_BY_COUNT(cuferryGraphRemoveDependencies, __VA_ARGS__)
#define cuferryGraphGetEdges4(graph, from, to, count) cudaGraphGetEdges(graph, from, to, 0, count)
#define cuferryGraphGetEdges5 cudaGraphGetEdges
#define cudaGraphGetEdges(...) CUFERRY_BY_COUNT(cuferryGraphGetEdges, __VA_ARGS__)
#define cuferryGraphNodeGetDependencies3(node, nodes, count) cudaGraphNodeGetDependencies(node, nodes, 0, count)
#define cuferryGraphNodeGetDependencies4 cudaGraphNodeGetDependencies
#define cudaGraphNodeGetDependencies(...) CUFERRY_BY_COUNT(cuferryGraphNodeGetDependencies, __VA_ARGS__)
#define cuferryGraphNodeGetDependentNodes3(node, nodes, count) cudaGraphNodeGetDependentNodes(node, nodes, 0, count)
#define cuferryGraphNodeGetDependentNodes4 cudaGraphNodeGetDependentNodes
#define cudaGraphNodeGetDependentNodes(...) CUFERRY_BY_COUNT(cuferryGraphNodeGetDependentNodes, __VA_ARGS__)
#define cuferryGraphAddNode5(node, graph, after, count, params) cudaGraphAddNode(node, graph, after, 0, count, params)
#define cuferryGraphAddNode6 cudaGraphAddNode
#define cudaGraphAddNode(...) CUFERRY_BY_COUNT(cuferryGraphAddNode, __VA_ARGS__)
#endif
#endif
