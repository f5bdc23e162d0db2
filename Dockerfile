# versectl with its weights: docker build -t verse-seg .
# Any base with Python 3.10 to 3.13 and its venv module will do: --build-arg BASE=...
ARG BASE=python:3.12-slim
FROM ${BASE}

LABEL org.opencontainers.image.title="versectl" \
      org.opencontainers.image.description="Finds, names and segments every vertebra in a CT" \
      org.opencontainers.image.licenses="Apache-2.0"

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
