/* The toolkit's header includes cuda.h past this folder, so it comes first. */
#pragma GCC system_header
#include <cuda.h>
#include_next <cudaProfiler.h>
