/* The toolkit's header, with the old names of what is called LTO-IR since CUDA 12. */
#pragma GCC system_header
#include_next <nvrtc.h>
#if !defined(nvrtcGetNVVM) && !__has_include(<texture_fetch_functions.h>)
#define nvrtcGetNVVM nvrtcGetLTOIR
#define nvrtcGetNVVMSize nvrtcGetLTOIRSize
#endif
