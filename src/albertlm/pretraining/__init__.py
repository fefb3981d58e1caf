"""From sentences to training batches: pure functions, arrays in and arrays out."""
