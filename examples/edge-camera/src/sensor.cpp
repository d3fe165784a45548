// The scene and the sensor's noise, in integers throughout: an ARM and an x86_64 build see the same frames, bit for bit.
#include "sensor.h"

#include <algorithm>

namespace {

// Reflected light, 0 to 1023, of red, green and blue.
struct Colour {
  int channel[3];
};

// What the sensor sees of a white, two greys and five saturated patches.
constexpr Colour patches[8] = {
    {{1000, 1000, 1000}}, {{820, 760, 90}}, {{80, 620, 680}},   {{110, 590, 100}},
    {{700, 130, 560}},    {{640, 70, 60}},  {{500, 500, 500}}, {{160, 160, 160}},
};

// The light on the scene, 256 is full: a lamp goes out at frame 4, and half of it comes back at frame 8.
int light(int frame) {
  if (frame < 4) return 256;
  return frame < 8 ? 80 : 150;
}

// A chart: colour patches above, a ramp in the middle, ever finer stripes below, and a disc that crosses it all.
Colour scene(int x, int y, int frame) {
  const int centre_x = (120 + 90 * frame) % sensor_width;
  const int centre_y = sensor_height / 2;
  const int dx = x - centre_x;
  const int dy = y - centre_y;
  if (dx * dx + dy * dy < 80 * 80) return {{900, 420, 150}};
  if (y < sensor_height * 2 / 5) return patches[x * 8 / sensor_width];
  if (y < sensor_height * 3 / 5) {
    const int grey = x * 1023 / (sensor_width - 1);
    return {{grey, grey, grey}};
  }
  const int half_period = 16 - x * 14 / sensor_width;
  const int grey = (x / half_period) % 2 == 0 ? 900 : 60;
  return {{grey, grey, grey}};
}

// A hash with good bits everywhere: SplitMix64's finisher.
std::uint64_t scramble(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Close to a normal distribution with mean 0 and deviation 256: the sum of eight bytes of a hash of where and when.
int noise(int x, int y, int frame) {
  const std::uint64_t index = (static_cast<std::uint64_t>(frame) * sensor_height + static_cast<std::uint64_t>(y)) * sensor_width +
                              static_cast<std::uint64_t>(x);
  const std::uint64_t bits = scramble((index + 1) * 0x9e3779b97f4a7c15u);
  int sum = 0;
  for (int byte = 0; byte < 8; ++byte) sum += static_cast<int>((bits >> (8 * byte)) & 0xff);
  // Eight uniform bytes: mean 1020, deviation 209.
  return (sum - 1020) * 256 / 209;
}

// Sensors see less of red and blue; white balance mends it. In 256ths.
constexpr int sensitivity[3] = {131, 256, 158};

}  // namespace

void capture(ImageView<std::uint16_t> raw, int frame, int gain, int black_level) {
  for (int y = 0; y < sensor_height; ++y) {
    for (int x = 0; x < sensor_width; ++x) {
      const int channel = y % 2 + x % 2;  // RGGB: 0 red, 1 green, 2 blue
      const int reflected = scene(x, y, frame).channel[channel];
      // Ten bits of reflection, eight of light, eight of sensitivity: 26, of which the upper 12 are what the sensor collects.
      const int collected = (reflected * light(frame) * sensitivity[channel]) >> 14;
      // Read noise, and shot noise that grows with the light; dividing rounds to zero on every processor, shifting need not.
      const int noisy = collected + noise(x, y, frame) * (3 + collected / 128) / 256;
      const int amplified = noisy * gain / gain_one + black_level;
      raw.at(x, y) = static_cast<std::uint16_t>(std::clamp(amplified, 0, sensor_white));
    }
  }
}
