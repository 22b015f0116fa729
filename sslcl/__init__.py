"""Supervised sample-label contrastive learning for emotion recognition in conversations.

Pure torch: data, backbones, similarities, objectives and training. It knows nothing of
schedulers, samplers or trackers.
"""
