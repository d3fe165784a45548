// Functions of the program's that the driver calls: in streams and graphs, from several threads, and at an object's end.
#include "driver.h"
#include "gate.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

__global__ static void add_one(int *data) { *data += 1; }
__global__ static void store(int *out, int value) { *out = value; }
__global__ static void store_at(int *where) { *where = 1; }

/// Whether a number gets there in ten seconds: for calls that no function of CUDA waits for.
static bool comes(const std::atomic<int> &number, int wanted) {
    for (int i = 0; i < 10000 && number != wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return number == wanted;
}

struct Rounds {
    int *pinned;
    std::vector<int> seen;
};

static void CUDART_CB see_and_change(void *data) {
    Rounds *rounds = static_cast<Rounds *>(data);
    rounds->seen.push_back(*rounds->pinned);
    *rounds->pinned += 100;
}

CASE(host_functions_between_copies) {
    // Each sees what the copy before it brought, and the copy behind it takes what it wrote. Nobody waits between.
    cudaStream_t stream = nullptr;
    int *device = nullptr;
    Rounds rounds;
    OK(cudaMallocHost(&rounds.pinned, sizeof(int)));
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    *rounds.pinned = 0;
    for (int round = 0; round < 10; ++round) {
        OK(cudaMemcpyAsync(device, rounds.pinned, sizeof(int), cudaMemcpyHostToDevice, stream));
        add_one<<<1, 1, 0, stream>>>(device);
        OK(cudaMemcpyAsync(rounds.pinned, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
        OK(cudaLaunchHostFunc(stream, see_and_change, &rounds));
    }
    OK(cudaStreamSynchronize(stream));
    CHECK(rounds.seen.size() == 10 && *rounds.pinned == 1010);
    for (int round = 0; round < 10; ++round) CHECK(rounds.seen[round] == 101 * round + 1);
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(device));
    OK(cudaFreeHost(rounds.pinned));
    return "";
}

/// A place in a line: whoever is called in another's turn counts as wrong.
struct Line {
    std::atomic<int> next{0}, wrong{0};
};

struct Place {
    Line *line;
    int number;
};

static void take(void *data) {
    const Place *place = static_cast<const Place *>(data);
    place->line->wrong += place->line->next++ != place->number;
}

static void CUDART_CB take_place(void *data) { take(data); }
static void CUDART_CB take_place_told(cudaStream_t, cudaError_t status, void *data) {
    static_cast<Place *>(data)->line->wrong += status != cudaSuccess;
    take(data);
}

CASE(host_functions_from_threads) {
    // Four threads, two streams each, fifty calls in each stream, of both kinds: each stream keeps its order.
    const int calls = 50;
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&wrong] {
            cudaStream_t streams[2];
            Line lines[2];
            std::vector<Place> places;
            for (int i = 0; i < 2 * calls; ++i) places.push_back({&lines[i % 2], i / 2});
            for (cudaStream_t &stream : streams) wrong += cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != 0;
            for (int i = 0; i < 2 * calls; ++i) {
                const cudaStream_t stream = streams[i % 2];
                const cudaError_t error = i / 2 % 2 == 0
                                              ? cudaLaunchHostFunc(stream, take_place, &places[i])
                                              : cudaStreamAddCallback(stream, take_place_told, &places[i], 0);
                wrong += error != cudaSuccess;
            }
            for (const cudaStream_t stream : streams) wrong += cudaStreamSynchronize(stream) != 0;
            for (const Line &line : lines) wrong += line.wrong + (line.next != calls);
            for (const cudaStream_t stream : streams) wrong += cudaStreamDestroy(stream) != 0;
        });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK(wrong == 0);
    return "";
}

struct Slow {
    std::atomic<int> entered{0}, go{0}, left{0};
};

static void CUDART_CB wait_to_go(void *data) {
    Slow *slow = static_cast<Slow *>(data);
    slow->entered = 1;
    comes(slow->go, 1);
    slow->left = 1;
}

