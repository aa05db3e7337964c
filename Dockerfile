# Doorstep in a container. `docker build -t doorstep .`, then see compose.yaml; or all in one, PostgreSQL included:
#   docker run -p 8080:8080 -v doorstep:/data doorstep up
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# A name, not only a number: PostgreSQL's initdb wants to find its user in the system's list.
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin doorstep \
    && install -d -m 0700 -o doorstep -g doorstep /data /backups

WORKDIR /app
# Every byte is named by its hash. The layer stays as long as the lock does. With --only-binary nothing is built here.
COPY requirements.lock .
RUN pip install --require-hashes --only-binary :all: -r requirements.lock

COPY LICENSE .
COPY src src
# What an editable install does, without a build: the sources as they are, and the command.
RUN echo /app/src > "$(python -c 'import site; print(site.getsitepackages()[0])')/doorstep.pth" \
    && printf '#!/bin/sh\nexec python -m doorstep "$@"\n' > /usr/local/bin/doorstep \
    && chmod 0755 /usr/local/bin/doorstep \
    && python -m compileall -q src \
    && doorstep --version

ENV DOORSTEP_DATA=/data DOORSTEP_HOST=0.0.0.0
VOLUME ["/data", "/backups"]
EXPOSE 8080
USER doorstep
ENTRYPOINT ["doorstep"]
CMD ["serve"]
