"""From the login address to the session: `flow` tells the whole story, the other files are its parts."""
