"""What training shares: the only core package that may import torch."""
