"""The data plane: the pool that holds an entity's releases, and how pools get each other's."""
