// Kernels compiled while the program runs: links with NVRTC, which not every machine with a driver has.
#include "driver.h"

#include <nvrtc.h>

#include <cstring>

static const char *const SOURCE = R"(
#include "weights.h"
template <typename T> __global__ void scale(T *data, T by, int count) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) data[i] = data[i] * by + static_cast<T>(weights[i % 4]);
}
extern "C" __global__ void plain(int *data) { *data += LUCKY; }
)";

static const char *const HEADER = "__constant__ int weights[4] = {1, 2, 3, 4};\n";

CASE(nvrtc_program) {
    int major = 0, minor = 0;
    OK(nvrtcVersion(&major, &minor));
    CHECK(major * 1000 + minor * 10 == CUDART_VERSION);
    nvrtcProgram program = nullptr;
    const char *const names[] = {"weights.h"};
    const char *const headers[] = {HEADER};
    OK(nvrtcCreateProgram(&program, SOURCE, "scale.cu", 1, headers, names));
    OK(nvrtcAddNameExpression(program, "scale<float>"));
    OK(nvrtcAddNameExpression(program, "scale<long long>"));
    const char *const options[] = {"--gpu-architecture=compute_75", "-DLUCKY=13", "--std=c++17"};
    OK(nvrtcCompileProgram(program, 3, options));
    const char *lowered[2] = {nullptr, nullptr};
    OK(nvrtcGetLoweredName(program, "scale<float>", &lowered[0]));
    OK(nvrtcGetLoweredName(program, "scale<long long>", &lowered[1]));
    size_t size = 0;
    OK(nvrtcGetPTXSize(program, &size));
    std::string ptx(size, 0);
    OK(nvrtcGetPTX(program, &ptx[0]));
    CHECK(ptx.find(".target sm_75") != std::string::npos);

    OK(cudaFree(nullptr));
    CUmodule module = nullptr;
    CUfunction floats = nullptr, longs = nullptr, plain = nullptr;
    OK(DRIVER(cuModuleLoadData)(&module, ptx.c_str()));
    OK(DRIVER(cuModuleGetFunction)(&floats, module, lowered[0]));
    OK(DRIVER(cuModuleGetFunction)(&longs, module, lowered[1]));
    OK(DRIVER(cuModuleGetFunction)(&plain, module, "plain"));
    OK(nvrtcDestroyProgram(&program));
    float few[8], half = 0.5f, *device = nullptr;
    long long many[8], three = 3, *others = nullptr;
    int count = 8, number = 29, *word = nullptr;
    for (int i = 0; i < 8; ++i) few[i] = float(i), many[i] = i + (1LL << 40);
    OK(cudaMalloc(&device, sizeof few));
    OK(cudaMalloc(&others, sizeof many));
    OK(cudaMalloc(&word, sizeof number));
    OK(cudaMemcpy(device, few, sizeof few, cudaMemcpyHostToDevice));
    OK(cudaMemcpy(others, many, sizeof many, cudaMemcpyHostToDevice));
    OK(cudaMemcpy(word, &number, sizeof number, cudaMemcpyHostToDevice));
    void *first[] = {&device, &half, &count}, *second[] = {&others, &three, &count}, *third[] = {&word};
    OK(DRIVER(cuLaunchKernel)(floats, 1, 1, 1, 32, 1, 1, 0, nullptr, first, nullptr));
    OK(DRIVER(cuLaunchKernel)(longs, 1, 1, 1, 32, 1, 1, 0, nullptr, second, nullptr));
    OK(DRIVER(cuLaunchKernel)(plain, 1, 1, 1, 1, 1, 1, 0, nullptr, third, nullptr));
    OK(cudaMemcpy(few, device, sizeof few, cudaMemcpyDeviceToHost));
    OK(cudaMemcpy(many, others, sizeof many, cudaMemcpyDeviceToHost));
    OK(cudaMemcpy(&number, word, sizeof number, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 8; ++i) {
        CHECK(few[i] == i * 0.5f + float(i % 4 + 1));
        CHECK(many[i] == 3 * (i + (1LL << 40)) + i % 4 + 1);
    }
    CHECK(number == 42);
    OK(DRIVER(cuModuleUnload)(module));
    OK(cudaFree(device));
    OK(cudaFree(others));
    OK(cudaFree(word));
    return "";
}

CASE(nvrtc_errors) {
    // A program that does not compile says where.
    nvrtcProgram program = nullptr;
    OK(nvrtcCreateProgram(&program, "__global__ void f() { nothing(); }\n", "broken.cu", 0, nullptr, nullptr));
    EXPECT(NVRTC_ERROR_COMPILATION, nvrtcCompileProgram(program, 0, nullptr));
    size_t size = 0;
    OK(nvrtcGetProgramLogSize(program, &size));
    std::string log(size, 0);
    OK(nvrtcGetProgramLog(program, &log[0]));
    CHECK(log.find("broken.cu(1)") != std::string::npos && log.find("nothing") != std::string::npos);
    OK(nvrtcDestroyProgram(&program));
    CHECK(strcmp(nvrtcGetErrorString(NVRTC_ERROR_COMPILATION), "NVRTC_ERROR_COMPILATION") == 0);
    return "";
}
