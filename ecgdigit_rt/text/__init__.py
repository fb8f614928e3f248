"""Printed text of a page: text recognition, and the facts that words state."""
