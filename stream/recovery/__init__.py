"""A partition's life: who may work on it, how its state is brought back, and how it is given up."""
