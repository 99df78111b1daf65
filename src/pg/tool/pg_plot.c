/*
 * pg_plot.c: pictures as SVG: ae.plot_loss shows the losses of a training, ae.plot_scores the
 * scores of a query's rows and the threshold.
 *
 * A picture is one element without scripts that follows the reader's light or dark scheme; its
 * title and description say in words what it shows. All text is ours, so nothing needs escaping.
 */
#include "pg_tool.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(pg_ae_plot_loss);
PG_FUNCTION_INFO_V1(pg_ae_plot_scores);

/* The picture, and the part of it that is inside the axes. */
#define WIDTH 640
#define HEIGHT 360
#define LEFT 64
#define RIGHT 620
#define TOP 40
#define BOTTOM 312

#define N_BINS 50

/* An axis is logarithmic if its high end is at least so many times its low end. */
#define WIDE_RANGE 20

/* The most marks of a logarithmic axis, except for one. */
#define MAX_MARKS 12

typedef struct Axis
{
	double low;
	double high;
	bool is_log;
	double start; /* in the picture */
	double end;
} Axis;

static const char style[] =
	"<style>.ae-plot{font:12px system-ui,sans-serif}.ae-plot .ground{fill:#fff}"
	".ae-plot text{fill:#24292f}.ae-plot .grid{stroke:#d0d7de}.ae-plot .one{stroke:#0969da}"
	".ae-plot .two{stroke:#bc4c00}.ae-plot rect.one{fill:#0969da}.ae-plot rect.two{fill:#bc4c00}"
	".ae-plot path{fill:none;stroke-width:2}.ae-plot .dashed{stroke-dasharray:6 4}"
	"@media(prefers-color-scheme:dark){.ae-plot .ground{fill:#0d1117}.ae-plot text{fill:#e6edf3}"
	".ae-plot .grid{stroke:#30363d}.ae-plot .one{stroke:#58a6ff}.ae-plot .two{stroke:#f0883e}"
	".ae-plot rect.one{fill:#58a6ff}.ae-plot rect.two{fill:#f0883e}}</style>";

/* ---- axes ---- */

/* An axis for numbers from low to high. */
static Axis
make_axis(double low, double high, double start, double end)
{
	Axis axis = {low, high, low > 0 && high / low >= WIDE_RANGE, start, end};

	if (!(high > low))
	{
		double room = Max(fabs(low), 1e-6) / 2;

		axis.low -= room;
		axis.high += room;
	}
	return axis;
}

/* Of a logarithmic axis; high / low may be beyond the range of double. */
static double
decades(const Axis *axis)
{
	return log10(axis->high) - log10(axis->low);
}

static double
place(const Axis *axis, double value)
{
	double at = axis->is_log ? (log10(value) - log10(axis->low)) / decades(axis)
							 : (value - axis->low) / (axis->high - axis->low);

	return axis->start + Max(Min(at, 1), 0) * (axis->end - axis->start);
}

/* Powers of ten from mark to mark of a logarithmic axis, so that there are MAX_MARKS at most. */
static double
stride(const Axis *axis)
{
	return ceil(fmax(decades(axis), 1) / MAX_MARKS);
}

/* The next number at which a logarithmic axis is marked, of those that are k 10^n, k of 1, 2, 5. */
static double
next_mark(const Axis *axis, double mark)
{
	double exponent = floor(log10(mark) + 1e-9), power = pow(10, exponent);
	double first = rint(mark / power);

	/* many powers of ten: no marks between them */
	if (decades(axis) > 4)
		return pow(10, exponent + stride(axis));
	return power * (first < 2 ? 2 : first < 5 ? 5 : 10);
}

static double
first_mark(const Axis *axis)
{
	double step, power;

	if (axis->is_log)
		return pow(10, floor(log10(axis->low) / stride(axis)) * stride(axis));
	power = pow(10, floor(log10((axis->high - axis->low) / 4)));
	step = (axis->high - axis->low) / 4 / power;
	return power * (step <= 1 ? 1 : step <= 2 ? 2 : step <= 5 ? 5 : 10);
}

