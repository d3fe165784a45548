// separable: turns a lidar's ranges into points, with device code that is spread over several files and a static library.
//
// It exits with 0 after PASS, 1 after FAIL, 3 where no CUDA device answers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cuda_check.h"
#include "geometry.h"
#include "scan.h"

namespace {

// In metres: some roundings of floats up to 64, each up to 4e-6, and those of sines and cosines.
constexpr double point_limit = 5e-5;

void require_device() {
  int device_count = 0;
  cudaError_t status = cudaGetDeviceCount(&device_count);
  if (status == cudaSuccess && device_count == 0) status = cudaErrorNoDevice;
  if (status != cudaSuccess) {
    std::fprintf(stderr, "separable: no CUDA device: %s\n", cudaGetErrorString(status));
    std::exit(exit_no_device);
  }
}

// On the roof, turned by 30 degrees to the left and tilted by 10 down. Each is a literal: two math libraries may round a sine differently.
constexpr Pose pose = {
    {0.85286853f, -0.5f, 0.15038373f, 0.49240388f, 0.86602540f, 0.08682409f, -0.17364818f, 0.0f, 0.98480775f},
    {1.25f, 0.0f, 1.875f},
};

// From 1 to 60 metres in steps of 2 mm, as a lidar reports them; every 13th beam or so comes back from nowhere.
std::vector<float> make_ranges() {
  std::vector<float> ranges(beam_count);
  std::uint32_t state = 1;
  for (float& range : ranges) {
    state = state * 1664525u + 1013904223u;  // a linear congruential generator: its upper bits are good enough here
    const std::uint32_t bits = state >> 8;
    range = bits % 13 == 0 ? 0.0f : static_cast<float>(500 + bits % 29501) * 0.002f;
  }
  return ranges;
}

std::vector<float4> points_on_device(const std::vector<float>& ranges) {
  std::vector<float4> points(beam_count);
  float* device_ranges = nullptr;
  float4* device_points = nullptr;
  CUDA_CHECK(cudaMalloc(&device_ranges, ranges.size() * sizeof(float)));
  CUDA_CHECK(cudaMalloc(&device_points, points.size() * sizeof(float4)));
  CUDA_CHECK(cudaMemcpy(device_ranges, ranges.data(), ranges.size() * sizeof(float), cudaMemcpyHostToDevice));
  points_of_scan(device_ranges, device_points);
  CUDA_CHECK(cudaMemcpy(points.data(), device_points, points.size() * sizeof(float4), cudaMemcpyDeviceToHost));
  CUDA_CHECK(cudaFree(device_ranges));
  CUDA_CHECK(cudaFree(device_points));
  return points;
}

// The largest difference seen so far.
class Largest {
 public:
  void add(double actual, double expected) {
    const double error = std::fabs(actual - expected);
    // A NaN compares as neither larger nor smaller: it must not pass for no error.
    value_ = std::isnan(error) ? HUGE_VAL : std::max(value_, error);
  }
  double value() const { return value_; }

 private:
  double value_ = 0.0;
};

struct Errors {
  double point, distance;
};

Errors compare(const std::vector<float>& ranges, const std::vector<float4>& points) {
  Largest point_errors, distance_errors;
  for (int beam = 0; beam < beam_count; ++beam) {
    const float4 actual = points[beam];
    const double range = ranges[beam];
    if (range == 0.0) {
      point_errors.add(std::fabs(actual.x) + std::fabs(actual.y) + std::fabs(actual.z), 0.0);
      distance_errors.add(actual.w, no_return);
      continue;
    }
    const double azimuth = static_cast<float>(beam % beams_per_ring) * azimuth_step;
    const double elevation = static_cast<float>(beam / beams_per_ring - ring_count / 2) * elevation_step;
    const double seen[3] = {range * std::cos(elevation) * std::cos(azimuth), range * std::cos(elevation) * std::sin(azimuth),
                            range * std::sin(elevation)};
    double expected[3];
    for (int i = 0; i < 3; ++i) {
      const float* row = pose.rotation + 3 * i;
      expected[i] = row[0] * seen[0] + row[1] * seen[1] + row[2] * seen[2] + pose.translation[i];
    }
    point_errors.add(actual.x, expected[0]);
    point_errors.add(actual.y, expected[1]);
    point_errors.add(actual.z, expected[2]);
    // Turning changes no length: this needs no second way to compute it.
    distance_errors.add(actual.w, range);
  }
  return {point_errors.value(), distance_errors.value()};
}

bool report(const char* name, double error, double limit) {
  const bool good = error <= limit;
  std::printf("%-11s largest error %-8.2g  limit %-6.2g  %s\n", name, error, limit, good ? "ok" : "wrong");
  return good;
}

}  // namespace

int main() {
  require_device();
  set_sensor_pose(pose);
  const std::vector<float> ranges = make_ranges();
  const std::vector<float4> points = points_on_device(ranges);
  const Errors errors = compare(ranges, points);
  const auto returned = std::count_if(ranges.begin(), ranges.end(), [](float range) { return range != 0.0f; });

  // Two variables of one name, one a file: if they became one, it would hold the sum of both counts.
  Largest beam_call_error, pose_call_error;
  beam_call_error.add(beam_calls(), beam_count);
  pose_call_error.add(pose_calls(), static_cast<double>(returned));

  const bool checks[] = {
      report("points", errors.point, point_limit),
      report("distances", errors.distance, point_limit),
      report("beam calls", beam_call_error.value(), 0.0),
      report("pose calls", pose_call_error.value(), 0.0),
  };
  const bool good = std::all_of(std::begin(checks), std::end(checks), [](bool check) { return check; });
  const double largest = std::max({errors.point, errors.distance, beam_call_error.value(), pose_call_error.value()});
  std::printf("%s: largest error %.2g\n", good ? "PASS" : "FAIL", largest);
  return good ? 0 : exit_fail;
}
