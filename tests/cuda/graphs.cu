// Graphs: captured, built node by node, updated.
#include "case.h"

__global__ static void add(int *data, int value) { *data += value; }
__global__ static void scale(int *data, int value) { *data *= value; }

static void CUDART_CB count(void *data) { ++*static_cast<int *>(data); }

static int read(const int *device) {
    int value = -1;
    cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost);
    return value;
}

static cudaError_t instantiate(cudaGraphExec_t *executable, cudaGraph_t graph) {
#if CUDART_VERSION >= 12000
    return cudaGraphInstantiate(executable, graph, 0);
#else
    return cudaGraphInstantiate(executable, graph, nullptr, nullptr, 0);
#endif
}

static Result launch(cudaGraph_t graph, cudaStream_t stream, int times) {
    cudaGraphExec_t executable = nullptr;
    OK(instantiate(&executable, graph));
    for (int i = 0; i < times; ++i) OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    OK(cudaGraphExecDestroy(executable));
    return "";
}

CASE(graph_capture) {
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    int *device = nullptr, *pinned = nullptr, called = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMallocHost(&pinned, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    cudaStreamCaptureStatus status;
    OK(cudaStreamIsCapturing(stream, &status));
    CHECK(status == cudaStreamCaptureStatusActive);
    add<<<1, 1, 0, stream>>>(device, 3);
    scale<<<1, 1, 0, stream>>>(device, 2);
    OK(cudaMemcpyAsync(pinned, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
    OK(cudaLaunchHostFunc(stream, count, &called));
    OK(cudaStreamEndCapture(stream, &graph));
    CHECK(called == 0);
    size_t nodes = 0;
    OK(cudaGraphGetNodes(graph, nullptr, &nodes));
    CHECK(nodes == 4);
    const Result result = launch(graph, stream, 3);
    if (!result.empty()) return result;
    // ((0+3)*2+3)*2+3)*2 = 42
    CHECK(*pinned == 42 && called == 3 && read(device) == 42);
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    OK(cudaFreeHost(pinned));
    return "";
}

CASE(graph_capture_forks) {
    cudaStream_t first = nullptr, second = nullptr;
    cudaEvent_t fork = nullptr, join = nullptr;
    cudaGraph_t graph = nullptr;
    int *device = nullptr;
    OK(cudaMalloc(&device, 2 * sizeof(int)));
    OK(cudaMemset(device, 0, 2 * sizeof(int)));
    OK(cudaStreamCreate(&first));
    OK(cudaStreamCreate(&second));
    OK(cudaEventCreate(&fork));
    OK(cudaEventCreate(&join));
    OK(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
    OK(cudaEventRecord(fork, first));
    OK(cudaStreamWaitEvent(second, fork, 0));
    add<<<1, 1, 0, first>>>(device, 1);
    add<<<1, 1, 0, second>>>(device + 1, 2);
    OK(cudaEventRecord(join, second));
    OK(cudaStreamWaitEvent(first, join, 0));
    scale<<<1, 1, 0, first>>>(device + 1, 5);
    OK(cudaStreamEndCapture(first, &graph));
    const Result result = launch(graph, first, 1);
    if (!result.empty()) return result;
    CHECK(read(device) == 1 && read(device + 1) == 10);
    size_t roots = 0;
    OK(cudaGraphGetRootNodes(graph, nullptr, &roots));
    CHECK(roots == 2);
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(first));
    OK(cudaStreamDestroy(second));
    OK(cudaEventDestroy(fork));
    OK(cudaEventDestroy(join));
    OK(cudaFree(device));
    return "";
}

CASE(graph_capture_errors) {
    cudaStream_t stream = nullptr, other = nullptr;
    cudaGraph_t graph = nullptr;
    cudaEvent_t event = nullptr;
    int *device = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamCreate(&other));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    EXPECT(cudaErrorStreamCaptureUnsupported, cudaStreamSynchronize(stream));
    EXPECT(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr);
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    OK(cudaEventRecord(event, stream));
    OK(cudaStreamWaitEvent(other, event, 0));
    add<<<1, 1, 0, other>>>(device, 1);
    EXPECT(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(other, &graph));
    EXPECT(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    OK(cudaEventRecord(event, stream));
    OK(cudaStreamWaitEvent(other, event, 0));
    add<<<1, 1, 0, other>>>(device, 1);
    EXPECT(cudaErrorStreamCaptureUnjoined, cudaStreamEndCapture(stream, &graph));
    cudaGetLastError();
    OK(cudaStreamSynchronize(stream));
    OK(cudaStreamDestroy(stream));
    OK(cudaStreamDestroy(other));
    OK(cudaEventDestroy(event));
    OK(cudaFree(device));
    return "";
}

CASE(graph_nodes) {
    cudaGraph_t graph = nullptr, inner = nullptr;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    int *device = nullptr, host = 0, called = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphCreate(&inner, 0));

    cudaMemsetParams fill = {};
    fill.dst = device;
    fill.value = 0;
    fill.elementSize = sizeof(int);
    fill.width = fill.height = 1;
    cudaGraphNode_t filled, added, scaled, nested, recorded, waited, copied, hosted, empty;
    OK(cudaGraphAddMemsetNode(&filled, graph, nullptr, 0, &fill));
    OK(cudaGraphAddEmptyNode(&empty, graph, &filled, 1));

    int three = 3, seven = 7;
    void *arguments[] = {&device, &three};
    cudaKernelNodeParams kernel = {};
    kernel.func = reinterpret_cast<void *>(add);
    kernel.gridDim = kernel.blockDim = dim3(1, 1, 1);
    kernel.kernelParams = arguments;
    OK(cudaGraphAddKernelNode(&added, graph, &empty, 1, &kernel));
    three = 1000; // what arguments were is what counts

    void *inner_arguments[] = {&device, &seven};
    kernel.func = reinterpret_cast<void *>(scale);
    kernel.kernelParams = inner_arguments;
    OK(cudaGraphAddKernelNode(&scaled, inner, nullptr, 0, &kernel));
    OK(cudaGraphAddChildGraphNode(&nested, graph, &added, 1, inner));
    OK(cudaGraphAddEventRecordNode(&recorded, graph, &nested, 1, event));
    OK(cudaGraphAddEventWaitNode(&waited, graph, &recorded, 1, event));
    OK(cudaGraphAddMemcpyNode1D(&copied, graph, &waited, 1, &host, device, sizeof host, cudaMemcpyDeviceToHost));
    cudaHostNodeParams function = {count, &called};
    OK(cudaGraphAddHostNode(&hosted, graph, &copied, 1, &function));

    cudaGraphNodeType type;
    OK(cudaGraphNodeGetType(nested, &type));
    CHECK(type == cudaGraphNodeTypeGraph);
    OK(cudaGraphKernelNodeGetParams(added, &kernel));
    CHECK(*static_cast<int *>(kernel.kernelParams[1]) == 3);
    const Result result = launch(graph, stream, 2);
    if (!result.empty()) return result;
    CHECK(host == 21 && called == 2);
    OK(cudaEventQuery(event));

    cudaGraph_t clone = nullptr;
    cudaGraphNode_t found = nullptr;
    OK(cudaGraphClone(&clone, graph));
    OK(cudaGraphNodeFindInClone(&found, added, clone));
    CHECK(found != nullptr && found != added);
    OK(cudaGraphDestroy(clone));
    OK(cudaGraphDestroyNode(hosted));
    OK(cudaGraphDestroy(inner));
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    OK(cudaEventDestroy(event));
    OK(cudaFree(device));
    return "";
}

CASE(graph_update) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    int *device = nullptr, value = 1;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaGraphCreate(&graph, 0));
    void *arguments[] = {&device, &value};
    cudaKernelNodeParams kernel = {};
    kernel.func = reinterpret_cast<void *>(add);
    kernel.gridDim = kernel.blockDim = dim3(1, 1, 1);
    kernel.kernelParams = arguments;
    cudaGraphNode_t node;
    OK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &kernel));
    OK(instantiate(&executable, graph));
    OK(cudaGraphLaunch(executable, nullptr));
    value = 20;
    OK(cudaGraphExecKernelNodeSetParams(executable, node, &kernel));
    OK(cudaGraphLaunch(executable, nullptr));
    CHECK(read(device) == 21);
    value = 300;
    OK(cudaGraphKernelNodeSetParams(node, &kernel));
