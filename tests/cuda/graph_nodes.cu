// Nodes of graphs: every type, what each says of itself, changing them, and what was made of them.
#include "driver.h"

#include <cstring>

__global__ static void add(int *data, int value) { *data += value; }
__global__ static void scale(int *data, int value) { *data *= value; }
__global__ static void append(int *out, int digit) { *out = *out * 10 + digit; }

static int read(const int *device) {
    int value = -1;
    cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost);
    return value;
}

static cudaError_t instantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags = 0) {
    return cudaGraphInstantiateWithFlags(executable, graph, flags);
}

static cudaError_t launch(cudaGraphExec_t executable) {
    const cudaError_t error = cudaGraphLaunch(executable, nullptr);
    return error != cudaSuccess ? error : cudaDeviceSynchronize();
}

/// What an update says, by the name that all releases share.
static cudaError_t update(cudaGraphExec_t executable, cudaGraph_t graph, cudaGraphExecUpdateResult *result) {
#if CUDART_VERSION >= 12000
    cudaGraphExecUpdateResultInfo info = {};
    const cudaError_t error = cudaGraphExecUpdate(executable, graph, &info);
    *result = info.result;
    return error;
#else
    cudaGraphNode_t failed = nullptr;
    return cudaGraphExecUpdate(executable, graph, &failed, result);
#endif
}

/// The parameters of `kernel(data, value)`, which point at the two.
static cudaKernelNodeParams call(void (*kernel)(int *, int), void *(&arguments)[2], int **data, int *value) {
    arguments[0] = data;
    arguments[1] = value;
    cudaKernelNodeParams parameters = {};
    parameters.func = reinterpret_cast<void *>(kernel);
    parameters.gridDim = parameters.blockDim = dim3(1, 1, 1);
    parameters.kernelParams = arguments;
    return parameters;
}

CASE(graph_copy_nodes) {
    // A rectangle of four by three integers out of a pitched plane, as a node; then another one.
    const int w = 4, h = 3;
    int host[8 * 6], back[w * h];
    for (int i = 0; i < 8 * 6; ++i) host[i] = i;
    void *device = nullptr;
    size_t pitch = 0;
    OK(cudaMallocPitch(&device, &pitch, 8 * sizeof(int), 6));
    OK(cudaMemcpy2D(device, pitch, host, 8 * sizeof(int), 8 * sizeof(int), 6, cudaMemcpyHostToDevice));
    cudaMemcpy3DParms copy = {};
    copy.srcPtr = make_cudaPitchedPtr(device, pitch, 8 * sizeof(int), 6);
    copy.srcPos = make_cudaPos(2 * sizeof(int), 1, 0);
    copy.dstPtr = make_cudaPitchedPtr(back, w * sizeof(int), w, h);
    copy.extent = make_cudaExtent(w * sizeof(int), h, 1);
    copy.kind = cudaMemcpyDeviceToHost;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr;
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphAddMemcpyNode(&node, graph, nullptr, 0, &copy));
    cudaMemcpy3DParms got = {};
    OK(cudaGraphMemcpyNodeGetParams(node, &got));
    // Where it begins may be told as a place in the plane, or as an address of its own.
    const char *from = static_cast<const char *>(got.srcPtr.ptr) + got.srcPos.y * got.srcPtr.pitch + got.srcPos.x;
    CHECK(from == static_cast<const char *>(device) + pitch + 2 * sizeof(int) && got.srcPtr.pitch == pitch);
    CHECK(got.dstPtr.ptr == back && got.extent.width == w * sizeof(int) && got.extent.height == h && got.extent.depth == 1);
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) CHECK(back[y * w + x] == (y + 1) * 8 + x + 2);
    // What is instantiated can be changed only from one row to another: this is refused, and changes nothing.
    copy.srcPos = make_cudaPos(0, 3, 0);
    EXPECT(cudaErrorInvalidValue, cudaGraphExecMemcpyNodeSetParams(executable, node, &copy));
    OK(launch(executable));
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) CHECK(back[y * w + x] == (y + 1) * 8 + x + 2);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaFree(device));
    return "";
}

__device__ int graph_symbol[4];

