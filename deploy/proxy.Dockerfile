# Caddy as an ordinary user, on ports above 1023. Built from the repository's root: docker build --file deploy/proxy.Dockerfile .
FROM caddy:2.11-alpine
# The right to low ports is not needed, and with it the program would not start in a container that has no capabilities.
RUN setcap -r /usr/bin/caddy && chown -R 10001:10001 /config /data
COPY deploy/Caddyfile /etc/caddy/Caddyfile
USER 10001:10001
EXPOSE 8080 8443
