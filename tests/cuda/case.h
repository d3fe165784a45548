// Cases of the feature tests: each is a function that returns nothing, or says what was wrong.
// The program runs those named on its command line, or all; on a GPU and on the software device alike.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

using Result = std::string;

struct Case {
    const char *name;
    Result (*run)();
};

/// All cases, in order of their files.
std::vector<Case> &cases();

/// Registers a case, and begins its body: `CASE(streams) { … return ""; }`.
#define CASE(name)                                                            \
    static Result name();                                                     \
    static const int name##_registered = (cases().push_back({#name, name}), 0); \
    static Result name()

/// What a case returns where this machine has not what it needs.
inline Result skipped(const std::string &why) { return "skipped: " + why; }

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) return std::string(#condition " does not hold, line ") + std::to_string(__LINE__); \
    } while (0)

#define EXPECT(code, expression)                                                                          \
    do {                                                                                                  \
        const int result_ = static_cast<int>(expression);                                                     \
        if (result_ != static_cast<int>(code))                                                                \
            return std::string(#expression " = ") + std::to_string(result_) + ", not " #code ", line " +      \
                   std::to_string(__LINE__);                                                              \
    } while (0)

#define OK(expression) EXPECT(cudaSuccess, expression)

/// Runs this program anew with one case, and returns its exit code, or 128 and the signal's number: for what leaves a context
/// unusable. One that hangs is ended after two minutes.
int child(const char *name);

/// The same, and what the child wrote to that descriptor (1 or 2), which is a pipe.
int child(const char *name, int descriptor, std::string &text);