CASE(graph_symbol_nodes) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t in = nullptr, out = nullptr;
    int given[2] = {11, 22}, back[2] = {}, others[2] = {33, 44};
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphAddMemcpyNodeToSymbol(&in, graph, nullptr, 0, graph_symbol, given, sizeof given, sizeof(int),
                                      cudaMemcpyHostToDevice));
    OK(cudaGraphAddMemcpyNodeFromSymbol(&out, graph, &in, 1, back, graph_symbol, sizeof back, sizeof(int),
                                        cudaMemcpyDeviceToHost));
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    CHECK(back[0] == 11 && back[1] == 22);
    OK(cudaGraphExecMemcpyNodeSetParamsToSymbol(executable, in, graph_symbol, others, sizeof others, sizeof(int),
                                                cudaMemcpyHostToDevice));
    OK(launch(executable));
    CHECK(back[0] == 33 && back[1] == 44);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    return "";
}

CASE(graph_fill_nodes) {
    // Three rows of five elements of two bytes, and what lies between the rows stays.
    unsigned short *device = nullptr, back[3 * 8];
    OK(cudaMalloc(&device, sizeof back));
    OK(cudaMemset(device, 0, sizeof back));
    cudaMemsetParams fill = {};
    fill.dst = device;
    fill.pitch = 16;
    fill.value = 0xabcd;
    fill.elementSize = 2;
    fill.width = 5;
    fill.height = 3;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr;
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphAddMemsetNode(&node, graph, nullptr, 0, &fill));
    cudaMemsetParams got = {};
    OK(cudaGraphMemsetNodeGetParams(node, &got));
    CHECK(got.dst == device && got.value == 0xabcd && got.elementSize == 2 && got.width == 5 && got.height == 3);
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 3 * 8; ++i) CHECK(back[i] == (i % 8 < 5 ? 0xabcd : 0));
    fill.value = 0x1234;
    OK(cudaGraphExecMemsetNodeSetParams(executable, node, &fill));
    OK(launch(executable));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 3 * 8; ++i) CHECK(back[i] == (i % 8 < 5 ? 0x1234 : 0));
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaFree(device));
    return "";
}

__global__ static void count_threads(int *data, int value) { atomicAdd(data, value); }

CASE(graph_kernel_nodes) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t first = nullptr, second = nullptr;
    int *device = nullptr, one = 1, ten = 10;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaGraphCreate(&graph, 0));
    void *arguments[2], *others[2];
    cudaKernelNodeParams counting = call(count_threads, arguments, &device, &one);
    counting.gridDim = dim3(2, 3, 1);
    counting.blockDim = dim3(4, 1, 2);
    OK(cudaGraphAddKernelNode(&first, graph, nullptr, 0, &counting));
    const cudaKernelNodeParams scaling = call(scale, others, &device, &ten);
    OK(cudaGraphAddKernelNode(&second, graph, &first, 1, &scaling));
    cudaKernelNodeParams got = {};
    OK(cudaGraphKernelNodeGetParams(first, &got));
    CHECK(got.func == reinterpret_cast<void *>(count_threads) && got.extra == nullptr && got.sharedMemBytes == 0);
    CHECK(got.gridDim.x == 2 && got.gridDim.y == 3 && got.gridDim.z == 1 && got.blockDim.x == 4 && got.blockDim.z == 2);
    CHECK(*static_cast<int **>(got.kernelParams[0]) == device && *static_cast<int *>(got.kernelParams[1]) == 1);
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    CHECK(read(device) == 480);
    // Another shape and argument, in the instantiated graph alone.
    OK(cudaMemset(device, 0, sizeof(int)));
    counting.gridDim = dim3(1, 1, 1);
    one = 3;
    OK(cudaGraphExecKernelNodeSetParams(executable, first, &counting));
    OK(launch(executable));
    CHECK(read(device) == 240);
    OK(cudaGraphKernelNodeGetParams(first, &got));
    CHECK(got.gridDim.x == 2 && *static_cast<int *>(got.kernelParams[1]) == 1);
    // A node that is turned off is passed over.
    unsigned enabled = 9;
    OK(cudaGraphNodeSetEnabled(executable, second, 0));
    OK(cudaGraphNodeGetEnabled(executable, second, &enabled));
    CHECK(enabled == 0);
    OK(launch(executable));
    CHECK(read(device) == 264);
    OK(cudaGraphNodeSetEnabled(executable, second, 1));
    OK(launch(executable));
    CHECK(read(device) == 2880);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaFree(device));
    return "";
}

