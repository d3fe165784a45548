// Divergence, loops, calls, switches, recursion: which threads run what, and how often.
#include "common.cuh"

// Each thread walks its own number of steps.
KERNEL collatz(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), steps = 0;
    uint64_t n = in[i] & 0xffff;
    if (n == 0) n = 1;
    while (n != 1 && steps < 500) {
        n = n & 1 ? 3 * n + 1 : n / 2;
        steps++;
    }
    out[i] = steps;
}

// A loop inside a loop, with early ways out of both.
KERNEL nested(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), sum = 0;
    for (unsigned y = 0; y < 20; y++) {
        if (y == (in[i] & 31)) continue;
        for (unsigned x = 0; x < 20; x++) {
            if ((x ^ y) == (in[i] >> 8 & 15)) break;
            if (x * y > (in[i] >> 16 & 255)) goto done;
            sum = sum * 3 + x;
        }
    }
done:
    out[i] = sum;
}

// A jump table.
KERNEL table(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), v = in[i], r;
    switch (v % 11) {
    case 0: r = v + 1; break;
    case 1: r = v * 7; break;
    case 2: r = v ^ 0x1234; break;
    case 3: r = __popc(v); break;
    case 4: r = __brev(v); // falls through
    case 5: r = v >> 3; break;
    case 6: r = __clz(v); break;
    case 7: r = v / 13; break;
    case 9: r = v % 29; break;
    case 10: return;
    default: r = ~v;
    }
    out[i] = r;
}

__device__ __noinline__ unsigned ackermann(unsigned m, unsigned n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

// Recursion, with a depth of each thread's own.
KERNEL recursion(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    out[i] = ackermann(in[i] % 3, (in[i] >> 8) % 5);
}

typedef unsigned (*Operation)(unsigned, unsigned);
__device__ __noinline__ unsigned op_add(unsigned a, unsigned b) { return a + b; }
__device__ __noinline__ unsigned op_mul(unsigned a, unsigned b) { return a * b; }
__device__ __noinline__ unsigned op_rot(unsigned a, unsigned b) { return __funnelshift_l(a, a, b); }
__device__ Operation operations[3] = {op_add, op_mul, op_rot};

// Calls through a table of functions: threads of a warp call different ones.
KERNEL indirect(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    out[i] = operations[in[i] % 3](in[i], i + 5);
}

struct Shape { __device__ virtual float area() const = 0; };
struct Square : Shape { float a; __device__ Square(float a) : a(a) {} __device__ float area() const override { return a * a; } };
struct Ring : Shape { float r, s; __device__ Ring(float r, float s) : r(r), s(s) {} __device__ float area() const override { return 3.0f * (r * r - s * s); } };

// Virtual functions, of objects in local memory.
KERNEL virtual_call(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    float v = (float)(in[i] & 0xff);
    Square square(v);
    Ring ring(v, 2.0f);
    const Shape *shape = in[i] & 0x100 ? (const Shape *)&square : &ring;
    out[i] = __float_as_uint(shape->area());
}

// Text, from one thread, in order.
extern "C" int printf(const char *, ...);
KERNEL prints(const unsigned *in, unsigned *out) {
    if (global_index() == 0) {
        printf("hello\n");
        printf("%d %i %u %x %X %o %c %%\n", -5, 17, 4000000000u, 0xbeef, 0xbeef, 8, 'z');
        printf("[%5d] [%-5d] [%05d] [%+d] [% d] [%#x] [%.3d]\n", 42, 42, 42, 42, 42, 42, 42);
        printf("%lld %llu %llx %ld\n", -5000000000ll, 18000000000000000000ull, 0x123456789abcdefull, -7l);
        printf("%f %e %g %.2f %10.3f %-10.1e| %G %a\n", 1.5, 12345.678, 0.0001, 3.14159, 2.71828, 1e10, 1e-20, 1.0);
        printf("%f %f %f\n", 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0);
        printf("%s|%10s|%-10s|%.2s\n", "text", "right", "left", "cut");
        // CUDA documents neither `%.*f` nor `%zu` and `%hhd`; a GPU takes the arguments behind them from anywhere.
        printf("%*d|\n", 6, 42);
        printf("%hd\n", (short)-3);
        printf("no newline");
        printf("\n%u arguments: %d %d %d %d %d %d %d %d\n", 8u, 1, 2, 3, 4, 5, 6, 7, 8);
    }
    out[global_index()] = in[global_index()] + 1;
}