#if CUDART_VERSION >= 12000
    cudaGraphExecUpdateResultInfo info;
    OK(cudaGraphExecUpdate(executable, graph, &info));
#else
    cudaGraphNode_t failed = nullptr;
    cudaGraphExecUpdateResult update;
    OK(cudaGraphExecUpdate(executable, graph, &failed, &update));
#endif
    OK(cudaGraphLaunch(executable, nullptr));
    CHECK(read(device) == 321);
    cudaGraph_t other = nullptr;
    cudaGraphNode_t empty;
    OK(cudaGraphCreate(&other, 0));
    OK(cudaGraphAddEmptyNode(&empty, other, nullptr, 0));
#if CUDART_VERSION >= 12000
    EXPECT(cudaErrorGraphExecUpdateFailure, cudaGraphExecUpdate(executable, other, &info));
#else
    EXPECT(cudaErrorGraphExecUpdateFailure, cudaGraphExecUpdate(executable, other, &failed, &update));
#endif
    cudaGetLastError();
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphDestroy(other));
    OK(cudaFree(device));
    return "";
}

CASE(graph_memory) {
    cudaGraph_t graph = nullptr;
    cudaStream_t stream = nullptr;
    int host = 0;
    OK(cudaStreamCreate(&stream));
    OK(cudaGraphCreate(&graph, 0));
    cudaMemAllocNodeParams memory = {};
    memory.poolProps.allocType = cudaMemAllocationTypePinned;
    memory.poolProps.location.type = cudaMemLocationTypeDevice;
    memory.bytesize = sizeof(int);
    cudaGraphNode_t allocated, filled, added, copied, freed;
    OK(cudaGraphAddMemAllocNode(&allocated, graph, nullptr, 0, &memory));
    CHECK(memory.dptr != nullptr);
    cudaMemsetParams fill = {};
    fill.dst = memory.dptr;
    fill.elementSize = sizeof(int);
    fill.width = fill.height = 1;
    OK(cudaGraphAddMemsetNode(&filled, graph, &allocated, 1, &fill));
    int value = 8;
    void *arguments[] = {&memory.dptr, &value};
    cudaKernelNodeParams kernel = {};
    kernel.func = reinterpret_cast<void *>(add);
    kernel.gridDim = kernel.blockDim = dim3(1, 1, 1);
    kernel.kernelParams = arguments;
    OK(cudaGraphAddKernelNode(&added, graph, &filled, 1, &kernel));
    OK(cudaGraphAddMemcpyNode1D(&copied, graph, &added, 1, &host, memory.dptr, sizeof host, cudaMemcpyDeviceToHost));
    OK(cudaGraphAddMemFreeNode(&freed, graph, &copied, 1, memory.dptr));
    const Result result = launch(graph, stream, 2);
    if (!result.empty()) return result;
    CHECK(host == 8);
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    return "";
}