CASE(graph_child_nodes) {
    // A graph in a graph in a graph; and another in the innermost's place.
    cudaGraph_t inner = nullptr, middle = nullptr, outer = nullptr, other = nullptr, found = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr, in_middle = nullptr, in_outer = nullptr, last = nullptr, in_other = nullptr;
    int *device = nullptr, two = 2, three = 3, seven = 7;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    for (cudaGraph_t *graph : {&inner, &middle, &outer, &other}) OK(cudaGraphCreate(graph, 0));
    void *arguments[2];
    cudaKernelNodeParams kernel = call(append, arguments, &device, &two);
    OK(cudaGraphAddKernelNode(&node, inner, nullptr, 0, &kernel));
    OK(cudaGraphAddChildGraphNode(&in_middle, middle, nullptr, 0, inner));
    OK(cudaGraphAddChildGraphNode(&in_outer, outer, nullptr, 0, middle));
    kernel = call(append, arguments, &device, &three);
    OK(cudaGraphAddKernelNode(&last, outer, &in_outer, 1, &kernel));
    OK(cudaGraphChildGraphNodeGetGraph(in_outer, &found));
    size_t nodes = 0;
    OK(cudaGraphGetNodes(found, nullptr, &nodes));
    CHECK(found != middle && nodes == 1);
    OK(instantiate(&executable, outer));
    OK(launch(executable));
    CHECK(read(device) == 23);
    kernel = call(append, arguments, &device, &seven);
    OK(cudaGraphAddKernelNode(&node, inner, nullptr, 0, &kernel)); // the copies stay as they are
    OK(launch(executable));
    CHECK(read(device) == 2323);
    // The same shape with another argument.
    cudaGraph_t innermost = nullptr;
    OK(cudaGraphCreate(&innermost, 0));
    OK(cudaGraphAddKernelNode(&node, innermost, nullptr, 0, &kernel));
    OK(cudaGraphAddChildGraphNode(&in_other, other, nullptr, 0, innermost));
    OK(cudaGraphExecChildGraphNodeSetParams(executable, in_outer, other));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(launch(executable));
    CHECK(read(device) == 73);
    OK(cudaGraphExecDestroy(executable));
    for (cudaGraph_t graph : {inner, middle, outer, other, innermost}) OK(cudaGraphDestroy(graph));
    OK(cudaFree(device));
    return "";
}

CASE(graph_event_nodes) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t starts = nullptr, ends = nullptr, waits = nullptr, node = nullptr;
    cudaEvent_t start = nullptr, end = nullptr, other = nullptr, got = nullptr;
    int *device = nullptr, five = 5;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    for (cudaEvent_t *event : {&start, &end, &other}) OK(cudaEventCreate(event));
    OK(cudaGraphCreate(&graph, 0));
    void *arguments[2];
    const cudaKernelNodeParams kernel = call(add, arguments, &device, &five);
    OK(cudaGraphAddEventRecordNode(&starts, graph, nullptr, 0, start));
    OK(cudaGraphAddKernelNode(&node, graph, &starts, 1, &kernel));
    OK(cudaGraphAddEventRecordNode(&ends, graph, &node, 1, end));
    OK(cudaGraphAddEventWaitNode(&waits, graph, &ends, 1, start));
    OK(cudaGraphEventRecordNodeGetEvent(ends, &got));
    CHECK(got == end);
    OK(cudaGraphEventWaitNodeGetEvent(waits, &got));
    CHECK(got == start);
    OK(cudaGraphEventWaitNodeSetEvent(waits, other));
    OK(cudaGraphEventWaitNodeGetEvent(waits, &got));
    CHECK(got == other);
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    float time = -1;
    OK(cudaEventElapsedTime(&time, start, end));
    CHECK(read(device) == 5 && time >= 0 && time < 60000);
    // Another event in the instantiated graph: the first one's time stays.
    OK(cudaGraphExecEventRecordNodeSetEvent(executable, ends, other));
    OK(launch(executable));
    OK(cudaEventElapsedTime(&time, start, other));
    CHECK(read(device) == 10 && time >= 0 && time < 60000);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    for (cudaEvent_t event : {start, end, other}) OK(cudaEventDestroy(event));
    OK(cudaFree(device));
    return "";
}

