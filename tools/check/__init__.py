"""The chapters and tests as other machines would run them: another processor, Colab's versions, the oldest ones."""
