"""`ecgdigit-rt serve`: a page to try it on, and an HTTP interface for programs (the extra `serve`).

Nothing of a page is kept: an upload lies in memory until its answer is sent.
"""
