// Automatic exposure: statistics of a frame in, the gain of a later one out.
#pragma once

#include "isp.h"

// Mean and contrast (the standard deviation) of luma, from 0 to 255.
double mean(const Statistics& statistics);
double contrast(const Statistics& statistics);

// The gain, in 256ths, that brings the mean to its target if the scene stays as it is; at most doubled or halved at a time.
int next_gain(int gain, const Statistics& statistics);
