"""What all HTTP of Waypost shares: who calls, problem details, envelopes, limits, the OpenAPI document."""
