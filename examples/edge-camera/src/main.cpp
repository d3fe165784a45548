// edge-camera: a camera's image pipeline on the GPU, each of its stages compared with the CPU's, frame by frame.
//
// Results go to stdout and depend on nothing but the arguments, the calibration and the GPU's arithmetic, so that two builds can be
// compared by what they print. Times, and where the calibration came from, go to stderr.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "calibration.h"
#include "cuda_check.h"
#include "exposure.h"
#include "pipeline.h"
#include "reference.h"
#include "sensor.h"

namespace {

struct Arguments {
  int frames = 12;
  std::string calibration;
};

[[noreturn]] void usage() {
  std::fprintf(stderr, "usage: edge-camera [--frames 1..100000] [--calibration FILE]\n");
  std::exit(exit_usage);
}

Arguments parse_arguments(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count) usage();
    if (std::strcmp(values[i], "--frames") == 0) {
      char* end = nullptr;
      errno = 0;
      const long frames = std::strtol(values[i + 1], &end, 10);
      if (end == values[i + 1] || *end != '\0' || errno != 0 || frames < 1 || frames > 100000) usage();
      arguments.frames = static_cast<int>(frames);
    } else if (std::strcmp(values[i], "--calibration") == 0) {
      arguments.calibration = values[i + 1];
    } else {
      usage();
    }
  }
  return arguments;
}

// What all frames so far came to.
struct Totals {
  std::array<double, stage_count> largest{};
  double compute_milliseconds = 0.0;
};

void print_header() {
  std::printf("frame    gain    mean  contrast ");
  for (const Stage& stage : stages) std::printf(" %10s", stage.name);
  std::printf("\n");
}

// Compares a finished frame with the reference, prints its line, and says what gain its slot's next frame gets.
int finish(Pipeline& pipeline, int frame, int gain, const Calibration& calibration, Totals& totals) {
  const FrameResults results = pipeline.wait(frame);
  totals.compute_milliseconds += pipeline.compute_time(frame);
  const std::array<double, stage_count> errors = largest_errors(results, calibration);
  std::printf("%5d %7.2f %7.1f %9.1f ", frame, static_cast<double>(gain) / gain_one, mean(results.statistics), contrast(results.statistics));
  for (int stage = 0; stage < stage_count; ++stage) {
    std::printf(" %10.2g", errors[stage]);
    totals.largest[stage] = std::max(totals.largest[stage], errors[stage]);
  }
  std::printf("\n");
  return next_gain(gain, results.statistics);
}

// One line for each stage and the verdict.
bool report(const Totals& totals) {
  bool good = true;
  double largest = 0.0;
  std::printf("\n");
  for (int stage = 0; stage < stage_count; ++stage) {
    const double error = totals.largest[stage];
    const bool within = error <= stages[stage].limit;
    std::printf("%-10s  largest error %-8.2g  limit %-6.2g  %s\n", stages[stage].name, error, stages[stage].limit, within ? "ok" : "wrong");
    largest = std::max(largest, error);
    good = good && within;
  }
  std::printf("%s: largest error %.2g\n", good ? "PASS" : "FAIL", largest);
  return good;
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = parse_arguments(count, values);
  const Calibration calibration = load_calibration(arguments.calibration);
  require_device();
  std::fprintf(stderr, "calibration: %s\n", calibration.source.c_str());

  Pipeline pipeline(calibration);
  Totals totals;
  // A frame's statistics come too late for the next one, which is already being exposed: they set the gain of the one after, as in
  // real cameras. So each slot has a gain of its own.
  int gains[Pipeline::depth];
  std::fill(std::begin(gains), std::end(gains), gain_one);

  print_header();
  for (int frame = 0; frame < arguments.frames + Pipeline::depth; ++frame) {
    int& gain = gains[frame % Pipeline::depth];
    const int finished = frame - Pipeline::depth;
    if (finished >= 0 && finished < arguments.frames) gain = finish(pipeline, finished, gain, calibration, totals);
    if (frame < arguments.frames) {
      capture(pipeline.raw(frame), frame, gain, calibration.black_level);
      pipeline.submit(frame);
    }
  }

  std::fprintf(stderr, "%d frames, %.3f ms of GPU time each\n", arguments.frames, totals.compute_milliseconds / arguments.frames);
  return report(totals) ? 0 : exit_fail;
}
