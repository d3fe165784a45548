/*
 * The fields of cudaDeviceProp that CUDA 13 dropped, in C and C++ alike. They take the place of reserved words at the
 * structure's end, so neither its size nor any other field moves. cudaGetDeviceProperties of cuferry/cuda13_runtime.h
 * fills them.
 *
 * The macro's name is the structure's last field before the reserved words, in CUDA 13.0 to 13.5, and is in no older
 * CUDA. It ends the structure, and what follows in the toolkit's text ends another that nobody uses. Where a later
 * CUDA 13 has other words there, an assertion in cuferry/cuda13_runtime.h fails.
 */
#pragma GCC system_header
#ifndef __DRIVER_TYPES_H__
#define CUFERRY_CUDA13_FIELDS
#define hostNumaMultinodeIpcSupported \
    hostNumaMultinodeIpcSupported; \
    int clockRate; \
    int memoryClockRate; \
    int deviceOverlap; \
    int computeMode; \
    int kernelExecTimeoutEnabled; \
    int singleToDoublePrecisionPerfRatio; \
    int maxTexture1DLinear; \
    int cooperativeMultiDeviceLaunch; \
    int reserved[48]; \
    }; \
    struct __device_builtin__ cuferryReservedWords \
    { \
        int first
#endif
#include_next <driver_types.h>
#undef hostNumaMultinodeIpcSupported
