"""The command line: what `run.py` offers, its options, and the exit status of each program.

0: it ran and nothing is wrong. 1: an invariant is broken. 2: it could not run; the reason stands on standard error.
130: it was stopped before all was judged, and nothing that was is broken.
Must never: install a signal handler or a log sink, which belong to `run.py`.
"""

from pathlib import Path
from typing import Annotated

import typer

from actors.app.checking import run_check
from actors.app.demo import DemoOptions, run_demo
from actors.app.drill import run_drill
from actors.app.drill_result import DrillOptions, DrillResult
from actors.app.host import Host
from actors.app.markets import ALL, DEFAULT_VENUE, VENUES
from actors.app.parity import run_parity
from actors.app.parity_table import parity_table
from actors.app.progress import drill_progress, replay_progress
from actors.app.recording import RecordingError
from actors.app.replay import ReplayOptions, run_replay
from actors.app.schedule import NAMES, UnknownFault, chosen_faults
from actors.app.tables import check_table, drill_lines, drill_table, drills_table, replay_table
from actors.app.workload import FILLS_MAX
from actors.settings import LoggingSettings, Settings
from exchanges.paper import process as paper_process

EXIT_BROKEN = 1
EXIT_CANNOT_RUN = 2
EXIT_INTERRUPTED = 130

_HELP = """Livermore Orders: an order manager that never places an order twice, never loses one, and never pretends to
know what it does not know.

Without a command: starts an embedded store and paper venues, lets accounts trade through them while faults are
injected, and shows orders, states, verifications and the count of duplicates and losses. Ctrl-C ends it.
"""

Venue = Annotated[str, typer.Option(help=f"Paper venue: {', '.join(VENUES)}.")]
Venues = Annotated[str, typer.Option(help=f"Paper venue: {', '.join(VENUES)}; or {ALL}.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")]
Config = Annotated[
    Path | None, typer.Option(help="Configuration file (YAML). With live credentials nothing is placed by itself.")
]
RecordsConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file (YAML) that leads to the records: to the server of redis.url, or with live accounts "
        "to the data folder of their deployment.",
    ),
]
LiveConfig = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file (YAML) with accounts that have credentials of a venue; it leads to their records as "
        "well: to the server of redis.url, or to the data folder of their deployment.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        help="Data folder of an embedded server that no process uses, instead of --config. The name of its deployment "
        "stands in OMS__DEPLOYMENT__NAME, unless it is paper.",
    ),
]
Seconds = Annotated[float | None, typer.Option(min=0.1, help="End after so many seconds; default: run until Ctrl-C.")]
Seed = Annotated[int, typer.Option(min=0, help="Of orders and faults; the same seed draws the same ones.")]
Faults = Annotated[str, typer.Option(help="Comma-separated names, 'all' or 'none'. 'list' names them.")]


