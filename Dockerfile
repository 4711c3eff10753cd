# lexome in a container: docker build -t lexome .    (docs/install.md says how to run it)
#
# pip's own settings apply: --build-arg PIP_INDEX_URL=... for a mirror, --build-arg PIP_EXTRA_INDEX_URL=... for an index
# with CPU builds of torch, which save gigabytes on machines without a GPU.

FROM python:3.11-slim AS build
# a compiler and zlib's headers: minimap2 is built from source
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/lexome
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
# the pins hold for the tools that build packages too (the two names: older and newer pip)
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
    /opt/lexome/bin/pip install -c constraints.txt .

FROM python:3.11-slim
COPY --from=build /opt/lexome /opt/lexome
# Compiled kernels and exported networks are kept here; any user id may write, since containers are run with many.
RUN useradd --create-home --uid 1000 lexome \
 && mkdir --mode=1777 /var/cache/lexome /var/cache/lexome/numba
ENV PATH=/opt/lexome/bin:$PATH \
    LEXOME_CACHE=/var/cache/lexome \
    NUMBA_CACHE_DIR=/var/cache/lexome/numba \
    OMP_WAIT_POLICY=PASSIVE
USER lexome
WORKDIR /data
ENTRYPOINT ["lexome"]
CMD ["--help"]
