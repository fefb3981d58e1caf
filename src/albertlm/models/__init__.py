"""ALBERT in deep-learning libraries."""
