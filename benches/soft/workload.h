// Sizes and inputs of the kernels, how long each takes, and a sum of what it gave: the same in all three programs.
#pragma once

#include <cstdio>
#include <ctime>
#include <vector>

constexpr unsigned saxpy_n = 1 << 16, matmul_n = 122, reduction_n = 1 << 17, reduction_blocks = 64, mandelbrot_n = 256,
                   mandelbrot_limit = 256, nbody_n = 1024, histogram_n = 1 << 18, histogram_blocks = 64, transpose_n = 512;

/// Numbers in [0, 1), always the same.
template <typename T> std::vector<T> numbers(size_t count, double scale = 1) {
    std::vector<T> all(count);
    unsigned state = 12345;
    for (T &one : all) {
        state = state * 1664525 + 1013904223;
        one = static_cast<T>(scale * (state >> 8) / (1 << 24));
    }
    return all;
}

/// CPU seconds of the process, or the time of day: where several threads work, or for one as their peer.
inline clockid_t clock_used = CLOCK_PROCESS_CPUTIME_ID;
inline double seconds() {
    timespec time;
    clock_gettime(clock_used, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

/// Runs it until a quarter of a second has gone by, and prints the least time that one run took.
template <typename Run> double least(Run run) {
    run();
    double best = 1e9;
    for (double start = seconds(); seconds() - start < 0.25;) {
        const double before = seconds();
        run();
        const double took = seconds() - before;
        best = took < best ? took : best;
    }
    return best;
}

template <typename T> void tell(const char *name, double time, const std::vector<T> &result) {
    double sum = 0;
    for (size_t i = 0; i < result.size(); ++i)
        sum += double(result[i]) * double(1 + i % 7);
    printf("%s %.9f %.9g\n", name, time, sum);
    fflush(stdout);
}
