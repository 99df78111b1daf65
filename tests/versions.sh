#!/bin/sh
# Builds the extension against several servers and runs tests with each; prints a table of them.
#
#     tests/versions.sh PG_CONFIG...             tests/run.pl build regress
#     KINDS='regress tap' tests/versions.sh ...  other kinds, or single tests: regress=03
#
# Each server gets a copy of the tree, tmp_check/versions/N, where logs are.  Installs nothing.  The
# exit status says whether all passed.

set -u

cd "$(dirname "$0")/.." || exit 1
: "${KINDS:=build regress}"
[ $# -gt 0 ] || { echo "usage: $0 PG_CONFIG..." >&2; exit 2; }
work=$PWD/tmp_check/versions
table=''
failed=0

# Directories of the libraries that a server brings along: its programs are copied away from them.
own_libraries()
{
	ldd "$("$1" --bindir)/postgres" "$("$1" --bindir)/initdb" | sed -n 's,.*=> \(/.*\)/[^/]* (0x.*,\1,p' |
		grep -v -e '^/lib' -e '^/usr/lib' | sort -u | paste -sd:
}

for config in "$@"; do
	version=$("$config" --version | sed 's/^PostgreSQL \([^ ]*\).*/\1/')
	[ -n "$version" ] || { echo "no version: $config" >&2; failed=1; continue; }
	copy=$work/$version
	rm -rf "$copy"
	mkdir -p "$copy"
	chmod 755 tmp_check "$work" "$copy"
	# as they stand, committed or not
	if git ls-files >/dev/null 2>&1; then
		git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$copy"
	else
		tar -cf - --exclude=./tmp_check --exclude='*.o' --exclude='*.d' --exclude='*.so' . | tar -xf - -C "$copy"
	fi
	echo "# PostgreSQL $version: $config"
	# shellcheck disable=SC2086
	(cd "$copy" && PG_CONFIG=$config WERROR=1 LD_LIBRARY_PATH=$(own_libraries "$config") perl tests/run.pl $KINDS) |
		tee "$copy.log"
	result=$(tail -n 1 "$copy.log")
	case $result in
		*', 0 failed, '*) ;;
		*) failed=1 ;;
	esac
	table="$table$(printf '%-12s %s' "$version" "$result")
"
done
printf '\n%-12s %s\n%s' PostgreSQL "$KINDS" "$table"
exit $failed