// CUDA 13 gives these functions a list of what kind each edge is; before, the plain names have none.
#if CUDART_VERSION >= 13000
#define EDGES nullptr,
#else
#define EDGES
#endif

CASE(graph_edges) {
    cudaGraph_t graph = nullptr;
    cudaGraphNode_t nodes[4], from[8], to[8];
    OK(cudaGraphCreate(&graph, 0));
    for (cudaGraphNode_t &node : nodes) OK(cudaGraphAddEmptyNode(&node, graph, nullptr, 0));
    // 0 before 1 and 2, these before 3.
    const cudaGraphNode_t before[4] = {nodes[0], nodes[0], nodes[1], nodes[2]};
    const cudaGraphNode_t after[4] = {nodes[1], nodes[2], nodes[3], nodes[3]};
    OK(cudaGraphAddDependencies(graph, before, after, EDGES 4));
    size_t number = 8;
    OK(cudaGraphGetEdges(graph, from, to, EDGES &number));
    CHECK(number == 4);
    for (int i = 0; i < 4; ++i) {
        int found = 0;
        for (int j = 0; j < 4; ++j) found += from[j] == before[i] && to[j] == after[i];
        CHECK(found == 1);
    }
    number = 8;
    OK(cudaGraphNodeGetDependencies(nodes[3], from, EDGES &number));
    CHECK(number == 2 && ((from[0] == nodes[1] && from[1] == nodes[2]) || (from[0] == nodes[2] && from[1] == nodes[1])));
    number = 8;
    OK(cudaGraphNodeGetDependentNodes(nodes[0], to, EDGES &number));
    CHECK(number == 2);
    OK(cudaGraphRemoveDependencies(graph, &nodes[2], &nodes[3], EDGES 1));
    OK(cudaGraphNodeGetDependencies(nodes[3], nullptr, EDGES &number));
    CHECK(number == 1);
    OK(cudaGraphDestroyNode(nodes[1]));
    OK(cudaGraphGetEdges(graph, nullptr, nullptr, EDGES &number));
    CHECK(number == 1);
    OK(cudaGraphGetRootNodes(graph, nullptr, &number));
    CHECK(number == 2);
    OK(cudaGraphDestroy(graph));
    return "";
}

CASE(graph_update_results) {
    // What an instantiated graph takes in, and how it says that it does not.
    cudaGraph_t graph = nullptr, other = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr, second = nullptr;
    cudaGraphExecUpdateResult result;
    int *device = nullptr, two = 2, four = 4;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    void *arguments[2];
    cudaKernelNodeParams kernel = call(add, arguments, &device, &two);
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &kernel));
    OK(instantiate(&executable, graph));
    // Another kernel with other arguments: as good.
    OK(cudaGraphCreate(&other, 0));
    kernel = call(append, arguments, &device, &four);
    OK(cudaGraphAddKernelNode(&node, other, nullptr, 0, &kernel));
    OK(update(executable, other, &result));
    CHECK(result == cudaGraphExecUpdateSuccess);
    OK(launch(executable));
    OK(launch(executable));
    CHECK(read(device) == 44);
    // One node more: another shape.
    OK(cudaGraphAddKernelNode(&second, other, &node, 1, &kernel));
    EXPECT(cudaErrorGraphExecUpdateFailure, update(executable, other, &result));
#if CUDART_VERSION >= 12000
    CHECK(result == cudaGraphExecUpdateErrorTopologyChanged);
#endif
    OK(cudaGraphDestroy(other));
    // The same shape of another type.
    OK(cudaGraphCreate(&other, 0));
    OK(cudaGraphAddEmptyNode(&node, other, nullptr, 0));
    EXPECT(cudaErrorGraphExecUpdateFailure, update(executable, other, &result));
    CHECK(result == cudaGraphExecUpdateErrorNodeTypeChanged);
    cudaGetLastError();
    // What failed changed nothing.
    OK(launch(executable));
    CHECK(read(device) == 444);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphDestroy(other));
    OK(cudaFree(device));
    return "";
}

