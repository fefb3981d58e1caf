"""Trained models at work: engines that compute, pipelines that take texts."""