static void
draw_mark(StringInfo out, const Axis *axis, double mark, bool across)
{
	double at = place(axis, mark);

	if (across)
		appendStringInfo(out,
						 "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
						 "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
						 LEFT, RIGHT, at, at, LEFT - 8, at + 4, mark);
	else
		appendStringInfo(out,
						 "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
						 "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n",
						 at, at, TOP, BOTTOM, at, BOTTOM + 18, mark);
}

/* Marks of an axis; across: lines go across the picture. */
static void
draw_axis(StringInfo out, const Axis *axis, bool across)
{
	double mark = first_mark(axis), step = mark;

	if (!axis->is_log)
		mark = ceil(axis->low / step - 1e-9) * step;
	for (int i = 0; i < 100 && mark <= axis->high * (1 + 1e-9); i++)
	{
		if (mark >= axis->low * (1 - 1e-9))
			draw_mark(out, axis, fabs(mark) < step * 1e-9 ? 0 : mark, across);
		mark = axis->is_log ? next_mark(axis, mark) : mark + step;
	}
}

/* ---- a picture ---- */

static void
begin_picture(StringInfo out, const char *title, const char *description)
{
	initStringInfo(out);
	appendStringInfo(out,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ae-plot\" role=\"img\" "
					 "viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n<title>%s</title>\n"
					 "<desc>%s</desc>\n%s\n<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n"
					 "<text x=\"%d\" y=\"22\" font-weight=\"600\">%s</text>\n",
					 WIDTH, HEIGHT, WIDTH, HEIGHT, title, description, style, WIDTH, HEIGHT, LEFT,
					 title);
}

static text *
end_picture(StringInfo out, const char *below)
{
	appendStringInfo(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n</svg>\n",
					 (LEFT + RIGHT) / 2, HEIGHT - 10, below);
	return cstring_to_text_with_len(out->data, out->len);
}

/* ---- losses ---- */

static double
loss_of(const AeEpoch *epoch, bool validation)
{
	return (double) (validation ? epoch->validation_loss : epoch->train_loss);
}

/* One line of a network's history; colour and dashes tell training from validation. */
static void
draw_losses(StringInfo out, const AeModel *model, bool validation, const Axis *x, const Axis *y)
{
	const char *go = "M";

	appendStringInfo(out, "<path class=\"%s\" d=\"", validation ? "two dashed" : "one");
	for (uint32 i = 0; i < model->n_history; i++)
	{
		double loss = loss_of(&model->history[i], validation);

		if (!isfinite(loss) || (y->is_log && !(loss > 0)))
			continue;
		appendStringInfo(out, "%s%.1f %.1f", go, place(x, model->history[i].epoch), place(y, loss));
		go = "L";
	}
	appendStringInfoString(out, "\"/>\n");
}

/* Collects what to draw for all networks; false if no epoch was finished. */
static bool
range_of_losses(double *low, double *high, double *epochs, bool *validated,
				const PgaeModels *models)
{
	*low = INFINITY;
	*high = -INFINITY;
	*epochs = 1;
	*validated = false;
	for (uint32 m = 0; m < pgae_n_networks(models); m++)
	{
		const AeModel *model = models->models[m];

		for (uint32 i = 0; i < 2 * model->n_history; i++)
		{
			const AeEpoch *epoch = &model->history[i / 2];
			double loss = loss_of(epoch, i % 2 == 1);

			if (!isfinite(loss))
				continue;
			*low = Min(*low, loss);
			*high = Max(*high, loss);
			*epochs = Max(*epochs, epoch->epoch);
			*validated |= i % 2 == 1;
		}
	}
	return *low <= *high;
}

/* The key of the two lines, at the top right. */
static void
draw_key(StringInfo out, bool validated)
{
	appendStringInfo(
		out, "<path class=\"one\" d=\"M%d 18h24\"/><text x=\"%d\" y=\"22\">training</text>\n",
		RIGHT - 210, RIGHT - 180);
	if (validated)
		appendStringInfo(out,
						 "<path class=\"two dashed\" d=\"M%d 18h24\"/><text x=\"%d\" "
						 "y=\"22\">validation</text>\n",
						 RIGHT - 100, RIGHT - 70);
}

