# versectl with its weights:           docker build -t verse-seg .
# smaller, without CUDA:               docker build -t verse-seg --build-arg TENSORFLOW=tensorflow-cpu .
# for grand-challenge.org:             docker build -t verse-seg-gc --target grand-challenge .
# Any base with Python 3.10 to 3.13 will do, or a plain Debian: --build-arg BASE_IMAGE=debian:12
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS versectl

# Debian's Python comes without venv, a plain Debian without Python.
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { export DEBIAN_FRONTEND=noninteractive && apt-get update \
   && apt-get install -y --no-install-recommends ca-certificates python3-venv \
   && rm -rf /var/lib/apt/lists/*; }

# What changes seldom comes first, so that a rebuild takes seconds. CUDA comes from TensorFlow's own
# packages: the host needs nothing but the driver.
ARG TENSORFLOW=tensorflow[and-cuda]
WORKDIR /opt/versectl
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
 && sed "s/^tensorflow==/${TENSORFLOW}==/" requirements.txt > /tmp/requirements.txt \
 && /opt/venv/bin/pip install --no-cache-dir --requirement /tmp/requirements.txt \
 && rm /tmp/requirements.txt
COPY weights ./weights
COPY pyproject.toml README.md LICENSE ./
COPY evaluation ./evaluation
COPY versectl ./versectl
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps . && rm -rf build *.egg-info
COPY --chmod=0755 entrypoint.sh /entrypoint.sh

# Works as any user, on a read-only root: nothing is written but OUT and /tmp. Started as root, the
# entrypoint gives up its rights in favour of whoever owns OUT.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    XDG_CACHE_HOME=/tmp/cache \
    MPLCONFIGDIR=/tmp/cache/matplotlib \
    KERAS_HOME=/tmp/cache/keras \
    CUDA_CACHE_PATH=/tmp/cache/cuda \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="versectl" \
      org.opencontainers.image.description="Finds, names and segments every vertebra in a CT" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

ENTRYPOINT ["/entrypoint.sh"]

FROM versectl AS grand-challenge
USER 10001:10001
LABEL org.grand-challenge.api-method="invoke"
EXPOSE 4743
CMD ["serve-challenge"]

FROM versectl
CMD ["--help"]
