/* NVTX 2's header where there is one; NVTX 3 has the same API and needs no library. */
#pragma GCC system_header
#if __has_include_next(<nvToolsExtSync.h>)
#include_next <nvToolsExtSync.h>
#else
#include <nvtx3/nvToolsExtSync.h>
#endif
