// The kernels, in one text for two languages: CUDA C++ and OpenCL C. Whoever includes it says what the words in capitals mean.
// A block has BLOCK threads, or TILE by TILE.
#define BLOCK 256
#define TILE 16
#define BINS 256
#define WIDE_TILE 32

KERNEL void saxpy(unsigned n, float a, GLOBAL const float *x, GLOBAL float *y) {
    const unsigned i = GLOBAL_X;
    if (i < n)
        y[i] = a * x[i] + y[i];
}

KERNEL void matmul(unsigned n, GLOBAL const float *a, GLOBAL const float *b, GLOBAL float *c) {
    const unsigned column = GLOBAL_X, row = GLOBAL_Y;
    if (row >= n || column >= n)
        return;
    float sum = 0;
    for (unsigned k = 0; k < n; ++k)
        sum += a[row * n + k] * b[k * n + column];
    c[row * n + column] = sum;
}

KERNEL void reduction(unsigned n, GLOBAL const float *x, GLOBAL float *sums) {
    SHARED(float, part, BLOCK);
    const unsigned thread = LOCAL_X;
    float sum = 0;
    for (unsigned i = GLOBAL_X; i < n; i += GLOBAL_SIZE_X)
        sum += x[i];
    part[thread] = sum;
    BARRIER;
    for (unsigned apart = BLOCK / 2; apart > 0; apart /= 2) {
        if (thread < apart)
            part[thread] += part[thread + apart];
        BARRIER;
    }
    if (thread == 0)
        sums[GROUP_X] = part[0];
}

KERNEL void mandelbrot(unsigned n, unsigned limit, GLOBAL unsigned *steps) {
    const unsigned column = GLOBAL_X, row = GLOBAL_Y;
    const float cx = -2.0f + 3.0f * column / n, cy = -1.5f + 3.0f * row / n;
    float x = 0, y = 0;
    unsigned step = 0;
    while (step < limit && x * x + y * y < 4.0f) {
        const float next = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = next;
        ++step;
    }
    steps[row * n + column] = step;
}

#define NBODY(name, real, root)                                                                             \
    KERNEL void name(unsigned n, GLOBAL const real *body, GLOBAL real *force) {                             \
        const unsigned i = GLOBAL_X;                                                                        \
        const real x = body[4 * i], y = body[4 * i + 1], z = body[4 * i + 2];                               \
        real fx = 0, fy = 0, fz = 0;                                                                        \
        for (unsigned k = 0; k < n; ++k) {                                                                  \
            const real dx = body[4 * k] - x, dy = body[4 * k + 1] - y, dz = body[4 * k + 2] - z;            \
            const real inverse = root(dx * dx + dy * dy + dz * dz + (real)0.001);                           \
            const real pull = body[4 * k + 3] * inverse * inverse * inverse;                                \
            fx += pull * dx;                                                                                \
            fy += pull * dy;                                                                                \
            fz += pull * dz;                                                                                \
        }                                                                                                   \
        force[3 * i] = fx;                                                                                  \
        force[3 * i + 1] = fy;                                                                              \
        force[3 * i + 2] = fz;                                                                              \
    }
NBODY(nbody_f32, float, INVERSE_ROOT_F32)
NBODY(nbody_f64, double, INVERSE_ROOT_F64)

KERNEL void histogram(unsigned n, GLOBAL const unsigned char *x, GLOBAL unsigned *counts) {
    SHARED(unsigned, part, BINS);
    part[LOCAL_X] = 0;
    BARRIER;
    for (unsigned i = GLOBAL_X; i < n; i += GLOBAL_SIZE_X)
        ADD_SHARED(&part[x[i]]);
    BARRIER;
    ADD_GLOBAL(&counts[LOCAL_X], part[LOCAL_X]);
}

/// By 32 rows of 8: each thread moves four elements.
KERNEL void transpose(unsigned n, GLOBAL const float *x, GLOBAL float *y) {
    SHARED(float, tile, WIDE_TILE * (WIDE_TILE + 1));
    const unsigned column = GROUP_X * WIDE_TILE + LOCAL_X, row = GROUP_Y * WIDE_TILE + LOCAL_Y;
    for (unsigned k = 0; k < WIDE_TILE; k += 8)
        tile[(LOCAL_Y + k) * (WIDE_TILE + 1) + LOCAL_X] = x[(row + k) * n + column];
    BARRIER;
    const unsigned to_column = GROUP_Y * WIDE_TILE + LOCAL_X, to_row = GROUP_X * WIDE_TILE + LOCAL_Y;
    for (unsigned k = 0; k < WIDE_TILE; k += 8)
        y[(to_row + k) * n + to_column] = tile[LOCAL_X * (WIDE_TILE + 1) + LOCAL_Y + k];
}
