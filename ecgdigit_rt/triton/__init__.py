"""Folders for servers, and what runs inside of them."""
