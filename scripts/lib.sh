# Shared by the scripts: where the repository is, and how packages get onto a Debian 12 machine. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# What the build needs.
build_packages=(g++ cmake ninja-build ccache pkg-config git ca-certificates
  libfmt-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libhdf5-dev libhwy-dev libbenchmark-dev zlib1g-dev libzip-dev
  libjpeg62-turbo-dev libpng-dev libcurl4-openssl-dev libssl-dev libgtest-dev libgmock-dev
  libdnnl-dev libtorch-dev gnuplot-nox libclang-19-dev llvm-19-dev libclang-cpp19-dev libzmq3-dev cppzmq-dev)
# What only the tests need.
test_packages=(help2man dpkg-dev file clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev python3 python3-yaml hdf5-tools
  python3-jupyter-client python3-jsonschema jupyter-console jupyter-nbconvert python3-nbclient
  chromium python3-jupyterlab-server libjs-mathjax)

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# need_packages NAME...: installs what is missing, without a question.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  command -v apt-get >/dev/null || die "these Debian packages are missing and there is no apt-get: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install sudo: these packages are missing: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq || die "apt-get update failed: is there a network?"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# build PRESET [CMAKE OPTION...] [-- TARGET...]
build() {
  local preset=$1 options=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  cmake --preset "$preset" "${options[@]}" >"$root/build/$preset-configure.log" 2>&1 ||
    { cat "$root/build/$preset-configure.log" >&2; die "cmake failed"; }
  cmake --build "build/$preset" ${1:+--target "$@"}
}

# buildah_settings FOLDER: makes buildah work in a container too, where root may set up no namespaces and mount no overlay; FOLDER is
# on the disk of its images. What the user chose stays.
buildah_settings() {
  export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
  [ -z "${STORAGE_DRIVER:-}" ] && [ "$(id -u)" -eq 0 ] || return 0
  mkdir -p "$1"
  local probe
  probe=$(mktemp -d "$1/probe.XXXXXX")
  mkdir "$probe/lower" "$probe/upper" "$probe/work" "$probe/merged"
  export STORAGE_DRIVER=overlay
  unshare --mount mount -t overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" overlay "$probe/merged" \
    2>/dev/null || STORAGE_DRIVER=vfs
  rm -rf "$probe"
}
mkdir -p "$root/build"
