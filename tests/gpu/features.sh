#!/usr/bin/env bash
# The cases that the software device is tested with (tests/cuda) on this machine's GPU: what they expect has to be what a GPU does.
#
# usage: tests/gpu/features.sh [CASE…]
# It wants a CUDA toolkit (CUDA_HOME, or /usr/local/cuda). Prints a line a case, and ends with 1 if one failed. Where the
# toolkit has no NVRTC, the cases of tests/cuda/nvrtc.cu are left out.
set -euo pipefail

cd "$(dirname "$0")/../.."
toolkit=${CUDA_HOME:-/usr/local/cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
"$toolkit/bin/nvcc" --version | grep release

libraries=(-ldl)
for source in tests/cuda/*.cu; do
    options=()
    case $source in
    */per_thread.cu) options=(--default-stream per-thread) ;;
    */nvrtc.cu)
        if [ ! -e "$toolkit/lib64/libnvrtc.so" ]; then
            echo "left out: $source, for the toolkit has no NVRTC"
            continue
        fi
        libraries+=(-lnvrtc)
        ;;
    esac
    "$toolkit/bin/nvcc" -std=c++17 -arch=native "${options[@]}" -c -o "$work/$(basename "$source" .cu).o" "$source" &
    # As many at a time as there are processors.
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
done
for job in $(jobs -p); do wait "$job"; done
"$toolkit/bin/nvcc" -o "$work/cases" "$work"/*.o "${libraries[@]}"
LD_LIBRARY_PATH="$toolkit/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$work/cases" "$@"
