"""Entry point of `python -m ecgdigit_rt`, which is the same as `ecgdigit-rt`."""

from ecgdigit_rt.cli.app import main

main()
