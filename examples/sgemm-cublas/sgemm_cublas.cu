// sgemm-cublas: matrix products by cuBLAS, in both memory orders, transposed, in a batch, and as a layer of a neural network.
//
// Each result is compared with the CPU's in double precision. The program exits with 0 after PASS, 1 after FAIL, 3 where no CUDA device
// answers.

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_no_device = 3;

// A failed call ends the program: what it printed so far must not look like a success.
[[noreturn]] void fail(const char* call, const char* reason) {
  std::fprintf(stderr, "sgemm-cublas: %s: %s\n", call, reason);
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(call, cudaGetErrorString(status));
}
void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(call, cublasGetStatusString(status));
}
#define CHECK(call) check((call), #call)

void require_device() {
  int device_count = 0;
  cudaError_t status = cudaGetDeviceCount(&device_count);
  if (status == cudaSuccess && device_count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "sgemm-cublas: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

// Floats on the GPU.
class DeviceVector {
 public:
  explicit DeviceVector(const std::vector<float>& values) : size_(values.size()) {
    CHECK(cudaMalloc(&data_, size_ * sizeof(float)));
    CHECK(cudaMemcpy(data_, values.data(), size_ * sizeof(float), cudaMemcpyHostToDevice));
  }
  ~DeviceVector() { CHECK(cudaFree(data_)); }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  float* data() { return data_; }
  // Waits for everything that was queued on the default stream before.
  std::vector<float> values() const {
    std::vector<float> values(size_);
    CHECK(cudaMemcpy(values.data(), data_, size_ * sizeof(float), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  std::size_t size_;
  float* data_ = nullptr;
};

// SplitMix64: the same numbers on every machine, in [-1, 1) and exact in 24 bits.
std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  std::vector<float> values(count);
  std::uint64_t state = seed;
  for (float& value : values) {
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    value = static_cast<float>(static_cast<std::int32_t>(z >> 40) - (1 << 23)) / (1 << 23);
  }
  return values;
}

// Where an element of a matrix lies: at `start + row * row_step + column * column_step`. This says any order, transposed or not.
struct Layout {
  std::size_t start, row_step, column_step;

  std::size_t operator()(int row, int column) const {
    return start + static_cast<std::size_t>(row) * row_step + static_cast<std::size_t>(column) * column_step;
  }
};
Layout column_major(int rows, std::size_t start = 0) { return {start, 1, static_cast<std::size_t>(rows)}; }
Layout row_major(int columns, std::size_t start = 0) { return {start, static_cast<std::size_t>(columns), 1}; }

// C = alpha A B + beta C, where A has m rows and k columns, B k and n, C m and n.
struct Product {
  int m, n, k;
  float alpha, beta;
};

// How far results are from the reference: the difference, divided by the same sum of products without their signs. Rounding errors
// grow with that sum, however much of it cancels.
class RelativeError {
 public:
  void add(double actual, double expected, double magnitude) {
    const double error = std::fabs(actual - expected) / magnitude;
    // A NaN compares as neither larger nor smaller: it must not pass for no error.
    largest_ = std::isnan(error) ? HUGE_VAL : std::max(largest_, error);
  }
  double largest() const { return largest_; }

 private:
  double largest_ = 0.0;
};

// One element of the reference, and its sum without signs.
struct Element {
  double value, magnitude;
};

Element element(const Product& product, const std::vector<float>& a, Layout at_a, const std::vector<float>& b, Layout at_b, double c_before,
                int row, int column) {
  Element result{product.beta * c_before, std::fabs(product.beta * c_before)};
  for (int i = 0; i < product.k; ++i) {
    const double term = static_cast<double>(product.alpha) * a[at_a(row, i)] * b[at_b(i, column)];
    result.value += term;
    result.magnitude += std::fabs(term);
  }
  return result;
}

void compare(const Product& product, const std::vector<float>& a, Layout at_a, const std::vector<float>& b, Layout at_b,
             const std::vector<float>& c_before, const std::vector<float>& c_after, Layout at_c, RelativeError& error) {
  for (int column = 0; column < product.n; ++column) {
    for (int row = 0; row < product.m; ++row) {
      const Element expected = element(product, a, at_a, b, at_b, c_before[at_c(row, column)], row, column);
      error.add(c_after[at_c(row, column)], expected.value, expected.magnitude);
    }
  }
}

struct Data {
  std::vector<float> a, b, c;
  explicit Data(const Product& product, int count = 1)
      : a(random_values(static_cast<std::size_t>(count) * product.m * product.k, 1)),
        b(random_values(static_cast<std::size_t>(count) * product.k * product.n, 2)),
        c(random_values(static_cast<std::size_t>(count) * product.m * product.n, 3)) {}
};

// As BLAS has it: matrices column by column.
double column_major_error(cublasHandle_t cublas, const Product& p) {
  const Data data(p);
  DeviceVector a(data.a), b(data.b), c(data.c);
  CHECK(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, p.m, p.n, p.k, &p.alpha, a.data(), p.m, b.data(), p.k, &p.beta, c.data(), p.m));
  RelativeError error;
  compare(p, data.a, column_major(p.m), data.b, column_major(p.k), data.c, c.values(), column_major(p.m), error);
  return error.largest();
}

// As C has it: row by row. A row-major matrix is the column-major layout of its transpose, and (A B)ᵀ = Bᵀ Aᵀ: so the operands change places.
double row_major_error(cublasHandle_t cublas, const Product& p) {
  const Data data(p);
  DeviceVector a(data.a), b(data.b), c(data.c);
  CHECK(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, p.n, p.m, p.k, &p.alpha, b.data(), p.n, a.data(), p.k, &p.beta, c.data(), p.n));
  RelativeError error;
  compare(p, data.a, row_major(p.k), data.b, row_major(p.n), data.c, c.values(), row_major(p.n), error);
  return error.largest();
}

// Column-major, but A is stored as its transpose: k rows, m columns.
double transposed_error(cublasHandle_t cublas, const Product& p) {
  const Data data(p);
  DeviceVector a(data.a), b(data.b), c(data.c);
  CHECK(cublasSgemm(cublas, CUBLAS_OP_T, CUBLAS_OP_N, p.m, p.n, p.k, &p.alpha, a.data(), p.k, b.data(), p.k, &p.beta, c.data(), p.m));
  RelativeError error;
  compare(p, data.a, row_major(p.k), data.b, column_major(p.k), data.c, c.values(), column_major(p.m), error);
  return error.largest();
}

// Many small column-major products, one after the other in memory.
double batched_error(cublasHandle_t cublas, const Product& p, int count) {
  const Data data(p, count);
  DeviceVector a(data.a), b(data.b), c(data.c);
  const std::size_t a_size = static_cast<std::size_t>(p.m) * p.k;
  const std::size_t b_size = static_cast<std::size_t>(p.k) * p.n;
  const std::size_t c_size = static_cast<std::size_t>(p.m) * p.n;
  CHECK(cublasSgemmStridedBatched(cublas, CUBLAS_OP_N, CUBLAS_OP_N, p.m, p.n, p.k, &p.alpha, a.data(), p.m, static_cast<long long>(a_size),
                                  b.data(), p.k, static_cast<long long>(b_size), &p.beta, c.data(), p.m, static_cast<long long>(c_size),
                                  count));
  const std::vector<float> after = c.values();
  RelativeError error;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    compare(p, data.a, column_major(p.m, i * a_size), data.b, column_major(p.k, i * b_size), data.c, after, column_major(p.m, i * c_size),
            error);
  }
  return error.largest();
}

// Adds each row's bias and cuts off below 0, in place. Column-major, without gaps.
__global__ void add_bias_and_rectify(float* values, const float* bias, int rows, int columns) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < rows * columns) values[i] = fmaxf(values[i] + bias[i % rows], 0.0f);
}

