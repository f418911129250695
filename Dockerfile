# The images of operator and web service: one static program each, the authorities that it trusts, and for the web service
# the front end. `make image` builds both; the context is the folder that tests/image-files lays out.
#
#   --target operator    chakravue-operator
#   --target api         chakravue-api

FROM scratch AS operator
COPY operator/ /
# Nobody's user, by number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Probes, metrics.
EXPOSE 8080 9090
ENTRYPOINT ["/chakravue-operator"]
CMD ["run"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="chakravue-operator" \
      org.opencontainers.image.description="Turns every HospitalOrganization into its own MongoDB database and keeps it so" \
      org.opencontainers.image.source="https://github.com/chakravue/chakravue" \
      org.opencontainers.image.documentation="https://github.com/chakravue/chakravue/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The ChakraVue maintainers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

FROM scratch AS api
COPY api/ /
ENV CHAKRAVUE_API__FRONTEND=/srv/frontend
USER 65532:65532
# The service, metrics.
EXPOSE 8008 9008
ENTRYPOINT ["/chakravue-api"]
CMD ["serve"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="chakravue-api" \
      org.opencontainers.image.description="The web service of ChakraVue, with its front end" \
      org.opencontainers.image.source="https://github.com/chakravue/chakravue" \
      org.opencontainers.image.documentation="https://github.com/chakravue/chakravue/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The ChakraVue maintainers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
