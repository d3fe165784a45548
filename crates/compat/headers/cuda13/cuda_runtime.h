/* The toolkit's header, then what CUDA 13 dropped from it. */
#pragma GCC system_header
#include <driver_types.h>
#include_next <cuda_runtime.h>
#include <cuferry/cuda13_runtime.h>
