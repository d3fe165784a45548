// The kernels as loops, by one thread: what a C++ programmer would write for a CPU without thinking of its vectors.
#include <cmath>

#include "workload.h"

/// Keeps the compiler from leaving work out whose result nobody reads.
template <typename T> static void keep(std::vector<T> &result) { asm volatile("" : : "r"(result.data()) : "memory"); }

template <typename T> static void nbody(const std::vector<T> &body, std::vector<T> &force) {
    for (unsigned i = 0; i < nbody_n; ++i) {
        const T x = body[4 * i], y = body[4 * i + 1], z = body[4 * i + 2];
        T fx = 0, fy = 0, fz = 0;
        for (unsigned k = 0; k < nbody_n; ++k) {
            const T dx = body[4 * k] - x, dy = body[4 * k + 1] - y, dz = body[4 * k + 2] - z;
            const T inverse = 1 / std::sqrt(dx * dx + dy * dy + dz * dz + T(0.001));
            const T pull = body[4 * k + 3] * inverse * inverse * inverse;
            fx += pull * dx;
            fy += pull * dy;
            fz += pull * dz;
        }
        force[3 * i] = fx;
        force[3 * i + 1] = fy;
        force[3 * i + 2] = fz;
    }
    keep(force);
}

int main() {
    {
        const auto x = numbers<float>(saxpy_n);
        std::vector<float> y(saxpy_n);
        auto run = [&] {
            for (unsigned i = 0; i < saxpy_n; ++i)
                y[i] = 2 * x[i] + y[i];
            keep(y);
        };
        const double time = least(run);
        y.assign(saxpy_n, 0);
        run();
        tell("saxpy", time, y);
    }
    {
        const auto a = numbers<float>(matmul_n * matmul_n), b = numbers<float>(matmul_n * matmul_n);
        std::vector<float> c(matmul_n * matmul_n);
        tell("matmul", least([&] {
            for (unsigned row = 0; row < matmul_n; ++row)
                for (unsigned column = 0; column < matmul_n; ++column) {
                    float sum = 0;
                    for (unsigned k = 0; k < matmul_n; ++k)
                        sum += a[row * matmul_n + k] * b[k * matmul_n + column];
                    c[row * matmul_n + column] = sum;
                }
            keep(c);
        }), c);
    }
    {
        const auto x = numbers<float>(reduction_n);
        std::vector<float> sums(reduction_blocks);
        constexpr unsigned block = 256;
        tell("reduction", least([&] {
            for (unsigned part = 0; part < reduction_blocks; ++part) {
                float sum = 0;
                for (unsigned start = part * block; start < reduction_n; start += block * reduction_blocks)
                    for (unsigned i = start; i < start + block; ++i)
                        sum += x[i];
                sums[part] = sum;
            }
            keep(sums);
        }), sums);
    }
    {
        std::vector<unsigned> steps(mandelbrot_n * mandelbrot_n);
        tell("mandelbrot", least([&] {
            for (unsigned row = 0; row < mandelbrot_n; ++row)
                for (unsigned column = 0; column < mandelbrot_n; ++column) {
                    const float cx = -2.0f + 3.0f * column / mandelbrot_n, cy = -1.5f + 3.0f * row / mandelbrot_n;
                    float x = 0, y = 0;
                    unsigned step = 0;
                    while (step < mandelbrot_limit && x * x + y * y < 4.0f) {
                        const float next = x * x - y * y + cx;
                        y = 2 * x * y + cy;
                        x = next;
                        ++step;
                    }
                    steps[row * mandelbrot_n + column] = step;
                }
            keep(steps);
        }), steps);
    }
    {
        const auto body = numbers<float>(4 * nbody_n);
        std::vector<float> force(3 * nbody_n);
        tell("nbody-f32", least([&] { nbody(body, force); }), force);
    }
    {
        const auto body = numbers<double>(4 * nbody_n);
        std::vector<double> force(3 * nbody_n);
        tell("nbody-f64", least([&] { nbody(body, force); }), force);
    }
    {
        const auto x = numbers<unsigned char>(histogram_n, 256);
        std::vector<unsigned> counts(256);
        auto run = [&] {
            for (const unsigned char value : x)
                ++counts[value];
            keep(counts);
        };
        const double time = least(run);
        counts.assign(256, 0);
        run();
        tell("histogram", time, counts);
    }
    {
        const auto x = numbers<float>(transpose_n * transpose_n);
        std::vector<float> y(transpose_n * transpose_n);
        tell("transpose", least([&] {
            for (unsigned row = 0; row < transpose_n; ++row)
                for (unsigned column = 0; column < transpose_n; ++column)
                    y[column * transpose_n + row] = x[row * transpose_n + column];
            keep(y);
        }), y);
    }
}
