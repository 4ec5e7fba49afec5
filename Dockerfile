# syntax=docker/dockerfile:1
# One image for every process of the service; `--target gpu` adds CuPy for workers on GPU nodes.

FROM python:3.11-slim-bookworm AS base
# One BLAS thread: bits depend on the number of threads, and scale is by processes.
# Python allocates under its lock, and Arrow's own pools keep what a table took.
ENV OPENBLAS_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=1 \
    ARROW_DEFAULT_MEMORY_POOL=system \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/slope/.venv/bin:$PATH
WORKDIR /opt/slope

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv .venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    .venv/bin/pip install --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md ./
COPY service service
COPY workers workers
COPY migrations migrations
RUN .venv/bin/pip install --no-index --no-deps --no-build-isolation . \
    && .venv/bin/python -m compileall -q .venv \
    # For every level of processors that a container may find itself on: nobody waits for a compiler.
    && .venv/bin/python -m workers.engine.kernels.native.warm --all

FROM build AS build-gpu
COPY requirements-gpu.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    .venv/bin/pip install --require-hashes --requirement requirements-gpu.txt \
    && install -d -m 0700 /var/cache/cupy

FROM base AS runtime
RUN groupadd --gid 10001 slope \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/slope slope \
    && install -d -o slope -g slope -m 0700 /var/lib/slope
COPY --from=build /opt/slope/.venv .venv
ENV SLOPE_STATE_DIR=/var/lib/slope \
    SLOPE_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["python", "-m", "service.app"]

FROM runtime AS gpu
COPY --from=build-gpu /opt/slope/.venv .venv
COPY --from=build-gpu --chown=10001:10001 /var/cache/cupy /var/cache/cupy
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    CUPY_CACHE_DIR=/var/cache/cupy

# The default target: what `docker build .` makes.
FROM runtime
