"""sensdb: does sensitivity predict generalization? Train, measure, store and ask."""
