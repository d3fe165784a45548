/* The toolkit's header, then what CUDA 13 dropped from it. */
#pragma GCC system_header
#include_next <cuda.h>
#include <cuferry/cuda13_driver.h>
