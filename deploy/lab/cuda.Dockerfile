# The lab for GPUs: a lab image with the torch engine of the CUDA trainer's image (deploy/cuda.Dockerfile, scripts/image --cuda).
# NOT TESTED by us, as that one: our machines reach no download.pytorch.org.
#
#   tutti lab build --cuda tutti:0.1.0-cuda
ARG LAB_IMAGE=tutti-lab
ARG CUDA_IMAGE=tutti:0.1.0-cuda
FROM ${CUDA_IMAGE} AS cuda

FROM ${LAB_IMAGE}
USER root
# Where the plug-in's RPATH looks for it. Some gigabytes, and so before what changes.
COPY --from=cuda /opt/libtorch/lib/ /opt/libtorch/lib/
COPY --from=cuda /usr/local/lib/tutti/libtutti_torch.so /usr/lib/tutti/libtutti_torch.so
# No GPU is needed to load it: libcuda is opened when it is first used.
RUN tutti engines | grep -Eq "^torch +[0-9]"
USER 65532:65532
