#!/bin/sh
# Installs the Debian packages that are missing for what is asked, and only those:
#
#     tests/setup.sh build          compiler, server, its headers, OpenBLAS
#     tests/setup.sh build test     and what the tests need besides
#     tests/setup.sh build bench    and what the benchmark needs besides
#     tests/setup.sh build deb      and what makes Debian packages
#
# Looks for the things themselves first, so a server or library built from source is respected
# (PG_CONFIG).  Needs root or sudo only if something is missing; where there is no apt it says what.
# Changes nothing else: no cluster is created or started, no service touched.

set -eu

log=$(mktemp "${TMPDIR:-/tmp}/ae-setup.XXXXXX")
trap 'rm -f "$log"' EXIT
: "${PG_CONFIG:=pg_config}"
missing='' # packages without which nothing works
wanted=''  # packages without which a test is skipped
made_dir=''

have()
{
	command -v "$1" >/dev/null 2>&1
}

# Does a C file with this text compile and, with these flags, link?
compiles()
{
	text=$1
	shift
	printf '%s\nint main(void) { return 0; }\n' "$text" >"$log.c"
	if cc -o "$log.out" "$log.c" "$@" >/dev/null 2>&1; then result=0; else result=1; fi
	rm -f "$log.c" "$log.out"
	return $result
}

have_server()
{
	# the header too: Debian's client package brings pgxs.mk without it
	have "$PG_CONFIG" && [ -f "$("$PG_CONFIG" --pgxs)" ] &&
		[ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] &&
		[ -x "$("$PG_CONFIG" --bindir)/postgres" ] && [ -x "$("$PG_CONFIG" --bindir)/initdb" ]
}

# The major version whose packages to take: of a server that is there, or Debian's own.
server_major()
{
	major=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null |
		sed 's,.*/\([0-9]*\)/bin/postgres,\1,' | sort -n | tail -n 1)
	if [ -z "$major" ]; then
		have apt-cache && major=$(apt-cache depends postgresql 2>/dev/null |
			sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
	fi
	echo "${major:-15}"
}

look()
{
	missing='' wanted=''
	openblas_flags="$(pkg-config --cflags openblas 2>/dev/null || true)"
	for what in "$@"; do
		case $what in
			build)
				have perl || missing="$missing perl"
				have gcc && have cc && compiles '#include <stdio.h>' || missing="$missing gcc libc6-dev"
				# shellcheck disable=SC2086
				compiles '#include <cblas.h>' $openblas_flags -lopenblas || missing="$missing libopenblas-dev"
				have_server ||
					missing="$missing postgresql-$(server_major) postgresql-server-dev-$(server_major)"
				;;
			test)
				have prove || missing="$missing perl"
				compiles '#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>' -lcmocka || missing="$missing libcmocka-dev"
				have clang-format || wanted="$wanted clang-format"
				{ have clang && ls "$(clang -print-runtime-dir)"/libclang_rt.fuzzer*.a; } >/dev/null 2>&1 ||
					ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1 ||
					wanted="$wanted clang libclang-rt-dev"
				;;
			bench)
				have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null ||
					missing="$missing python3 python3-venv"
				;;
			deb)
				have dh && have dpkg-buildpackage || missing="$missing debhelper dpkg-dev"
				have pg_buildext || missing="$missing postgresql-server-dev-all"
				have lintian || wanted="$wanted lintian"
				;;
			*)
				echo "tests/setup.sh: unknown purpose '$what'" >&2
				exit 2
				;;
		esac
	done
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		env "$@"
	elif have sudo; then
		sudo env "$@"
	else
		echo "Missing packages and neither root nor sudo to install them:$missing$wanted" >&2
		exit 1
	fi
}

# A dot every two seconds says that it works.
apt()
{
	while sleep 2; do printf .; done &
	ticker=$!
	done_with=0
	as_root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -qq -o Dpkg::Use-Pty=0 \
		-o APT::Install-Recommends=false -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1 || done_with=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	echo
	return $done_with
}

# The package postgresql-NN creates and starts a cluster on port 5432; ours is a throw-away one.
no_main_cluster()
{
	dir=/etc/postgresql-common/createcluster.d
	case $1 in
		set)
			[ -d "$dir" ] || made_dir=1
			as_root mkdir -p "$dir"
			as_root sh -c "echo 'create_main_cluster = false' >$dir/ae-setup.conf"
			;;
		unset)
			as_root rm -f "$dir/ae-setup.conf"
			if [ -n "$made_dir" ]; then
				as_root rmdir --ignore-fail-on-non-empty "$dir" /etc/postgresql-common 2>/dev/null || true
			fi
			;;
	esac
}

look "$@"
[ -n "$missing$wanted" ] || exit 0

if ! have apt-get; then
	[ -z "$missing" ] || echo "Please install what these Debian packages hold:$missing" >&2
	[ -z "$wanted" ] || echo "Some tests will be skipped without:$wanted" >&2
	[ -z "$missing" ]
	exit
fi

# Package lists may be absent altogether on a fresh machine: then look again with them.
for package in $missing $wanted; do
	if ! apt-cache show "$package" >/dev/null 2>&1; then
		echo "Reading package lists ..."
		apt update || true
		look "$@"
		break
	fi
done

known=''
for package in $wanted; do
	if apt-cache show "$package" >/dev/null 2>&1; then
		known="$known $package"
	else
		echo "No package $package here: the tests that need it will be skipped."
	fi
done
[ -n "$missing$known" ] || exit 0

echo "Installing Debian packages:$missing$known (a minute or two)"
case $missing in
	*postgresql-*) no_main_cluster set ;;
esac
# shellcheck disable=SC2086
if apt install $missing $known || { apt update && apt install $missing $known; }; then
	result=0
else
	result=1
	cat "$log" >&2
fi
case $missing in
	*postgresql-*) no_main_cluster unset ;;
esac

look "$@"
if [ $result -ne 0 ] || [ -n "$missing" ]; then
	echo "Installation failed; still missing:$missing" >&2
	exit 1
fi
