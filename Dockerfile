ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# The tools stay in this stage; only /opt/autodialer leaves it.
FROM ${PYTHON_IMAGE} AS build
# Another package index, where one is needed: docker compose build --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
ENV UV_COMPILE_BYTECODE=1
WORKDIR /build
COPY requirements/uv.txt requirements/run.txt requirements/
COPY deploy/install.sh deploy/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/python -m pip install -qq --no-cache-dir --require-hashes -r requirements/uv.txt \
    && python -m venv --without-pip /opt/autodialer \
    && UV=/opt/tools/bin/uv PYTHON=/opt/tools/bin/python sh deploy/install.sh /opt/autodialer requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/tools/bin/python -m hatchling build --target wheel --directory /tmp/wheel \
    && /opt/tools/bin/uv pip install --quiet --offline --no-cache --no-deps --python /opt/autodialer/bin/python /tmp/wheel/*.whl

FROM ${PYTHON_IMAGE}
RUN python -m pip uninstall --quiet --yes --root-user-action ignore setuptools wheel pip \
    && groupadd --gid 10001 autodialer \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin autodialer \
    && install --directory --owner 10001 --group 10001 --mode 0750 /data
COPY --from=build /opt/autodialer /opt/autodialer
ENV PATH=/opt/autodialer/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PORT=8080 \
    DB_PATH=/data/call_logs.db \
    LOG_DIR=/data/logs
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/health/live', timeout=4)"]
ENTRYPOINT ["autodialer"]
CMD ["serve"]
