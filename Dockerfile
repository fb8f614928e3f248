# syntax=docker/dockerfile:1
# docker build --target cpu -t ecgdigit .      # the command and its models, without torch
# docker build --target gpu -t ecgdigit:gpu .  # the same with NVIDIA TensorRT
# For a release, pin both base images by digest, as in --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
# The TensorRT version must be in the range of the extra `gpu`. A step of the target `gpu` checks it.
ARG TENSORRT_IMAGE=nvcr.io/nvidia/tensorrt:26.10-py3

# tests/project/test_container.py runs the steps of this stage in a folder. They must not use apt or add users.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements requirements
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/ecgdigit \
    && python -m pip --python /opt/ecgdigit/bin/python install -q \
        --require-hashes --only-binary :all: -r requirements/runtime.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/build \
    && /opt/build/bin/python -m pip install -q --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ecgdigit_rt ecgdigit_rt
COPY engine engine
COPY export export
COPY kernels kernels
RUN /opt/build/bin/python -m hatchling build -t wheel -d /opt/build/dist \
    && python -m pip --python /opt/ecgdigit/bin/python install -q --no-deps --no-index /opt/build/dist/*.whl
# The kernels are compiled for the processor of the build machine. On a processor of another type, the first
# page compiles them again.
ENV NUMBA_CACHE_DIR=/var/cache/ecgdigit/kernels
RUN /opt/ecgdigit/bin/python -m ecgdigit_rt.warmup

FROM ${PYTHON_IMAGE} AS cpu
COPY --from=build /opt/ecgdigit /opt/ecgdigit
COPY --from=build --chown=10001:10001 /var/cache/ecgdigit /var/cache/ecgdigit
ENV PATH=/opt/ecgdigit/bin:$PATH \
    HOME=/var/cache/ecgdigit \
    NUMBA_CACHE_DIR=/var/cache/ecgdigit/kernels \
    PYTHONDONTWRITEBYTECODE=1
# Apart from --out, only this folder is written, so the root file system may be read-only. If a volume hides
# the compiled kernels, they are compiled again, which takes about ten seconds.
VOLUME /var/cache/ecgdigit
USER 10001:10001
WORKDIR /data
# The image runs a command that exits, not a service.
HEALTHCHECK NONE
ENTRYPOINT ["ecgdigit-rt"]
CMD ["--help"]

FROM ${TENSORRT_IMAGE} AS gpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements /src/requirements
# The virtual environment can access the TensorRT package of the image. PyCUDA is compiled for the CUDA version
# of the image.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --system-site-packages /opt/ecgdigit \
    && /opt/ecgdigit/bin/python -m pip install -q --ignore-installed --require-hashes \
        -r /src/requirements/runtime.txt -r /src/requirements/gpu.txt
COPY --from=build /opt/build/dist /opt/build/dist
RUN /opt/ecgdigit/bin/python -m pip install -q --no-deps --no-index /opt/build/dist/*.whl \
    && /opt/ecgdigit/bin/python -m pip install -q --no-index --dry-run "ecgdigit-rt[gpu]"
ENV PATH=/opt/ecgdigit/bin:$PATH \
    HOME=/var/cache/ecgdigit \
    NUMBA_CACHE_DIR=/var/cache/ecgdigit/kernels \
    ECGDIGIT_ENGINES=/var/cache/ecgdigit/engines \
    PYTHONDONTWRITEBYTECODE=1
RUN /opt/ecgdigit/bin/python -m ecgdigit_rt.warmup && chown -R 10001:10001 /var/cache/ecgdigit
# Engines are specific to a GPU. On the target machine, `build-engines` writes them to this volume.
VOLUME /var/cache/ecgdigit
USER 10001:10001
WORKDIR /data
HEALTHCHECK NONE
ENTRYPOINT ["ecgdigit-rt"]
CMD ["--help"]
