"""Building the command line and turning its end into an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typing_extensions import override

from safepoint import __version__
from safepoint.cli.exits import EXIT_INTERRUPTED
from safepoint.cli.output import Format, Output
from safepoint.cli.session import Session, default_estate
from safepoint.errors import PluginLoadError, SafepointError, UsageError
from safepoint.plugins import PluginHost

__all__ = ["build", "main"]

_EPILOG = (
    "Exit codes: 0 ok · 1 unexpected · 2 usage · 3 findings or partial success · 4 plugin · "
    "5 unsupported · 6 plan · 7 lifecycle · 8 a connected system · 9 the work failed · "
    "10 journal · 20 changes pending · 130 interrupted. Any other code is a failure too."
)

#: The modules with the commands, in the order of the help. What one needs is imported with it.
_COMMANDS: Final[Mapping[str, str]] = {
    "init": "cmd_init",
    "validate": "cmd_validate",
    "schema": "cmd_validate",
    "plan": "cmd_plan",
    "apply": "cmd_apply",
    "import": "cmd_import",
    "drift": "cmd_drift",
    "explain": "cmd_explain",
    "run": "cmd_run",
    "restore": "cmd_restore",
    "doctor": "cmd_doctor",
    "vm": "cmd_vm",
    "runs": "cmd_runs",
    "schedule": "cmd_schedule",
    "retention": "cmd_retention",
    "points": "cmd_points",
    "instant": "cmd_instant",
    "checkpoint": "cmd_checkpoint",
    "replica": "cmd_replica",
    "audit": "cmd_audit",
    "plugin": "cmd_plugin",
}

#: Options that may stand anywhere on the line, with the number of values each takes.
_GLOBAL_OPTIONS = {
    "-o": 1,
    "--output": 1,
    "--json": 0,
    "-e": 1,
    "--estate": 1,
    "-v": 0,
    "--verbose": 0,
}


class _Registrar:
    """The door through which plugins add commands."""

    def __init__(self, app: typer.Typer) -> None:
        self._app = app
        self._taken = set(_COMMANDS)

    def add_typer(self, app: typer.Typer, /, *, name: str) -> None:
        self._claim(name)
        self._app.add_typer(app, name=name)

    def add_command(self, function: Any, /, *, name: str) -> None:
        self._claim(name)
        self._app.command(name)(function)

    def _claim(self, name: str) -> None:
        if name in self._taken:
            msg = f"the command {name!r} exists already"
            raise PluginLoadError(msg)
        self._taken.add(name)


class _Commands(TyperGroup):
    """The commands; whoever interrupts one is told that it is so."""

    @override
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise typer.Abort from error  # typer itself would end with a number and no word


def build(host: PluginHost, command: str = "") -> typer.Typer:
    """Return the command line with the commands of every plugin that works.

    Args:
        host: The plugins.
        command: When only this one will be called: the others are left out, because importing
            what they need takes longer than most commands. All are there when it is none of ours.
    """
    app = typer.Typer(
        name="safepoint",
        cls=_Commands,
        help="Declare VM protection once, run it through any product, prove every checkpoint gone.",
        epilog=_EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    modules = [_COMMANDS[command]] if command in _COMMANDS else dict.fromkeys(_COMMANDS.values())
    for module in modules:
        import_module(f"safepoint.cli.{module}").add(app)
    for problem in host.add_commands(_Registrar(app)):
        logging.getLogger(__name__).warning("%s", problem)
    return app


def _show_version(value: bool) -> None:  # noqa: FBT001 - typer's callback form
    if value:
        lines = [f"safepoint {__version__}"]
        lines += [f"  {p.name} ({p.distribution} {p.version})" for p in PluginHost().plugins]
        typer.echo("\n".join(lines))
        raise typer.Exit


def _options(
    context: typer.Context,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="How data is written to stdout.")
    ] = Format.TABLE,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
    estate: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--estate",
            envvar="SAFEPOINT_ESTATE",
            help="Estate file or folder; may be given several times. Default: ./estate.yaml",
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log to stderr.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show and exit."),
    ] = False,
) -> None:
    del version
    session: Session = context.obj
    session.output.form = Format.JSON if as_json else output
    session.estate_paths = tuple(estate or default_estate())
    session.is_verbose = verbose
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def _hoisted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the global options from the rest, so that they may stand after the command too."""
    front: list[str] = []
    rest: list[str] = []
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        name, equals, _ = word.partition("=")
        if name in _GLOBAL_OPTIONS and (equals == "" or name.startswith("--")):
            count = 0 if equals else _GLOBAL_OPTIONS[name]
            front += [word, *queue[:count]]
            del queue[:count]
        else:
            rest.append(word)
    return front, rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; never raises, never shows a traceback.

    With `-v` the traceback of an unexpected error goes to the log.
    """
    front, rest = _hoisted(sys.argv[1:] if arguments is None else arguments)
    command = rest[0] if rest else ""
    output = Output()
    session = Session(output, ())
    try:
        return _invoke(lambda: build(session.host, command), front + rest, session)
    finally:
        _close(session)


def _invoke(app: Callable[[], typer.Typer], words: list[str], session: Session) -> int:
    output = session.output
    try:
        command = typer.main.get_command(app())
        result = command.main(
            args=words, prog_name="safepoint", standalone_mode=False, obj=session
        )
    except SafepointError as error:
        output.error(error)
        return error.exit_code
    except typer.Abort:
        output.say("interrupted")
        return EXIT_INTERRUPTED
    except KeyboardInterrupt:
        output.say("interrupted")
        return EXIT_INTERRUPTED
    except typer.Exit as error:
        return error.exit_code
    except TyperException as error:
        output.error(UsageError(_message(error), hint="--help shows what there is."))
        return UsageError.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`| head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        logging.getLogger(__name__).info("unexpected", exc_info=True)
        msg = f"unexpected {type(error).__name__}: {error}"
        hint = "This is a defect of safepoint; run again with -v and report it."
        output.error(SafepointError(msg, hint=hint))
        return SafepointError.exit_code
    return result if isinstance(result, int) else 0


def _message(error: TyperException) -> str:
    """Return what the parser has against the line, with the option it is about."""
    say = getattr(error, "format_message", None)
    return str(say()) if callable(say) else str(error)


def _close(session: Session) -> None:
    try:
        session.close()
    except SafepointError as error:
        session.output.error(error)
