#!/usr/bin/env bash
# Holds `cuferry inspect`'s verdicts against what this machine's GPU and driver do: each program is inspected, then run.
#
# usage: tests/gpu/verdicts.sh CUFERRY FOLDER     (FOLDER as `cargo xtask gpu-bundle` writes it: target/gpu/verdicts)
# Prints a line a program: the verdict, what happened, and whether they agree; ends with 1 if one does not.
set -uo pipefail

if [ $# -ne 2 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 2
fi
cuferry=$1
folder=$2

echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
wrong=0
for program in "$folder"/*; do
    name=$(basename "$program")
    report=$("$cuferry" inspect "$program" --format json)
    code=$?
    read -r verdict fact < <(python3 -c '
import json, sys
verdict = json.loads(sys.stdin.read())["artifacts"][0]["trees"][0]["files"][0]["verdicts"][0]
print(verdict["outcome"], verdict["id"])' <<<"$report")
    # Nothing compiled earlier may answer for the driver's compiler.
    output=$(CUDA_CACHE_DISABLE=1 timeout 60 "$program" 2>&1)
    ran=$?
    case "$verdict:$code" in
        native:0 | jit:0) expected=0 ;;
        rebuild:1 | impossible:1) expected=1 ;;
        *) expected=none ;; # exit code and verdict contradict each other
    esac
    # A verdict of `native` must hold where the driver may compile nothing at all.
    if [ "$verdict" = native ] && ! CUDA_DISABLE_PTX_JIT=1 timeout 60 "$program" >/dev/null 2>&1; then
        expected="0 without JIT"
    fi
    if [ "$ran" = "$expected" ]; then agreed=ok; else agreed=WRONG wrong=1; fi
    printf '%-6s %-24s %-10s %-7s exit %s: %s\n' "$agreed" "$name" "$verdict" "$fact" "$ran" "$output"
done
exit $wrong
