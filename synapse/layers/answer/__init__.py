"""How an answer is taken apart and put together again: events, choices, channels. Used by `response_dlp` alone."""
