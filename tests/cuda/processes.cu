// Programs as the system sees them: what they print and in which order, signals, children, and how they end.
#include "gate.h"

#include <cassert>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

__global__ static void print(int number) { printf("device %d: %s %5.2f\n", number, "text", 0.5 * number); }
__global__ static void store(int *out, int value) { *out = value; }
__global__ static void claim(int value) { assert(value == 7); }

static void CUDART_CB print_on_host(void *data) { printf("callback %d\n", *static_cast<int *>(data)); }

CASE(child_prints) {
    // Standard output is a pipe: C keeps all of it in one buffer, and the kernels' lines have their places there.
    printf("host 1\n");
    print<<<1, 1>>>(1);
    OK(cudaDeviceSynchronize());
    fputs("host 2, ", stdout);
    std::cout << "as a stream\n";
    int three = 3;
    OK(cudaLaunchHostFunc(nullptr, print_on_host, &three));
    OK(cudaDeviceSynchronize());
    print<<<1, 1>>>(4);
    OK(cudaStreamSynchronize(nullptr));
    printf("host 5\n");
    print<<<1, 1>>>(6);
    OK(cudaDeviceSynchronize());
    printf("host 7, and no end of line");
    return "";
}

CASE(printing_in_order) {
    std::string text;
    EXPECT(0, child("child_prints", 1, text));
    const std::string wanted = "host 1\ndevice 1: text  0.50\nhost 2, as a stream\ncallback 3\ndevice 4: text  2.00\nhost 5\n"
                               "device 6: text  3.00\nhost 7, and no end of line";
    return text == wanted ? "" : "it printed `" + text + "`";
}

CASE(child_claims) {
    claim<<<1, 1>>>(8);
    EXPECT(cudaErrorAssert, cudaDeviceSynchronize());
    return "";
}

CASE(assertions_are_told) {
    // On standard error, with the file, the function, the thread and the words.
    std::string text;
    EXPECT(0, child("child_claims", 2, text));
    for (const char *part : {"processes.cu:", "claim(int)", "block: [0,0,0], thread: [0,0,0]", "Assertion `value == 7` failed."}) {
        if (text.find(part) == std::string::npos) return "it said `" + text + "`, without `" + part + "`";
    }
    return "";
}

static volatile sig_atomic_t rung = 0;
static void ring(int) { rung = rung + 1; }

CASE(child_alarm) {
    // A timer's signals come while a thread waits for the device, and the wait goes on to its end.
    int *device = nullptr, value = 0;
    cudaEvent_t event = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMemset(device, 0, sizeof(int)));
    OK(cudaEventCreateWithFlags(&event, cudaEventBlockingSync | cudaEventDisableTiming));
    struct sigaction action = {};
    action.sa_handler = ring; // no SA_RESTART: system calls are interrupted
    CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
    itimerval often = {};
    often.it_interval.tv_usec = often.it_value.tv_usec = 20000;
    CHECK(setitimer(ITIMER_REAL, &often, nullptr) == 0);
    work_for<<<1, 1>>>(300, device);
    OK(cudaStreamSynchronize(nullptr));
    const int first = rung;
    work_for<<<1, 1>>>(200, device);
    OK(cudaEventRecord(event));
    OK(cudaEventSynchronize(event));
    const int second = rung - first;
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    const itimerval never = {};
    CHECK(setitimer(ITIMER_REAL, &never, nullptr) == 0);
    CHECK(value == 2 && first >= 2 && second >= 2);
    OK(cudaEventDestroy(event));
    OK(cudaFree(device));
    return "";
}

CASE(alarm_while_waiting) { return child("child_alarm") == 0 ? "" : "the child failed"; }

CASE(child_ends_in_flight) {
    // A kernel, copies and an event that nobody waits for.
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    int *device = nullptr, *pinned = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    OK(cudaMallocHost(&pinned, sizeof(int)));
    OK(cudaStreamCreate(&stream));
    OK(cudaEventCreate(&event));
    work_for<<<1, 1, 0, stream>>>(100, device);
    OK(cudaMemcpyAsync(pinned, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
    OK(cudaEventRecord(event, stream));
    printf("in flight\n");
    return "";
}

CASE(child_exits_with_nine) {
    int *device = nullptr;
    OK(cudaMalloc(&device, sizeof(int)));
    work_for<<<1, 1>>>(50, device);
    exit(9);
}

CASE(child_aborts) {
    OK(cudaFree(nullptr));
    signal(SIGABRT, SIG_DFL);
    abort();
}

CASE(exits) {
    std::string text;
    EXPECT(0, child("child_ends_in_flight", 1, text));
    CHECK(text == "in flight\n");
    EXPECT(9, child("child_exits_with_nine"));
    EXPECT(128 + SIGABRT, child("child_aborts"));
    return "";
}

/// Something that calls CUDA when the program ends. What it is answered is not said anywhere; that it is answered is.
struct Leftover {
    const char *name;
    int *device = nullptr;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;

    explicit Leftover(const char *name) : name(name) {}
    void use() {
        cudaMalloc(&device, 64);
        cudaStreamCreate(&stream);
        cudaEventCreate(&event);
    }
    ~Leftover() {
        if (device == nullptr) return;
        cudaDeviceSynchronize();
        cudaEventDestroy(event);
        cudaStreamDestroy(stream);
        cudaFree(device);
        cudaGetLastError();
        printf("%s gone\n", name);
    }
};

static Leftover early("early");

CASE(child_static_objects) {
    static Leftover late("late");
    early.use();
    late.use();
    store<<<1, 1>>>(late.device, 1);
    OK(cudaDeviceSynchronize());
    atexit([] {
        int devices = 0;
        cudaGetDeviceCount(&devices);
        printf("atexit\n");
    });
    return "";
}

CASE(static_objects) {
    std::string text;
    EXPECT(0, child("child_static_objects", 1, text));
    return text == "atexit\nlate gone\nearly gone\n" ? "" : "it printed `" + text + "`";
}

CASE(child_of_a_child) {
    const char *told = getenv("FEATURES_TOLD");
    CHECK(told != nullptr && strcmp(told, "a word with spaces") == 0);
    int *device = nullptr, value = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    store<<<1, 1>>>(device, 77);
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 77);
    printf("grandchild\n");
    return "";
}

CASE(child_with_a_child) {
    OK(cudaFree(nullptr));
    std::string text;
    EXPECT(0, child("child_of_a_child", 1, text));
    CHECK(text == "grandchild\n");
    OK(cudaDeviceSynchronize());
    return "";
}

CASE(fork_and_exec) {
    int *device = nullptr, value = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    store<<<1, 1>>>(device, 5);
    setenv("FEATURES_TOLD", "a word with spaces", 1);
    EXPECT(0, child("child_with_a_child"));
    unsetenv("FEATURES_TOLD");
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 5);
    OK(cudaFree(device));
    return "";
}

