"""The screens: the workstation, and the pages of text above it."""
