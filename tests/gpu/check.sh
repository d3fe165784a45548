#!/usr/bin/env bash
# Runs images on this machine's GPU, without a container engine: each image's file system is unpacked, and its program
# started inside it (chroot) with the driver's libraries bound in, as NVIDIA's container runtime does.
#
# usage: tests/gpu/check.sh IMAGE.tar...     (as root; images as `cuferry rebuild --image` writes them)
# Prints a line an image, PASS or FAIL, and ends with 1 if one failed.
set -uo pipefail

if [ $# -eq 0 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 2
fi
if ! command -v python3 >/dev/null; then
    echo "python3 is needed to read the images' manifests" >&2
    exit 3
fi

driver_libraries() { # where NVIDIA's driver keeps what programs load
    ldconfig -p | awk '/lib(cuda|nvidia-ptxjitcompiler|nvidia-gpucomp|nvidia-nvvm|nvidia-ml)[^ ]*\.so/ {print $NF}' | sort -u
    find /usr/local/nvidia/lib64 -name 'lib*.so*' 2>/dev/null
}

unpack() { # IMAGE.tar ROOT: every layer, in order
    local image=$1 root=$2 parts layer
    parts=$(mktemp -d)
    tar -xf "$image" -C "$parts"
    python3 - "$parts/manifest.json" <<'PY' >"$parts/layers"
import json, sys
for layer in json.load(open(sys.argv[1]))[0]["Layers"]:
    print(layer)
PY
    while read -r layer; do
        tar -xf "$parts/$layer" -C "$root"
    done <"$parts/layers"
    python3 - "$parts" <<'PY'
import json, os, sys
manifest = json.load(open(os.path.join(sys.argv[1], "manifest.json")))[0]
config = json.load(open(os.path.join(sys.argv[1], manifest["Config"])))["config"]
open(os.path.join(sys.argv[1], "argv"), "w").write("\n".join(config.get("Entrypoint", []) + (config.get("Cmd") or [])) + "\n")
PY
    cp "$parts/argv" "$root.argv"
    rm -rf "$parts"
}

start() { # ROOT: the image's command, inside it. The driver's folder is the only addition.
    local root=$1 library
    mkdir -p "$root/dev" "$root/proc" "$root/driver"
    while read -r library; do
        cp -Ln "$library" "$root/driver/" 2>/dev/null
    done < <(driver_libraries)
    mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" || return 125
    mapfile -t argv <"$root.argv"
    LD_LIBRARY_PATH=/driver timeout 120 chroot --userspec=65532:65532 "$root" "${argv[@]}" 2>&1
}

echo "date: $(date -u +%Y-%m-%d)"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader | sed 's/^/gpu: /'
failed=0
for image in "$@"; do
    name=$(basename "$image" .tar)
    work=$(mktemp -d)
    mkdir "$work/root"
    unpack "$image" "$work/root"
    echo "--- $name: $(tr '\n' ' ' <"$work/root.argv")"
    # A mount namespace of its own: the binds go with it.
    output=$(export -f start driver_libraries; unshare -m bash -c 'start "$1"' _ "$work/root")
    code=$?
    printf '%s\n' "$output"
    if [ $code -eq 0 ] && grep -q PASS <<<"$output"; then
        echo "$name: PASS"
    else
        echo "$name: FAIL (exit code $code)"
        failed=1
    fi
    rm -rf "$work"
done
exit $failed