CASE(host_function_slow) {
    // Who puts it into a stream does not wait for it, nor do other streams; what lies behind it in its stream does.
    cudaStream_t stream = nullptr, other = nullptr;
    int *pinned = nullptr;
    Slow slow;
    OK(load(store));
    OK(cudaMallocHost(&pinned, 2 * sizeof(int)));
    pinned[0] = pinned[1] = 0;
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    OK(cudaLaunchHostFunc(stream, wait_to_go, &slow));
    store<<<1, 1, 0, stream>>>(pinned, 1);
    CHECK(comes(slow.entered, 1));
    store<<<1, 1, 0, other>>>(pinned + 1, 2);
    const cudaError_t others = cudaStreamSynchronize(other);
    const cudaError_t own = cudaStreamQuery(stream);
    const int first = pinned[0], second = pinned[1], left = slow.left;
    slow.go = 1;
    OK(cudaStreamSynchronize(stream));
    OK(others);
    EXPECT(cudaErrorNotReady, own);
    CHECK(first == 0 && second == 2 && left == 0);
    CHECK(slow.left == 1 && pinned[0] == 1);
    cudaGetLastError();
    OK(cudaStreamDestroy(stream));
    OK(cudaStreamDestroy(other));
    OK(cudaFreeHost(pinned));
    return "";
}

static std::mutex counting;
static std::map<std::thread::id, size_t> calls_of;
static thread_local std::vector<std::string> said_here;

static void CUDART_CB use_library(void *data) {
    std::atomic<int> *wrong = static_cast<std::atomic<int> *>(data);
    // The thread's own list is as long as this thread was called often, whichever threads there are.
    char text[64];
    snprintf(text, sizeof text, "%.3f %s %lld", 1.0 / 3.0, "and", 1LL << 40);
    said_here.emplace_back(text);
    {
        const std::lock_guard<std::mutex> lock(counting);
        *wrong += said_here.size() != ++calls_of[std::this_thread::get_id()];
    }
    *wrong += said_here.back() != "0.333 and 1099511627776";
    char *room = static_cast<char *>(malloc(3 << 20));
    memset(room, 0x5a, 3 << 20);
    *wrong += room[(3 << 20) - 1] != 0x5a;
    free(room);
    errno = 0;
    *wrong += strtod("2.5e3", nullptr) != 2500.0 || strtol("99999999999999999999", nullptr, 10) <= 0 || errno != ERANGE;
    FILE *file = tmpfile();
    *wrong += file == nullptr;
    if (file != nullptr) {
        fprintf(file, "%s\n%5d|", text, 42);
        rewind(file);
        char back[64] = "";
        *wrong += fread(back, 1, sizeof back - 1, file) == 0;
        *wrong += strcmp(back, "0.333 and 1099511627776\n   42|") != 0;
        fclose(file);
    }
    try {
        throw std::runtime_error("caught where it was thrown");
    } catch (const std::exception &error) {
        *wrong += strlen(error.what()) != 26;
    }
}

CASE(host_function_uses_the_library) {
    cudaStream_t streams[2];
    std::atomic<int> wrong{0};
    for (cudaStream_t &stream : streams) OK(cudaStreamCreate(&stream));
    for (int i = 0; i < 20; ++i) OK(cudaLaunchHostFunc(streams[i % 2], use_library, &wrong));
    OK(cudaDeviceSynchronize());
    CHECK(wrong == 0);
    for (const cudaStream_t stream : streams) OK(cudaStreamDestroy(stream));
    return "";
}

struct Told {
    cudaStream_t stream = nullptr;
    cudaError_t status = cudaErrorUnknown;
    std::atomic<int> calls{0};
};

static void CUDART_CB tell(cudaStream_t stream, cudaError_t status, void *data) {
    Told *told = static_cast<Told *>(data);
    told->stream = stream;
    told->status = status;
    ++told->calls;
}

static std::atomic<int> without_data{0};
static void CUDART_CB expect_nothing(void *data) { without_data += data == nullptr ? 1 : 1000; }

