#!/usr/bin/env bash
# Programs for ARM on this machine's GPU, unmodified: the examples, the feature cases of tests/cuda with each runtime, and what
# the hybrid way costs beside the same programs for x86_64.
#
# usage: tests/gpu/hybrid.sh [FOLDER]
# FOLDER (target/gpu/arm) is what `cargo xtask gpu-arm` makes, on a machine that need have no GPU: `cuferry`, `home` with what
# it would fetch, and `bin` with programs for ARM. For the costs, nvcc is wanted here (CUDA_HOME, or /usr/local/cuda).
# Prints a line a program, and a table, and ends with 1 if a program failed.
set -uo pipefail

repository=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(cd "${1:-$repository/target/gpu/arm}" && pwd) || exit 2
export CUFERRY_HOME=$folder/home
cuferry=("$folder/cuferry" run --way hybrid --quiet --offline)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'

for program in "$folder"/bin/example-*; do
    name=${program##*/example-}
    if "${cuferry[@]}" "$program" >"$work/out" 2>&1 && grep -q '^PASS' "$work/out"; then
        echo "PASS    $name: $(grep '^PASS' "$work/out")"
    else
        echo "FAIL    $name"
        sed 's/^/        /' "$work/out"
        failed=1
    fi
done

for program in "$folder"/bin/cases-*; do
    name=${program##*/cases-}
    "${cuferry[@]}" "$program" >"$work/out" 2>"$work/err"
    code=$?
    last=$(tail -n 1 "$work/out")
    if [ $code -eq 0 ]; then
        echo "PASS    features, $name: $last, $(grep -c ^skipped "$work/out") skipped"
    else
        echo "FAIL    features, $name: code $code, $last"
        grep '^FAILED' "$work/out" | sed 's/^/        /'
        tail -n 3 "$work/err" | sed 's/^/        /'
        failed=1
    fi
done

toolkit=${CUDA_HOME:-/usr/local/cuda}
if [ -x "$toolkit/bin/nvcc" ]; then
    mkdir "$work/native"
    for program in start overhead busy; do
        "$toolkit/bin/nvcc" -std=c++17 -O2 -arch=native -o "$work/native/$program" "$repository/tests/gpu/$program.cu" || failed=1
    done
    "$repository/tests/gpu/overhead.sh" "$work/native" "$folder/bin" "${cuferry[*]}" || failed=1
fi
exit $failed
