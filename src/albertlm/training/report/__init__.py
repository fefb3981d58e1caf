"""The report on pretraining runs: what their folders tell, as numbers, curves and a page."""
