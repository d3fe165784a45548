#!/usr/bin/env bash
# Fills fuzz/corpus/TARGET with small real files, made with this machine's tools: nvcc, the C++ compiler, ar, tar, zip.
#
# usage: fuzz/seed.sh TOOLKIT...     (folders of CUDA toolkits, as `cuferry toolchain install` prints them)
# Then:  RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none TARGET
set -euo pipefail

if [ $# -eq 0 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 2
fi
corpus=$(cd "$(dirname "$0")" && pwd)/corpus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$corpus"/{elf,archive,fatbin,cubin,image,ptx,deb,needs,diagnose,scan,rules,command}
cd "$work"

cat >k.cu <<'CU'
__constant__ float c[4];
__device__ int total;
template <class T> __global__ void scale(T *a, T by) { a[threadIdx.x] *= by * c[threadIdx.x & 3]; }
__global__ void reverse(float *a) {
    __shared__ float s[32];
    s[threadIdx.x] = a[threadIdx.x];
    __syncthreads();
    a[threadIdx.x] = s[31 - threadIdx.x];
    atomicAdd(&total, 1);
}
void run(float *a, double *b) { scale<<<1, 32>>>(a, 2.0f); scale<<<1, 32>>>(b, 2.0); reverse<<<1, 32>>>(a); }
CU
printf 'int main() { return 0; }\n' >host.cpp

keep() { # TARGET NAME FILE: unless it is too large to mutate well
    if [ "$(stat -c %s "$3")" -le 1048576 ]; then cp "$3" "$corpus/$1/$2"; fi
}

for toolkit in "$@"; do
    nvcc=$toolkit/bin/nvcc
    name=$(basename "$toolkit")
    build() { # NAME FLAGS...: an object, its fatbin
        local out=$1
        shift
        if "$nvcc" "$@" -c -o "$out.o" k.cu 2>/dev/null; then
            keep elf "$name-$out" "$out.o"
            objcopy -O binary --only-section=.nv_fatbin "$out.o" "$out.fatbin" 2>/dev/null && [ -s "$out.fatbin" ] && keep fatbin "$name-$out" "$out.fatbin"
            objcopy -O binary --only-section=__nv_relfatbin "$out.o" "$out.rel" 2>/dev/null && [ -s "$out.rel" ] && keep fatbin "$name-$out-rel" "$out.rel"
            ar rcs "$out.a" "$out.o" k.cu && keep archive "$name-$out" "$out.a"
            ar rcsT "$out-thin.a" "$out.o" 2>/dev/null && keep archive "$name-$out-thin" "$out-thin.a"
        fi
        return 0
    }
    two="-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]"
    for mode in none speed balance size; do
        # shellcheck disable=SC2086
        build "$mode" $two --compress-mode=$mode
    done
    build debug -arch=sm_90 -g -G
    build lines -arch=sm_90 -lineinfo
    build specific -gencode arch=compute_90a,code=sm_90a
    build family -gencode arch=compute_100f,code=sm_100f
    build relocatable -arch=sm_90 -rdc=true
    build lto -dlto -gencode arch=compute_90,code=lto_90
    # shellcheck disable=SC2086
    build concat $two --concat
    for arch in sm_80 sm_90 sm_90a sm_100 sm_120; do
        "$nvcc" -cubin -arch=$arch -o k.cubin k.cu && keep cubin "$name-$arch" k.cubin
        "$nvcc" -ptx -arch=$arch -o k.ptx k.cu && keep cubin "$name-$arch.ptx" k.ptx && keep ptx "$name-$arch" k.ptx
    done
    "$nvcc" -ptx -arch=compute_90 -g -G -o k.ptx k.cu && keep ptx "$name-debug" k.ptx
    "$nvcc" -ptx -arch=compute_90 -lineinfo -o k.ptx k.cu && keep ptx "$name-lines" k.ptx
done

g++ -o host host.cpp && strip host && keep elf host host
g++ -shared -fPIC -o libhost.so host.cpp && keep elf library libhost.so
mkdir -p root/usr/lib root/etc && cp host root/usr/lib/ && ln -s lib/host root/usr/link && echo text >root/etc/os-release
tar -cf layer.tar -C root . && keep image tar layer.tar
tar -czf layer.tgz -C root . && keep image tgz layer.tgz
command -v zstd >/dev/null && zstd -q -k layer.tar -o layer.tzst && keep image tzst layer.tzst
python3 - <<'PY'
import hashlib, json, os, tarfile, zipfile
layer = open("layer.tar", "rb").read()
digest = hashlib.sha256(layer).hexdigest()
config = json.dumps({"architecture": "arm64", "os": "linux", "config": {"Env": ["A=b"], "Entrypoint": ["/host"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}}).encode()
config_digest = hashlib.sha256(config).hexdigest()
os.makedirs("docker", exist_ok=True)
open("docker/layer.tar", "wb").write(layer)
open(f"docker/{config_digest}.json", "wb").write(config)
json.dump([{"Config": f"{config_digest}.json", "RepoTags": ["a:b"], "Layers": ["layer.tar"]}], open("docker/manifest.json", "w"))
with tarfile.open("docker.tar", "w", format=tarfile.USTAR_FORMAT) as out:
    for name in sorted(os.listdir("docker")): out.add(f"docker/{name}", name)
os.makedirs("oci/blobs/sha256", exist_ok=True)
open(f"oci/blobs/sha256/{digest}", "wb").write(layer)
open(f"oci/blobs/sha256/{config_digest}", "wb").write(config)
kind = "application/vnd.oci.image."
manifest = json.dumps({"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": {"mediaType": kind + "config.v1+json", "digest": "sha256:" + config_digest, "size": len(config)}, "layers": [{"mediaType": kind + "layer.v1.tar", "digest": "sha256:" + digest, "size": len(layer)}]}).encode()
manifest_digest = hashlib.sha256(manifest).hexdigest()
open(f"oci/blobs/sha256/{manifest_digest}", "wb").write(manifest)
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": kind + "manifest.v1+json", "digest": "sha256:" + manifest_digest, "size": len(manifest)}]}, open("oci/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open("oci/oci-layout", "w"))
with tarfile.open("oci.tar", "w", format=tarfile.PAX_FORMAT) as out: out.add("oci", ".")
with zipfile.ZipFile("a-1.0-py3-none-linux_aarch64.whl", "w", zipfile.ZIP_DEFLATED) as out:
    out.write("host", "a/host")
    out.writestr("a-1.0.dist-info/METADATA", "Name: a\nVersion: 1.0\n")
    out.writestr("a-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-linux_aarch64\n")
PY
keep image docker docker.tar
keep image oci oci.tar
keep image wheel a-1.0-py3-none-linux_aarch64.whl
printf '2.0\n' >debian-binary && tar -czf control.tar.gz -C root/etc os-release && cp layer.tgz data.tar.gz && ar rc a.deb debian-binary control.tar.gz data.tar.gz && keep image deb a.deb && keep deb gz a.deb
xz -k layer.tar && cp layer.tar.xz data.tar.xz && ar rc xz.deb debian-binary control.tar.gz data.tar.xz && keep deb xz xz.deb
if [ -f layer.tzst ]; then cp layer.tzst data.tar.zst && ar rc zst.deb debian-binary control.tar.gz data.tar.zst && keep deb zst zst.deb; fi
cp layer.tar data.tar && ar rc plain.deb debian-binary control.tar.gz data.tar && keep deb plain plain.deb
# Text: the repository's own projects, rules, commands and the logs of its tests, in the forms that the targets read.
python3 - "$(dirname "$corpus")/.." "$corpus" <<'PY'
import pathlib, re, sys, tomllib
root, corpus = map(pathlib.Path, sys.argv[1:])
def keep(target, name, data): (corpus / target / name).write_bytes(data)
for path in sorted((root / "examples").rglob("*")):
    if path.is_file() and path.stat().st_size < 1 << 16 and "target" not in path.parts:
        for target in "needs", "scan": keep(target, "-".join(path.parts[-2:]), path.name.encode() + b"\n" + path.read_bytes())
for path in sorted((root / "crates/scan/rules").glob("*.toml")): keep("rules", path.name, path.read_bytes())
matrix = tomllib.loads((root / "crates/translate/tests/matrix.toml").read_text())
for number, row in enumerate(matrix["command"]): keep("command", str(number), "\n".join(row["args"].split()).encode())
log = (root / "crates/needs/tests/diagnose.rs").read_text()
for number, text in enumerate(re.findall(r'"((?:[^"\\]|\\.)*\\n)"', log)): keep("diagnose", str(number), re.sub(r"\\(.)", lambda found: {"n": "\\n", "t": "\\t"}.get(found[1], found[1]), text).encode())
PY
for target in "$corpus"/*; do echo "$(basename "$target"): $(find "$target" -type f | wc -l) files"; done