#if CUDART_VERSION >= 12020
static void CUDART_CB count(void *data) { ++*static_cast<int *>(data); }
static void CUDART_CB count_tens(void *data) { *static_cast<int *>(data) += 10; }

static cudaError_t add_node(cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *after, size_t number,
                            cudaGraphNodeParams *parameters) {
#if CUDART_VERSION >= 13000
    return cudaGraphAddNode(node, graph, after, nullptr, number, parameters);
#else
    return cudaGraphAddNode(node, graph, after, number, parameters);
#endif
}
#endif

CASE(graph_any_nodes) {
#if CUDART_VERSION < 12020
    return skipped("cudaGraphAddNode comes with CUDA 12.2");
#else
    // Each type by the one function for all: allocate, fill, add, a child that doubles, an event recorded and waited for,
    // copy out, free, nothing, a function of the host's.
    cudaGraph_t graph = nullptr, inner = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t nodes[10], child = nullptr;
    cudaEvent_t event = nullptr;
    int host = 0, called = 0, nine = 9, two = 2;
    OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphCreate(&inner, 0));

    cudaGraphNodeParams memory = {};
    memory.type = cudaGraphNodeTypeMemAlloc;
    memory.alloc.poolProps.allocType = cudaMemAllocationTypePinned;
    memory.alloc.poolProps.location.type = cudaMemLocationTypeDevice;
    memory.alloc.bytesize = sizeof(int);
    OK(add_node(&nodes[0], graph, nullptr, 0, &memory));
    int *device = static_cast<int *>(memory.alloc.dptr);
    CHECK(device != nullptr);

    cudaGraphNodeParams fill = {};
    fill.type = cudaGraphNodeTypeMemset;
    fill.memset.dst = device;
    fill.memset.elementSize = sizeof(int);
    fill.memset.width = fill.memset.height = 1;
    OK(add_node(&nodes[1], graph, &nodes[0], 1, &fill));

    void *arguments[] = {&device, &nine};
    cudaGraphNodeParams kernel = {};
    kernel.type = cudaGraphNodeTypeKernel;
    kernel.kernel.func = reinterpret_cast<void *>(add);
    kernel.kernel.gridDim = kernel.kernel.blockDim = dim3(1, 1, 1);
    kernel.kernel.kernelParams = arguments;
    OK(add_node(&nodes[2], graph, &nodes[1], 1, &kernel));

    void *others[] = {&device, &two};
    cudaGraphNodeParams doubling = kernel;
    doubling.kernel.func = reinterpret_cast<void *>(scale);
    doubling.kernel.kernelParams = others;
    OK(add_node(&child, inner, nullptr, 0, &doubling));
    cudaGraphNodeParams nested = {};
    nested.type = cudaGraphNodeTypeGraph;
    nested.graph.graph = inner;
    OK(add_node(&nodes[3], graph, &nodes[2], 1, &nested));

    cudaGraphNodeParams record = {}, wait = {}, nothing = {};
    record.type = cudaGraphNodeTypeEventRecord;
    record.eventRecord.event = event;
    OK(add_node(&nodes[4], graph, &nodes[3], 1, &record));
    wait.type = cudaGraphNodeTypeWaitEvent;
    wait.eventWait.event = event;
    OK(add_node(&nodes[5], graph, &nodes[4], 1, &wait));

    cudaGraphNodeParams copy = {};
    copy.type = cudaGraphNodeTypeMemcpy;
    copy.memcpy.copyParams.srcPtr = make_cudaPitchedPtr(device, sizeof(int), sizeof(int), 1);
    copy.memcpy.copyParams.dstPtr = make_cudaPitchedPtr(&host, sizeof(int), sizeof(int), 1);
    copy.memcpy.copyParams.extent = make_cudaExtent(sizeof(int), 1, 1);
    copy.memcpy.copyParams.kind = cudaMemcpyDeviceToHost;
    OK(add_node(&nodes[6], graph, &nodes[5], 1, &copy));

    cudaGraphNodeParams gone = {};
    gone.type = cudaGraphNodeTypeMemFree;
    gone.free.dptr = device;
    OK(add_node(&nodes[7], graph, &nodes[6], 1, &gone));
    nothing.type = cudaGraphNodeTypeEmpty;
    OK(add_node(&nodes[8], graph, &nodes[7], 1, &nothing));
    cudaGraphNodeParams function = {};
    function.type = cudaGraphNodeTypeHost;
    function.host.fn = count;
    function.host.userData = &called;
    OK(add_node(&nodes[9], graph, &nodes[8], 1, &function));

    const cudaGraphNodeType types[10] = {
        cudaGraphNodeTypeMemAlloc,  cudaGraphNodeTypeMemset, cudaGraphNodeTypeKernel,  cudaGraphNodeTypeGraph,
        cudaGraphNodeTypeEventRecord, cudaGraphNodeTypeWaitEvent, cudaGraphNodeTypeMemcpy, cudaGraphNodeTypeMemFree,
        cudaGraphNodeTypeEmpty,     cudaGraphNodeTypeHost};
    for (int i = 0; i < 10; ++i) {
        cudaGraphNodeType type;
        OK(cudaGraphNodeGetType(nodes[i], &type));
        CHECK(type == types[i]);
    }
    cudaHostNodeParams told = {};
    OK(cudaGraphHostNodeGetParams(nodes[9], &told));
    CHECK(told.fn == count && told.userData == &called);
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    CHECK(host == 18 && called == 1);
    // The instantiated graph changed, then the graph itself.
    nine = 100;
    OK(cudaGraphExecNodeSetParams(executable, nodes[2], &kernel));
    function.host.fn = count_tens;
    OK(cudaGraphExecNodeSetParams(executable, nodes[9], &function));
    OK(launch(executable));
    CHECK(host == 200 && called == 11);
    OK(cudaGraphNodeSetParams(nodes[9], &function));
    OK(cudaGraphHostNodeGetParams(nodes[9], &told));
    CHECK(told.fn == count_tens);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphDestroy(inner));
    OK(cudaEventDestroy(event));
    return "";
