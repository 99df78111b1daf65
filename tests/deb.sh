#!/bin/sh
# The Debian packages: builds them, and tries them where nothing is installed.
#
#     tests/deb.sh build        packages for the server versions of this system into tmp_check/deb
#     tests/deb.sh try [SUITE]  installs them into a fresh chroot of SUITE (default: of this system's
#                               suite) and trains a model there; needs root, debootstrap, some minutes
#
# `make deb` is the first one, with what it needs installed before (tests/setup.sh build deb).

set -eu

cd "$(dirname "$0")/.."
tree=$PWD
out=$tree/tmp_check/deb
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" ae.control)

build()
{
	source=$out/ae-$version
	rm -rf "$out"
	mkdir -p "$source"
	git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$source"
	tar -czf "$out/ae_$version.orig.tar.gz" -C "$out" --exclude="ae-$version/debian" "ae-$version"
	cd "$source"
	pg_buildext updatecontrol
	dpkg-buildpackage -us -uc -b >"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log" >&2; exit 1; }
	cd "$out"
	if command -v lintian >/dev/null; then lintian --allow-root --fail-on error ./*.changes; fi
	ls -l "$out"/*.deb
}

# In the chroot: the package of the server that Debian has.
try_inside='
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends /deb/*.deb >/deb/apt.log 2>&1 || { tail -n 20 /deb/apt.log; exit 1; }
server=$(dpkg-query -W -f "\${Package}\n" "postgresql-[0-9]*-ae" | sed "s/postgresql-\(.*\)-ae/\1/")
bin=/usr/lib/postgresql/$server/bin
su postgres -c "$bin/initdb -D /tmp/data >/dev/null && $bin/pg_ctl -w -s -D /tmp/data -o \"-h \\\"\\\" -k /tmp\" -l /tmp/log start"
su postgres -c "psql -h /tmp -v ON_ERROR_STOP=1 -q postgres" <<SQL
CREATE EXTENSION ae;
CREATE TABLE pump AS SELECT sin(i) AS a, cos(i) AS b, sin(i) * 2 AS c FROM generate_series(1, 2000) i;
CALL ae.train_model($$pump$$, $$SELECT * FROM pump$$);
SELECT ae.anomaly_score($$pump$$, ROW(0, 1, 5)) > 0.99 AS odd, ae.anomaly_score($$pump$$, ROW(0, 1, 0)) < 0.99 AS ordinary, version();
SQL
su postgres -c "$bin/pg_ctl -w -s -D /tmp/data stop"
apt-get purge -y -q "postgresql-$server-ae" >/dev/null 2>&1
ls /usr/lib/postgresql/$server/lib/ae.so 2>/dev/null && exit 1
echo "installed, used and removed: postgresql-$server-ae"
'

try()
{
	suite=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
	root=$(mktemp -d "${TMPDIR:-/var/tmp}/ae-$suite.XXXXXX")
	trap 'rm -rf "$root"' EXIT
	debootstrap --variant=minbase "$suite" "$root" >"$out/debootstrap.log"
	# the server of this system may be of an update
	cat >"$root/etc/apt/sources.list" <<-EOF
		deb http://deb.debian.org/debian $suite main
		deb http://deb.debian.org/debian $suite-updates main
		deb http://deb.debian.org/debian-security $suite-security main
	EOF
	mkdir "$root/deb"
	cp "$out"/postgresql-*-ae_*.deb "$root/deb"
	chroot "$root" sh -c "$try_inside"
}

case ${1:-} in
	build) build ;;
	try) shift; try "$@" ;;
	*) echo "usage: $0 build | try [SUITE]" >&2; exit 2 ;;
esac
