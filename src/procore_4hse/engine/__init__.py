"""One cycle of one route, and many routes side by side."""
