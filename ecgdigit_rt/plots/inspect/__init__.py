"""Eight pictures of one page's way, one or more for each step, to see which step went wrong."""
