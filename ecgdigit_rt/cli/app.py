"""Command-line application: it registers the commands, and turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

import ecgdigit_rt
from ecgdigit_engine.address_space import MIN_BYTES, address_space_limit
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
from ecgdigit_rt.cli.console import BAD_ARGUMENTS, INTERRUPTED, end_on_sigterm, print_message
from ecgdigit_rt.errors import EcgDigitError, InternalError, MemoryLimitTooLow, named_error

# Typer bundles a copy of click. Of the usage errors of click, Typer exports only BadParameter.
UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")

app = typer.Typer(
    name="ecgdigit-rt",
    help="Digitize paper ECGs into calibrated 12-lead signals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
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


def _print_version(requested: bool) -> None:
    if requested:
        from ecgdigit_rt.models import shipped_versions

        models = ", ".join(f"{name} {version}" for name, version in shipped_versions().items())
        typer.echo(f"ecgdigit-rt {ecgdigit_rt.__version__} · models {models}")
        raise typer.Exit


_LIGHT_COMMANDS = {"report"}
"""Commands that load no numerical libraries."""


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 its callback prints it
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the versions of the package and its models.",
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand not in _LIGHT_COMMANDS:
        _check_address_space()


def _check_address_space() -> None:
    """Raise MemoryLimitTooLow before libraries are loaded that would abort, or wait for memory forever."""
    limit = address_space_limit()
    if limit is not None and limit < MIN_BYTES:
        raise MemoryLimitTooLow(limit, MIN_BYTES)


def main() -> None:
    """Run the `ecgdigit-rt` command and exit."""
    end_on_sigterm()
    # Warnings of the decoders are hidden, because they do not name the damaged page. Errors of this package
    # name it.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    sys.exit(exit_code(sys.argv[1:]))


def exit_code(arguments: list[str]) -> int:
    """Run a command with its arguments and return the exit code. Error messages are printed to stderr."""
    try:
        result = typer.main.get_command(app).main(
            args=arguments, prog_name="ecgdigit-rt", standalone_mode=False
        )
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except BrokenPipeError:  # the reader of standard output, such as head or less, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EcgDigitError as error:
        return _print_error(error)
    except Exception as error:  # noqa: BLE001 every error is printed with an id
        if isinstance(error, UsageError) and hasattr(error, "show"):
            error.show()
            return BAD_ARGUMENTS
        named = named_error(error)
        if isinstance(named, InternalError):
            import traceback

            traceback.print_exc()
        return _print_error(named)
    if result == INTERRUPTED:  # typer also returns this code for Ctrl-C
        typer.echo("interrupted", err=True)
    return result if isinstance(result, int) else 0


def _print_error(error: EcgDigitError) -> int:
    """Print an error with its id and its hint, and return its exit code."""
    print_message("error", f"{error.message}   [{error.id}]")
    print_message("", error.hint)
    return error.exit_code