CASE(callback_arguments) {
    cudaStream_t streams[2];
    Told told[2];
    for (int i = 0; i < 2; ++i) {
        OK(cudaStreamCreate(&streams[i]));
        OK(cudaStreamAddCallback(streams[i], tell, &told[i], 0));
        OK(cudaLaunchHostFunc(streams[i], expect_nothing, nullptr));
    }
    OK(cudaLaunchHostFunc(nullptr, expect_nothing, nullptr));
    OK(cudaDeviceSynchronize());
    for (int i = 0; i < 2; ++i) CHECK(told[i].stream == streams[i] && told[i].status == cudaSuccess && told[i].calls == 1);
    CHECK(without_data == 3);
    EXPECT(cudaErrorInvalidValue, cudaLaunchHostFunc(streams[0], nullptr, nullptr));
    EXPECT(cudaErrorInvalidValue, cudaStreamAddCallback(streams[0], nullptr, nullptr, 0));
    EXPECT(cudaErrorInvalidValue, cudaStreamAddCallback(streams[0], tell, nullptr, 1));
    cudaGetLastError();
    for (const cudaStream_t stream : streams) OK(cudaStreamDestroy(stream));
    return "";
}

CASE(child_callback_after_fault) {
    // A callback is told of the fault; a host function is not called any more.
    cudaStream_t stream = nullptr;
    Told told;
    Line line;
    Place place = {&line, 0};
    OK(cudaStreamCreate(&stream));
    store_at<<<1, 1, 0, stream>>>(reinterpret_cast<int *>(size_t(16)));
    // By now the fault may be known: then neither is taken.
    const cudaError_t added = cudaStreamAddCallback(stream, tell, &told, 0);
    cudaLaunchHostFunc(stream, take_place, &place);
    EXPECT(cudaErrorIllegalAddress, cudaStreamSynchronize(stream));
    if (added == cudaSuccess) CHECK(comes(told.calls, 1) && told.status == cudaErrorIllegalAddress);
    CHECK(line.next == 0);
    return "";
}

CASE(callback_after_fault) { return child("child_callback_after_fault") == 0 ? "" : "the child failed"; }

static void CUDART_CB count(void *data) { ++*static_cast<std::atomic<int> *>(data); }
static void CUDART_CB count_tens(void *data) { *static_cast<std::atomic<int> *>(data) += 10; }

static cudaError_t instantiate(cudaGraphExec_t *executable, cudaGraph_t graph) {
#if CUDART_VERSION >= 12000
    return cudaGraphInstantiate(executable, graph, 0);
#else
    return cudaGraphInstantiate(executable, graph, nullptr, nullptr, 0);
#endif
}

static cudaError_t update(cudaGraphExec_t executable, cudaGraph_t graph) {
#if CUDART_VERSION >= 12000
    cudaGraphExecUpdateResultInfo info;
    return cudaGraphExecUpdate(executable, graph, &info);
#else
    cudaGraphNode_t failed = nullptr;
    cudaGraphExecUpdateResult result;
    return cudaGraphExecUpdate(executable, graph, &failed, &result);
#endif
}

CASE(graph_host_nodes) {
    // What a node is told is what it says, to the runtime and to the driver: the very same function.
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr;
    std::atomic<int> first{0}, second{0};
    OK(cudaGraphCreate(&graph, 0));
    const cudaHostNodeParams given = {count, &first};
    OK(cudaGraphAddHostNode(&node, graph, nullptr, 0, &given));
    cudaHostNodeParams got = {};
    OK(cudaGraphHostNodeGetParams(node, &got));
    CHECK(got.fn == count && got.userData == &first);
    CUDA_HOST_NODE_PARAMS told = {};
    OK(DRIVER(cuGraphHostNodeGetParams)(node, &told));
    CHECK(told.fn == count && told.userData == &first);

    OK(instantiate(&executable, graph));
    OK(cudaGraphLaunch(executable, nullptr));
    OK(cudaDeviceSynchronize());
    CHECK(first == 1 && second == 0);
    // The instantiated graph alone:
    const cudaHostNodeParams changed = {count_tens, &second};
    OK(cudaGraphExecHostNodeSetParams(executable, node, &changed));
    OK(cudaGraphLaunch(executable, nullptr));
    OK(cudaDeviceSynchronize());
    CHECK(first == 1 && second == 10);
    OK(cudaGraphHostNodeGetParams(node, &got));
    CHECK(got.fn == count && got.userData == &first);
    // The graph, and then what was made of it:
    const cudaHostNodeParams third = {count_tens, &first};
    OK(cudaGraphHostNodeSetParams(node, &third));
    OK(cudaGraphHostNodeGetParams(node, &got));
    CHECK(got.fn == count_tens && got.userData == &first);
    OK(update(executable, graph));
    OK(cudaGraphLaunch(executable, nullptr));
    OK(cudaDeviceSynchronize());
    CHECK(first == 11 && second == 10);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    return "";
}

