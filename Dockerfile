# syntax=docker/dockerfile:1
# docker build --target cpu -t ecgdigit .      one command, no torch, models inside
# docker build --target gpu -t ecgdigit:gpu .  with NVIDIA's TensorRT
# A release names both base images by their digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
# TensorRT in the range of the extra `gpu`; the last step of that target refuses any other.
ARG TENSORRT_IMAGE=nvcr.io/nvidia/tensorrt:26.10-py3

# tests/project/test_container.py runs this stage's steps in a folder of its own: keep them free of apt and users.
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
# Kernels compiled for the builder's processor; on another kind the first page compiles its own.
ENV NUMBA_CACHE_DIR=/var/cache/ecgdigit/kernels
RUN /opt/ecgdigit/bin/python -m ecgdigit_rt.warmup

FROM ${PYTHON_IMAGE} AS cpu
COPY --from=build /opt/ecgdigit /opt/ecgdigit
COPY --from=build --chown=10001:10001 /var/cache/ecgdigit /var/cache/ecgdigit
ENV PATH=/opt/ecgdigit/bin:$PATH \
    HOME=/var/cache/ecgdigit \
    NUMBA_CACHE_DIR=/var/cache/ecgdigit/kernels \
    PYTHONDONTWRITEBYTECODE=1
# The only place that is written beside --out, so the root file system may be read-only. A volume that
# hides the kernels, or none, costs some ten seconds of compiling, nothing else.
VOLUME /var/cache/ecgdigit
USER 10001:10001
WORKDIR /data
# One command with an exit code, no service that could be unwell.
HEALTHCHECK NONE
ENTRYPOINT ["ecgdigit-rt"]
CMD ["--help"]

FROM ${TENSORRT_IMAGE} AS gpu
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements /src/requirements
# The image's own TensorRT stays visible; PyCUDA is compiled against its CUDA.
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
# Engines are specific to a GPU: `build-engines` builds them on the target machine and stores them in this volume.
VOLUME /var/cache/ecgdigit
USER 10001:10001
WORKDIR /data
HEALTHCHECK NONE
ENTRYPOINT ["ecgdigit-rt"]
CMD ["--help"]
