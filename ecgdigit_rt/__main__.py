"""`python -m ecgdigit_rt` is `ecgdigit-rt`."""

from ecgdigit_rt.cli.app import main

main()
