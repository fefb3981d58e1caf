"""Full configurations as functions, by name."""