/* plot_loss(model): the losses of training and validation, epoch by epoch, of each network. */
Datum
pg_ae_plot_loss(PG_FUNCTION_ARGS)
{
	const PgaeModels *models = pgae_models_argument(fcinfo);
	uint32 n = pgae_n_networks(models);
	double low, high, epochs;
	bool validated;
	StringInfoData out;
	Axis x, y;

	if (!range_of_losses(&low, &high, &epochs, &validated, models))
	{
		begin_picture(&out, "Loss", "The model has no history of losses.");
		PG_RETURN_TEXT_P(end_picture(&out, "no epoch was finished"));
	}
	begin_picture(
		&out, "Loss",
		psprintf("Loss by epoch of %u network%s, from %.4g to %.4g in %.0f epochs; solid: "
				 "training%s.",
				 n, n == 1 ? "" : "s", high, low, epochs, validated ? ", dashed: validation" : ""));
	x = make_axis(1, epochs, LEFT, RIGHT);
	x.is_log = false;
	y = make_axis(low, high, BOTTOM, TOP);
	draw_axis(&out, &x, false);
	draw_axis(&out, &y, true);
	for (uint32 m = 0; m < n; m++)
	{
		draw_losses(&out, models->models[m], false, &x, &y);
		if (validated)
			draw_losses(&out, models->models[m], true, &x, &y);
	}
	draw_key(&out, validated);
	PG_RETURN_TEXT_P(end_picture(&out, "epoch"));
}

/* ---- scores ---- */

/* $1: the model, $2: a contamination. */
static const char statement[] =
	"SELECT pg_catalog.array_agg(s) FILTER (WHERE s OPERATOR(pg_catalog.<) "
	"'Infinity'::pg_catalog.float8), pg_catalog.count(*) FILTER (WHERE s OPERATOR(pg_catalog.=) "
	"'Infinity'::pg_catalog.float8), pg_catalog.count(*), ae.threshold($1, $2) "
	"FROM (SELECT ae.raw_score($1, r) AS s FROM ae_input) q WHERE s IS NOT NULL";

typedef struct Scores
{
	const double *values; /* the finite ones */
	int n;
	int64 n_infinite;
	int64 n_all;
	double threshold;
	int64 n_flagged;
	double low;
	double high;
} Scores;

/* Scores in the current context of SPI. */
static void
read_scores(Scores *scores)
{
	HeapTuple row = SPI_tuptable->vals[0];
	bool isnull;
	Datum array = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull);

	memset(scores, 0, sizeof(*scores));
	if (!isnull)
	{
		ArrayType *values = DatumGetArrayTypeP(array);

		scores->values = (const double *) ARR_DATA_PTR(values);
		scores->n = ARR_DIMS(values)[0];
	}
	scores->n_infinite = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
	scores->n_all = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull));
	scores->threshold = DatumGetFloat8(SPI_getbinval(row, SPI_tuptable->tupdesc, 4, &isnull));
	scores->n_flagged = scores->n_infinite;
	scores->low = INFINITY;
	scores->high = -INFINITY;
	for (int i = 0; i < scores->n; i++)
	{
		scores->low = Min(scores->low, scores->values[i]);
		scores->high = Max(scores->high, scores->values[i]);
		scores->n_flagged += scores->values[i] > scores->threshold;
	}
}

/* Rows in each bin of the axis; returns the most. */
static int64
count_bins(int64 *bins, const Axis *x, const Scores *scores)
{
	int64 most = 1;

	memset(bins, 0, N_BINS * sizeof(int64));
	for (int i = 0; i < scores->n; i++)
	{
		double at = (place(x, scores->values[i]) - x->start) / (x->end - x->start);
		int bin = Min((int) (at * N_BINS), N_BINS - 1);

		most = Max(most, ++bins[bin]);
	}
	return most;
}

