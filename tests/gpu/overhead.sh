#!/usr/bin/env bash
# What the hybrid way costs: programs for x86_64, run as they are, beside the same programs for ARM, run by a command. Prints
# a table in Markdown: the median of each, and how the second is to the first.
#
# usage: tests/gpu/overhead.sh NATIVE_PROGRAM_FOLDER ARM_PROGRAM_FOLDER [ARM_COMMAND [NATIVE_COMMAND]]
#   tests/gpu/overhead.sh native arm "cuferry run --way hybrid --quiet"
# The folders hold `start`, `overhead` and `busy`, made of the sources that lie beside this script:
#   for program in start overhead busy; do nvcc -std=c++17 -O2 -arch=native -o native/$program tests/gpu/$program.cu; done
# and for ARM with `-ccbin aarch64-linux-gnu-g++ -target-dir sbsa-linux` and `-arch=sm_90`, or whatever the GPU is. ROUNDS
# says how often each is run (7), OVERHEAD and BUSY what the programs are given (nothing, which is for a GPU). Run it on a
# quiet machine. It ends with 1 if a program failed.
set -euo pipefail
export LC_ALL=C

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
    sed -n '5,6s/^# //p' "$0" >&2
    exit 2
fi
native=$1 arm=$2
read -ra arm_command <<<"${3:-}"
read -ra native_command <<<"${4:-}"
rounds=${ROUNDS:-7}
read -ra overhead <<<"${OVERHEAD:-}"
read -ra busy <<<"${BUSY:-}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a program one of the two ways; what it prints goes to that way's file.
run() {
    local way=$1 program=$2
    shift 2
    if [ "$way" = native ]; then
        "${native_command[@]}" "$native/$program" "$@"
    else
        "${arm_command[@]}" "$arm/$program" "$@"
    fi >>"$work/$way" || {
        echo "$program failed ($way)" >&2
        exit 1
    }
}

for ((round = 0; round < rounds; ++round)); do
    # By turns: what slows the machine for a while slows both.
    for way in native arm; do
        before=$EPOCHREALTIME
        run "$way" start
        after=$EPOCHREALTIME
        echo "start $(((${after/./} - ${before/./}) / 1000)) ms" >>"$work/$way"
        run "$way" overhead "${overhead[@]}"
        run "$way" busy "${busy[@]}"
    done
done

# Lines `name value unit`; anything else, such as PASS, says nothing here. A bare number has the unit 1.
medians() {
    awk 'NF == 3 && $3 != "1" { print $1, $3, $2 }' "$1" | sort -k1,1 -k3,3g | awk '
        function flush() { if (name != "") print name, unit, values[int((count + 1) / 2)] }
        $1 != name { flush(); name = $1; unit = $2; count = 0 }
        { values[++count] = $3 }
        END { flush() }'
}

medians "$work/native" >"$work/native.medians"
medians "$work/arm" >"$work/arm.medians"
if ! diff <(cut -d' ' -f1,2 "$work/native.medians") <(cut -d' ' -f1,2 "$work/arm.medians") >&2; then
    echo "the programs of the two folders do not measure the same" >&2
    exit 1
fi
echo "| | unit | native | ARM | ARM to native |"
echo "|---|---|---|---|---|"
# In the order in which the programs print them.
awk '!seen[$1]++ && NF == 3 { print $1 }' "$work/native" | while read -r name; do
    join -j1 "$work/native.medians" "$work/arm.medians" | awk -v name="$name" '
        $1 == name { printf "| %s | %s | %s | %s | %.2f |\n", $1, $2, $3, $5, $3 == 0 ? 0 : $5 / $3 }'
done
