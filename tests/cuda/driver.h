// The driver's functions by their exported names: programs need not be linked with the driver.
#pragma once

#include "case.h"

#include <cuda.h>
#include <dlfcn.h>

template <typename Function> Function *driver(const char *name) {
    static void *library = dlopen("libcuda.so.1", RTLD_NOW);
    void *function = library != nullptr ? dlsym(library, name) : nullptr;
    if (function == nullptr) throw std::runtime_error(name);
    return reinterpret_cast<Function *>(function);
}

/// A function that the header declares, which may be newer than the driver's first of that name: `DRIVER(cuMemAlloc_v2)`.
#define DRIVER(name) driver<decltype(::name)>(#name)
