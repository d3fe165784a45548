// The maths library, as nvcc inlines it: one function a kernel, each over the same arguments.
#include "common.cuh"

#define ONE(T, name) KERNEL m_##name(const T *in, T *out) { unsigned i = global_index(); out[i] = name(in[i]); }
#define TWO(T, name) KERNEL m_##name(const T *in, T *out) { unsigned i = global_index(); out[i] = name(in[2 * i], in[2 * i + 1]); }
ONE(float, sinf)
ONE(float, cosf)
ONE(float, tanf)
ONE(float, asinf)
ONE(float, acosf)
ONE(float, atanf)
ONE(float, sinhf)
ONE(float, coshf)
ONE(float, tanhf)
ONE(float, asinhf)
ONE(float, acoshf)
ONE(float, atanhf)
ONE(float, expf)
ONE(float, exp2f)
ONE(float, exp10f)
ONE(float, expm1f)
ONE(float, logf)
ONE(float, log2f)
ONE(float, log10f)
ONE(float, log1pf)
ONE(float, sqrtf)
ONE(float, rsqrtf)
ONE(float, cbrtf)
ONE(float, rcbrtf)
ONE(float, erff)
ONE(float, erfcf)
ONE(float, erfinvf)
ONE(float, erfcinvf)
ONE(float, erfcxf)
ONE(float, normcdff)
ONE(float, normcdfinvf)
ONE(float, tgammaf)
ONE(float, lgammaf)
ONE(float, j0f)
ONE(float, j1f)
ONE(float, y0f)
ONE(float, y1f)
ONE(float, ceilf)
ONE(float, floorf)
ONE(float, truncf)
ONE(float, roundf)
ONE(float, rintf)
ONE(float, nearbyintf)
ONE(float, fabsf)
ONE(float, logbf)
ONE(float, sinpif)
ONE(float, cospif)
ONE(float, __sinf)
ONE(float, __cosf)
ONE(float, __tanf)
ONE(float, __expf)
ONE(float, __exp10f)
ONE(float, __logf)
ONE(float, __log2f)
ONE(float, __log10f)
ONE(float, __saturatef)
ONE(float, __frcp_rn)
ONE(float, __fsqrt_rn)
ONE(float, __frsqrt_rn)
ONE(double, sin)
ONE(double, cos)
ONE(double, tan)
ONE(double, asin)
ONE(double, acos)
ONE(double, atan)
ONE(double, sinh)
ONE(double, cosh)
ONE(double, tanh)
ONE(double, asinh)
ONE(double, acosh)
ONE(double, atanh)
ONE(double, exp)
ONE(double, exp2)
ONE(double, exp10)
ONE(double, expm1)
ONE(double, log)
ONE(double, log2)
ONE(double, log10)
ONE(double, log1p)
ONE(double, sqrt)
ONE(double, rsqrt)
ONE(double, cbrt)
ONE(double, rcbrt)
ONE(double, erf)
ONE(double, erfc)
ONE(double, erfinv)
ONE(double, erfcinv)
ONE(double, erfcx)
ONE(double, normcdf)
ONE(double, normcdfinv)
ONE(double, tgamma)
ONE(double, lgamma)
ONE(double, j0)
ONE(double, j1)
ONE(double, y0)
ONE(double, y1)
ONE(double, ceil)
ONE(double, floor)
ONE(double, trunc)
ONE(double, round)
ONE(double, rint)
ONE(double, nearbyint)
ONE(double, fabs)
ONE(double, logb)
ONE(double, sinpi)
ONE(double, cospi)
TWO(float, powf)
TWO(float, atan2f)
TWO(float, fmodf)
TWO(float, remainderf)
TWO(float, hypotf)
TWO(float, fdimf)
TWO(float, nextafterf)
TWO(float, fmaxf)
TWO(float, fminf)
TWO(float, copysignf)
TWO(float, fdividef)
TWO(float, __powf)
TWO(float, __fdividef)
TWO(float, __fdiv_rn)
TWO(float, __fadd_rz)
TWO(float, __fmul_ru)
TWO(double, pow)
TWO(double, atan2)
TWO(double, fmod)
TWO(double, remainder)
TWO(double, hypot)
TWO(double, fdim)
TWO(double, nextafter)
TWO(double, fmax)
TWO(double, fmin)
TWO(double, copysign)

// Several results at once, and integer exponents.
KERNEL m_split(const float *in, float *out) {
    unsigned i = global_index();
    float s, c, whole;
    int exponent, quotient;
    sincosf(in[i], &s, &c);
    out[i * 8] = s;
    out[i * 8 + 1] = c;
    out[i * 8 + 2] = frexpf(in[i], &exponent);
    out[i * 8 + 3] = (float)exponent;
    out[i * 8 + 4] = modff(in[i], &whole);
    out[i * 8 + 5] = whole;
    out[i * 8 + 6] = ldexpf(in[i], (int)(i % 300) - 150);
    out[i * 8 + 7] = remquof(in[i], 3.7f, &quotient);
}

KERNEL m_split64(const double *in, double *out) {
    unsigned i = global_index();
    double s, c, whole;
    int exponent, quotient;
    sincos(in[i], &s, &c);
    out[i * 8] = s;
    out[i * 8 + 1] = c;
    out[i * 8 + 2] = frexp(in[i], &exponent);
    out[i * 8 + 3] = exponent;
    out[i * 8 + 4] = modf(in[i], &whole);
    out[i * 8 + 5] = whole;
    out[i * 8 + 6] = scalbn(in[i], (int)(i % 300) - 150);
    out[i * 8 + 7] = remquo(in[i], 3.7, &quotient);
}
