"""Compiled kernels: free functions over arrays, grouped by mathematics."""
