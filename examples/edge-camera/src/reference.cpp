// Written from the description of each stage, not from its kernel: plain loops over pixels.
#include "reference.h"

#include <algorithm>
#include <cmath>

#include "sensor.h"

namespace {

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

// Which of red, green and blue (0 to 2) the sensor sees at a place.
int bayer_channel(int x, int y) { return y % 2 + x % 2; }

// The mean light of the pixels around (x, y) and of itself that see each colour. As floats, to be compared for equality.
float3 interpolated(ImageView<const std::uint16_t> raw, int x, int y, int black_level) {
  const auto light = [&](int at_x, int at_y) { return std::max(static_cast<int>(raw.at(at_x, at_y)) - black_level, 0); };
  int sums[3] = {};
  int counts[3] = {};
  for (int dy = -1; dy <= 1; ++dy) {
    const int mirrored_y = y + dy < 0 || y + dy >= raw.height ? y - dy : y + dy;
    for (int dx = -1; dx <= 1; ++dx) {
      const int mirrored_x = x + dx < 0 || x + dx >= raw.width ? x - dx : x + dx;
      const int channel = bayer_channel(mirrored_x, mirrored_y);
      sums[channel] += light(mirrored_x, mirrored_y);
      ++counts[channel];
    }
  }
  // What the pixel sees itself needs no neighbours.
  const int seen = bayer_channel(x, y);
  sums[seen] = light(x, y);
  counts[seen] = 1;

  const float scale = 1.0f / static_cast<float>(4 * (sensor_white - black_level));
  const auto mean = [&](int channel) { return static_cast<float>(sums[channel] * 4 / counts[channel]) * scale; };
  return {mean(0), mean(1), mean(2)};
}

double demosaic_error(const FrameResults& results, int black_level) {
  Largest largest;
  for (int y = 0; y < results.raw.height; ++y) {
    for (int x = 0; x < results.raw.width; ++x) {
      const float3 expected = interpolated(results.raw, x, y, black_level);
      const float4 actual = results.demosaiced.at(x, y);
      largest.add(actual.x, expected.x);
      largest.add(actual.y, expected.y);
      largest.add(actual.z, expected.z);
    }
  }
  return largest.value();
}

double colour_error(const FrameResults& results, const Calibration& calibration) {
  Largest largest;
  for (int y = 0; y < results.corrected.height; ++y) {
    for (int x = 0; x < results.corrected.width; ++x) {
      const float4 input = results.demosaiced.at(x, y);
      const double channels[3] = {input.x, input.y, input.z};
      double balanced[3], expected[3];
      for (int i = 0; i < 3; ++i) balanced[i] = std::min(channels[i] * calibration.white_balance[i], 1.0);
      for (int i = 0; i < 3; ++i) {
        const float* row = calibration.colour_matrix + 3 * i;
        expected[i] = std::clamp(row[0] * balanced[0] + row[1] * balanced[1] + row[2] * balanced[2], 0.0, 1.0);
      }
      const float4 actual = results.corrected.at(x, y);
      largest.add(actual.x, expected[0]);
      largest.add(actual.y, expected[1]);
      largest.add(actual.z, expected[2]);
      largest.add(actual.w, luma_red * expected[0] + luma_green * expected[1] + luma_blue * expected[2]);
    }
  }
  return largest.value();
}

// Between a and b, `weight` of the way.
double mix(double a, double b, double weight) { return (1.0 - weight) * a + weight * b; }

double resize_error(const FrameResults& results) {
  const ImageView<const float4> source = results.corrected;
  const double scale_x = static_cast<double>(source.width) / output_width;
  const double scale_y = static_cast<double>(source.height) / output_height;
  Largest largest;
  for (int y = 0; y < output_height; ++y) {
    const double source_y = (y + 0.5) * scale_y - 0.5;
    const int above = static_cast<int>(std::floor(source_y));
    const double weight_y = source_y - above;
    const int rows[2] = {std::max(above, 0), std::min(above + 1, source.height - 1)};
    for (int x = 0; x < output_width; ++x) {
      const double source_x = (x + 0.5) * scale_x - 0.5;
      const int left = static_cast<int>(std::floor(source_x));
      const double weight_x = source_x - left;
      const int columns[2] = {std::max(left, 0), std::min(left + 1, source.width - 1)};
      const auto expected = [&](double above_left, double above_right, double below_left, double below_right) {
        return mix(mix(above_left, above_right, weight_x), mix(below_left, below_right, weight_x), weight_y);
      };
      const float4 a = source.at(columns[0], rows[0]), b = source.at(columns[1], rows[0]);
      const float4 c = source.at(columns[0], rows[1]), d = source.at(columns[1], rows[1]);
      const float4 actual = results.resized.at(x, y);
      largest.add(actual.x, expected(a.x, b.x, c.x, d.x));
      largest.add(actual.y, expected(a.y, b.y, c.y, d.y));
      largest.add(actual.z, expected(a.z, b.z, c.z, d.z));
      largest.add(actual.w, expected(a.w, b.w, c.w, d.w));
    }
  }
  return largest.value();
}

double sharpen_error(const FrameResults& results) {
  float weights[sharpen_size * sharpen_size];
  sharpen_weights(weights);
  const ImageView<const float4> source = results.resized;
  Largest largest;
  for (int y = 0; y < source.height; ++y) {
    for (int x = 0; x < source.width; ++x) {
      double sum = 0.0;
      for (int i = 0; i < sharpen_size * sharpen_size; ++i) {
        const int neighbour_x = std::clamp(x + i % sharpen_size - sharpen_size / 2, 0, source.width - 1);
        const int neighbour_y = std::clamp(y + i / sharpen_size - sharpen_size / 2, 0, source.height - 1);
        sum += static_cast<double>(weights[i]) * source.at(neighbour_x, neighbour_y).w;
      }
      largest.add(results.sharpened.at(x, y), std::clamp(sum, 0.0, 1.0));
    }
  }
  return largest.value();
}

double statistics_error(const FrameResults& results) {
  Statistics expected{};
  for (int y = 0; y < results.sharpened.height; ++y) {
    for (int x = 0; x < results.sharpened.width; ++x) {
      const float luma = results.sharpened.at(x, y);
      // Whatever is in memory, the bin is one that exists.
      const int bin = luma >= 1.0f ? Statistics::bins - 1 : luma > 0.0f ? static_cast<int>(luma * Statistics::bins) : 0;
      ++expected.histogram[bin];
      expected.sum += static_cast<unsigned long long>(bin);
      expected.sum_of_squares += static_cast<unsigned long long>(bin * bin);
    }
  }
  Largest largest;
  for (int bin = 0; bin < Statistics::bins; ++bin) {
    largest.add(results.statistics.histogram[bin], expected.histogram[bin]);
  }
  largest.add(static_cast<double>(results.statistics.sum), static_cast<double>(expected.sum));
  largest.add(static_cast<double>(results.statistics.sum_of_squares), static_cast<double>(expected.sum_of_squares));
  return largest.value();
}

}  // namespace

std::array<double, stage_count> largest_errors(const FrameResults& results, const Calibration& calibration) {
  return {demosaic_error(results, calibration.black_level), colour_error(results, calibration), resize_error(results),
          sharpen_error(results), statistics_error(results)};
}
