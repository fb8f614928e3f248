"""Pages read without any network: the yardstick that every accuracy table shows beside them."""
