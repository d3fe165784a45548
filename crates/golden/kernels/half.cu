// Half precision, bfloat16 and fp8 as the toolkit's headers use them.
#include "common.cuh"
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

KERNEL halves(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    __half2 a = *(const __half2 *)&in[i], b = __float2half2_rn(0.3f);
    __half2 r = __hfma2(a, b, __hadd2(a, a));
    r = __hmax2(r, __hmul2(b, b));
    r = __hsub2(r, __h2div(a, b));
    r = __hadd2(r, h2sqrt(__habs2(a)));
    if (__hgt(__low2half(a), __high2half(a))) r = __lowhigh2highlow(r);
    out[i] = *(unsigned *)&r;
}

KERNEL half_maths(const unsigned *in, float *out) {
    unsigned i = global_index();
    __half a = __ushort_as_half((unsigned short)in[i]);
    out[i * 8] = __half2float(hexp(a));
    out[i * 8 + 1] = __half2float(hlog(a));
    out[i * 8 + 2] = __half2float(hsin(a));
    out[i * 8 + 3] = __half2float(hcos(a));
    out[i * 8 + 4] = __half2float(hrcp(a));
    out[i * 8 + 5] = __half2float(hsqrt(a));
    out[i * 8 + 6] = __half2float(hexp10(a));
    out[i * 8 + 7] = __half2float(hrsqrt(a));
}

KERNEL half_integers(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    __half a = __ushort_as_half((unsigned short)in[i]);
    out[i * 4] = __half2int_rn(a);
    out[i * 4 + 1] = __half2uint_rz(a);
    out[i * 4 + 2] = __half_as_ushort(hrint(a)) | __half_as_ushort(hceil(a)) << 16;
    out[i * 4 + 3] = __half_as_ushort(__int2half_rn((int)in[i])) | __half_as_ushort(__float2half_rd((float)(int)in[i] * 0.001f)) << 16;
}

KERNEL brains(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    __nv_bfloat162 a = *(const __nv_bfloat162 *)&in[i], b = __float2bfloat162_rn(0.3f);
    __nv_bfloat162 r = __hfma2(a, b, __hadd2(a, a));
    // The difference of `r` and a product: spelled as the one rounding that ptxas makes of the two instructions.
    r = __hmin2(__hfma2(__hneg2(b), a, r), __floats2bfloat162_rn(__low2float(a) * 3.0f, 7.0f));
    out[i] = *(unsigned *)&r;
}

KERNEL eights(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    float2 pair = make_float2(__uint_as_float(in[i]), (float)(int)in[i] * 1e-7f);
    __nv_fp8x2_e4m3 a(pair);
    __nv_fp8x2_e5m2 b(pair);
    float2 c = float2(a), d = float2(b);
    out[i * 2] = a.__x | b.__x << 16;
    out[i * 2 + 1] = __float_as_uint(c.x + d.y) ^ __float_as_uint(c.y);
}