CASE(graph_host_nodes_captured) {
    cudaGraph_t graph = nullptr, clone = nullptr;
    cudaStream_t stream = nullptr;
    std::atomic<int> called{0};
    OK(cudaStreamCreate(&stream));
    OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
    OK(cudaLaunchHostFunc(stream, count, &called));
    OK(cudaLaunchHostFunc(stream, count_tens, &called));
    OK(cudaStreamEndCapture(stream, &graph));
    cudaGraphNode_t nodes[2], copy = nullptr;
    size_t number = 2;
    OK(cudaGraphGetNodes(graph, nodes, &number));
    CHECK(number == 2 && called == 0);
    int ones = 0, tens = 0;
    for (const cudaGraphNode_t node : nodes) {
        cudaGraphNodeType type;
        cudaHostNodeParams got = {};
        OK(cudaGraphNodeGetType(node, &type));
        CHECK(type == cudaGraphNodeTypeHost);
        OK(cudaGraphHostNodeGetParams(node, &got));
        CHECK(got.userData == &called);
        ones += got.fn == count;
        tens += got.fn == count_tens;
    }
    CHECK(ones == 1 && tens == 1);
    OK(cudaGraphClone(&clone, graph));
    OK(cudaGraphNodeFindInClone(&copy, nodes[0], clone));
    cudaHostNodeParams original = {}, copied = {};
    OK(cudaGraphHostNodeGetParams(nodes[0], &original));
    OK(cudaGraphHostNodeGetParams(copy, &copied));
    CHECK(copied.fn == original.fn && copied.userData == original.userData);
    OK(cudaGraphDestroy(graph));
    // The clone alone, launched twice.
    cudaGraphExec_t executable = nullptr;
    OK(instantiate(&executable, clone));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK(called == 22);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(clone));
    OK(cudaStreamDestroy(stream));
    return "";
}

struct Meeting {
    std::atomic<int> came{0};
    int wrong = 0;
};

static void CUDART_CB come(void *data) { ++static_cast<Meeting *>(data)->came; }
static void CUDART_CB expect_all(void *data) {
    Meeting *meeting = static_cast<Meeting *>(data);
    meeting->wrong += meeting->came % 8 != 0;
}

