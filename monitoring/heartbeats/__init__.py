"""Signs of life: every process of ours writes its own, and watches the others'."""
