// What was measured of one camera module: its black level, white balance and colours.
#pragma once

#include <string>

struct Calibration {
  // The file that it came from.
  std::string source = "built in";
  // What the sensor reads in the dark, of 4095.
  int black_level = 64;
  // Gains of red, green and blue that make grey grey; from 0 to 16.
  float white_balance[3] = {1.95f, 1.0f, 1.62f};
  // Rows: red, green, blue of the display, each made of the sensor's red, green and blue; from -4 to 4. Each row sums
  // to 1, so that grey stays grey.
  float colour_matrix[9] = {1.62f, -0.45f, -0.17f, -0.25f, 1.48f, -0.23f, 0.02f, -0.55f, 1.53f};
};

// The file named on the command line, or by EDGE_CAMERA_CALIBRATION, or the installed one, or the values above: the first that is
// given. Ends the program with `exit_usage` where a file that was asked for cannot be used, or where any file is malformed.
Calibration load_calibration(const std::string& named_file);
