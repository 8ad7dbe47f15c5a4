# The trainer's image with CUDA: the torch engine is compiled against a CUDA LibTorch, which Debian does not have.
# NOT TESTED by us: our test machines reach no download.pytorch.org and have no GPU. What to look at first when it fails: the
# names of the libraries in $LIBTORCH/lib, and changes of ATen since the LibTorch 1.13 that the torch engine is tested with.
#
#   scripts/image --cuda
#   docker build -f deploy/cuda.Dockerfile -t tutti:cuda .
#
# The node brings the driver (525 or newer for CUDA 12.1) and NVIDIA's container runtime; LibTorch brings the rest of CUDA.
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
# Built with the C++11 ABI, as g++ 12's programs are; the "pre-cxx11" archives cannot be linked.
ARG LIBTORCH_URL=https://download.pytorch.org/libtorch/cu121/libtorch-cxx11-abi-shared-with-deps-2.1.2%2Bcu121.zip
# sha256 of the archive. PyTorch publishes none for LibTorch: the build prints the one it got, to be pinned with --build-arg.
ARG LIBTORCH_SHA256=""
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -qq; \
    apt-get install -y -qq --no-install-recommends ca-certificates curl unzip; \
    curl --fail --silent --show-error --location --retry 3 --output /libtorch.zip "$LIBTORCH_URL"; \
    got=$(sha256sum /libtorch.zip | cut -d' ' -f1); \
    echo "LIBTORCH_SHA256=$got"; \
    if [ -n "$LIBTORCH_SHA256" ] && [ "$LIBTORCH_SHA256" != "$got" ]; then \
      echo "error: $LIBTORCH_URL is not the file it was. Expected $LIBTORCH_SHA256. Got $got." >&2; exit 1; \
    fi; \
    unzip -q /libtorch.zip -d /opt; \
    rm -rf /libtorch.zip /opt/libtorch/lib/*.a /opt/libtorch/include/fmt
# (include/fmt: newer archives bring an fmt that is not the one we link.)
COPY . /src
# Without find_package(Torch): its CUDA variant insists on a whole CUDA toolkit, and no CUDA is compiled here.
RUN set -eu; \
    torch=/opt/libtorch; \
    /src/scripts/build -DTUTTI_TESTS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON \
      "-DTUTTI_TORCH_INCLUDE=$torch/include;$torch/include/torch/csrc/api/include" \
      "-DTUTTI_TORCH_CPU=$torch/lib/libtorch.so;$torch/lib/libtorch_cpu.so;$torch/lib/libtorch_cuda.so;$torch/lib/libc10_cuda.so" \
      "-DTUTTI_TORCH_C10=$torch/lib/libc10.so"; \
    cmake --install /src/build/release --strip --prefix /install; \
    rm -rf /install/include /install/share /install/lib/cmake; \
    test -e /install/lib/tutti/libtutti_torch.so

FROM ${BASE_IMAGE} AS trainer
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -qq; \
    apt-get install -y -qq --no-install-recommends ca-certificates libbenchmark1debian libcurl4 libfmt9 libhdf5-103-1 libhwy1 libjpeg62-turbo \
      libpng16-16 libssl3 libstdc++6 libyaml-cpp0.7 libzip4 zlib1g libdnnl2; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/apt /var/log/*.log
# Where the plug-in's RPATH looks for it. Before our own files: it is some gigabytes and seldom changes.
COPY --from=build /opt/libtorch/lib/ /opt/libtorch/lib/
COPY --from=build /install/ /usr/local/
# No GPU is needed to load it: libcuda is opened when it is first used.
RUN tutti --version; tutti engines; \
    for engine in native onednn torch; do tutti engines | grep -Eq "^$engine +[0-9]" || exit 1; done

# As in deploy/Dockerfile. No NVIDIA_VISIBLE_DEVICES: a Pod that asks for no GPU should see none.
USER 65532:65532
ENV HOME=/tmp
WORKDIR /tmp
ENTRYPOINT ["tutti"]
ARG VERSION=""
LABEL org.opencontainers.image.title="tutti" \
      org.opencontainers.image.description="One model, many deep-learning engines, one ensemble: the trainer, with CUDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
