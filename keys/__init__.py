"""Every secret of the terminal; others hold handles."""
