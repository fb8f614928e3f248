"""HTTP service and web page of `ecgdigit-rt serve`, which requires the extra `serve`.

Pages are not stored. An upload and all files made from it are discarded after the response.
"""
