// edge-detect: finds edges in images that it draws itself. NEON on the CPU, one kernel on the GPU.
//
//   edge-detect         all of it; the GPU's edges are compared with the CPU's
//   edge-detect --cpu   the CPU's part alone, printed to the last bit

#include "edge_detect.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int exit_fail = 1;
constexpr int exit_usage = 2;
constexpr int image_count = 4;

// Squares, stripes and noise, in integers: the same on every machine.
void draw(Plane& colour, int image) {
  std::uint32_t random = 12345u + static_cast<std::uint32_t>(image);
  for (int y = 0; y < image_height; ++y) {
    for (int x = 0; x < image_width; ++x) {
      random = random * 1664525u + 1013904223u;
      const int noise = static_cast<int>(random >> 28);
      const bool in_square = (x / 80 + y / 60 + image) % 2 == 0;
      std::uint8_t* pixel = &colour[3 * static_cast<std::size_t>(y * image_width + x)];
      pixel[0] = static_cast<std::uint8_t>(std::min(255, (in_square ? 200 : 30) + noise * image));
      pixel[1] = static_cast<std::uint8_t>((x * (image + 1) + noise) & 0xff);
      pixel[2] = static_cast<std::uint8_t>((x * y / 64 + noise) & 0xff);
    }
  }
}

std::uint32_t checksum(const std::uint32_t (&counts)[256]) {
  std::uint32_t sum = 0;
  for (const std::uint32_t count : counts) sum = sum * 31 + count;
  return sum;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool cpu_only = argument_count == 2 && std::strcmp(arguments[1], "--cpu") == 0;
  if (argument_count > 1 && !cpu_only) {
    std::fprintf(stderr, "usage: edge-detect [--cpu]\n");
    return exit_usage;
  }
  if (!cpu_only) require_device();

  const std::size_t size = static_cast<std::size_t>(image_width) * image_height;
  Plane colour(3 * size), grey(size), edges(size);
  int largest = 0;
  for (int image = 0; image < image_count; ++image) {
    draw(colour, image);
    to_grey(colour, grey);
    const Brightness found = brightness(grey);
    std::uint32_t counts[256];
    histogram(grey, counts);
    if (cpu_only) {
      std::printf("image %d   mean %a   deviation %a   focus %a   energy %08x   histogram %08x\n", image, found.mean,
                  found.deviation, found.focus, found.energy, checksum(counts));
      continue;
    }
    sobel(grey, edges);
    int difference = 0;
    for (int y = 0; y < image_height; ++y) {
      for (int x = 0; x < image_width; ++x) {
        const int expected = sobel_at(grey.data(), x, y);
        difference = std::max(difference, std::abs(expected - edges[static_cast<std::size_t>(y * image_width + x)]));
      }
    }
    std::printf("image %d   mean %6.2f   deviation %6.2f   largest error %d\n", image, found.mean, found.deviation, difference);
    largest = std::max(largest, difference);
  }
  if (cpu_only) return 0;
  std::printf("%s: largest error %d\n", largest == 0 ? "PASS" : "FAIL", largest);
  return largest == 0 ? 0 : exit_fail;
}
