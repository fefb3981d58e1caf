"""Trained models at work: batches, pipelines."""
