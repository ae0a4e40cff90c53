"""Large pretrained models of others behind the same cues, with weights on this machine (extra `foundation`)."""
