"""Changes of existing objects from words, read with the phrases that drafts are made of."""
