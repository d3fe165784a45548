// Runs every launch of a list that `cargo xtask golden bundle` wrote, and appends what each one wrote to a file.
//
// usage: golden FOLDER RESULTS FIRST     (FIRST: the first launch to run; the others before it are done)
// A line of FOLDER/forms.txt is: index, module, kernel; grid x y, block x y, dynamic shared memory, cooperative; count of
// sources, each with offset and bytes in inputs.bin; count of results, each with its bytes; 0, or a binding and its texels: offset,
// width, height, depth, format, channels, bytes of a channel, linear, normalised, address mode, as integers.
// A record of RESULTS is: index, error (0: none), bytes, and as many bytes. A launch that breaks the context ends the program with
// 3, after its record: the script starts it anew behind it. Printed text goes to stdout, complaints to stderr.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

typedef std::vector<unsigned char> Bytes;
typedef unsigned long long Number;

static Bytes file(const std::string &path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

struct Failed { CUresult code; const char *what; };
static void check(CUresult code, const char *what) {
    if (code != CUDA_SUCCESS) throw Failed{code, what};
}

static void record(FILE *out, uint32_t index, uint32_t code, const Bytes &bytes) {
    uint32_t head[3] = {index, code, (uint32_t)bytes.size()};
    fwrite(head, 1, sizeof head, out);
    fwrite(bytes.data(), 1, bytes.size(), out);
    fflush(out);
}

// A cubin where ptxas made one, else PTX for the driver's own compiler.
static CUmodule module_of(const std::string &folder, const std::string &name) {
    Bytes code = file(folder + "/" + name + ".cubin");
    if (code.empty()) code = file(folder + "/" + name + ".ptx");
    code.push_back(0);
    CUmodule module;
    check(cuModuleLoadData(&module, code.data()), "load");
    return module;
}

// `binding`: 1 a texture, 2 a surface, 3 a texture of layers.
static Number texture(unsigned binding, std::istringstream &line, const Bytes &inputs, CUarray *array) {
    Number offset, width, height, depth, format, channels, channel, linear, normalized, address, integers;
    line >> offset >> width >> height >> depth >> format >> channels >> channel >> linear >> normalized >> address >> integers;
    CUDA_ARRAY3D_DESCRIPTOR shape = {};
    shape.Width = width, shape.Height = height, shape.Depth = depth;
    shape.Format = (CUarray_format)format, shape.NumChannels = (unsigned)channels;
    shape.Flags = binding == 2 ? CUDA_ARRAY3D_SURFACE_LDST : binding == 3 ? CUDA_ARRAY3D_LAYERED : 0;
    check(cuArray3DCreate(array, &shape), "array");
    CUDA_MEMCPY3D copy = {};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = inputs.data() + offset;
    copy.srcPitch = width * channels * channel, copy.srcHeight = height ? height : 1;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = *array;
    copy.WidthInBytes = copy.srcPitch, copy.Height = copy.srcHeight, copy.Depth = depth ? depth : 1;
    check(cuMemcpy3D(&copy), "texels");
    CUDA_RESOURCE_DESC resource = {};
    resource.resType = CU_RESOURCE_TYPE_ARRAY, resource.res.array.hArray = *array;
    CUDA_TEXTURE_DESC how = {};
    for (int d = 0; d < 3; d++) how.addressMode[d] = (CUaddress_mode)address;
    how.filterMode = linear ? CU_TR_FILTER_MODE_LINEAR : CU_TR_FILTER_MODE_POINT;
    how.flags = (normalized ? CU_TRSF_NORMALIZED_COORDINATES : 0) | (integers ? CU_TRSF_READ_AS_INTEGER : 0);
    CUtexObject object;
    if (binding == 2) {
        check(cuSurfObjectCreate(&object, &resource), "surface");
        return object;
    }
    check(cuTexObjectCreate(&object, &resource, &how, nullptr), "texture");
    return object;
}

static Bytes launch(std::istringstream &line, CUfunction kernel, const Bytes &inputs) {
    unsigned grid[2], block[2], shared, cooperative, count;
    line >> grid[0] >> grid[1] >> block[0] >> block[1] >> shared >> cooperative >> count;
    std::vector<CUdeviceptr> buffers, results;
    std::vector<Number> sizes;
    for (unsigned i = 0; i < count; i++) {
        Number offset, bytes;
        line >> offset >> bytes;
        CUdeviceptr buffer;
        check(cuMemAlloc(&buffer, bytes), "allocate");
        check(cuMemcpyHtoD(buffer, inputs.data() + offset, bytes), "copy in");
        buffers.push_back(buffer);
    }
    line >> count;
    for (unsigned i = 0; i < count; i++) {
        Number bytes;
        line >> bytes;
        CUdeviceptr buffer;
        check(cuMemAlloc(&buffer, bytes), "allocate");
        check(cuMemsetD8(buffer, 0, bytes), "clear");
        buffers.push_back(buffer), results.push_back(buffer), sizes.push_back(bytes);
    }
    unsigned textured;
    line >> textured;
    CUarray array = nullptr;
    Number object = textured ? texture(textured, line, inputs, &array) : 0;
    std::vector<void *> arguments;
    for (CUdeviceptr &buffer : buffers) arguments.push_back(&buffer);
    if (textured) arguments.push_back(&object);
    if (cooperative) {
        check(cuLaunchCooperativeKernel(kernel, grid[0], grid[1], 1, block[0], block[1], 1, shared, 0, arguments.data()), "launch");
    } else {
        check(cuLaunchKernel(kernel, grid[0], grid[1], 1, block[0], block[1], 1, shared, 0, arguments.data(), nullptr), "launch");
    }
    check(cuCtxSynchronize(), "run");
    Bytes all;
    for (size_t i = 0; i < results.size(); i++) {
        Bytes bytes(sizes[i]);
        check(cuMemcpyDtoH(bytes.data(), results[i], sizes[i]), "copy out");
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    for (CUdeviceptr buffer : buffers) cuMemFree(buffer);
    if (textured == 2) cuSurfObjectDestroy(object);
    else if (textured) cuTexObjectDestroy(object);
    if (textured) cuArrayDestroy(array);
    return all;
}

int main(int argc, char **argv) {
    if (argc != 4) return fprintf(stderr, "usage: golden FOLDER RESULTS FIRST\n"), 2;
    std::string folder = argv[1];
    Number first = strtoull(argv[3], nullptr, 10);
    FILE *out = fopen(argv[2], "ab");
    if (!out) return perror(argv[2]), 2;
    CUdevice device;
    CUcontext context;
    if (cuInit(0) || cuDeviceGet(&device, 0) || cuDevicePrimaryCtxRetain(&context, device) || cuCtxSetCurrent(context)) {
        return fprintf(stderr, "no GPU\n"), 2;
    }
    Bytes inputs = file(folder + "/inputs.bin");
    std::ifstream list(folder + "/forms.txt");
    std::map<std::string, CUmodule> modules;
    std::string text;
    while (std::getline(list, text)) {
        std::istringstream line(text);
        Number index;
        std::string module, kernel;
        line >> index >> module >> kernel;
        if (index < first) continue;
        try {
            if (!modules.count(module)) modules[module] = module_of(folder, module);
            CUfunction function;
            check(cuModuleGetFunction(&function, modules[module], kernel.c_str()), "kernel");
            record(out, (uint32_t)index, 0, launch(line, function, inputs));
        } catch (const Failed &failed) {
            const char *name = "?";
            cuGetErrorName(failed.code, &name);
            fprintf(stderr, "%llu %s %s: %s: %s\n", index, module.c_str(), kernel.c_str(), failed.what, name);
            record(out, (uint32_t)index, (uint32_t)failed.code, Bytes());
            if (cuCtxSynchronize() != CUDA_SUCCESS) return 3;
        }
    }
    return 0;
}