CASE(graph_host_nodes_side_by_side) {
    // Eight nodes that wait for none, and one that waits for all of them.
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaStream_t stream = nullptr;
    cudaGraphNode_t nodes[8], last = nullptr;
    Meeting meeting;
    OK(cudaStreamCreate(&stream));
    OK(cudaGraphCreate(&graph, 0));
    const cudaHostNodeParams each = {come, &meeting}, end = {expect_all, &meeting};
    for (cudaGraphNode_t &node : nodes) OK(cudaGraphAddHostNode(&node, graph, nullptr, 0, &each));
    OK(cudaGraphAddHostNode(&last, graph, nodes, 8, &end));
    OK(instantiate(&executable, graph));
    for (int i = 0; i < 10; ++i) OK(cudaGraphLaunch(executable, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK(meeting.came == 80 && meeting.wrong == 0);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaGraphDestroy(graph));
    OK(cudaStreamDestroy(stream));
    return "";
}

CASE(user_objects) {
    // Owned by the program alone: the last reference's end calls the function, once.
    std::atomic<int> gone{0};
    cudaUserObject_t object = nullptr;
    OK(cudaUserObjectCreate(&object, &gone, count, 2, cudaUserObjectNoDestructorSync));
    OK(cudaUserObjectRelease(object, 1));
    OK(cudaUserObjectRetain(object, 1));
    CHECK(gone == 0);
    OK(cudaUserObjectRelease(object, 2));
    CHECK(comes(gone, 1));

    // Handed to a graph: what is made of the graph refers to it too.
    gone = 0;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaGraphNode_t node = nullptr;
    std::atomic<int> called{0};
    OK(cudaUserObjectCreate(&object, &gone, count, 1, cudaUserObjectNoDestructorSync));
    OK(cudaGraphCreate(&graph, 0));
    const cudaHostNodeParams host = {count, &called};
    OK(cudaGraphAddHostNode(&node, graph, nullptr, 0, &host));
    OK(cudaGraphRetainUserObject(graph, object, 1, cudaGraphUserObjectMove));
    OK(instantiate(&executable, graph));
    OK(cudaGraphDestroy(graph));
    OK(cudaGraphLaunch(executable, nullptr));
    OK(cudaDeviceSynchronize());
    CHECK(gone == 0 && called == 1);
    OK(cudaGraphExecDestroy(executable));
    OK(cudaDeviceSynchronize());
    CHECK(comes(gone, 1));

    // Retained beside the program, and given back by the graph before its end.
    gone = 0;
    OK(cudaUserObjectCreate(&object, &gone, count, 1, cudaUserObjectNoDestructorSync));
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphRetainUserObject(graph, object, 1, 0));
    OK(cudaUserObjectRelease(object, 1));
    CHECK(gone == 0);
    OK(cudaGraphReleaseUserObject(graph, object, 1));
    CHECK(comes(gone, 1));
    OK(cudaGraphDestroy(graph));
    return "";
}

extern __shared__ int room[];

__global__ static void use_room(int *out, int words) {
    for (int i = threadIdx.x; i < words; i += blockDim.x) room[i] = i;
    __syncthreads();
    if (threadIdx.x == 0) *out = room[words - 1];
}

static std::atomic<int> asked{0};
static size_t CUDA_CB bytes_for(int threads) {
    ++asked;
    return size_t(threads) * 64;
}

struct Bytes {
    __host__ __device__ size_t operator()(int threads) const { return size_t(threads) * 64; }
};

CASE(occupancy_asks_back) {
    // Shared memory that grows with the block: what is advised can be launched.
    int *out = nullptr, grid = 0, block = 0, value = 0;
    OK(cudaMalloc(&out, sizeof(int)));
    cudaFunction_t function = nullptr;
    OK(cudaGetFuncBySymbol(&function, reinterpret_cast<const void *>(use_room)));
    OK(DRIVER(cuOccupancyMaxPotentialBlockSize)(&grid, &block, function, bytes_for, 0, 0));
    CHECK(asked > 0 && grid > 0 && block > 0 && block <= 1024 && block % 32 == 0);
    use_room<<<1, block, bytes_for(block)>>>(out, block * 16);
    OK(cudaMemcpy(&value, out, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == block * 16 - 1);
    int limited = 0;
    OK(DRIVER(cuOccupancyMaxPotentialBlockSizeWithFlags)(&grid, &limited, function, bytes_for, 0, 64, 0));
    CHECK(limited > 0 && limited <= 64);
    // The runtime's own, a template.
    OK(cudaOccupancyMaxPotentialBlockSizeVariableSMem(&grid, &block, use_room, Bytes{}, 0));
    CHECK(block > 0 && block % 32 == 0);
    use_room<<<1, block, size_t(block) * 64>>>(out, block * 16);
    OK(cudaMemcpy(&value, out, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == block * 16 - 1);
    OK(cudaFree(out));
    return "";
}
