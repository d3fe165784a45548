// The kernels by OpenCL on the CPU, a launch and the wait for its end included. Its argument: the text of kernels.h's folder.
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "workload.h"

static const char *const words = R"(
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define KERNEL __kernel
#define GLOBAL __global
#define SHARED(type, name, count) __local type name[count]
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define LOCAL_X get_local_id(0)
#define LOCAL_Y get_local_id(1)
#define GROUP_X get_group_id(0)
#define GROUP_Y get_group_id(1)
#define GLOBAL_X get_global_id(0)
#define GLOBAL_Y get_global_id(1)
#define GLOBAL_SIZE_X get_global_size(0)
#define INVERSE_ROOT_F32 rsqrt
#define INVERSE_ROOT_F64 rsqrt
#define ADD_SHARED(place) atomic_inc(place)
#define ADD_GLOBAL(place, value) atomic_add(place, value)
)";

static void check(cl_int error) {
    if (error != CL_SUCCESS) {
        fprintf(stderr, "OpenCL says %d\n", error);
        exit(1);
    }
}

static cl_context context;
static cl_command_queue queue;
static cl_program program;

template <typename T> struct Device {
    cl_mem data;
    size_t count;
    explicit Device(const std::vector<T> &from) : count(from.size()) {
        cl_int error;
        data = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, count * sizeof(T), const_cast<T *>(from.data()), &error);
        check(error);
    }
    explicit Device(size_t n) : Device(std::vector<T>(n)) {}
    void clear() {
        const std::vector<T> zeros(count);
        check(clEnqueueWriteBuffer(queue, data, CL_TRUE, 0, count * sizeof(T), zeros.data(), 0, nullptr, nullptr));
    }
    std::vector<T> back() const {
        std::vector<T> to(count);
        check(clEnqueueReadBuffer(queue, data, CL_TRUE, 0, count * sizeof(T), to.data(), 0, nullptr, nullptr));
        return to;
    }
};

struct Launch {
    cl_kernel kernel;
    size_t global[2], local[2];
    template <typename... Arguments> Launch(const char *name, size_t groups_x, size_t groups_y, size_t x, size_t y, Arguments... arguments)
        : global{groups_x * x, groups_y * y}, local{x, y} {
        cl_int error;
        kernel = clCreateKernel(program, name, &error);
        check(error);
        cl_uint index = 0;
        (check(clSetKernelArg(kernel, index++, sizeof(arguments), &arguments)), ...);
    }
    void operator()() const {
        check(clEnqueueNDRangeKernel(queue, kernel, 2, nullptr, global, local, 0, nullptr, nullptr));
        check(clFinish(queue));
    }
};

int main(int, char **argv) {
    std::ifstream file(std::string(argv[1]) + "/kernels.h");
    std::ostringstream text;
    text << words << file.rdbuf();
    const std::string source = text.str();
    const char *start = source.c_str();
    cl_platform_id platform;
    cl_device_id device;
    cl_int error;
    check(clGetPlatformIDs(1, &platform, nullptr));
    check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_CPU, 1, &device, nullptr));
    context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &error);
    check(error);
    queue = clCreateCommandQueue(context, device, 0, &error);
    check(error);
    program = clCreateProgramWithSource(context, 1, &start, nullptr, &error);
    check(error);
    check(clBuildProgram(program, 1, &device, "-cl-mad-enable", nullptr, nullptr));
    {
        Device<float> x(numbers<float>(saxpy_n)), y(saxpy_n);
        const Launch run("saxpy", saxpy_n / 256, 1, 256, 1, saxpy_n, 2.0f, x.data, y.data);
        const double time = least(run);
        y.clear();
        run();
        tell("saxpy", time, y.back());
    }
    {
        Device<float> a(numbers<float>(matmul_n * matmul_n)), b(numbers<float>(matmul_n * matmul_n)), c(matmul_n * matmul_n);
        const unsigned blocks = (matmul_n + 15) / 16;
        const Launch run("matmul", blocks, blocks, 16, 16, matmul_n, a.data, b.data, c.data);
        const double time = least(run);
        tell("matmul", time, c.back());
    }
    {
        Device<float> x(numbers<float>(reduction_n)), sums(reduction_blocks);
        const Launch run("reduction", reduction_blocks, 1, 256, 1, reduction_n, x.data, sums.data);
        const double time = least(run);
        tell("reduction", time, sums.back());
    }
    {
        Device<unsigned> steps(mandelbrot_n * mandelbrot_n);
        const Launch run("mandelbrot", mandelbrot_n / 16, mandelbrot_n / 16, 16, 16, mandelbrot_n, mandelbrot_limit, steps.data);
        const double time = least(run);
        tell("mandelbrot", time, steps.back());
    }
    {
        Device<float> body(numbers<float>(4 * nbody_n)), force(3 * nbody_n);
        const Launch run("nbody_f32", nbody_n / 256, 1, 256, 1, nbody_n, body.data, force.data);
        const double time = least(run);
        tell("nbody-f32", time, force.back());
    }
    {
        Device<double> body(numbers<double>(4 * nbody_n)), force(3 * nbody_n);
        const Launch run("nbody_f64", nbody_n / 256, 1, 256, 1, nbody_n, body.data, force.data);
        const double time = least(run);
        tell("nbody-f64", time, force.back());
    }
    {
        Device<unsigned char> x(numbers<unsigned char>(histogram_n, 256));
        Device<unsigned> counts(256);
        const Launch run("histogram", histogram_blocks, 1, 256, 1, histogram_n, x.data, counts.data);
        const double time = least(run);
        counts.clear();
        run();
        tell("histogram", time, counts.back());
    }
    {
        Device<float> x(numbers<float>(transpose_n * transpose_n)), y(transpose_n * transpose_n);
        const Launch run("transpose", transpose_n / 32, transpose_n / 32, 32, 8, transpose_n, x.data, y.data);
        const double time = least(run);
        tell("transpose", time, y.back());
    }
}
