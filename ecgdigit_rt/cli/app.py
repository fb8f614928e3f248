"""The command line's frame: verbs, exit codes, and the boundary where errors become messages."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

import ecgdigit_rt
from ecgdigit_rt.cli import (
    bench,
    build_engines,
    deploy,
    distill,
    doctor,
    engines,
    evaluate,
    export,
    inspect,
    label,
    report,
    robustness,
    run,
    serve,
    synth,
    train,
)
from ecgdigit_rt.cli.signals import INTERRUPTED
from ecgdigit_rt.errors import EcgDigitError, InternalError
from ecgdigit_rt.sanitize import escape_control_chars

BAD_ARGUMENTS = 1

# Typer carries its own copy of click; what it exports of it is BadParameter, a usage error.
UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")

app = typer.Typer(
    name="ecgdigit-rt",
    help="Paper ECGs become calibrated 12-lead signals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("inspect")(inspect.inspect)
app.command("report")(report.report)
app.command("evaluate")(evaluate.evaluate)
app.command("robustness")(robustness.robustness)
app.command("synth")(synth.synth)
app.command("train")(train.train)
app.command("label")(label.label)
app.command("distill")(distill.distill)
app.command("export")(export.export)
app.command("build-engines")(build_engines.build_engines)
app.add_typer(engines.app, name="engines")
app.add_typer(deploy.app, name="deploy")
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from ecgdigit_rt.models import shipped_versions

        models = ", ".join(f"{name} {version}" for name, version in shipped_versions().items())
        typer.echo(f"ecgdigit-rt {ecgdigit_rt.__version__} · models {models}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the package's version and its models'.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the `ecgdigit-rt` command."""
    # Our errors name the damaged page; what its decoders say of it does not.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """Run the command line and give its exit code; messages go to stderr."""
    try:
        result = typer.main.get_command(app).main(
            args=arguments, prog_name="ecgdigit-rt", standalone_mode=False
        )
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) has left: no one to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EcgDigitError as error:
        return _told(error)
    except Exception as error:  # noqa: BLE001 the boundary: whatever it is, it gets an id
        if isinstance(error, UsageError) and hasattr(error, "show"):
            error.show()
            return BAD_ARGUMENTS
        import traceback

        traceback.print_exc()
        return _told(InternalError(error))
    if result == INTERRUPTED:  # typer itself makes this of a Ctrl-C
        typer.echo("interrupted", err=True)
    return result if isinstance(result, int) else 0


def _told(error: EcgDigitError) -> int:
    message, hint = escape_control_chars(error.message), escape_control_chars(error.hint)
    typer.echo(f"error    {message}   [{error.id}]\n         {hint}", err=True)
    return error.exit_code
