"""Notes with an attachment: the demo's one application."""
