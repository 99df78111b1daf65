#!/bin/sh
# Benchmarks, beside other software in the same run.  Markdown tables go to tests/bench/results/.
#
#     tests/bench/run.sh                    all of them (`make bench`)
#     tests/bench/run.sh speed              rows/s of training and scoring      (speed.py)
#     tests/bench/run.sh kernels            GF/s of the scoring kernels         (bench_kernels.c)
#     tests/bench/run.sh quality [options]  how well anomalies are found        (quality.py)
#     tests/bench/run.sh mixed [options]    the same in tables of all types     (mixed.py)
#     tests/bench/run.sh crossed            what crossing is for                (crossed.py)
#     tests/bench/run.sh calibration        how many rows is_anomaly flags      (calibration.py)
#     tests/bench/run.sh feedback           what verdicts are worth            (feedback.py)
#     tests/bench/run.sh search             how many neighbours codes find    (search.py)
#     tests/bench/run.sh explain            whether it names the wrong column   (explain.py)
#     tests/bench/run.sh fleet              alarms that last, in simulated telemetry (fleet.py)
#     tests/bench/run.sh impute             how well it fills what is missing   (impute.py)
#     tests/bench/run.sh generate           how real generated rows look        (generate.py)
#     tests/bench/run.sh onehot             categories against one-hot arrays   (onehot.py)
#     tests/bench/run.sh chapter            each family as a textbook has it    (chapter.py)
#     tests/bench/run.sh named              what a model's name costs           (named.pl)
#
# chapter writes docs/chapter.md and its plots.
#
# The extension goes into a throw-away server of its own.  Peers live in a virtual environment,
# tmp_check/bench/venv unless AE_BENCH_VENV says otherwise; it is made once and kept.  PyTorch comes
# from PyPI (about 3 GB with its libraries for GPUs, which are not used), or where that fails from
# Debian's python3-torch.  AE_BENCH_TORCH: a Python that has torch, or "none" to do without.

set -eu
cd "$(dirname "$0")/../.."

# These bend OpenBLAS and leave PyTorch alone, so a comparison under them is crooked.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE MKL_NUM_THREADS
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 GOTO_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

what=${1:-all}
[ $# -eq 0 ] || shift
build=$PWD/tmp_check/bench
results=tests/bench/results
venv=${AE_BENCH_VENV:-$build/venv}
python=$venv/bin/python
mkdir -p "$build" "$results"

compile()
{
	# shellcheck disable=SC2046
	${CC:-cc} -O3 -o "$@" $(pkg-config --cflags --libs openblas 2>/dev/null || echo -lopenblas) -lm
}

# torch: prints the Python that has it, or none
find_torch()
{
	if [ -n "${AE_BENCH_TORCH:-}" ]; then
		echo "$AE_BENCH_TORCH"
		return
	fi
	if ! "$python" -c 'import torch' 2>/dev/null; then
		echo "Installing PyTorch, once ..." >&2
		"$venv/bin/pip" install -q --disable-pip-version-check torch >&2 || true
	fi
	for candidate in "$python" /usr/bin/python3; do
		if "$candidate" -c 'import torch' 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
	echo "No PyTorch: its columns stay empty." >&2
	echo none
}

have_python()
{
	"$python" -c 'import numpy, sklearn, matplotlib' 2>/dev/null && return
	[ -x "$python" ] || python3 -m venv "$venv"
	"$python" -m pip install -q --disable-pip-version-check numpy scipy scikit-learn matplotlib
}

# Runs a command with a server of its own, which PGHOST and so on name.
with_server()
{
	perl -Itests/tap -MAeCluster -MFile::Temp=tempdir -e '
		my $dir = tempdir("ae-bench-XXXXXX", TMPDIR => 1, CLEANUP => 1);
		my $log = shift;
		chmod 0755, $dir;
		unlink $log;
		$ENV{AE_BINDIR} = eval { AeCluster::install_private("$dir/root", $AeCluster::ROOT, $log) }
		  or die AeCluster::slurp($log), $@;
		my $node = AeCluster->new(name => "bench", conf => {
			jit => "off", max_parallel_workers_per_gather => 0, autovacuum => "off",
			shared_buffers => "512MB" });
		$node->export;
		$ENV{PATH} = "$ENV{AE_BINDIR}:$ENV{PATH}";
		$node->query("postgres", "CREATE EXTENSION ae");
		my $status = system(@ARGV);
		undef $node;
		exit($status == 0 ? 0 : 1);' "$build/install.log" "$@"
}

run_kernels()
{
	[ -f tests/bench/bench_kernels.c ] || return 0
	make -s all
	compile "$build/bench_kernels" $(printf -- "-I%s " src/engine/*) tests/bench/bench_kernels.c src/engine/*/*.o
	"$build/bench_kernels" >"$build/kernels.md"
	cp "$build/kernels.md" "$results/kernels.md"
	cat "$results/kernels.md"
}

run_speed()
{
	have_python
	compile "$build/bare_loop" -ffast-math tests/bench/bare_loop.c
	BARE_LOOP=$build/bare_loop with_server "$python" tests/bench/speed.py \
		--torch "$(find_torch)" --scratch "$build" "$@"
}

case $what in
	all)
		run_kernels
		run_speed
		with_server perl tests/bench/named.pl
		have_python
		failed=0
		for one in quality mixed crossed calibration feedback explain fleet impute generate onehot search chapter; do
			with_server "$python" "tests/bench/$one.py" || failed=1
		done
		exit $failed
		;;
	kernels) run_kernels ;;
	speed) run_speed "$@" ;;
	named) with_server perl tests/bench/named.pl ;;
	quality | mixed | crossed | calibration | feedback | explain | fleet | impute | generate | onehot | search | chapter)
		have_python
		with_server "$python" "tests/bench/$what.py" "$@"
		;;
	*)
		sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
esac
