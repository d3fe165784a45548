/* The toolkit's header includes the types past this folder, so they come first. */
#pragma GCC system_header
#include <driver_types.h>
#include_next <surface_types.h>
