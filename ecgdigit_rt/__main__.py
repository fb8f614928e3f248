"""Entry point of `python -m ecgdigit_rt`. This command is the same as `ecgdigit-rt`."""

from ecgdigit_rt.cli.app import main

main()
