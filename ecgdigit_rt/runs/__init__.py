"""Resumable runs over many pages: jobs, journal, result store, worker processes and report."""
