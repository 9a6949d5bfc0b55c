"""What panes are made of: lines and tables that repaint only what changed."""
