#!/usr/bin/env bash
# Builds the examples that bring builds of their own as their users would, on this machine and for its GPU, and runs what comes out:
# by `cuferry make`, `cuferry cmake` and `cuferry rebuild`, with the toolkit that is here, and nothing fetched.
#
# usage: tests/gpu/builds.sh CUFERRY HOME [WORK]
#   CUFERRY  the command, built here or elsewhere
#   HOME     a folder of cuferry's that holds SIMDe (`CUFERRY_HOME=HOME cuferry toolchain install simde`)
#   WORK     where the copies are built [default: a folder that is removed at the end]
# It wants a CUDA toolkit (CUDA_HOME, or /usr/local/cuda), g++, make, CMake; for the images root, python3 and mount namespaces.
# Prints PASS or FAIL for each, and ends with 1 if one failed.
set -uo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0"
    exit 2
fi
repository=$(cd "$(dirname "$0")/../.." && pwd)
cuferry=$(realpath "$1")
export CUFERRY_HOME=$(realpath "$2")
if [ $# -gt 2 ]; then
    work=$3
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
export toolkit=${CUDA_HOME:-/usr/local/cuda}
gpu=${GPU:-native} # another one shows only that the builds work, where there is no GPU
failed=0

verdict() { # NAME GOOD
    if [ "$2" = 0 ]; then
        echo "$1: PASS"
    else
        echo "$1: FAIL"
        failed=1
    fi
}

# NAME EXAMPLE PROGRAM COMMANDS: the commands in a copy of the example, then the program, which says PASS. `$c` is cuferry.
check() {
    local name=$1 example=$2 program=$3 commands=$4 code output
    rm -rf "${work:?}/$name"
    cp -R "$repository/examples/$example" "$work/$name"
    echo "--- $name: $commands"
    (cd "$work/$name" && c=$cuferry g=$gpu bash -ec "$commands") >"$work/$name.log" 2>&1
    code=$?
    if [ $code -ne 0 ]; then
        cat "$work/$name.log"
        echo "(exit code $code)"
        verdict "$name" 1
        return
    fi
    grep -E '^(  (GPU|toolkit|made) |cuferry: [0-9]+ compiler|image )' "$work/$name.log"
    output=$(cd "$work/$name" && LD_LIBRARY_PATH=$toolkit/lib64 timeout 120 "$program" 2>&1)
    code=$?
    printf '%s\n' "$output"
    [ $code -eq 0 ] && grep -q '^PASS' <<<"$output"
    verdict "$name" $?
}

# NAME PROGRAM FIXTURE: what it computes on the CPU is what ARM's build prints, to the last bit.
check_cpu() {
    LD_LIBRARY_PATH=$toolkit/lib64 "$work/$1/$2" --cpu | cmp - "$repository/tests/e2e/jetson/$3"
    verdict "$1 --cpu, as on ARM" $?
}

echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
sed -n 's/^PRETTY_NAME=/system: /p' /etc/os-release
env | grep -E '^(CC|CXX|CUDA|NVCC|PATH|LIBRARY)' | sort
"$toolkit/bin/nvcc" --version | grep release
g++ --version | head -1
cmake --version | head -1
"$cuferry" --version
ldd --version | head -1

check make jetson-makefile build/edge-detect '$c make --offline --gpu $g -j8'
check_cpu make build/edge-detect edge-detect.txt
check make-own-list jetson-makefile build/edge-detect '$c make --offline -j8'
check make-no-namespace jetson-makefile build/edge-detect \
    '$c make --offline --gpu $g --namespace never -j8 CUDA=$toolkit NVCC=nvcc'
check rebuild-make jetson-makefile build/edge-detect '$c rebuild --offline --gpu $g --no-image'
check cmake jetson-cmake build/vibration \
    '$c cmake --offline --gpu $g -S . -B build -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake
     $c cmake --offline --gpu $g --build build -j8'
check_cpu cmake build/vibration vibration.txt
check rebuild-cmake jetson-cmake target/cuferry/cmake/vibration '$c rebuild --offline --gpu $g --no-image'
check arm-semantics arm-semantics ./arm-semantics '$c rebuild --offline --gpu $g --no-image --arm-semantics'

# The images, each unpacked and started in it.
for example in jetson-makefile jetson-cmake; do
    echo "--- $example: \$c rebuild --offline --gpu \$g --image $example.tar"
    if (cd "$repository" && cp -R "examples/$example" "$work/image-$example" && cd "$work/image-$example" &&
        "$cuferry" rebuild --offline --gpu "$gpu" --image "$work/$example.tar") >"$work/image-$example.log" 2>&1; then
        grep '^image ' "$work/image-$example.log"
        "$repository/tests/gpu/check.sh" "$work/$example.tar" || failed=1
    else
        cat "$work/image-$example.log"
        verdict "image of $example" 1
    fi
done
exit $failed
