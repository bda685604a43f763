"""Learned methods: a folder per network, with its layers, its weights and what runs it."""
