"""The inbox in the browser: pages over the same operations as the commands. It runs no cycle and calls no vendor."""