CASE(fork_alone) {
    // A forked child has no device: it is refused, and its parent's goes on.
    OK(cudaFree(nullptr));
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        void *memory = nullptr;
        _exit(cudaMalloc(&memory, 64) == cudaSuccess ? 1 : 42);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    int *device = nullptr, value = 0;
    OK(cudaMalloc(&device, sizeof(int)));
    store<<<1, 1>>>(device, 6);
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 6);
    OK(cudaFree(device));
    return "";
}

/// A handle for other processes, as words of an environment.
template <typename Handle> static std::string written(const Handle &handle) {
    std::string text;
    char two[3];
    for (const char byte : std::string(reinterpret_cast<const char *>(&handle), sizeof handle)) {
        snprintf(two, sizeof two, "%02x", (unsigned char)byte);
        text += two;
    }
    return text;
}

template <typename Handle> static Handle read(const char *name) {
    Handle handle = {};
    const char *text = getenv(name);
    for (size_t i = 0; text != nullptr && i < sizeof handle && text[2 * i] != 0; ++i) {
        const char two[3] = {text[2 * i], text[2 * i + 1], 0};
        reinterpret_cast<unsigned char *>(&handle)[i] = (unsigned char)strtol(two, nullptr, 16);
    }
    return handle;
}

CASE(child_shares_memory) {
    int *device = nullptr, value = 0;
    void *shared = nullptr;
    OK(cudaFree(nullptr));
    OK(cudaIpcOpenMemHandle(&shared, read<cudaIpcMemHandle_t>("FEATURES_MEMORY"), cudaIpcMemLazyEnablePeerAccess));
    device = static_cast<int *>(shared);
    OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    CHECK(value == 1234);
    store<<<1, 1>>>(device, 4321);
    OK(cudaDeviceSynchronize());
    OK(cudaIpcCloseMemHandle(shared));
    return "";
}

CASE(shared_memory) {
    // Either other processes can have the memory, or that is refused; and a handle of nothing is refused in any case.
    int *device = nullptr, value = 0;
    void *shared = nullptr;
    OK(cudaMalloc(&device, 4096));
    store<<<1, 1>>>(device, 1234);
    OK(cudaDeviceSynchronize());
    cudaIpcMemHandle_t handle = {};
    const cudaError_t error = cudaIpcGetMemHandle(&handle, device);
    cudaIpcMemHandle_t none;
    memset(&none, 0x3c, sizeof none);
    CHECK(cudaIpcOpenMemHandle(&shared, none, cudaIpcMemLazyEnablePeerAccess) != cudaSuccess);
    CHECK(cudaIpcCloseMemHandle(device) != cudaSuccess);
    cudaGetLastError();
    if (error == cudaSuccess) {
        setenv("FEATURES_MEMORY", written(handle).c_str(), 1);
        EXPECT(0, child("child_shares_memory"));
        unsetenv("FEATURES_MEMORY");
        OK(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
        CHECK(value == 4321);
    }
    OK(cudaFree(device));
    return error == cudaSuccess ? "" : skipped(std::string("memory is not shared with other processes: ") + cudaGetErrorName(error));
}

CASE(child_waits_for_event) {
    cudaEvent_t event = nullptr;
    OK(cudaFree(nullptr));
    OK(cudaIpcOpenEventHandle(&event, read<cudaIpcEventHandle_t>("FEATURES_EVENT")));
    OK(cudaEventSynchronize(event));
    OK(cudaEventDestroy(event));
    return "";
}

CASE(shared_events) {
    cudaEvent_t event = nullptr, other = nullptr;
    cudaIpcEventHandle_t handle = {}, none;
    memset(&none, 0x3c, sizeof none);
    OK(cudaFree(nullptr));
    CHECK(cudaIpcOpenEventHandle(&other, none) != cudaSuccess);
    cudaGetLastError();
    cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventInterprocess);
    if (error == cudaSuccess) {
        error = cudaIpcGetEventHandle(&handle, event);
        OK(cudaEventRecord(event));
        OK(cudaEventSynchronize(event));
        if (error == cudaSuccess) {
            setenv("FEATURES_EVENT", written(handle).c_str(), 1);
            EXPECT(0, child("child_waits_for_event"));
            unsetenv("FEATURES_EVENT");
        }
        OK(cudaEventDestroy(event));
    }
    cudaGetLastError();
    return error == cudaSuccess ? "" : skipped(std::string("events are not shared with other processes: ") + cudaGetErrorName(error));
}
