"""Resumable runs that digitize many pages: jobs, journal, result store, worker processes and report."""
