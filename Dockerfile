# The official image with the extension in it.
#
#     docker build --build-arg PG=17 -t postgres-ae:17 .
#
# The stage `image-volume` is for CloudNativePG: an image that is mounted beside a server, whose
# directories lib and share it is told to look into (docker build --target image-volume).

ARG PG=17

FROM postgres:${PG}-bookworm AS build
ARG PG
RUN apt-get update \
	&& apt-get install -y --no-install-recommends gcc make libc6-dev libopenblas-dev pkg-config postgresql-server-dev-${PG}
COPY . /src
RUN make -C /src clean \
	&& make -C /src -j"$(nproc)" PG_CONFIG=/usr/lib/postgresql/${PG}/bin/pg_config \
	&& make -C /src install DESTDIR=/out PG_CONFIG=/usr/lib/postgresql/${PG}/bin/pg_config \
	&& mkdir -p /volume/share /volume/system \
	&& cp -r /out/usr/lib/postgresql/${PG}/lib /volume/lib \
	&& cp -r /out/usr/share/postgresql/${PG}/extension /volume/share/extension \
	&& cp -L "$(ldconfig -p | sed -n 's/.*libopenblas\.so\.0 .* => //p' | head -n 1)" /volume/system/libopenblas.so.0 \
	&& ldd /volume/system/libopenblas.so.0 | sed -n 's/.*=> \(.*libgfortran.*\|.*libquadmath.*\) (.*/\1/p' \
		| xargs -r cp -L -t /volume/system

FROM scratch AS image-volume
COPY --from=build /volume /

FROM postgres:${PG}-bookworm
RUN apt-get update \
	&& apt-get install -y --no-install-recommends libopenblas0-pthread \
	&& rm -rf /var/lib/apt/lists/*
COPY --from=build /out /
