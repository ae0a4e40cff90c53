# The service with its pack inside, for CPUs: studio, HTTP API, commands. See docs/docker.md.
#
#   docker build -t cuecast .
#   docker run --rm -v cuecast:/data cuecast keys create me --data /data    # prints an API key, once
#   docker run --init -p 127.0.0.1:8000:8000 -v cuecast:/data cuecast

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=service,postgres,mcp,tiff-codecs,heic,imagej
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv /opt/cuecast \
 && /opt/cuecast/bin/pip install --no-cache-dir "$(echo /wheels/cuecast-*.whl)[${EXTRAS}]"

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 cuecast \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin cuecast \
 && install --directory --owner=cuecast --group=cuecast /data
COPY --from=build /opt/cuecast /opt/cuecast
ENV PATH=/opt/cuecast/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    HOME=/home/cuecast
USER 10001:10001
WORKDIR /home/cuecast
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=8)"]
ENTRYPOINT ["cuecast"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--data", "/data"]
