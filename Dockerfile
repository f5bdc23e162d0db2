# versectl with its weights:           docker build -t verse-seg .
# without CUDA:                        docker build -t verse-seg --build-arg ENGINE=tensorflow-cpu .
# the smallest, for CPUs:              docker build -t verse-seg --build-arg ENGINE=openvino .
# for grand-challenge.org:             docker build -t verse-seg-gc --target grand-challenge .
# Any base with Python 3.10 to 3.13 will do, or a plain Debian: --build-arg BASE_IMAGE=debian:12
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE} AS python

# Debian's Python comes without venv, a plain Debian without Python.
RUN python3 -c 'import ensurepip' 2>/dev/null \
 || { export DEBIAN_FRONTEND=noninteractive && apt-get update \
   && apt-get install -y --no-install-recommends ca-certificates python3-venv \
   && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; }

# What changes seldom comes first, so that a rebuild takes seconds. CUDA comes from TensorFlow's own
# packages: the host needs nothing but the driver. Of ipyniivue one script is needed, not Jupyter.
FROM python AS libraries
ARG ENGINE=tensorflow
RUN command -v strip \
 || { export DEBIAN_FRONTEND=noninteractive && apt-get update \
   && apt-get install -y --no-install-recommends binutils; }
COPY requirements.txt ./
RUN case "$ENGINE" in \
      tensorflow) keep='s/^tensorflow==/tensorflow[and-cuda]==/; /^openvino==/d' ;; \
      tensorflow-cpu) keep='s/^tensorflow==/tensorflow-cpu==/; /^openvino==/d' ;; \
      openvino) keep='/^tensorflow==/d' ;; \
      *) echo "ENGINE is tensorflow, tensorflow-cpu or openvino, not $ENGINE" >&2; exit 1 ;; \
    esac \
 && python3 -m venv /opt/venv \
 && sed "$keep; /^ipyniivue==/d" requirements.txt > /tmp/requirements.txt \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --requirement /tmp/requirements.txt \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --no-deps \
      "$(grep '^ipyniivue==' requirements.txt)"

# What versectl never uses is left out: the libraries' own tests, C sources, debugging symbols where
# strip does no harm (it breaks numpy), and OpenVINO for Intel's GPUs and NPUs and for other programs'
# networks. pip goes aside. Bytecode is not compared with the time of its source: builders that round
# it would have half of it compiled anew at every start.
RUN cd /opt/venv/lib/python3*/site-packages \
 && find . -depth -type d -name tests ! -path './keras/*' ! -path './tensorflow/*' -exec rm -r {} + \
 && find . -regex '.*\.\(c\|h\|hpp\|pyx\|pxd\)' -delete \
 && rm -rf openvino/include openvino/libs/cache.json \
 && find . -path './openvino/*' -name 'libopenvino_intel_[gn]pu_*' -delete \
 && find . -path './openvino/*' -name 'libopenvino_*_frontend.so*' ! -name '*_ir_*' -delete \
 && strip --strip-unneeded _CharLS.*.so _openjpeg.*.so kiwisolver/*.so fontTools/*/*.so \
 && rm -rf pydicom/data/test_files pydicom/data/charset_files \
 && mkdir /opt/pip && mv pip setuptools /opt/pip \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM libraries AS program
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY weights ./weights
COPY evaluation ./evaluation
COPY versectl ./versectl
RUN PYTHONPATH=/opt/pip /opt/venv/bin/python3 -m pip install --no-cache-dir --no-compile --no-deps \
      --prefix /opt/program . \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/program

FROM python AS versectl
COPY --from=libraries /opt/venv /opt/venv
COPY --from=program /opt/program /opt/venv
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
      org.opencontainers.image.licenses="Apache-2.0 AND CC-BY-SA-4.0" \
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
