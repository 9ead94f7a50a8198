"""Small pure steps on peaks and traces."""
