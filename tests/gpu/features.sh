#!/usr/bin/env bash
# The cases that the software device is tested with (tests/cuda) on this machine's GPU: what they expect has to be what a GPU does.
#
# usage: tests/gpu/features.sh
# It wants a CUDA toolkit (CUDA_HOME, or /usr/local/cuda). Prints a line a case, and ends with 1 if one failed.
set -euo pipefail

cd "$(dirname "$0")/../.."
toolkit=${CUDA_HOME:-/usr/local/cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
"$toolkit/bin/nvcc" --version | grep release
"$toolkit/bin/nvcc" -std=c++17 -arch=native -o "$work/cases" tests/cuda/*.cu -lcuda
"$work/cases"
