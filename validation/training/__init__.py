"""How the learned detector of `ms_longitudinal` was trained.

Needs PyTorch (requirements-training.txt) and the real data. Nothing that runs in production imports it.
"""