#endif
}

CASE(graph_conditional_nodes) {
#if CUDART_VERSION < 12040
    return skipped("conditional nodes come with CUDA 12.4");
#else
    // Two bodies that add a digit each. Of their conditions one is true at each launch, and the other is not.
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    int *device = nullptr, digits[2] = {1, 2};
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaGraphCreate(&graph, 0));
    for (unsigned truth = 0; truth < 2; ++truth) {
        cudaGraphConditionalHandle handle;
        const cudaError_t error = cudaGraphConditionalHandleCreate(&handle, graph, truth, cudaGraphCondAssignDefault);
        if (error == cudaErrorNotSupported) {
            cudaGetLastError();
            return skipped("the driver has no conditional nodes");
        }
        OK(error);
        cudaGraphNodeParams condition = {};
        condition.type = cudaGraphNodeTypeConditional;
        condition.conditional.handle = handle;
        condition.conditional.type = cudaGraphCondTypeIf;
        condition.conditional.size = 1;
        cudaGraphNode_t node = nullptr, inside = nullptr;
        OK(add_node(&node, graph, nullptr, 0, &condition));
        cudaGraphNodeType type;
        OK(cudaGraphNodeGetType(node, &type));
        CHECK(type == cudaGraphNodeTypeConditional);
        void *arguments[2];
        const cudaKernelNodeParams kernel = call(append, arguments, &device, &digits[truth]);
        OK(cudaGraphAddKernelNode(&inside, condition.conditional.phGraph_out[0], nullptr, 0, &kernel));
    }
    OK(instantiate(&executable, graph));
    OK(launch(executable));
    OK(launch(executable));
    CHECK(read(device) == 22);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaFree(device));
    return "";
#endif
}

