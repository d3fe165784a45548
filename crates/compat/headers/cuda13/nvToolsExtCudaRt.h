/* NVTX 2's header where there is one; NVTX 3 has the same API and needs no library. */
#pragma GCC system_header
#if __has_include_next(<nvToolsExtCudaRt.h>)
#include_next <nvToolsExtCudaRt.h>
#else
#include <nvtx3/nvToolsExtCudaRt.h>
#endif
