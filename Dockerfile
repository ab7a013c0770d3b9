# The service as an image: Node, the sources, and what they import; no compiler, no package manager, not run by root.
#
#   docker build -t caudal .
#   docker run --rm caudal run /topologies/hourly-purchases.ts --kafka-brokers broker:9092
#
# Topologies are mounted at /topologies, or copied there by an image built FROM this one (docs/deploying.md).
# Written for the classic builder too: no RUN --mount, no heredocs.
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
# Only for a mirror of the registry: --build-arg NPM_CONFIG_REGISTRY=https://…
ARG NPM_CONFIG_REGISTRY
WORKDIR /caudal
# Apart from the sources, so that a change of those installs nothing anew. Native parts are prebuilt packages: no install script is needed.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf ~/.npm
COPY service service
COPY config/default.json config/default.json
COPY topologies /topologies
# What a topology may import, wherever it lies: 'caudal', or the sources beside it as those of the repository do.
RUN mkdir /node_modules \
 && ln -s /caudal /node_modules/caudal \
 && ln -s /caudal/service /service \
 && echo '{ "type": "module" }' > /package.json
# Compiled code is kept with the image: a start finds it there, on a read-only file system too. It is kept by user, so as the one that runs.
ENV NODE_COMPILE_CACHE=/caudal/.compile-cache
RUN mkdir $NODE_COMPILE_CACHE && chown node:node $NODE_COMPILE_CACHE
USER node
RUN node service/main.ts dev /topologies/hourly-purchases.ts --sandbox-kind memory --seconds 3 > /dev/null \
 && node --input-type=module -e "for (const file of ['start-supervisor', 'worker-main', 'cli/feed-command']) await import('/caudal/service/' + file + '.ts')"

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="caudal" \
      org.opencontainers.image.description="Exactly-once stream processing for Kafka, in TypeScript, as a service beside your brokers." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The package managers of the base image have no business in a running service.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
           /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
COPY --from=build /package.json /package.json
COPY --from=build /node_modules /node_modules
COPY --from=build /service /service
COPY --from=build /caudal /caudal
COPY --from=build /topologies /topologies
COPY LICENSE /caudal/LICENSE
# From outside of the container its loopback interface cannot be reached.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/caudal/.compile-cache \
    CAUDAL_HTTP_HOST=0.0.0.0
# config/default.json is looked for here.
WORKDIR /caudal
USER node
EXPOSE 8080
# Ready: in the group, and every task restored and running. For an orchestrator that restarts what fails, ask /health/live instead.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CAUDAL_HTTP_PORT || 8080}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is the first process: it takes SIGTERM, finishes or aborts the batch, leaves the group, and exits with 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/caudal/service/main.ts"]
CMD ["--help"]