// A dense layer: cuBLAS and a kernel of our own, in order because both use the default stream.
double layer_error(cublasHandle_t cublas, const Product& p) {
  const Data data(p);
  const std::vector<float> bias = random_values(static_cast<std::size_t>(p.m), 4);
  DeviceVector weights(data.a), inputs(data.b), outputs(data.c), device_bias(bias);
  CHECK(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, p.m, p.n, p.k, &p.alpha, weights.data(), p.m, inputs.data(), p.k, &p.beta,
                    outputs.data(), p.m));
  constexpr int threads = 256;
  add_bias_and_rectify<<<(p.m * p.n + threads - 1) / threads, threads>>>(outputs.data(), device_bias.data(), p.m, p.n);
  CHECK(cudaGetLastError());

  const std::vector<float> after = outputs.values();
  const Layout at_output = column_major(p.m);
  RelativeError error;
  for (int column = 0; column < p.n; ++column) {
    for (int row = 0; row < p.m; ++row) {
      const Element sum = element(p, data.a, column_major(p.m), data.b, column_major(p.k), data.c[at_output(row, column)], row, column);
      error.add(after[at_output(row, column)], std::max(sum.value + bias[row], 0.0), sum.magnitude + std::fabs(bias[row]));
    }
  }
  return error.largest();
}

// What floats promise, whatever the order of the additions: k products, k additions, and the roundings of alpha, beta and bias.
double error_limit(const Product& product) {
  constexpr double unit_roundoff = 1.0 / (1 << 24);
  return (product.k + 4) * unit_roundoff;
}

struct Summary {
  bool good = true;
  double largest = 0.0;

  void report(const char* name, const Product& product, double error) {
    const double limit = error_limit(product);
    const bool within = error <= limit;
    std::printf("%-16s %4d x %3d x %3d   largest relative error %-8.2g  limit %-7.2g  %s\n", name, product.m, product.n, product.k, error,
                limit, within ? "ok" : "wrong");
    good = good && within;
    largest = std::max(largest, error);
  }
};

}  // namespace

int main() {
  require_device();
  cublasHandle_t cublas = nullptr;
  CHECK(cublasCreate(&cublas));

  // No two sizes are equal, and few are even: a wrong leading dimension cannot give the right answer.
  const Product whole{257, 131, 203, 1.5f, -0.5f};
  const Product small{17, 9, 33, 1.0f, 0.25f};
  const Product layer{192, 65, 320, 1.0f, 0.0f};
  Summary summary;
  summary.report("column-major", whole, column_major_error(cublas, whole));
  summary.report("row-major", whole, row_major_error(cublas, whole));
  summary.report("transposed", whole, transposed_error(cublas, whole));
  summary.report("strided batch", small, batched_error(cublas, small, 64));
  summary.report("layer with ReLU", layer, layer_error(cublas, layer));

  CHECK(cublasDestroy(cublas));
  std::printf("%s: largest error %.2g\n", summary.good ? "PASS" : "FAIL", summary.largest);
  return summary.good ? 0 : exit_fail;
}
