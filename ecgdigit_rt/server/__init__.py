"""HTTP service and web page behind `ecgdigit-rt serve` (extra `serve`).

Nothing of a page is stored: an upload stays in memory until its response is sent.
"""
