"""Pictures in and out: the only decoder, and drawing on what was decoded."""
