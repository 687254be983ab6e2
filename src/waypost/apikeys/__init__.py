"""API keys: who may send as the sources of an environment. OAuth keys are public keys, legacy keys a secret."""
