"""Scoring on a GPU: the same model folder, in half precision, by the fastest engine that proves right at the start.

Imports nothing of torch by itself: `choice` says whether a GPU serves, `scorer` survives its loss, `report` tells
what was tried. `engines`, `graphs` and `parity` need torch and are imported when a GPU is to serve.
"""