/* Draws the bars; one that the threshold crosses has a part in each colour. */
static void
draw_bars(StringInfo out, const int64 *bins, const Axis *x, const Axis *y, double border)
{
	double width = (x->end - x->start) / N_BINS;

	for (int i = 0; i < N_BINS; i++)
	{
		double from = x->start + i * width, to = from + width;
		double top = bins[i] > 0 ? place(y, (double) bins[i]) : BOTTOM;
		double ends[3] = {from, Max(Min(border, to), from), to};

		for (int part = 0; part < 2 && bins[i] > 0; part++)
		{
			if (ends[part + 1] - ends[part] > 0.05)
				appendStringInfo(
					out,
					"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
					part == 0 ? "one" : "two", ends[part], top, ends[part + 1] - ends[part],
					BOTTOM - top);
		}
	}
}

/* The rows of interest are few among many, so heights are logarithmic. */
static void
draw_scores(StringInfo out, const Scores *scores)
{
	Axis x = make_axis(scores->low, scores->high, LEFT, RIGHT);
	Axis y;
	int64 bins[N_BINS];
	double border = RIGHT + 1;

	y = make_axis(0.5, (double) count_bins(bins, &x, scores) * 1.5, BOTTOM, TOP);
	y.is_log = true;
	if (scores->threshold < scores->low)
		border = LEFT;
	else if (scores->threshold < scores->high)
		border = place(&x, scores->threshold);
	draw_axis(out, &x, false);
	draw_axis(out, &y, true);
	draw_bars(out, bins, &x, &y, border);
	if (border > LEFT && border <= RIGHT)
		appendStringInfo(out,
						 "<path class=\"two dashed\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" "
						 "text-anchor=\"%s\">threshold %.4g</text>\n",
						 border, TOP, BOTTOM, border + (border > (LEFT + RIGHT) / 2 ? -6 : 6),
						 TOP + 14, border > (LEFT + RIGHT) / 2 ? "end" : "start",
						 scores->threshold);
}

static text *
picture_of_scores(const Scores *scores, double contamination)
{
	double share =
		scores->n_all > 0 ? 100.0 * (double) scores->n_flagged / (double) scores->n_all : 0;
	StringInfoData out;
	char *infinite =
		scores->n_infinite == 0
			? ""
			: psprintf("; " INT64_FORMAT " of infinite score, not drawn", scores->n_infinite);

	if (scores->n == 0)
	{
		begin_picture(&out, "Scores", "No row has a finite score.");
		return end_picture(&out, psprintf("no row has a finite score%s", infinite));
	}
	begin_picture(&out, "Scores",
				  psprintf("Histogram of " INT64_FORMAT " score%s from %.4g to %.4g; " INT64_FORMAT
						   " of them, %.3g %%, are beyond the threshold %.4g that a contamination "
						   "of %.4g gives%s.",
						   scores->n_all, scores->n_all == 1 ? "" : "s", scores->low, scores->high,
						   scores->n_flagged, share, scores->threshold, contamination, infinite));
	draw_scores(&out, scores);
	return end_picture(&out, psprintf("raw score of " INT64_FORMAT " row%s, " INT64_FORMAT
									  " flagged (%.3g %%)%s",
									  scores->n_all, scores->n_all == 1 ? "" : "s",
									  scores->n_flagged, share, infinite));
}

/* plot_scores(model, query, contamination): a histogram of the raw scores of its rows. */
Datum
pg_ae_plot_scores(PG_FUNCTION_ARGS)
{
	char *query = pgae_query_of(text_to_cstring(PG_GETARG_TEXT_PP(1)), "ae.plot_scores", NULL);
	double contamination = pgae_contamination(PG_GETARG_FLOAT8(2));
	Oid types[2] = {get_fn_expr_argtype(fcinfo->flinfo, 0), FLOAT8OID};
	Datum arguments[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(2)};
	Tuplestorestate *rows;
	Scores scores;
	text *picture, *result;

	SPI_connect();
	rows = pgae_name_rows(query, "ae.plot_scores");
	pgae_run_quietly(statement, 2, types, arguments);
	read_scores(&scores);
	picture = picture_of_scores(&scores, contamination);
	result = SPI_palloc(VARSIZE(picture));
	memcpy(result, picture, VARSIZE(picture));
	tuplestore_end(rows);
	SPI_finish();
	PG_RETURN_TEXT_P(result);
}