def program(host: Host) -> typer.Typer:
    """Build the command line for a process."""
    app = typer.Typer(
        help=_HELP, add_completion=False, no_args_is_help=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    _add_main(app, host)
    _add_drill(app, host)
    _add_replay(app, host)
    _add_check(app, host)
    _add_parity(app, host)
    _add_paper(app)
    return app


def _add_main(app: typer.Typer, host: Host) -> None:
    @app.callback(invoke_without_command=True)
    def main(
        context: typer.Context,
        config: Config = None,
        seconds: Seconds = None,
        seed: Seed = 1,
        faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Inject faults, or only trade.")] = True,  # noqa: FBT002
    ) -> None:
        if context.invoked_subcommand is not None:
            return
        settings = None if config is None else Settings.load(config)
        host.log_to(LoggingSettings(level="ERROR") if settings is None else settings.logging)
        options = DemoOptions(settings=settings, seconds=seconds, seed=seed, faults=faults)
        raise typer.Exit(0 if run_demo(options, host) else EXIT_BROKEN)


def _add_drill(app: typer.Typer, host: Host) -> None:
    @app.command()
    def drill(
        venue: Venues = DEFAULT_VENUE,
        intents: Annotated[int, typer.Option(min=1, help="How many orders are wanted.")] = 1_000,
        seed: Seed = 1,
        faults: Faults = "all",
        fills: Annotated[
            int, typer.Option(min=1, max=1_000, help="Executions that one order is filled in at most.")
        ] = FILLS_MAX,
        as_json: Json = False,  # noqa: FBT002
    ) -> None:
        """Run a workload under a fault schedule, then compare with the venue's own record. Exit 0: nothing broken."""
        if faults == "list":
            typer.echo("\n".join(NAMES))
            return
        venues = _venues(venue)
        host.log_to(LoggingSettings(level="CRITICAL"))
        results = []
        for name in venues:
            options = DrillOptions(
                venue=name, intents=intents, seed=seed, faults=_faults(faults, name), fills_max=fills
            )
            with drill_progress(host, name) as report:
                results.append(run_drill(options, report, host.stop))
            if results[-1].interrupted:
                break
            if venue == ALL and not as_json:
                # The others take minutes, and somebody may end the program before them.
                host.show(*drill_lines(results[-1]))
        _show_drills(host, results, as_json=as_json, together=venue == ALL)
        _say_again(host, results[-1].options, venue, faults)
        if any(result.verdict.violations for result in results):
            raise typer.Exit(EXIT_BROKEN)
        raise typer.Exit(EXIT_INTERRUPTED if results[-1].interrupted else 0)


def _venues(venue: str) -> tuple[str, ...]:
    if venue == ALL:
        return VENUES
    _check_venue(venue)
    return (venue,)


def _faults(names: str, venue: str) -> tuple[str, ...]:
    try:
        return chosen_faults(names, venue)
    except UnknownFault as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error


def _show_drills(host: Host, results: list[DrillResult], *, as_json: bool, together: bool) -> None:
    last = results[-1]
    if as_json:
        found = [result.as_json() for result in results]
        host.print_json({"drills": found} if together else found[0])
        return
    judged = [result for result in results if not result.interrupted]
    if judged:
        host.show(*(drills_table(judged) if together else drill_table(last)))
    if last.interrupted:
        asked = f"{last.verdict.intents} of {last.options.intents} intents"
        where = f" at {last.options.venue}" if together else ""
        host.out.print(f"interrupted after {asked}{where}; not judged{where and ' there'}", highlight=False)


def _say_again(host: Host, options: DrillOptions, venue: str, faults: str) -> None:
    chosen = ",".join(options.faults) or "none"
    again = f"--venue {venue} --intents {options.intents} --seed {options.seed} --fills {options.fills_max}"
    command = f"run.py drill {again} --faults {faults if faults == ALL else chosen}"
    # It is there to be copied: a terminal may fold it, a line break of ours would cut it.
    host.progress.print(f"To draw the same again: {command}", highlight=False, soft_wrap=True)


def _add_replay(app: typer.Typer, host: Host) -> None:
    @app.command()
    def replay(
        file: Annotated[Path, typer.Argument(help="Recorded order flow: CSV, gzipped or plain.")],
        venue: Venue = DEFAULT_VENUE,
        limit: Annotated[int | None, typer.Option(min=1, help="Play only so many rows.")] = None,
        speed: Annotated[
            float | None, typer.Option(min=0.001, help="Times as fast as recorded; default: as fast as it goes.")
        ] = None,
        as_json: Json = False,  # noqa: FBT002
    ) -> None:
        """Replay recorded order flow through accounts on a paper venue, and compare how everything ended."""
        _check_venue(venue)
        host.log_to(LoggingSettings(level="CRITICAL"))
        options = ReplayOptions(file=file, venue=venue, limit=limit, speed=speed)
        try:
            with replay_progress(host) as report:
                result = run_replay(options, report, host.stop)
        except RecordingError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(EXIT_CANNOT_RUN) from error
        if as_json:
            host.print_json(result.as_json())
        else:
            host.show(*replay_table(result))
        raise typer.Exit(EXIT_BROKEN if result.verdict.violations else 0)


def _add_check(app: typer.Typer, host: Host) -> None:
    @app.command()
    def check(
        config: RecordsConfig = None,
        folder: Folder = None,
        as_json: Json = False,  # noqa: FBT002
    ) -> None:
        """Add all fills up anew and compare with the stored orders and positions. Reads only.

        Exit 0: all agree. 1: there are differences. 2: the records could not be read.
        """
        if config is not None and folder is not None:
            text = "--config and --folder each lead to records: give one of them"
            raise typer.BadParameter(text, param_hint="--folder")
        host.log_to(LoggingSettings(level="CRITICAL"))
        result = run_check(Settings.load(config), folder)
        if as_json:
            host.print_json(result.as_json())
        else:
            host.show(*check_table(result))
        raise typer.Exit(EXIT_BROKEN if result.differences else 0)


def _add_parity(app: typer.Typer, host: Host) -> None:
    @app.command()
    def parity(
        config: LiveConfig = None,
        account: Annotated[str | None, typer.Option(help="Compare only this account.")] = None,
        as_json: Json = False,  # noqa: FBT002
    ) -> None:
        """Compare the stored orders, fills and balances with the venues, which are asked for theirs. Reads only.

        Exit 0: all agree. 1: there are differences. 2: something could not be compared.
        """
        host.log_to(LoggingSettings(level="CRITICAL"))
        result = run_parity(Settings.load(config), account, pause=host.stop.wait)
        if result is None:
            host.progress.print("interrupted between two looks; not judged", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED)
        if as_json:
            host.print_json(result.as_json())
        else:
            host.show(*parity_table(result))
        for failure in result.failures:
            typer.echo(f"error: not compared: {failure}", err=True)
        if result.differences:
            raise typer.Exit(EXIT_BROKEN)
        raise typer.Exit(EXIT_CANNOT_RUN if result.failures else 0)


def _add_paper(app: typer.Typer) -> None:
    @app.command()
    def paper(
        venue: Venues = ALL,
        seed: Annotated[int, typer.Option(min=0, help="Of keys and market.")] = 1,
        market: Annotated[bool, typer.Option(help="Let a random market trade.")] = True,  # noqa: FBT002
        as_json: Json = False,  # noqa: FBT002
    ) -> None:
        """Serve paper venues on free loopback ports until stopped, and say how to reach them."""
        arguments = ["--venues", ",".join(_venues(venue)), "--seed", str(seed)]
        arguments += ["--market"] if market else []
        arguments += ["--json"] if as_json else []
        raise typer.Exit(paper_process.main(arguments))


def _check_venue(venue: str) -> None:
    if venue not in VENUES:
        known = ", ".join(VENUES)
        raise typer.BadParameter(f"there is no paper venue {venue!r}; there are: {known}", param_hint="--venue")