CASE(graph_memory_captured) {
    // What is allocated while a stream is captured becomes nodes, and one launch may leave it to the program to free.
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    int *memory = nullptr, *kept = nullptr, *pinned = nullptr;
    OK(cudaMallocHost(&pinned, 2 * sizeof(int)));
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    OK(cudaMallocAsync(&memory, sizeof(int), stream));
    OK(cudaMallocAsync(&kept, sizeof(int), stream));
    OK(cudaMemsetAsync(memory, 0, sizeof(int), stream));
    OK(cudaMemsetAsync(kept, 0, sizeof(int), stream));
    add<<<1, 1, 0, stream>>>(memory, 6);
    add<<<1, 1, 0, stream>>>(kept, 7);
    OK(cudaMemcpyAsync(pinned, memory, sizeof(int), cudaMemcpyDeviceToHost, stream));
    OK(cudaFreeAsync(memory, stream));
    OK(cudaStreamEndCapture(stream, &graph));
    OK(instantiate(&executable, graph));
    for (int round = 0; round < 2; ++round) {
        OK(cudaGraphLaunch(executable, stream));
        add<<<1, 1, 0, stream>>>(kept, 10 * round);
        OK(cudaMemcpyAsync(pinned + 1, kept, sizeof(int), cudaMemcpyDeviceToHost, stream));
        OK(cudaFreeAsync(kept, stream));
        OK(cudaStreamSynchronize(stream));
        CHECK(pinned[0] == 6 && pinned[1] == 7 + 10 * round);
    }
    OK(cudaGraphExecDestroy(executable));
    // Or the next launch frees it.
    OK(instantiate(&executable, graph, cudaGraphInstantiateFlagAutoFreeOnLaunch));
    for (int round = 0; round < 3; ++round) OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK(read(kept) == 7);
    OK(cudaFree(kept));
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaDeviceGraphMemTrim(0));
    unsigned long long used = 1;
    OK(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used));
    CHECK(used == 0);
    OK(cudaStreamDestroy(stream));
    OK(cudaFreeHost(pinned));
    return "";
}

CASE(graph_launches) {
    // Launches of one instantiated graph follow one another, in whichever streams; and none can be captured.
    cudaGraph_t graph = nullptr, outer = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaStream_t streams[2];
    cudaGraphNode_t node = nullptr;
    int *device = nullptr, one = 1;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaDeviceSynchronize());
    for (cudaStream_t &stream : streams) OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaGraphCreate(&graph, 0));
    void *arguments[2];
    const cudaKernelNodeParams kernel = call(add, arguments, &device, &one);
    OK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &kernel));
    OK(instantiate(&executable, graph));
    OK(cudaGraphUpload(executable, streams[0]));
    for (int i = 0; i < 40; ++i) OK(cudaGraphLaunch(executable, streams[i % 2]));
    for (cudaStream_t stream : streams) OK(cudaStreamSynchronize(stream));
    CHECK(read(device) == 40);
    OK(cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeGlobal));
    EXPECT(cudaErrorStreamCaptureUnsupported, cudaGraphLaunch(executable, streams[0]));
    EXPECT(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(streams[0], &outer));
    CHECK(outer == nullptr);
    OK(cudaGraphLaunch(executable, streams[0]));
    OK(cudaStreamSynchronize(streams[0]));
    CHECK(read(device) == 41);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    for (cudaStream_t stream : streams) OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    return "";
}

CASE(capture_modes) {
    // While a stream is captured, what might wait for it is refused to the thread; a thread may lift that for itself.
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    int *device = nullptr, *other = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    OK(cudaThreadExchangeStreamCaptureMode(&mode));
    CHECK(mode == cudaStreamCaptureModeGlobal);
    OK(cudaMalloc(&other, sizeof(int)));
    OK(cudaThreadExchangeStreamCaptureMode(&mode));
    CHECK(mode == cudaStreamCaptureModeRelaxed);
    add<<<1, 1, 0, stream>>>(device, 1);
    OK(cudaStreamEndCapture(stream, &graph));
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    int *refused = nullptr;
    const cudaError_t allocated = cudaMalloc(&refused, sizeof(int)), ended = cudaStreamEndCapture(stream, &graph);
    EXPECT(cudaErrorStreamCaptureUnsupported, allocated);
    EXPECT(cudaErrorStreamCaptureInvalidated, ended);
    cudaGetLastError();
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    OK(cudaFree(other));
    return "";
}
