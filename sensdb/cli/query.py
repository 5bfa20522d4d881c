"""`sensdb query`: a saved question, or SQL of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensdb.cli.asking import Asked, asking_options, tell_origin
from sensdb.cli.names import complete_queries
from sensdb.cli.options import examples, pass_settings
from sensdb.cli.output import Output, output_options
from sensdb.cli.progress import CopiedRows
from sensdb.errors import UsageError
from sensdb.settings import Settings

if TYPE_CHECKING:
    from sensdb.analysis.answer import Answer

LIST_COLUMNS = ("query", "question", "parameters")


class QueryCommand(click.Command):
    """Its help, where a query is named, shows that query's parameters and columns before the options."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if ctx.params.get("name") is None:
            super().format_help_text(ctx, formatter)
            return
        from sensdb.analysis.saved_queries import COMMANDS, find_query, load_queries

        if ctx.params["name"] in COMMANDS:
            super().format_help_text(ctx, formatter)
            return
        query = find_query(load_queries(ctx.params.get("queries")), ctx.params["name"])
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"{query.question} A row is one {query.grain}.")
            if query.caution:
                formatter.write_paragraph()
                formatter.write_text(f"Caution: {query.caution}.")
        if query.parameters:
            with formatter.section("Parameters (-p NAME=VALUE)"):
                formatter.write_dl([(given.name, describe_parameter(given)) for given in query.parameters])
        with formatter.section("Columns"):
            formatter.write_dl([(column.name, f"{column.description}  {column.range}") for column in query.columns])


def describe_parameter(given: Any) -> str:
    """Meaning, type, range and default of a saved query's parameter, on one line."""
    default = "required" if given.required else f"default: {shown_default(given.default)}"
    return f"{given.description}  [{'; '.join(part for part in (given.type, given.range, default) if part)}]"


def shown_default(default: object) -> str:
    """A default as it is typed on the command line."""
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ",".join(map(str, default)) if isinstance(default, (list, tuple)) else str(default)


def show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """--help of `query`, which must know NAME: it is not eager as click's own is, NAME is."""
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        ctx.exit()


@click.command(
    cls=QueryCommand,
    add_help_option=False,
    epilog=examples(
        "sensdb query",
        "sensdb query correlation --sweep digits -p labels=all",
        "sensdb query verdict",
        'sensdb query regress "log10(generalization_gap) ~ log10(jacobian_norm) + hidden_layers + log10(train_loss)"',
        "sensdb query points_by_quantile -p quantiles=4 -o quantiles.csv",
        'sensdb query --sql "select nonlinearity, avg(generalization_gap) as gap from v_models group by all" -f json',
        then="sensdb plot gap -o gap.png",
    ),
)
@click.argument("name", metavar="[NAME]", required=False, is_eager=True, shell_complete=complete_queries)
@click.argument("formula", metavar="[FORMULA]", required=False)
@click.option(
    "--sql", metavar="TEXT", help="One SELECT or EXPLAIN over the views v_*, or - for stdin; -p fills its $NAMEs."
)
@click.option("--limit", type=click.IntRange(1), help="At most so many rows; stderr says how many there were.")
@click.option(
    "--queries",
    metavar="DIR",
    is_eager=True,
    type=click.Path(path_type=Path),
    help="A folder of your own queries (.sql).",
)
@click.option("--meta", is_flag=True, help="Say on stderr what the answer is made of: database, time, models used.")
@asking_options
@output_options
@click.option("--help", is_flag=True, expose_value=False, callback=show_help, help="Show this message and exit.")
@pass_settings
def query(
    settings: Settings,
    name: str | None,
    formula: str | None,
    sql: str | None,
    limit: int | None,
    queries: Path | None,
    meta: bool,
    asked: Asked,
    output: Output,
) -> None:
    """Ask a saved question or SQL of your own.

    Without NAME and --sql all questions are listed; `sensdb query NAME --help` shows their parameters and columns.
    Questions are asked of a mirror of the database, which is brought up to date first. What was left out of an answer
    is said on stderr.

    Two names are no files: `regress FORMULA` fits a formula over models (-p errors=cluster, hc3 or mixed, labels,
    min_train_accuracy), and `verdict` judges the 25 claims of the study, one row each (-p by=number: every number on
    every data set).
    """
    _check_formula(name, formula)
    if name is not None and sql is not None:
        raise UsageError(f"query {name} and --sql are two questions.", "ask one at a time.")
    if name is None and sql is None:
        output.write(_listed(queries), LIST_COLUMNS)
        return
    answer = _ask(settings, name, formula, sql, asked, queries)
    output.write(answer.table.slice(0, limit), n_all=answer.table.num_rows)
    tell_origin(answer.meta, in_full=meta)


def _check_formula(name: str | None, formula: str | None) -> None:
    if name == "regress" and formula is None:
        raise UsageError("query regress needs a FORMULA.", "for example: log10(generalization_gap) ~ jacobian_norm")
    if name != "regress" and formula is not None:
        raise UsageError(f"query {name} takes no second argument, '{formula}'.", "-p NAME=VALUE gives a parameter.")


def _ask(
    settings: Settings, name: str | None, formula: str | None, sql: str | None, asked: Asked, queries: Path | None
) -> Answer:
    from sensdb.analysis.ask import ask, ask_sql
    from sensdb.analysis.parameters import guess

    place, filters, sync = (settings.database_url, settings.cache_path), asked.filters, asked.sync
    with CopiedRows("sync") as rows:
        if name == "regress":
            from sensdb.analysis.regress import regress

            return regress(*place, str(formula), asked.parameters, filters, sync=sync, progress=rows.update)
        if name == "verdict":
            from sensdb.analysis.ask_verdict import ask_verdict

            return ask_verdict(*place, asked.parameters, filters, sync=sync, queries=queries, progress=rows.update)
        if name is not None:
            return ask(*place, name, asked.parameters, filters, sync=sync, queries=queries, progress=rows.update)
        text = sys.stdin.read() if sql == "-" else str(sql)
        values = {key: guess(value) for key, value in asked.parameters.items()}
        return ask_sql(*place, text, values, filters, sync=sync, progress=rows.update)


def _listed(folder: Path | None) -> list[dict[str, object]]:
    from sensdb.analysis.saved_queries import load_queries

    found = sorted(load_queries(folder).values(), key=lambda each: each.name)
    texts = [(each.name, each.question, ", ".join(given.name for given in each.parameters) or None) for each in found]
    return [dict(zip(LIST_COLUMNS, row, strict=True)) for row in texts]
