/*
 * What CUDA 13 dropped from the driver API, by means of what took its place: overloads in C++, and in C macros
 * for three that many programs call. With another CUDA nothing happens. The toolkit's macros put the versions behind
 * the names here too.
 */
#pragma GCC system_header
#if !defined(CUFERRY_CUDA13_DRIVER_H) && defined(CUDA_VERSION) && CUDA_VERSION >= 13000 && CUDA_VERSION < 14000 && \
    !defined(__CUDA_API_VERSION_INTERNAL)
#define CUFERRY_CUDA13_DRIVER_H

#include <stddef.h>

static __inline__ CUresult cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice device)
{
    return cuCtxCreate(context, 0, flags, device);
}
static __inline__ CUresult cuCtxCreate_v3(
    CUcontext *context, CUexecAffinityParam *affinities, int count, unsigned int flags, CUdevice device)
{
    CUctxCreateParams params;
    params.execAffinityParams = affinities;
    params.numExecAffinityParams = count;
    params.cigParams = 0;
    return cuCtxCreate(context, &params, flags, device);
}

static __inline__ CUresult cuStreamGetCaptureInfo_v2(
    CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph, const CUgraphNode **dependencies,
    size_t *count)
{
    return cuStreamGetCaptureInfo(stream, status, id, graph, dependencies, 0, count);
}

/* A device's number as the location that it meant: CU_DEVICE_CPU is the host. */
static __inline__ CUmemLocation cuferryDriverMemLocation(int device)
{
    CUmemLocation location;
    __builtin_memset(&location, 0, sizeof location);
    location.type = device == CU_DEVICE_CPU ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE;
    location.id = device == CU_DEVICE_CPU ? 0 : device;
    return location;
}

#ifdef __cplusplus
/* Some projects include CUDA's headers inside `extern "C"`, where nothing can be overloaded. */
extern "C++" {
static inline CUresult cuCtxCreate(CUcontext *context, unsigned int flags, CUdevice device)
{
    return cuCtxCreate_v2(context, flags, device);
}

/* No copy is named by its index any more: SIZE_MAX says so, as it did. */
static inline CUresult cuferryDriverNoIndex(CUresult result, size_t *index)
{
    if (result != CUDA_SUCCESS && index) *index = static_cast<size_t>(-1);
    return result;
}

/* Templates for the same reason as in cuda13_runtime.h. */
template <bool isClass> struct cuferryUnlessDriverClass {};
template <> struct cuferryUnlessDriverClass<false> { typedef CUresult type; };
template <class T> struct cuferryIfDriverNumber : cuferryUnlessDriverClass<__is_class(T)> {};
template <class T> struct cuferryIfDriverSize {};
template <> struct cuferryIfDriverSize<size_t> { typedef CUresult type; };

template <class Device>
static inline typename cuferryIfDriverNumber<Device>::type
cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, Device device)
{
    return cuMemAdvise(devPtr, count, advice, cuferryDriverMemLocation(static_cast<int>(device)));
}
template <class Device>
static inline typename cuferryIfDriverNumber<Device>::type
cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, Device device, CUstream stream)
{
    return cuMemPrefetchAsync(devPtr, count, cuferryDriverMemLocation(static_cast<int>(device)), 0, stream);
}
static inline CUresult cuGraphAddDependencies(
    CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count)
{
    return cuGraphAddDependencies(graph, from, to, 0, count);
}
static inline CUresult cuGraphRemoveDependencies(
    CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count)
{
    return cuGraphRemoveDependencies(graph, from, to, 0, count);
}
static inline CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count)
{
    return cuGraphGetEdges(graph, from, to, 0, count);
}
static inline CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes, size_t *count)
{
    return cuGraphNodeGetDependencies(node, nodes, 0, count);
}
static inline CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes, size_t *count)
{
    return cuGraphNodeGetDependentNodes(node, nodes, 0, count);
}
static inline CUresult cuGraphAddNode(
    CUgraphNode *node, CUgraph graph, const CUgraphNode *after, size_t count, CUgraphNodeParams *params)
{
    return cuGraphAddNode(node, graph, after, 0, count, params);
}
static inline CUresult cuStreamGetCaptureInfo(
    CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id)
{
    return cuStreamGetCaptureInfo(stream, status, id, 0, 0, 0, 0);
}
template <class Size>
static inline typename cuferryIfDriverSize<Size>::type cuStreamGetCaptureInfo(
    CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph, const CUgraphNode **dependencies,
    Size *count)
{
    return cuStreamGetCaptureInfo(stream, status, id, graph, dependencies, 0, count);
}
static inline CUresult cuStreamUpdateCaptureDependencies(
    CUstream stream, CUgraphNode *dependencies, size_t count, unsigned int flags)
{
    return cuStreamUpdateCaptureDependencies(stream, dependencies, 0, count, flags);
}
static inline CUresult cuMemcpyBatchAsync(
    CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs,
    size_t numAttrs, size_t *failIdx, CUstream stream)
{
    return cuferryDriverNoIndex(
        cuMemcpyBatchAsync(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, stream), failIdx);
}
static inline CUresult cuMemcpy3DBatchAsync(
    size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList, size_t *failIdx, unsigned long long flags, CUstream stream)
{
    return cuferryDriverNoIndex(cuMemcpy3DBatchAsync(numOps, opList, flags, stream), failIdx);
}
}
#else
/*
 * C tells the old call by the count of arguments, or by the type of one. The toolkit's macros for the plain names lead
 * to these, and a name without a call stays what it was.
 */
static __inline__ CUresult cuferryDriverMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device)
{
    return cuMemAdvise(devPtr, count, advice, cuferryDriverMemLocation(device));
}
static __inline__ CUresult cuferryDriverMemPrefetchAsync(
    CUdeviceptr devPtr, size_t count, CUdevice device, CUstream stream)
{
    return cuMemPrefetchAsync(devPtr, count, cuferryDriverMemLocation(device), 0, stream);
}
#define CUFERRY_SIXTH(first, second, third, fourth, fifth, sixth, ...) sixth
#define cuCtxCreate_v4(...) CUFERRY_SIXTH(__VA_ARGS__, ~, (cuCtxCreate_v4), cuCtxCreate_v2, ~, ~)(__VA_ARGS__)
#define cuMemAdvise_v2(devPtr, count, advice, place) \
    _Generic((place), CUmemLocation: (cuMemAdvise_v2), default: cuferryDriverMemAdvise)(devPtr, count, advice, place)
#ifndef CUDA_API_PER_THREAD_DEFAULT_STREAM
#define cuMemPrefetchAsync_v2(...) \
    CUFERRY_SIXTH(__VA_ARGS__, (cuMemPrefetchAsync_v2), cuferryDriverMemPrefetchAsync, ~, ~, ~)(__VA_ARGS__)
#endif
#endif
#endif
