"""Parse, one call, render: the only place that prints, prompts or exits."""
