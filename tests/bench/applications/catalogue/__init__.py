"""A small Django site: one model, one page."""
