"""Files of weights: names to arrays. Knows no model."""
