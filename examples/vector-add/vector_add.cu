// vector-add: adds two vectors on the GPU and compares every element with the CPU's sum.
//
// The smallest whole CUDA program: one kernel, checked. It exits with 0 after PASS, 1 after FAIL, 3 where no CUDA device answers.

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_no_device = 3;

// Not a multiple of the block size, so that the last block holds threads without an element.
constexpr std::size_t element_count = (std::size_t{1} << 20) + 37;

// Elements after the last: the kernel must leave them alone.
constexpr std::size_t guard_count = 256;
constexpr unsigned char guard_byte = 0xa5;

// A failed call ends the program: what it printed so far must not look like a success.
void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "vector-add: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
#define CUDA_CHECK(call) check_cuda((call), #call)

void require_device() {
  int device_count = 0;
  cudaError_t status = cudaGetDeviceCount(&device_count);
  if (status == cudaSuccess && device_count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "vector-add: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

template <typename T>
__global__ void add(const T* a, const T* b, T* sum, std::size_t count) {
  const std::size_t stride = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
    sum[i] = a[i] + b[i];
  }
}

// SplitMix64: the same numbers on every machine, which <random>'s distributions do not promise.
struct Random {
  std::uint64_t state;

  std::uint64_t next() {
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

// In [-1000, 1000): 24 random bits and one multiplication, so no two processors can disagree.
void draw(Random& random, float& value) {
  value = static_cast<float>(static_cast<std::int32_t>(random.next() >> 40) - (1 << 23)) * (1000.0f / (1 << 23));
}

// Any 32 bits: sums wrap around, as unsigned ones do on both processors.
void draw(Random& random, std::uint32_t& value) { value = static_cast<std::uint32_t>(random.next() >> 32); }

// The largest absolute difference between the GPU's sums and the CPU's; infinite where the guard was written.
template <typename T>
double largest_error(std::uint64_t seed) {
  Random random{seed};
  std::vector<T> a(element_count), b(element_count), sum(element_count + guard_count);
  for (std::size_t i = 0; i < element_count; ++i) {
    draw(random, a[i]);
    draw(random, b[i]);
  }

  const std::size_t bytes = element_count * sizeof(T);
  const std::size_t bytes_with_guard = sum.size() * sizeof(T);
  T *device_a = nullptr, *device_b = nullptr, *device_sum = nullptr;
  CUDA_CHECK(cudaMalloc(&device_a, bytes));
  CUDA_CHECK(cudaMalloc(&device_b, bytes));
  CUDA_CHECK(cudaMalloc(&device_sum, bytes_with_guard));
  CUDA_CHECK(cudaMemcpy(device_a, a.data(), bytes, cudaMemcpyHostToDevice));
  CUDA_CHECK(cudaMemcpy(device_b, b.data(), bytes, cudaMemcpyHostToDevice));
  CUDA_CHECK(cudaMemset(device_sum, guard_byte, bytes_with_guard));

  constexpr unsigned threads = 256;
  constexpr unsigned blocks = (element_count + threads - 1) / threads;
  add<<<blocks, threads>>>(device_a, device_b, device_sum, element_count);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaMemcpy(sum.data(), device_sum, bytes_with_guard, cudaMemcpyDeviceToHost));
  CUDA_CHECK(cudaFree(device_a));
  CUDA_CHECK(cudaFree(device_b));
  CUDA_CHECK(cudaFree(device_sum));

  double largest = 0.0;
  for (std::size_t i = 0; i < element_count; ++i) {
    const T expected = a[i] + b[i];
    const double error = std::fabs(static_cast<double>(sum[i]) - static_cast<double>(expected));
    // A NaN compares as neither larger nor smaller: it must not pass for no error.
    largest = std::isnan(error) ? HUGE_VAL : std::fmax(largest, error);
  }
  const auto* guard = reinterpret_cast<const unsigned char*>(sum.data() + element_count);
  for (std::size_t i = 0; i < guard_count * sizeof(T); ++i) {
    if (guard[i] != guard_byte) largest = HUGE_VAL;
  }
  return largest;
}

// One addition rounds the same way everywhere, so nothing but equality will do.
bool report(const char* name, double error) {
  const bool good = error == 0.0;
  std::printf("%-8s %8zu elements   largest error %-8.2g %s\n", name, element_count, error, good ? "ok" : "wrong");
  return good;
}

}  // namespace

int main() {
  require_device();
  const double float_error = largest_error<float>(1);
  const double integer_error = largest_error<std::uint32_t>(2);
  const bool float_good = report("float32", float_error);
  const bool integer_good = report("uint32", integer_error);
  const bool good = float_good && integer_good;
  std::printf("%s: largest error %.2g\n", good ? "PASS" : "FAIL", float_error > integer_error ? float_error : integer_error);
  return good ? 0 : exit_fail;
}
