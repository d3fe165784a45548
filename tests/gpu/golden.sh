#!/usr/bin/env bash
# Records what this machine's GPU answers to every golden form and test kernel.
#
# usage: tests/gpu/golden.sh FOLDER OUT     (FOLDER as `cargo xtask golden bundle` writes it: target/golden)
# Leaves in OUT: results.bin.N (records, in pieces), printed.txt, about.txt, complaints.txt. Needs nvcc and ptxas of CUDA 13.
set -uo pipefail

if [ $# -ne 2 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 2
fi
bundle=$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH="$PATH:/usr/local/cuda/bin"

{
    echo "date: $(date -u +%Y-%m-%d)"
    nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
    ptxas --version | grep -o 'V[0-9][0-9.]*' | sed 's/^/ptxas: /'
} >"$out/about.txt"
cat "$out/about.txt"

cp "$bundle"/* "$work"/
nvcc -O2 -o "$work/golden" "$(dirname "$0")/golden.cu" -lcuda || exit 1
# A module that ptxas does not take is left to the driver, which says why.
(cd "$work" && ls ./*.ptx | sed 's/\.ptx$//' | xargs -P "$(nproc)" -I{} timeout 100 ptxas -arch=sm_90 -O3 -o {}.cubin {}.ptx) 2>"$out/complaints.txt"
echo "modules: $(ls "$work"/*.ptx | wc -l), assembled: $(ls "$work"/*.cubin | wc -l), ${SECONDS} s"

: >"$work/results.bin"
: >"$out/printed.txt"
first=0
total=$(wc -l <"$work/forms.txt")
# A launch that hangs or breaks its context costs itself alone.
for _ in $(seq 60); do
    timeout 30 "$work/golden" "$work" "$work/results.bin" "$first" >>"$out/printed.txt" 2>>"$out/complaints.txt"
    status=$?
    # The last complete record is the last launch that was answered.
    done=$(python3 - "$work/results.bin" "$status" <<'PYTHON'
import struct, sys
path, status = sys.argv[1], int(sys.argv[2])
data = open(path, "rb").read()
at, last = 0, -1
while at + 12 <= len(data):
    index, _, size = struct.unpack_from("<3I", data, at)
    if at + 12 + size > len(data):
        break
    last, at = index, at + 12 + size
with open(path, "r+b") as file:
    file.truncate(at)
    if status not in (0, 2, 3):
        # The next one hung, or took the program with it.
        last += 1
        file.seek(at)
        file.write(struct.pack("<3I", last, 0xffffffff, 0))
print(last)
PYTHON
    )
    first=$((done + 1))
    if [ "$status" = 0 ] || [ "$status" = 2 ] || [ "$first" -ge "$total" ] || [ "$SECONDS" -gt 240 ]; then break; fi
done
split -b 15000000 -d "$work/results.bin" "$out/results.bin."
echo "launches answered: $first of $total, results: $(stat -c %s "$work/results.bin") bytes, complaints: $(grep -c . "$out/complaints.txt"), ${SECONDS} s"
head -n 40 "$out/complaints.txt"
