# versectl with its weights: docker build -t verse-seg .
# Any base with Python 3.10 to 3.13 will do, or a plain Debian: --build-arg BASE_IMAGE=debian:12
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="versectl" \
      org.opencontainers.image.description="Finds, names and segments every vertebra in a CT" \
      org.opencontainers.image.licenses="Apache-2.0"

# Debian's Python comes without venv, a plain Debian without Python.
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { export DEBIAN_FRONTEND=noninteractive && apt-get update \
   && apt-get install -y --no-install-recommends ca-certificates python3-venv \
   && rm -rf /var/lib/apt/lists/*; }

# What changes seldom comes first, so that a rebuild takes seconds.
WORKDIR /opt/versectl
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY weights ./weights
COPY evaluation ./evaluation
COPY versectl ./versectl
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps . && rm -rf build *.egg-info
COPY --chmod=0755 entrypoint.sh /entrypoint.sh

# Works as any user: nothing is written but OUT and /tmp.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001

ENTRYPOINT ["/entrypoint.sh"]
CMD ["--help"]
