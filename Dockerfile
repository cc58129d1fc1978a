FROM debian:12 AS build
WORKDIR /src
COPY packaging/setup.sh packaging/setup.sh
RUN packaging/setup.sh
COPY . .
RUN packaging/build.sh release -DWZRUN_TESTS=OFF

FROM debian:12-slim
COPY --from=build /src/build/release/bin/wzrun /usr/local/bin/wzrun
ENTRYPOINT ["wzrun"]
