// arm-semantics: what a C++ compiler decides otherwise for ARM than for x86_64, on the host and in device code.
//
//   arm-semantics chars | sums | conversions | narrow | division | long-double | wide
//                    prints the host's results, to the last bit
//   arm-semantics    compares the GPU's with the host's

#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_usage = 2;
constexpr int exit_no_device = 3;

// What the compiler must not know before the program runs.
template <typename T>
T hidden(T value) {
  volatile T memory = value;
  return memory;
}

// UTF-8 with letters outside of ASCII: bytes from 0x80 up, which a signed char takes for negative numbers.
constexpr char text[] = "Gr\xc3\xb6\xc3\x9f" "e 24 \xc2\xb5m \xe2\x82\xac 7";
constexpr int text_size = sizeof text - 1;

// Both as one writes them without a thought for the sign of `char`.
__host__ __device__ int letters(const char* words, int size) {
  int count = 0;
  for (int i = 0; i < size; ++i) {
    if (words[i] > 'A') ++count;
  }
  return count;
}
__host__ __device__ int byte_sum(const char* words, int size) {
  int sum = 0;
  for (int i = 0; i < size; ++i) sum += (i + 1) * words[i];
  return sum;
}

// The products' rounding errors: nothing is left of them, unless product and difference are one instruction.
__host__ __device__ double residue(double a, double b) { return a * b - 1.0; }
__host__ __device__ float residue(float a, float b) { return a * b - 1.0f; }
__host__ __device__ float polynomial(float x) { return ((0.3f * x + 0.7f) * x - 0.1f) * x + 0.9f; }

// ARM's instructions stop at the limits, and make 0 of what is no number. In C++ all of this is undefined.
const double beyond[] = {1e20, -1e20, 4294967295.5, 2147483648.0, -1.0, -0.5, 0.0 / 0.0, 1e300 * 1e300};

void chars() {
  char words[text_size];
  for (int i = 0; i < text_size; ++i) words[i] = hidden(text[i]);
  std::printf("letters %d\n", letters(words, text_size));
  std::printf("byte sum %d\n", byte_sum(words, text_size));
  std::printf("char 0xff as int %d\n", static_cast<int>(hidden(static_cast<char>(0xff))));
}

void sums() {
  for (int i = 3; i < 12; ++i) {
    const double a = hidden(static_cast<double>(i)), b = 1.0 / a;
    const float c = hidden(static_cast<float>(i)), d = 1.0f / c;
    std::printf("%2d   double %a   float %a   polynomial %a\n", i, residue(a, b), residue(c, d), polynomial(d));
  }
}

void conversions() {
  for (const double value : beyond) {
    const double number = hidden(value);
    const float small = static_cast<float>(number);
    std::printf("%-10g int %d   unsigned %u   long %ld   from float %d\n", value, static_cast<int>(number),
                static_cast<unsigned>(number), static_cast<long>(number), static_cast<int>(small));
  }
}

// To types that are narrower than a register: what fits an `int` wraps, on both machines.
void narrow() {
  for (const float value : {70000.0f, 300.0f, -1.0f, 3e9f}) {
    const float number = hidden(value);
    std::printf("%-6g short %d   signed char %d   unsigned short %d   unsigned char %d\n", value,
                static_cast<short>(number), static_cast<signed char>(number), static_cast<unsigned short>(number),
                static_cast<unsigned char>(number));
  }
}

void division() {
  for (const int divisor : {7, -1, 0}) {
    const int by = hidden(divisor), least = hidden(-2147483647 - 1);
    std::printf("least / %d = %d   100 / %d = %d   100 %% %d = %d\n", by, least / by, by, hidden(100) / by, by, hidden(100) % by);
    std::fflush(stdout);
  }
}

void long_double() {
  const long double third = hidden(1.0L) / hidden(3.0L);
  std::printf("bits %d   third %.36Lg   error %.3Lg\n", __LDBL_MANT_DIG__, third, third * 3 - 1 + third);
}

void wide() {
  const wchar_t all = static_cast<wchar_t>(hidden(-1));
  std::printf("wchar_t -1 is %ld\n", static_cast<long>(all));
}

// The device computes what the host does, and from the same functions.
struct Results {
  int letters;
  int byte_sum;
  double double_residue;
  float float_residue;
  float polynomial;
};

__global__ void compute(const char* words, int size, double a, float c, Results* results) {
  results->letters = letters(words, size);
  results->byte_sum = byte_sum(words, size);
  results->double_residue = residue(a, 1.0 / a);
  results->float_residue = residue(c, 1.0f / c);
  results->polynomial = polynomial(1.0f / c);
}

void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "arm-semantics: %s: %s\n", call, cudaGetErrorString(status));
  std::printf("FAIL: %s\n", call);
  std::exit(exit_fail);
}
#define CUDA_CHECK(call) check_cuda((call), #call)

void require_device() {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "arm-semantics: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

bool equal(const char* name, double device, double host) {
  std::printf("%-16s device %a   host %a   %s\n", name, device, host, device == host ? "ok" : "wrong");
  return device == host;
}

int compare() {
  require_device();
  const double a = hidden(3.0);
  const float c = hidden(11.0f);
  char* words = nullptr;
  Results* device_results = nullptr;
  Results results;
  CUDA_CHECK(cudaMalloc(&words, text_size));
  CUDA_CHECK(cudaMalloc(&device_results, sizeof results));
  CUDA_CHECK(cudaMemcpy(words, text, text_size, cudaMemcpyHostToDevice));
  compute<<<1, 1>>>(words, text_size, a, c, device_results);
  CUDA_CHECK(cudaGetLastError());
  CUDA_CHECK(cudaMemcpy(&results, device_results, sizeof results, cudaMemcpyDeviceToHost));
  CUDA_CHECK(cudaFree(words));
  CUDA_CHECK(cudaFree(device_results));

  bool good = equal("letters", results.letters, letters(text, text_size));
  good &= equal("byte sum", results.byte_sum, byte_sum(text, text_size));
  good &= equal("double residue", results.double_residue, residue(a, 1.0 / a));
  good &= equal("float residue", results.float_residue, residue(c, 1.0f / c));
  good &= equal("polynomial", results.polynomial, polynomial(1.0f / c));
  std::printf("%s\n", good ? "PASS" : "FAIL");
  return good ? 0 : exit_fail;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count == 1) return compare();
  const struct {
    const char* name;
    void (*print)();
  } subjects[] = {{"chars", chars},   {"sums", sums},         {"conversions", conversions},
                  {"narrow", narrow}, {"division", division}, {"long-double", long_double},
                  {"wide", wide}};
  for (const auto& subject : subjects) {
    if (argument_count == 2 && std::strcmp(arguments[1], subject.name) == 0) {
      subject.print();
      return 0;
    }
  }
  std::fprintf(stderr, "usage: arm-semantics [chars|sums|conversions|narrow|division|long-double|wide]\n");
  return exit_usage;
}
