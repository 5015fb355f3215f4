# Build stage: the locked dependencies and our wheel, in a virtual environment of their own.
FROM python:3.12-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.lock requirements-dev.lock ./
RUN /opt/venv/bin/pip install --require-hashes -r requirements.lock
# The wheel is built with the setuptools of the lock, in an environment that stays behind.
RUN python -m venv /opt/builder \
    && sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && /opt/builder/bin/pip install --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/venv/bin/pip install --no-deps dist/*.whl

# What runs: no compiler, no pip cache, no secret, and a user who owns nothing but /data.
FROM python:3.12-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SYNC_CONFIG=/etc/procore-4hse/sync.toml
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin sync \
    && install --directory --owner=sync --group=sync --mode=0700 /data
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
WORKDIR /data
# Waiting items are a person's business, not a reason to restart: no --fail-over here.
HEALTHCHECK --interval=5m --timeout=30s --start-period=2m CMD ["procore-4hse", "-q", "status"]
ENTRYPOINT ["procore-4hse"]
CMD ["run"]
