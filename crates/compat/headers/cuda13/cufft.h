/* The toolkit's header, and the results that no function of cuFFT's gives since CUDA 13. */
#pragma GCC system_header
#include <driver_types.h>
#include_next <cufft.h>
#if defined(CUFFT_VERSION) && CUFFT_VERSION >= 12000 && !defined(CUFFT_LICENSE_ERROR)
#define CUFFT_INCOMPLETE_PARAMETER_LIST ((cufftResult)0xA)
#define CUFFT_PARSE_ERROR ((cufftResult)0xC)
#define CUFFT_LICENSE_ERROR ((cufftResult)0xF)
#endif
