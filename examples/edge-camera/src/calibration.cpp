// Reads a calibration file: lines of a key and its values, `#` for comments.
#include "calibration.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cuda_check.h"
#include "sensor.h"

namespace {

constexpr const char* installed_file = "/app/share/edge-camera/calibration.txt";

[[noreturn]] void refuse(const std::string& place, const std::string& reason) {
  std::fprintf(stderr, "edge-camera: %s: %s\n", place.c_str(), reason.c_str());
  std::exit(exit_usage);
}

// Exactly `count` numbers from `least` to `most`, and nothing after them.
void read_values(std::istringstream& words, float* values, int count, int least, int most, const std::string& place) {
  for (int i = 0; i < count; ++i) {
    if (!(words >> values[i])) refuse(place, "expected " + std::to_string(count) + " numbers, found " + std::to_string(i));
    const bool in_range = values[i] >= static_cast<float>(least) && values[i] <= static_cast<float>(most);
    if (!in_range) refuse(place, "values must be from " + std::to_string(least) + " to " + std::to_string(most));
  }
  std::string rest;
  if (words >> rest) refuse(place, "`" + rest + "` follows the last value");
}

Calibration parse(std::istream& file, const std::string& path) {
  Calibration calibration;
  calibration.source = path;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string place = path + ":" + std::to_string(number);
    std::istringstream words(line.substr(0, line.find('#')));
    std::string key;
    if (!(words >> key)) continue;
    if (key == "black-level") {
      float level = 0.0f;
      read_values(words, &level, 1, 0, sensor_white - 1, place);
      if (level != std::floor(level)) refuse(place, "the black level must be a whole number");
      calibration.black_level = static_cast<int>(level);
    } else if (key == "white-balance") {
      read_values(words, calibration.white_balance, 3, 0, 16, place);
    } else if (key == "colour-matrix") {
      read_values(words, calibration.colour_matrix, 9, -4, 4, place);
    } else {
      refuse(place, "unknown key `" + key + "`; known are `black-level`, `white-balance` and `colour-matrix`");
    }
  }
  if (file.bad()) refuse(path, "cannot read the calibration file");
  return calibration;
}

}  // namespace

Calibration load_calibration(const std::string& named_file) {
  const char* from_environment = std::getenv("EDGE_CAMERA_CALIBRATION");
  std::string path = named_file;
  if (path.empty() && from_environment != nullptr) path = from_environment;
  const bool asked_for = !path.empty();
  if (!asked_for) path = installed_file;

  std::ifstream file(path);
  if (!file) {
    if (asked_for) refuse(path, "cannot read the calibration file");
    return Calibration{};
  }
  return parse(file, path);
}
